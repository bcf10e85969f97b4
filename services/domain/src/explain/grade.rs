//! Grades: which of a section's stands, and what it comes to.

use std::collections::BTreeMap;

use crate::course::{self, grading::Grading};
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::event::{Fact, Grade};
use crate::id::{RecordKey, SectionId, SourceId};
use crate::ledger::Live;
use crate::measure::decimals;
use crate::rule::claim::describe_grade;

/// A live grade, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GradeTold {
    /// The fact.
    pub live: Live<Grade>,
    /// When its grading period ends, if that is known.
    pub period_end: Option<Date>,
    /// Whether its course is a core course.
    pub core: bool,
    /// Why it does not stand for its section; none when it does.
    pub not_counted: Option<&'static str>,
    /// What it comes to: the grade, and whether it fails.
    pub what: String,
}

pub(super) fn tell(evaluation: &Evaluation<'_>) -> Vec<GradeTold> {
    let as_of = evaluation.now.as_of;
    let standing: BTreeMap<(SourceId, RecordKey), bool> = evaluation
        .standings(as_of)
        .iter()
        .map(|standing| {
            let origin = standing.origin();
            ((origin.source, origin.key), standing.failing)
        })
        .collect();
    let told = |live: Live<Fact>| {
        let Fact::Grade(grade) = live.fact else { return None };
        let stands = standing.get(&(live.source.clone(), live.key));
        let live = Live { source: live.source, key: live.key, revision: live.revision, fact: grade };
        Some(one(evaluation, live, stands.copied()))
    };
    let mut grades: Vec<GradeTold> = evaluation.ledger.facts().filter_map(told).collect();
    let by_section = |told: &GradeTold| (section_of(told), told.period_end, told.live.key);
    grades.sort_by_key(by_section);
    grades
}

fn section_of(told: &GradeTold) -> SectionId {
    told.live.fact.section
}

fn one(evaluation: &Evaluation<'_>, live: Live<Grade>, fails: Option<bool>) -> GradeTold {
    let grade = &live.fact;
    let view = evaluation.view;
    let passed_over = || {
        fails.is_none().then_some("another grade of its section stands: of a later grading period, or a more final one")
    };
    let unknown = (!evaluation.ledger.registered()).then_some("the student is not known");
    let not_counted = unknown
        .or_else(|| course::not_counted(grade, view, evaluation.year(), evaluation.now.as_of))
        .or_else(passed_over);
    let (numeric, letter) = (grade.numeric, grade.letter.as_deref());
    let what = match fails {
        Some(true) => failing_in_words(numeric, letter, failing_below(evaluation, grade.section)),
        Some(false) => format!("{}, does not fail", describe_grade(numeric, letter)),
        None => describe_grade(numeric, letter),
    };
    GradeTold {
        period_end: view.grading_period(grade.grading_period).map(|period| period.end_on),
        core: view.section(grade.section).is_some_and(|section| section.core),
        not_counted,
        what,
        live,
    }
}

/// Below which number a section's grade fails at its school.
fn failing_below(evaluation: &Evaluation<'_>, section: SectionId) -> i64 {
    let of_district = Grading::of_district(evaluation.settings);
    let known = evaluation.view.section(section);
    known.map_or(of_district, |of| Grading::of_school(evaluation.settings, of.school, evaluation.view)).failing_below()
}

/// A failing grade beside what it fails by.
pub(super) fn failing_in_words(numeric: Option<i64>, letter: Option<&str>, below: i64) -> String {
    let grade = describe_grade(numeric, letter);
    match numeric {
        Some(_) => format!("{grade} fails, it is below {}", decimals(below)),
        None => format!("{grade} fails"),
    }
}
