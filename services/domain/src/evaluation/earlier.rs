//! Measures as of earlier dates: each episode that is over asks for one, so all of them are counted at once, when the first is asked for.

use std::cell::OnceCell;

use smallvec::SmallVec;

use super::{Evaluation, graded};
use crate::date::Date;
use crate::day::Day;
use crate::id::SchoolId;
use crate::marked::{self, Laid};
use crate::measure::Measures;
use crate::rule::claim::Citable;

/// What was counted for earlier dates. Empty until somebody asks.
#[derive(Default)]
pub(super) struct Earlier<'a> {
    days: OnceCell<Laid<'a>>,
    pub(super) grades: OnceCell<Vec<graded::SoFar>>,
    /// The district's measures of the school year before, for whoever asks date by date.
    pub(super) last_year: OnceCell<Measures>,
    in_minutes: OnceCell<Vec<Day>>,
    /// Whether no day has minutes.
    pub(super) no_minutes: OnceCell<bool>,
    /// Marks of all days that were missed.
    absences: OnceCell<Citable<'a>>,
    /// Marks of all days without excuse.
    not_excused: OnceCell<Citable<'a>>,
}

impl<'a> Evaluation<'a> {
    /// The measures of the district as a whole, as of any date, with the same-day measure of another.
    pub(super) fn district_at(&self, as_of: Date, today: Date) -> Measures {
        let unexplained_absence_today = self.marked_days().is_unexplained(today);
        let (failing, failing_core) = self.failing(as_of);
        Measures { unexplained_absence_today, failing, failing_core, ..self.laid().measures_until(as_of) }
    }

    /// The district's counted days up to a date, with the minutes of each as far as they are known.
    pub(crate) fn minutes_until(&self, as_of: Date) -> &[Day] {
        let days =
            self.earlier.in_minutes.get_or_init(|| self.days_in_minutes(None, self.now.today.max(self.now.as_of)));
        &days[..days.partition_point(|day| day.date <= as_of)]
    }

    /// The district's counted days up to a date, in few bytes.
    pub(crate) fn marked_until(&self, as_of: Date) -> marked::Days<'_> {
        self.marked_days().until(as_of)
    }

    /// Whether all days of the district are of one school.
    pub(crate) fn is_of_one_school(&self) -> bool {
        self.schools.len() == 1
    }

    pub(super) fn marked_days(&self) -> marked::Days<'_> {
        self.laid().days()
    }

    fn laid(&self) -> &Laid<'a> {
        self.earlier.days.get_or_init(|| self.lay_out())
    }

    /// The marks that say of the days that were missed that the student was absent.
    pub(crate) fn absences(&self) -> &Citable<'a> {
        let missed = || self.at_schools(self.marked_days().missed());
        self.earlier.absences.get_or_init(|| Citable::absences(self.ledger, self.settings, &missed()))
    }

    /// The marks that say of the days without excuse what of them was missed.
    pub(crate) fn not_excused(&self) -> &Citable<'a> {
        let days = || self.at_schools(self.marked_days().not_excused());
        self.earlier.not_excused.get_or_init(|| Citable::not_excused(self.ledger, self.settings, &days()))
    }

    /// Whether each counted day is a whole day, of which parts may be missed.
    pub(crate) fn counts_whole_days(&self) -> bool {
        self.calculated.is_empty()
    }

    /// Counted dates of the district with the schools that they were counted at.
    pub(crate) fn at_schools(&self, dates: impl Iterator<Item = Date>) -> SmallVec<[(&'a SchoolId, Date); 8]> {
        let merged = |date: Date| self.merged.binary_search_by_key(&date, |(_, day)| day.date).ok();
        let school = |date: Date| match self.schools.as_slice() {
            [(school, _)] => Some(*school),
            _ => merged(date).map(|at| self.merged[at].0),
        };
        dates.filter_map(|date| Some((school(date)?, date))).collect()
    }
}
