//! A running count in the place of a full look: what rules ask of it when one of them has something else to say.

use std::cell::OnceCell;

use smallvec::SmallVec;

use super::{Known, With};
use crate::date::Date;
use crate::episode::Ground;
use crate::evaluation::Evaluation;
use crate::id::{SchoolId, SchoolYear};
use crate::ledger::Ledger;
use crate::measure::{Figures, Measures};
use crate::rule::claim::{Cited, cite_absences};
use crate::rule::{Evidence, Rule};
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
        let school = self.known.schedule.school(self.with.view);
        let days: SmallVec<[_; 8]> = dates.filter_map(|date| Some((school?, date))).collect();
        cite_absences(self.ledger, self.with.settings, &days, listed)
    }

    fn whole(&self) -> &Evaluation<'a> {
        let With { view, settings, now, .. } = *self.with;
        self.whole.get_or_init(|| Evaluation::new(self.ledger, view, settings, now))
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
        // They were counted when the levels were; without them there is no standing in.
        self.known.figures(self.measures, rule, self.with).unwrap_or_default()
    }

    fn figures_at_close(&self, rule: &Rule, date: Date) -> Figures {
        let known = self.known.figures_at_close(rule, date, self.with);
        known.unwrap_or_else(|| self.whole().figures_at_close(rule, date))
    }

    fn student(&self) -> Option<&Evaluation<'e>> {
        None
    }

    fn cite(&self, rule: &Rule, figures: &Figures, listed: bool) -> Cited {
        match (rule.evidence, self.known.days_until(self.with.now.as_of, self.with)) {
            (Evidence::Today, _) => self.marks(self.school_today().map(|_| self.with.now.today).into_iter(), listed),
            (Evidence::Streak, _) => self.marks(self.streak(figures.measures.streak), listed),
            (Evidence::Absences, Some(days)) => self.marks(days.missed(), listed),
            _ => self.whole().cite(rule, figures, listed),
        }
    }

    fn anew(&self) -> Option<&Evaluation<'e>> {
        None
    }
}
