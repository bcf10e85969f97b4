//! What grades come to as of a date: each is looked up once, however many dates are asked for.

use smallvec::SmallVec;

use super::Evaluation;
use crate::course::{self, Rank};
use crate::date::Date;
use crate::id::{SchoolId, SchoolYear, SectionId};
use crate::ledger::{self, text};
use crate::settings::Settings;
use crate::view::View;

/// A year's grades that count from some date on, in the order of the ledger.
#[derive(Default)]
pub(super) struct Grades<'a>(SmallVec<[Graded<'a>; 8]>);

struct Graded<'a> {
    section: SectionId,
    school: &'a SchoolId,
    core: bool,
    failing: bool,
    begin_on: Date,
    rank: Rank,
}

impl<'a> Grades<'a> {
    /// Takes a grade in, and tells whether it waits for its section or its grading period.
    pub(super) fn take(
        &mut self,
        grade: &ledger::Graded<'_>,
        view: &'a View,
        settings: &Settings,
        year: SchoolYear,
    ) -> bool {
        let (section, period) = (view.section(grade.section), view.grading_period(grade.grading_period));
        let (Some(section), Some(period)) = (section, period) else { return true };
        if let Some(rank) = course::counted(grade, &section, period, year) {
            let grading = course::grading::Grading::of_school(settings, section.school, view);
            self.0.push(Graded {
                section: grade.section,
                school: section.school,
                core: section.core,
                failing: grading.fails(grade.numeric, grade.letter.map(text)),
                begin_on: period.begin_on,
                rank,
            });
        }
        false
    }

    /// How many sections are failed as of a date, of the district or at a school, and how many of them are core courses: as
    /// [`course::standings`] has it.
    pub(super) fn failing(&self, school: Option<&SchoolId>, as_of: Date) -> (i64, i64) {
        let mut best: SmallVec<[&Graded<'_>; 8]> = SmallVec::new();
        for grade in self.0.iter().filter(|grade| grade.begin_on <= as_of) {
            match best.iter_mut().find(|known| known.section == grade.section) {
                None => best.push(grade),
                Some(known) if grade.rank < known.rank => *known = grade,
                Some(_) => {}
            }
        }
        let failed = best.iter().filter(|grade| grade.failing && school.is_none_or(|school| school == grade.school));
        failed.fold((0, 0), |(failing, core), grade| (failing + 1, core + i64::from(grade.core)))
    }

    /// The dates on which one of them begins to count.
    fn begins(&self) -> impl Iterator<Item = Date> {
        self.0.iter().map(|grade| grade.begin_on)
    }
}

/// What grades come to from a date on, on which one of them begins to count.
pub(super) struct SoFar {
    from: Date,
    failing: (i64, i64),
}

impl Evaluation<'_> {
    /// How many sections of the district are failed as of a date, and how many of them are core courses.
    pub(super) fn failing(&self, as_of: Date) -> (i64, i64) {
        let so_far = self.earlier.grades.get_or_init(|| self.grades_so_far());
        let begun = so_far.partition_point(|graded| graded.from <= as_of);
        begun.checked_sub(1).map_or((0, 0), |last| so_far[last].failing)
    }

    /// Which grade stands changes on the dates alone on which grading periods begin.
    fn grades_so_far(&self) -> Vec<SoFar> {
        let mut begins: SmallVec<[Date; 8]> = self.said.grades.begins().collect();
        begins.sort_unstable();
        begins.dedup();
        begins.into_iter().map(|from| SoFar { from, failing: self.said.grades.failing(None, from) }).collect()
    }

    /// The dates between which grades come to what they do now: the last on which one began to count, and the next.
    pub(crate) fn grades_between(&self) -> (Option<Date>, Option<Date>) {
        self.said.grades.begins().fold((None, None), |(last, next), begins| {
            if begins <= self.now.as_of {
                (last.max(Some(begins)), next)
            } else {
                (last, Some(next.map_or(begins, |next: Date| next.min(begins))))
            }
        })
    }
}
