//! Measures as of earlier dates: each episode that is over asks for one, so all of them are counted at once, when the first is asked for.

use std::cell::OnceCell;

use smallvec::SmallVec;

use super::Evaluation;
use crate::date::Date;
use crate::day::Day;
use crate::id::SchoolId;
use crate::marked::{self, Marked};
use crate::measure::Measures;

/// What was counted for earlier dates. Empty until somebody asks.
#[derive(Default)]
pub(super) struct Earlier {
    days: OnceCell<(Vec<Date>, Vec<Marked>)>,
    grades: OnceCell<Vec<Graded>>,
    /// The district's measures of the school year before, for whoever asks date by date.
    pub(super) last_year: OnceCell<Measures>,
    in_minutes: OnceCell<Vec<Day>>,
}

/// What grades come to from a date on, on which one of them begins to count.
struct Graded {
    from: Date,
    failing: i64,
    failing_core: i64,
}

impl<'a> Evaluation<'a> {
    /// The measures of the district as a whole, as of any date, with the same-day measure of another.
    pub(super) fn district_at(&self, as_of: Date, today: Date) -> Measures {
        let mut measures = self.marked_until(as_of).measures();
        measures.unexplained_absence_today = self.marked_days().is_unexplained(today);
        let grades = self.earlier.grades.get_or_init(|| self.grades_so_far());
        let begun = grades.partition_point(|graded| graded.from <= as_of);
        if let Some(graded) = begun.checked_sub(1).map(|last| &grades[last]) {
            (measures.failing, measures.failing_core) = (graded.failing, graded.failing_core);
        }
        measures
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

    fn marked_days(&self) -> marked::Days<'_> {
        let (dates, marked) = self.earlier.days.get_or_init(|| {
            let (mut dates, mut marked) = (Vec::new(), Vec::new());
            self.each_day(|day| {
                marked.extend(Marked::of(dates.len(), day));
                dates.push(day.date);
            });
            (dates, marked)
        });
        marked::Days { dates, marked }
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

    /// The dates between which grades come to what they do now: the last on which one began to count, and the next.
    pub(crate) fn grades_between(&self) -> (Option<Date>, Option<Date>) {
        let grades = self.ledger.borrowed().grades();
        let begins = grades.filter_map(|grade| Some(self.view.grading_period(grade.grade.grading_period)?.begin_on));
        begins.fold((None, None), |(last, next), begins| {
            if begins <= self.now.as_of {
                (last.max(Some(begins)), next)
            } else {
                (last, Some(next.map_or(begins, |next: Date| next.min(begins))))
            }
        })
    }

    /// Which grade stands changes on the dates alone on which grading periods begin.
    fn grades_so_far(&self) -> Vec<Graded> {
        let periods = self.grades().filter_map(|grade| self.view.grading_period(grade.grade.grading_period));
        let mut begins: Vec<Date> = periods.map(|period| period.begin_on).collect();
        begins.sort_unstable();
        begins.dedup();
        let graded = |from| {
            let mut measures = Measures::default();
            self.grade(&mut measures, None, from);
            Graded { from, failing: measures.failing, failing_core: measures.failing_core }
        };
        begins.into_iter().map(graded).collect()
    }
}
