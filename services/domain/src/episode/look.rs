//! One rule's look at one student: what becomes of its episodes.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::sync::Arc;

use smallvec::SmallVec;

use super::fallen_due::{self, FallenDue};
use super::ground::Ground;
use super::told::{Claimed, Told};
use super::{Episode, EpisodeScope, Moment, Said, Standing, Telling};
use crate::alert::{ChangeKind, Claim, Terms};
use crate::evaluation::Evaluation;
use crate::measure::{Figures, Measure, Values as _};
use crate::mutant::{Mutant, planted};
use crate::rule::claim::Cited;
use crate::rule::condition::Failure;
use crate::rule::history::Course;
use crate::rule::{Held, OnChange, Rule, RuleScope};
use crate::settings::Now;

/// Why an episode that a rule still claims is told again.
enum Why {
    /// Its level rose or fell: in which measures is said when words are asked for.
    Moved(&'static str),
    /// In words: there are few of these.
    Said(String),
    /// For nothing but these.
    Due(FallenDue),
}

/// One rule's look at one student.
pub(super) struct Look<'a, G> {
    pub(super) rule: &'a Rule,
    pub(super) ground: &'a G,
    moment: &'a Moment<'a>,
    figures: Figures,
    /// What the rule claims now; none when it claims nothing.
    held: Option<Held>,
    /// The school year of a rule with a memory, once it is asked for.
    course: OnceCell<Course>,
    /// Whether the rule is another school's than the student's now, asked only about what it told.
    is_elsewhere: bool,
}

