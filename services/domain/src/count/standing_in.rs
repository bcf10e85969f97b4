//! A running count in the place of a full look: what rules ask of it when one of them has something else to say.

use std::cell::OnceCell;

use smallvec::SmallVec;

use super::memory::Memory;
use super::{Known, With};
use crate::date::Date;
use crate::episode::Ground;
use crate::evaluation::Evaluation;
use crate::id::{SchoolId, SchoolYear};
use crate::ledger::Ledger;
use crate::measure::{Figures, Measures};
use crate::rule::claim::{Cited, cite_absences, cite_unexcused};
use crate::rule::{Evidence, Held, Rule};
use crate::settings::Now;

/// A count that has come to these measures with the dates in force, and that knows that nothing told before can have changed.
pub(super) struct StandingIn<'a> {
    pub(super) known: &'a Known,
    pub(super) ledger: &'a Ledger,
    pub(super) with: &'a With<'a>,
    pub(super) measures: Measures,
    /// All counted anew, once somebody asks for what is not known here.
    pub(super) whole: OnceCell<Evaluation<'a>>,
}

impl<'a> StandingIn<'a> {
    /// The dates of the current streak, newest first: without an absence, the last counted days are silent.
    fn streak(&self, streak: i64) -> impl Iterator<Item = Date> {
        let dates = self.known.schedule.dates(self.with.view);
        let counted = dates.partition_point(|date| *date <= self.with.now.as_of);
        dates[..counted].iter().rev().take(usize::try_from(streak).unwrap_or(0)).copied()
    }

    fn marks(&self, dates: impl Iterator<Item = Date>, listed: bool) -> Cited {
        cite_absences(self.ledger, self.with.settings, &self.at_school(dates), listed)
    }

    fn at_school(&self, dates: impl Iterator<Item = Date>) -> SmallVec<[(&SchoolId, Date); 8]> {
        let school = self.known.schedule.school(self.with.view);
        dates.filter_map(|date| Some((school?, date))).collect()
    }

    /// Where a rule is in the pack.
    fn position(&self, rule: &Rule) -> Option<usize> {
        self.with.pack.rules.iter().position(|of| of.is(rule))
    }

    fn is_whole(&self, at: usize) -> bool {
        self.known.memory.as_ref().is_some_and(|memory| memory.is_whole(at))
    }

    /// The last counted day up to the as-of date.
    fn last_counted(&self) -> Option<Date> {
        let dates = self.known.schedule.dates(self.with.view);
        dates[..dates.partition_point(|date| *date <= self.with.now.as_of)].last().copied()
    }

    fn whole(&self) -> &Evaluation<'a> {
        let With { view, settings, pack, now, .. } = *self.with;
        self.whole.get_or_init(|| {
            let student = Evaluation::new(self.ledger, view, settings, now);
            student.look_through(pack);
            student
        })
    }
}

impl<'e> Ground<'e> for StandingIn<'e> {
    fn now(&self) -> Now {
        self.with.now
    }

    fn year(&self) -> SchoolYear {
        self.known.year
    }

    fn home(&self) -> Option<&SchoolId> {
        self.known.schedule.school(self.with.view)
    }

    fn school_today(&self) -> Option<&SchoolId> {
        let dates = self.known.schedule.dates(self.with.view);
        dates.binary_search(&self.with.now.today).ok().and_then(|_| self.home())
    }

    fn figures(&self, rule: &Rule) -> Figures {
        let (seen, at) = (self.seen(rule), self.position(rule));
        if at.is_some_and(|at| self.is_whole(at)) {
            return Ground::figures(self.whole(), rule);
        }
        if seen != self.with.now {
            return self.figures_at_close(rule, seen.as_of);
        }
        // They were counted when the levels were; without them there is no standing in.
        self.known.figures(self.measures, rule, self.with).unwrap_or_default()
    }

    fn figures_at_close(&self, rule: &Rule, date: Date) -> Figures {
        let may_be_other = |memory: &Memory| {
            let at = self.position(rule);
            at.is_none_or(|at| memory.is_whole(at) || date < memory.since && memory.is_beside(at))
        };
        let known = match &self.known.memory {
            Some(memory) if may_be_other(memory) => None,
            _ => self.known.figures_at_close(rule, date, self.with),
        };
        known.unwrap_or_else(|| self.whole().figures_at_close(rule, date))
    }

    fn student(&self) -> &Evaluation<'e> {
        self.whole()
    }

    fn claimed(&self, rule: &Rule) -> Option<Option<Held>> {
        let at = self.position(rule).filter(|at| rule.has_memory() || self.is_whole(*at))?;
        Some(self.known.held(at, self.with))
    }

    fn has_expired(&self, rule: &Rule) -> bool {
        self.position(rule).is_some_and(|at| self.known.has_expired(at))
    }

    fn fails_on_no_day(&self, rule: &Rule) -> bool {
        // Those that are counted were evaluated on each.
        self.known.memory.is_some() && self.position(rule).is_some_and(|at| !self.is_whole(at))
    }

    fn seen(&self, rule: &Rule) -> Now {
        let last = if rule.has_memory() { self.last_counted() } else { None };
        last.map_or(self.with.now, |date| Now { today: date, as_of: date })
    }

    fn school_day_after(&self, from: Date, days: u32) -> Option<Date> {
        self.known.schedule.school_day_after(from, days, self.with.view)
    }

    fn cite(&self, rule: &Rule, figures: &Figures, listed: bool) -> Cited {
        match (rule.evidence, self.known.days_until(self.with.now.as_of, self.with)) {
            (Evidence::Today, _) => {
                let (dates, today) = (self.known.schedule.dates(self.with.view), self.seen(rule).today);
                self.marks(dates.binary_search(&today).map(|_| today).into_iter(), listed)
            }
            (Evidence::Streak, _) => self.marks(self.streak(figures.measures.streak), listed),
            (Evidence::Absences, Some(days)) => self.marks(days.missed(), listed),
            (Evidence::Unexcused, Some(days)) => {
                let cited = cite_unexcused(self.ledger, self.with.settings, &self.at_school(days.not_excused()));
                if listed { cited } else { cited.unlisted() }
            }
            _ => self.whole().cite(rule, figures, listed),
        }
    }

    fn anew(&self) -> Option<&Evaluation<'e>> {
        None
    }
}
