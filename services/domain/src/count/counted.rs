//! Going on from what was counted before: the last mark's day joins those before it, the next one stands apart.

use smallvec::SmallVec;

use super::memory::Memory;
use super::others::Others;
use super::small::{Kind, Last, Schedule, Sums};
use super::{Found, Known, NO_CLAIM, Pending, Settled, With};
use crate::alert::ChangeKind;
use crate::date::Date;
use crate::day::{self, Day, Plain};
use crate::episode::{Episodes, Telling};
use crate::evaluation::Evaluation;
use crate::id::SchoolId;
use crate::ledger::Ledger;
use crate::measure::Measures;
use crate::rule::{Pack, Rule, RuleScope};
use crate::settings::Now;

/// By the position of a ledger's kinds of marks, none of which refers to what is not known.
fn kinds_of(evaluation: &Evaluation<'_>, school: &SchoolId) -> SmallVec<[Kind; 8]> {
    let plain = evaluation.plain_kinds(school).into_iter();
    let kinds = evaluation.ledger.borrowed().kinds().zip(plain).map(|(kind, plain)| match (kind, plain) {
        (None, _) => Kind::Nothing,
        (Some(_), None) => Kind::More,
        (Some(kind), Some(plain)) if kind.session.is_some() => Kind::OfSession(plain),
        (Some(_), Some(plain)) => Kind::Plain(plain),
    });
    kinds.collect()
}

impl Known {
    pub(super) fn of(evaluation: &Evaluation<'_>, episodes: &Episodes, pack: &Pack, version: u64) -> Option<Self> {
        let now = evaluation.now;
        let spells = evaluation.only_school()?;
        let spell = spells.first()?;
        let schedule = Schedule::of(&spells, evaluation)?;
        let is_plain = Others::can_tell(pack);
        let memory = if is_plain { None } else { Some(Box::new(Memory::of(pack, &schedule, evaluation)?)) };
        let (tail, heard_of_until) = evaluation.ledger.end_of_marks()?;
        let last_mark = tail.date();
        if last_mark > now.as_of.max(now.today).days() {
            return None;
        }
        let (graded_since, next_grade_on) = evaluation.grades_between();
        let mut known = Self {
            version,
            now,
            year: evaluation.year(),
            tail,
            pending: Pending::Nothing,
            last_mark,
            entry_on: spell.entry_on,
            heard_of_until: heard_of_until.max(last_mark),
            kinds: kinds_of(evaluation, spell.school),
            schedule,
            before: Sums::default(),
            passed: 0,
            last: None,
            graded_since,
            next_grade_on,
            told: None,
            open_day: false,
            levels: None,
            others: Others::of(pack, evaluation).map(Box::new),
            memory,
        };
        let measures = evaluation.district(now.as_of, now.today);
        let Measures { failing, failing_core, .. } = measures;
        known.before = Sums::of(&Measures { failing, failing_core, ..Measures::default() })?;
        known.begin(evaluation.marked_until(Date::from_days(last_mark).ok()?))?;
        known.remember(episodes);
        // Were it otherwise, there would be something here that a count cannot tell.
        (known.measures(known.schedule.dates(evaluation.view), now) == Some(measures)).then_some(known)
    }

    pub(super) fn remember(&mut self, episodes: &Episodes) {
        self.told = episodes.last_told();
        self.open_day = episodes.has_open_day();
    }

    /// The same after a step of its own, from what was told and what rules claim.
    pub(super) fn remember_told(&mut self, changes: &[impl Telling], with: &With<'_>) {
        let Now { today, as_of } = with.now;
        if changes.iter().any(|change| change.kind() != ChangeKind::Cleared) {
            self.told = self.told.max(Some(today.max(as_of)));
        }
        let mut claims = with.pack.rules.iter().zip(self.levels.iter().flatten());
        self.open_day = claims.any(|(rule, level)| rule.scope == RuleScope::Day && *level != NO_CLAIM);
    }

