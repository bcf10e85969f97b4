//! Measures as of earlier dates: each episode that is over asks for one, so all of them are counted at once, when the first is asked for.

use std::cell::OnceCell;

use super::Evaluation;
use crate::date::Date;
use crate::measure::Measures;

/// What was counted for earlier dates. Empty until somebody asks.
#[derive(Default)]
pub(super) struct Earlier {
    days: OnceCell<Vec<SoFar>>,
    grades: OnceCell<Vec<Graded>>,
}

/// A counted day, and what it and the days before it come to.
struct SoFar {
    date: Date,
    unexplained: bool,
    measures: Measures,
}

/// What grades come to from a date on, on which one of them begins to count.
struct Graded {
    from: Date,
    failing: i64,
    failing_core: i64,
}

impl Evaluation<'_> {
    /// The measures of the district as a whole, as of any date, with the same-day measure of another.
    pub(super) fn district_at(&self, as_of: Date, today: Date) -> Measures {
        let days = self.earlier.days.get_or_init(|| self.days_so_far());
        let counted = days.partition_point(|day| day.date <= as_of);
        let mut measures = counted.checked_sub(1).map_or_else(Measures::default, |last| days[last].measures);
        let of_today = days.binary_search_by_key(&today, |day| day.date);
        measures.unexplained_absence_today = of_today.is_ok_and(|at| days[at].unexplained);
        let grades = self.earlier.grades.get_or_init(|| self.grades_so_far());
        let begun = grades.partition_point(|graded| graded.from <= as_of);
        if let Some(graded) = begun.checked_sub(1).map(|last| &grades[last]) {
            (measures.failing, measures.failing_core) = (graded.failing, graded.failing_core);
        }
        measures
    }

    fn days_so_far(&self) -> Vec<SoFar> {
        let mut measures = Measures::default();
        let mut days = Vec::new();
        self.each_day(|day| {
            measures.count(day);
            days.push(SoFar { date: day.date, unexplained: day.unexplained, measures });
        });
        days
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
