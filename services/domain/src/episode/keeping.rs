//! How a student's episodes are kept: those that hold as they are, those that are over in few bytes, all of them in the order of time.

use std::sync::Arc;

use super::past::Past;
use super::{Episode, EpisodeScope, Episodes, Standing};
use crate::date::Date;
use crate::id::SchoolYear;
use crate::settings::Now;

/// Episodes kept for a student; beyond, closed single days are forgotten, oldest first. A year has some 180 days, and a day
/// that is past opens no episode, so nothing is told twice for it.
const MAX_KEPT: usize = 400;

/// The same were told, in the same order.
impl PartialEq for Episodes {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Episodes {}

impl Episodes {
    /// Of all of them, oldest first.
    pub(super) fn of_all(whole: Vec<Arc<Episode>>) -> Self {
        let mut episodes = Self { whole, past: Past::default() };
        episodes.past.keep_places(episodes.whole.len());
        episodes.past.lay_away(&mut episodes.whole);
        episodes
    }

    /// All, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Arc<Episode>> {
        self.past.all(&self.whole)
    }

    /// Those that hold.
    pub fn open(&self) -> impl Iterator<Item = &Episode> {
        self.whole.iter().map(|episode| &**episode).filter(|episode| episode.standing == Standing::Open)
    }

    /// Whether a move of the date within the school year may end one without a word: an open day.
    pub fn has_open_day(&self) -> bool {
        self.open().any(|episode| matches!(episode.scope, EpisodeScope::Day(_)))
    }

    /// The latest date in force when something was told that facts may still disprove.
    pub(crate) fn last_told(&self) -> Option<Date> {
        let of_whole =
            self.whole.iter().map(|episode| (episode.standing, episode.told_at.today.max(episode.told_at.as_of)));
        let of_past = self.past.heads().map(|head| (head.standing, head.told_on()));
        let told = of_whole.chain(of_past).filter(|(standing, _)| *standing != Standing::Recalled);
        told.map(|(_, told_on)| told_on).max()
    }

    /// Begins a look at all of them, or at those that were told on a date or later.
    pub(super) fn make_whole(&mut self, since: Option<Date>) {
        self.past.take_out(since, &mut self.whole);
    }

    /// A new one.
    pub(super) fn push(&mut self, episode: Episode) {
        self.whole.push(Arc::new(episode));
        self.past.push_place();
    }

    /// Ends a look: what is over takes few bytes from now on, or is forgotten.
    pub(super) fn lay_away(&mut self, year: SchoolYear) {
        self.forget(year);
        self.past.lay_away(&mut self.whole);
    }

    /// Forgets what can no longer matter: what closed in years before the last, and, when there are too many, the oldest closed
    /// days and those of which a later one has the same rule and scope: its ordinal is what the next is counted from.
    fn forget(&mut self, year: SchoolYear) {
        let is_over =
            |standing: Standing, told_at: Now| standing != Standing::Open && told_at.as_of.school_year().0 < year.0 - 1;
        // Told in the order of time, all but those that were told again. Which of them are whole depends on who looks, so the first of
        // all is asked.
        let of_whole = || self.whole.first().map(|episode| (episode.standing, episode.told_at));
        let first = self.past.first().map(|head| (head.standing, head.told_at)).or_else(of_whole);
        let has_old = first.is_some_and(|(standing, told_at)| is_over(standing, told_at));
        if !has_old && !self.past.exceeds(MAX_KEPT) {
            return;
        }
        self.make_whole(None);
        if has_old {
            self.whole.retain(|episode| !is_over(episode.standing, episode.told_at));
        }
        let mut excess = self.whole.len().saturating_sub(MAX_KEPT);
        let mut at = 0;
        while excess > 0 && at < self.whole.len() {
            if self.is_of_no_use(at) {
                self.whole.remove(at);
                excess -= 1;
            } else {
                at += 1;
            }
        }
        self.past.keep_places(self.whole.len());
    }

    fn is_of_no_use(&self, at: usize) -> bool {
        let episode = &self.whole[at];
        let same = |later: &Arc<Episode>| later.told.rule == episode.told.rule && later.scope == episode.scope;
        episode.standing != Standing::Open
            && (matches!(episode.scope, EpisodeScope::Day(_)) || self.whole[at + 1..].iter().any(same))
    }
}
