//! Course performance: which sections a student is failing. Item 12 of the default policy.

pub mod change;
pub mod credit;
pub mod gradebook;
pub mod grading;
pub mod high;
pub mod point;
pub mod scale;
pub mod sixth;
pub(crate) mod transcript;

use grading::Grading;

use crate::code;
use crate::date::Date;
use crate::event::{Grade, Origin};
use crate::id::{SchoolId, SchoolYear, SectionId};
use crate::ledger::{Facts, GradeWord, Graded, text};
use crate::reference::GradingPeriod;
use crate::settings::Settings;
use crate::view::{SectionView, View};

/// The grade that stands for a section as of a date.
#[derive(Debug)]
pub struct Standing<'a> {
    /// The section.
    pub section: SectionId,
    /// Its school.
    pub school: &'a SchoolId,
    /// Whether its course is a core course.
    pub core: bool,
    /// What its course teaches.
    pub subjects: code::Subjects,
    grade: GradeWord<'a>,
    /// When its grading period ends.
    pub period_end: Date,
    /// Whether it fails.
    pub failing: bool,
}

impl Standing<'_> {
    /// The grade, as sent: its type, its value in hundredths of a point, and its letter.
    pub fn grade(&self) -> (&str, Option<i64>, Option<&str>) {
        let grade = &self.grade.grade;
        (text(grade.grade_type), grade.numeric, grade.letter.map(text))
    }

    /// Where the grade comes from.
    pub fn origin(&self) -> Origin {
        self.grade.origin()
    }
}

/// The grade that stands for each section of a year: of the latest grading period (by its end) that has one and has begun by
/// the date; of that period's grades a final before a semester before a grading-period grade. Numeric wins over letter.
pub(crate) fn standings<'a>(
    facts: Facts<'a>,
    view: &'a View,
    year: SchoolYear,
    as_of: Date,
    settings: &Settings,
) -> Vec<Standing<'a>> {
    let mut best: Vec<(Rank, Standing<'a>)> = Vec::new();
    for grade in facts.grades() {
        let Some((section, period, rank)) = begun(&grade.grade, view, year, as_of) else { continue };
        let standing = Standing {
            section: grade.grade.section,
            school: section.school,
            core: section.core,
            subjects: section.subjects,
            failing: Grading::of_school(settings, section.school, view)
                .fails(grade.grade.numeric, grade.grade.letter.map(text)),
            grade,
            period_end: period.end_on,
        };
        match best.iter_mut().find(|(_, known)| known.section == standing.section) {
            None => best.push((rank, standing)),
            Some(known) if rank < known.0 => *known = (rank, standing),
            Some(_) => {}
        }
    }
    best.into_iter().map(|(_, standing)| standing).collect()
}

/// Which of a section's grades stands: the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    period_end: std::cmp::Reverse<Date>,
    type_rank: u8,
}

/// A grade's section, its grading period and its rank, if it counts in a year as of a date.
fn begun<'a>(
    grade: &Graded<'_>,
    view: &'a View,
    year: SchoolYear,
    as_of: Date,
) -> Option<(SectionView<'a>, &'a GradingPeriod, Rank)> {
    let (section, period) = view.section(grade.section).zip(view.grading_period(grade.grading_period))?;
    let rank = counted(grade, &section, period, year).filter(|_| period.begin_on <= as_of)?;
    Some((section, period, rank))
}

/// How a grade ranks among those of its section, once its grading period has begun; none of one that does not count in a year.
pub(crate) fn counted(
    grade: &Graded<'_>,
    section: &SectionView<'_>,
    period: &GradingPeriod,
    year: SchoolYear,
) -> Option<Rank> {
    let has_value = grade.numeric.is_some() || grade.letter.is_some();
    if section.session.school_year != year || !has_value {
        return None;
    }
    let type_rank = code::grade_rank(text(grade.grade_type))?;
    Some(Rank { period_end: std::cmp::Reverse(period.end_on), type_rank })
}

/// Why a grade does not count now, in words.
pub(crate) fn not_counted(grade: &Grade, view: &View, year: SchoolYear, as_of: Date) -> Option<&'static str> {
    let Some(section) = view.section(grade.section) else { return Some("its section is not known") };
    let Some(period) = view.grading_period(grade.grading_period) else {
        return Some("its grading period is not known");
    };
    if section.session.school_year != year {
        return Some("it is of another school year");
    }
    if period.begin_on > as_of {
        return Some("its grading period has not begun");
    }
    if code::grade_rank(&grade.grade_type).is_none() {
        return Some("its type is not a course grade");
    }
    (grade.numeric.is_none() && grade.letter.is_none()).then_some("it has no value")
}
