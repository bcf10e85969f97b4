//! A running count in the place of a full look: what rules ask of it when one of them has something else to say.

use smallvec::SmallVec;

use super::{Known, With};
use crate::date::Date;
use crate::episode::Ground;
use crate::evaluation::Evaluation;
use crate::id::{SchoolId, SchoolYear};
use crate::ledger::Ledger;
use crate::measure::{Figures, Measures};
use crate::rule::claim::{Cited, marks_of};
use crate::rule::{Evidence, Rule};
use crate::settings::Now;

/// A count that has come to these measures with the dates in force, and that knows that nothing told before can have changed.
pub(super) struct StandingIn<'a> {
    pub(super) known: &'a Known,
    pub(super) ledger: &'a Ledger,
    pub(super) with: &'a With<'a>,
    pub(super) measures: Measures,
}

impl StandingIn<'_> {
    /// The dates of the current streak, newest first: without an absence, the last counted days are silent.
    fn streak(&self, streak: i64) -> impl Iterator<Item = Date> {
        let dates = self.known.schedule.dates(self.with.view);
        let counted = dates.partition_point(|date| *date <= self.with.now.as_of);
        dates[..counted].iter().rev().take(usize::try_from(streak).unwrap_or(0)).copied()
    }

    fn marks(&self, dates: impl Iterator<Item = Date>) -> Cited {
        let days: SmallVec<[_; 8]> = dates.map(|date| (&self.known.school, date)).collect();
        marks_of(self.ledger, self.with.settings, &days)
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
        Some(&self.known.school)
    }

    fn school_today(&self) -> Option<&SchoolId> {
        let dates = self.known.schedule.dates(self.with.view);
        dates.binary_search(&self.with.now.today).ok().map(|_| &self.known.school)
    }

    fn figures(&self, rule: &Rule) -> Figures {
        // They were counted when the levels were; without them there is no standing in.
        self.known.figures(self.measures, rule, self.with).unwrap_or_default()
    }

    fn cite(&self, evidence: Evidence, figures: &Figures) -> Cited {
        match evidence {
            Evidence::Today => self.marks(self.school_today().map(|_| self.with.now.today).into_iter()),
            Evidence::Streak => self.marks(self.streak(figures.measures.streak)),
            _ => self.counted_anew(|student| evidence.cite(student, figures.measures.streak, self.with.now)),
        }
    }

    fn anew(&self) -> Option<&Evaluation<'e>> {
        None
    }

    fn counted_anew<T>(&self, look: impl FnOnce(&Evaluation<'_>) -> T) -> T {
        let With { view, settings, now, .. } = *self.with;
        look(&Evaluation::new(self.ledger, view, settings, now))
    }
}