    /// Counts up to the dates in force. None when the count ends here.
    pub(super) fn look(&mut self, ledger: &Ledger, with: &With<'_>) -> Option<Found> {
        if let Pending::Since(date) = self.pending {
            return self.look_behind(date, ledger, with);
        }
        let schedule = self.schedule.clone();
        let dates = schedule.dates(with.view);
        let came = self.measures(dates, self.now)?;
        if self.levels.is_none() {
            let then = With { now: self.now, ..*with };
            self.levels = self.claims(None, came, &then, None);
        }
        let then = self.levels.take();
        let day_is_over = with.now.today != self.now.today && self.open_day;
        // What claims nothing has no open day that it could end: one of another version is kept, one of another school not its own.
        let ends = |rule: &Rule, then: i16| day_is_over && rule.scope == RuleScope::Day && then != NO_CLAIM;
        let disproves = self.count(dates, ledger, with)?;
        let measures = self.measures(dates, with.now)?;
        self.levels = self.claims(Some(ledger), measures, with, then.as_ref().map(|then| (&came, then)));
        let settled = match (&then, &self.levels, disproves) {
            (_, Some(_), Some(date)) => Settled::Since(date, None),
            (Some(then), Some(levels), None) if then == levels && !day_is_over => Settled::Yes,
            (Some(then), Some(levels), None) => {
                let rules = with.pack.rules.iter().zip(then.iter().zip(levels)).enumerate();
                let moved = rules.filter(|(at, (rule, (before, now)))| {
                    before != now || ends(rule, **before) || self.asks_otherwise(*at, then, levels)
                });
                Settled::No(moved.map(|(at, _)| at).collect())
            }
            _ => Settled::Unknown,
        };
        Some(Found { measures, settled })
    }

    /// Moves on to the dates in force. None when the count ends here.
    pub(super) fn move_on(&mut self, with: &With<'_>) -> Option<()> {
        let now = with.now;
        let moved = now != self.now;
        if with.version != self.version
            || now.today < self.now.today
            || now.as_of < self.now.as_of
            || (moved && now.as_of.school_year() != self.year)
            || self.next_grade_on.is_some_and(|begins| begins <= now.as_of)
        {
            return None;
        }
        self.now = now;
        Some(())
    }

    /// Takes the next mark in, and tells its date when it may disprove what was told.
    #[expect(clippy::option_option, reason = "none outside when the count ends here")]
    fn count(&mut self, dates: &[Date], ledger: &Ledger, with: &With<'_>) -> Option<Option<Date>> {
        self.move_on(with)?;
        let Pending::Next(date, kind) = std::mem::take(&mut self.pending) else { return Some(None) };
        let says = self.says(usize::from(kind), ledger, with)?;
        self.add(dates, day::of_one_mark(date, says))?;
        Some(self.told.is_some_and(|told| date <= told).then_some(date))
    }

    /// What marks of a kind say; none when a day's count takes more than that.
    fn says(&mut self, kind: usize, ledger: &Ledger, with: &With<'_>) -> Option<Plain> {
        if kind >= self.kinds.len() {
            self.learn_kinds(ledger, with)?;
        }
        self.kinds.get(kind)?.said()?
    }

    /// Moves on to a later mark's day. None when there are too many days, as there are in no year.
    fn add(&mut self, dates: &[Date], day: Day) -> Option<()> {
        let mut before = self.before.measures();
        if let Some(last) = self.last.take() {
            before.count(&last.day());
            self.passed = self.passed.checked_add(1)?;
        }
        let rest = dates.get(usize::from(self.passed)..).unwrap_or_default();
        // Hardly ever more than a few: to search by halves would wait for memory that is not needed.
        let silent = rest.iter().take_while(|date| **date < day.date).count();
        before.count_present(silent);
        self.before = Sums::of(&before)?;
        self.passed = self.passed.checked_add(u16::try_from(silent).ok()?)?;
        let counts = rest.get(silent) == Some(&day.date);
        self.last = counts.then(|| Last::of(&day));
        if let Some(others) = self.others.as_mut().filter(|_| counts) {
            others.push(usize::from(self.passed), &day);
        }
        self.last_mark = day.date.days();
        self.heard_of_until = self.heard_of_until.max(self.last_mark);
        Some(())
    }

    /// None when a date is between the marks.
    pub(super) fn measures(&self, dates: &[Date], now: Now) -> Option<Measures> {
        if now.today.days() < self.last_mark {
            return None;
        }
        let mut measures = self.before.measures();
        let last = self.last.map(Last::day);
        let last_counts = last.filter(|day| day.date <= now.as_of);
        if let Some(last) = &last_counts {
            measures.count(last);
        }
        let before = usize::from(self.passed);
        let passed = before + usize::from(last.is_some());
        let rest = dates.get(passed..).unwrap_or_default();
        let silent = rest.iter().take_while(|date| **date <= now.as_of).count();
        measures.count_present(silent);
        if silent == 0 && last_counts.is_none() && before > 0 && dates.get(before - 1)? > &now.as_of {
            return None;
        }
        measures.unexplained_absence_today = last.is_some_and(|day| day.date == now.today && day.unexplained);
        Some(measures)
    }
}