impl<'a, 'e, G: Ground<'e> + 'a> Look<'a, G> {
    /// Looks. Of a student whom no school has there is nobody to tell, whatever holds: were that only asked when an episode
    /// opens, what is open would depend on the order of the facts.
    pub(super) fn new(rule: &'a Rule, ground: &'a G, moment: &'a Moment<'a>) -> Result<Self, Failure> {
        let mut look = Self::at_nothing(rule, ground, moment);
        if ground.home().is_some() {
            look.figures = ground.figures(rule);
            look.held = match ground.claimed(rule, ground.now()) {
                Some(held) => held,
                None if rule.has_memory() => look.remembered(ground.student(), ground.now())?,
                None => rule.outcome(&look.figures)?.map(Held::now),
            };
        }
        Ok(look)
    }

    /// Before any look.
    fn at_nothing(rule: &'a Rule, ground: &'a G, moment: &'a Moment<'a>) -> Self {
        let (figures, course) = (Figures::default(), OnceCell::new());
        Self { rule, ground, moment, figures, held: None, course, is_elsewhere: false }
    }

    /// The look of the rule that told an episode, when it is in force where the episode was told and not where the student is now:
    /// of the school's own variant nothing follows for it.
    pub(super) fn of_another_school<'l>(&self, episode: &Episode, all: &'l [Rule]) -> Option<Look<'l, G>>
    where
        'a: 'l,
    {
        if self.rule.tells(&episode.told) {
            return None;
        }
        let teller = all.iter().find(|rule| rule.tells(&episode.told))?;
        let then = || self.ground.home_then(episode.told_at.today);
        let told_there = teller.applies_at(Some(&episode.school)) || teller.applies_at(then());
        told_there.then(|| Look { is_elsewhere: true, ..Look::at_nothing(teller, self.ground, self.moment) })
    }

    /// What the rule claims with some dates by the facts of now, whichever school has the student then.
    pub(super) fn held_at(&self, at: Now) -> Result<Option<Held>, Failure> {
        if self.rule.has_memory() {
            let known = self.ground.claimed(self.rule, at);
            return known.map_or_else(|| self.remembered(self.ground.student(), at), Ok);
        }
        Ok(self.rule.outcome(&self.ground.figures_then(self.rule, at))?.map(Held::now))
    }

    /// The same of a rule with a memory.
    fn remembered(&self, student: &Evaluation<'_>, at: Now) -> Result<Option<Held>, Failure> {
        self.rule.held_in(student, at, || self.course.get_or_init(|| Course::of(self.rule, student, student.now.as_of)))
    }

    /// The dates of which the rule speaks, with these in force.
    fn seen_at(&self, at: Now) -> Now {
        self.ground.seen(self.rule, at)
    }

    pub(super) const fn held(&self) -> Option<Held> {
        self.held
    }

    pub(super) fn current_scope(&self) -> EpisodeScope {
        match self.rule.scope {
            RuleScope::SchoolYear => EpisodeScope::Year(self.ground.year()),
            RuleScope::Day => EpisodeScope::Day(self.ground.now().today),
        }
    }

    /// What the rule claims now, and the facts that it cites, listed or not.
    fn told(&self, held: Held, listed: bool) -> (Told, Cited) {
        let Self { rule, figures, ground, .. } = self;
        let seen = ground.seen(rule, ground.now());
        let cited = ground.cite(rule, figures, seen, listed);
        let terms = (!rule.asks_for_nothing()).then(|| self.terms(held));
        let claimed = Claimed { rule, level: held.level, about: rule.about(seen), figures, terms };
        (Told::now(claimed, &cited), cited)
    }

    fn terms(&self, held: Held) -> Terms {
        let due = |from, days| self.ground.school_day_after(from, days);
        self.rule.terms(held, self.rule.steps(held.days), &self.figures, &due)
    }

    /// The words of what was just told.
    fn words(&self, episode: &Episode, cited: Cited) -> Claim {
        let mut claim = episode.told.retell(self.rule, episode.told_at);
        (claim.proof.facts, claim.proof.facts_left_off) = (cited.facts, cited.left_off);
        claim
    }

    /// A new episode; none when there is nobody to tell.
    pub(super) fn open<T: Telling>(&self, held: Held, ordinal: u32) -> Option<(Episode, T)> {
        let at_school = self.ground.school_today().filter(|_| self.rule.scope == RuleScope::Day);
        let school = at_school.or_else(|| self.ground.home())?.clone();
        let (told, cited) = self.told(held, T::IN_WORDS);
        let mut episode = Episode {
            scope: self.current_scope(),
            ordinal,
            number: 0,
            standing: Standing::Open,
            school,
            told,
            told_at: self.ground.now(),
        };
        let kind = (ChangeKind::Opened, self.late_since(held));
        let change = episode.change(kind, self.moment, |episode| Said::of(self.words(episode, cited), String::new()));
        Some((episode, change))
    }

    /// What becomes of an episode when the rule claims this of its scope.
    pub(super) fn change<T: Telling>(
        &self,
        episode: &mut Arc<Episode>,
        held: Option<Held>,
    ) -> Result<Option<T>, Failure> {
        let of_another_year = match episode.scope {
            EpisodeScope::Year(year) => year != self.ground.year(),
            // Not the date's own year: on the morning of a new year the counted year is still the old one.
            EpisodeScope::Day(_) => episode.told_at.as_of.school_year() != self.ground.year(),
        };
        Ok(match (episode.standing, held) {
            (Standing::Recalled, _) => None,
            (Standing::Cleared, _) if planted(Mutant::ForgetCleared) => None,
            (Standing::Open, _) if of_another_year => {
                Some(self.close(episode, Standing::Cleared, |_| "the school year is over".to_owned()))
            }
            // Last year's days are not counted any more, and another version of the rule claims other things: nothing can be said
            // of what was told then.
            (Standing::Cleared, _) if of_another_year || self.of_another_version(episode) => None,
            (Standing::Open, Some(held)) => self.update(episode, held)?,
            // What this version would have told as well ends as what it told itself.
            (Standing::Open, None) if self.of_another_version(episode) && !self.holds_again(episode)? => {
                let reason = |_: &Episode| "the rule has changed".to_owned();
                match self.rule.on_change {
                    OnChange::Amend => Some(self.close(episode, Standing::Cleared, reason)),
                    OnChange::Recall => Some(self.close(episode, Standing::Recalled, reason)),
                    OnChange::Keep => None,
                }
            }
            (Standing::Open, None) => Some(self.end(episode)?),
            (Standing::Cleared, _) if self.holds_again(episode)? => {
                self.shorten(episode);
                None
            }
            (Standing::Cleared, _) => Some(self.close(episode, Standing::Recalled, |episode| self.disproved(episode))),
        })
    }

    fn close<T: Telling>(
        &self,
        episode: &mut Arc<Episode>,
        standing: Standing,
        reason: impl FnOnce(&Episode) -> String,
    ) -> T {
        let episode = Arc::make_mut(episode);
        let words = |episode: &Episode| (episode.told.retell(self.rule, episode.told_at), reason(episode));
        let change = episode.close(standing, self.moment, words);
        match standing {
            Standing::Recalled => episode.told.forget(),
            Standing::Open | Standing::Cleared => episode.told.shorten(self.rule, episode.told_at),
        }
        change
    }

    /// What was stored, or taken up, whole.
    fn shorten(&self, episode: &mut Arc<Episode>) {
        if episode.told.is_whole() {
            let told_at = episode.told_at;
            Arc::make_mut(episode).told.shorten(self.rule, told_at);
        }
    }

    fn of_another_version(&self, episode: &Episode) -> bool {
        episode.told.rule_version != self.rule.version
    }

    /// Whether the rule would claim anything now of the date when the episode was last told. After a step what is open or cleared
    /// does.
    fn holds_again(&self, episode: &Episode) -> Result<bool, Failure> {
        let at = episode.told_at;
        // Another version of the rule has not judged it before.
        if !self.ground.may_differ(self.rule, at) && !self.of_another_version(episode) {
            return Ok(true);
        }
        let home = self.ground.home_then(at.today);
        let told_here = home.is_some() && (!self.is_elsewhere || self.rule.applies_at(home));
        Ok(told_here && self.held_at(at)?.is_some())
    }

    fn end<T: Telling>(&self, episode: &mut Arc<Episode>) -> Result<T, Failure> {
        if !self.holds_again(episode)? {
            let standing = if planted(Mutant::ForgetRecall) { Standing::Cleared } else { Standing::Recalled };
            return Ok(self.close(episode, standing, |episode| self.disproved(episode)));
        }
        Ok(self.close(episode, Standing::Cleared, |episode| self.is_over(episode)))
    }

    /// Why an episode that was right is over, in words.
    fn is_over(&self, episode: &Episode) -> String {
        let as_of = self.ground.now().as_of;
        match episode.scope {
            EpisodeScope::Day(date) if date < self.ground.now().today => "the day is over".to_owned(),
            EpisodeScope::Year(_)
                if self.ground.has_expired(self.rule)
                    || self.course.get().is_some_and(|course| course.has_expired(as_of)) =>
            {
                "it has been open for as long as the rule lets it, and ends by itself".to_owned()
            }
            EpisodeScope::Day(_) | EpisodeScope::Year(_) if self.is_elsewhere => {
                "the student's school has another variant of the rule, which does not claim it".to_owned()
            }
            EpisodeScope::Day(_) | EpisodeScope::Year(_) => {
                let now = self.ground.figures(self.rule);
                format!("it no longer holds: {}", self.moved(episode, |of| now.value(of)))
            }
        }
    }

    fn update<T: Telling>(&self, episode: &mut Arc<Episode>, held: Held) -> Result<Option<T>, Failure> {
        if !episode.told.is_whole() {
            return Ok(None);
        }
        let Some((kind, why)) = self.moved_on(episode, held)? else { return Ok(None) };
        // Of a step that its time has come for nobody is late.
        let has_risen = held.level > episode.told.level;
        let late_since = if has_risen { self.late_since(held) } else { None };
        let (told, cited) = self.told(held, T::IN_WORDS);
        let episode = Arc::make_mut(episode);
        let before = std::mem::replace(&mut episode.told, told);
        episode.told_at = self.ground.now();
        if let Some(school) = self.ground.home().filter(|_| self.rule.scope == RuleScope::SchoolYear) {
            episode.school = school.clone();
        }
        let words = |episode: &Episode| {
            let (reason, fallen_due) = match why {
                Why::Said(reason) => (reason, Vec::new()),
                Why::Due(due) => (due.words, due.places),
                Why::Moved(how) => {
                    let [then, now] = [&before, &episode.told].map(|told| told.values(self.rule));
                    (format!("it has {how}: {}", difference(&then, &now)), Vec::new())
                }
            };
            Said { fallen_due, ..Said::of(self.words(episode, cited), reason) }
        };
        Ok(Some(episode.change((kind, late_since), self.moment, words)))
    }

    /// What there is to tell of an open episode that the rule still claims; none when nothing is.
    fn moved_on(&self, episode: &Episode, held: Held) -> Result<Option<(ChangeKind, Why)>, Failure> {
        let fallen_due = self.fallen_due(episode, held);
        let other = match held.level.cmp(&episode.told.level) {
            Ordering::Greater => return Ok(Some((ChangeKind::Escalated, Why::Moved("risen")))),
            Ordering::Less if fallen_due.is_none() => return Ok(Some((ChangeKind::Amended, Why::Moved("fallen")))),
            Ordering::Less => None,
            Ordering::Equal => match self.other_terms(&episode.told, held) {
                Some(other) => Some(other),
                None => self.corrected(episode)?.map(|reason| (ChangeKind::Amended, reason)),
            },
        };
        // What has fallen due is told as a rise, whatever else is otherwise: nobody who has done nothing may miss it.
        Ok(match (other, fallen_due) {
            (other, None) => other.map(|(kind, reason)| (kind, Why::Said(reason))),
            (None, Some(due)) => Some((ChangeKind::Escalated, Why::Due(due))),
            (Some((_, reason)), Some(due)) => {
                Some((ChangeKind::Escalated, Why::Said(format!("{reason}; {}", due.words))))
            }
        })
    }

    /// What has fallen due since the episode was told. A rule that keeps what another version told adds nothing to it.
    fn fallen_due(&self, episode: &Episode, held: Held) -> Option<FallenDue> {
        let is_kept = self.rule.on_change == OnChange::Keep && self.of_another_version(episode);
        let asks = !self.rule.duties.is_empty() && !is_kept;
        asks.then(|| fallen_due::since_told(episode, &self.terms(held), self.ground.now().today)).flatten()
    }

    /// What else than its level is not as it was told: its steps, since when it holds, what is due and what is barred; of another
    /// version of the rule, how much it presses and whom. None when nothing is.
    fn other_terms(&self, told: &Told, held: Held) -> Option<(ChangeKind, String)> {
        if told.rule_version != self.rule.version {
            return self.of_other_version(told, held);
        }
        let then = told.terms().filter(|_| !self.rule.asks_for_nothing())?;
        let (now, days) = (self.terms_but_for_the_cutoff(then, held), held.days);
        Some(match now.step.cmp(&then.step) {
            Ordering::Greater => (ChangeKind::Escalated, format!("it has been open for {days} school days")),
            Ordering::Less => (ChangeKind::Amended, format!("it has been open for {days} school days only")),
            Ordering::Equal if now == *then => return None,
            Ordering::Equal => (ChangeKind::Amended, other_words(then, &now)),
        })
    }

    /// The terms of now. From when on in a day somebody is told is nothing to tell of what was told.
    fn terms_but_for_the_cutoff(&self, then: &Terms, held: Held) -> Terms {
        Terms { cutoff_minute: then.cutoff_minute, ..self.terms(held) }
    }

    fn of_other_version(&self, told: &Told, held: Held) -> Option<(ChangeKind, String)> {
        if self.rule.on_change == OnChange::Keep {
            return None;
        }
        let claim = told.claim()?;
        let now = self.terms_but_for_the_cutoff(&claim.terms, held);
        let presses = (self.rule.severity_after(held.level, now.step), self.rule.audience_after(now.step));
        let is_same = presses == (claim.severity, &claim.audience) && now == claim.terms;
        (!is_same).then(|| (ChangeKind::Amended, "the rule has changed".to_owned()))
    }

    /// In words, what has become of what was told at a date; none when it would be told again.
    fn corrected(&self, of: &Episode) -> Result<Option<String>, Failure> {
        let at = of.told_at;
        if !self.ground.may_differ(self.rule, at) {
            return Ok(None);
        }
        let holds = self.ground.home_then(at.today).is_some() && self.held_at(at)?.is_some();
        if !holds {
            let about = of.told.about().unwrap_or_else(|| self.rule.about(at));
            return Ok(Some(format!("what was told of {about} was corrected, and it holds now")));
        }
        let seen = self.seen_at(at);
        let figures = self.ground.figures_then(self.rule, seen);
        let told = of.told.values(self.rule);
        let now = self.rule.told().filter_map(|of| Some((of, figures.value(of)?)));
        let now: SmallVec<[(Measure, i64); 4]> = now.collect();
        if told.iter().map(|(_, value)| value).eq(now.iter().map(|(_, value)| value)) {
            let cited = self.ground.cite(self.rule, &figures, seen, false);
            if of.told.facts() == Some(cited.fingerprint) {
                return Ok(None);
            }
        }
        let about = self.rule.about(seen);
        Ok(Some(format!("records up to {about} were corrected: {}", difference(&told, &now))))
    }

    fn disproved(&self, episode: &Episode) -> String {
        let told_at = episode.told_at;
        let (student, at) = (self.ground.student(), self.seen_at(told_at));
        let moved = self.moved(episode, |of| Some(student.value(of, None, at)));
        format!("corrected records no longer support it: {moved}")
    }

    /// The measures that were told, with what they were then and are by another count, where that differs.
    fn moved(&self, episode: &Episode, now: impl Fn(Measure) -> Option<i64>) -> String {
        let told = episode.told.values(self.rule).into_iter();
        let values = told.filter_map(|(measure, then)| {
            let value = now(measure)?;
            let show = |value| measure.show(value);
            (value != then).then(|| changed(&measure.name(), &show(then), &show(value)))
        });
        joined(values)
    }
}

/// Why the terms of a claim are others than they were.
fn other_words(then: &Terms, now: &Terms) -> String {
    let names = |terms: &Terms| terms.barred.iter().map(|bar| bar.what.clone()).collect::<Vec<_>>().join("; ");
    match now.since {
        Some(since) if now.since != then.since => format!("it holds since {since}"),
        _ if now.barred == then.barred => "by the calendar of now, other dates are due".to_owned(),
        _ if now.barred.is_empty() => "nothing is barred any more".to_owned(),
        _ => format!("barred now: {}", names(now)),
    }
}

fn difference(then: &[(Measure, i64)], now: &[(Measure, i64)]) -> String {
    let moved = then.iter().zip(now).filter(|((_, then), (_, now))| then != now);
    joined(moved.map(|((of, then), (_, now))| changed(&of.name(), &of.unit().show(*then), &of.unit().show(*now))))
}

fn changed(name: &str, then: &str, now: &str) -> String {
    format!("{} {then} -> {now}", name.replace('_', " "))
}

fn joined(changes: impl Iterator<Item = String>) -> String {
    let text = changes.collect::<Vec<_>>().join(", ");
    if text.is_empty() { "the facts behind it changed, their sum did not".to_owned() } else { text }
}
