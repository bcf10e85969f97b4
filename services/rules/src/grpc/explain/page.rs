//! An explanation on the wire.

use homeroom_domain::alert::{MeasureValue, Severity};
use homeroom_domain::date::Date;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::Fact;
use homeroom_domain::explain::{
    CameTo, DateTold, Explanation, GradeTold, MarkTold, RuleTold, SchoolTold, Term, Working,
};
use homeroom_domain::id::StudentKey;
use homeroom_domain::ledger::Live;
use homeroom_domain::measure::Measure;
use homeroom_proto::wire::risk as wire;

use crate::evaluate::Row;
use crate::grpc::{measures, student};

pub(super) fn response(
    key: StudentKey,
    evaluation: &Evaluation<'_>,
    explanation: &Explanation,
    rows: &[Row],
) -> wire::ExplainStudentResponse {
    let facts = evaluation.ledger.facts().filter(|live| !is_told_apart(&live.fact));
    let facts = facts.map(|live| student::fact(evaluation, &live));
    wire::ExplainStudentResponse {
        student: key.as_bytes().to_vec().into(),
        as_of: explanation.now.as_of.days(),
        today: explanation.now.today.days(),
        school_year: evaluation.year().0,
        measures: rows.iter().map(|row| measures(key.as_bytes(), row)).collect(),
        facts: facts.chain(explanation.grades.iter().map(grade)).collect(),
        schools: explanation.schools.iter().map(school).collect(),
        dates: explanation.dates.iter().map(date).collect(),
        marks_of_other_years: count(explanation.marks_of_other_years),
        workings: explanation.workings.iter().map(working).collect(),
        rules: explanation.rules.iter().map(rule).collect(),
        changes: None,
    }
}

/// Marks are told with their dates, grades with what becomes of them.
fn is_told_apart(fact: &Fact) -> bool {
    matches!(fact, Fact::AttendanceMark(_) | Fact::Grade(_))
}

pub(super) fn count(many: usize) -> i64 {
    i64::try_from(many).unwrap_or(i64::MAX)
}

fn days(dates: &[Date]) -> Vec<i32> {
    dates.iter().map(|date| date.days()).collect()
}

fn school(told: &SchoolTold) -> wire::SchoolDates {
    wire::SchoolDates {
        school: told.school.to_string(),
        first: told.span.map(|(first, _)| first.days()),
        last: told.span.map(|(_, last)| last.days()),
        dates: count(told.dates),
        silent: count(told.silent),
        off: days(&told.off),
    }
}

fn date(told: &DateTold) -> wire::ExplainedDate {
    let (came_to, day) = match told.came_to {
        CameTo::Counted(day) => (wire::CameTo::Counted, Some(day)),
        CameTo::AtSchoolOnly(day) => (wire::CameTo::AtSchoolOnly, Some(day)),
        CameTo::Unknown => (wire::CameTo::Unknown, None),
        CameTo::NoDate => (wire::CameTo::NoDate, None),
    };
    wire::ExplainedDate {
        date: told.date.days(),
        school: told.school.to_string(),
        came_to: came_to.into(),
        weight: day.map_or(0, |day| day.weight),
        absent: day.map_or(0, |day| day.absent),
        unexcused: day.map_or(0, |day| day.unexcused),
        tardy: day.is_some_and(|day| day.tardy),
        how: told.how.clone(),
        marks: told.marks.iter().map(mark).collect(),
    }
}

/// What is said of every live fact.
fn fact<T>(live: &Live<T>, kind: &str, not_counted: Option<&'static str>) -> wire::Fact {
    wire::Fact {
        kind: kind.to_owned(),
        source: live.source.to_string(),
        revision: live.revision.0,
        counted: not_counted.is_none(),
        not_counted_because: not_counted.unwrap_or_default().to_owned(),
        ..wire::Fact::default()
    }
}

fn mark(told: &MarkTold) -> wire::Fact {
    wire::Fact {
        date: Some(told.live.fact.date.days()),
        school: told.live.fact.school.to_string(),
        what: told.what.clone(),
        code: told.live.fact.code.clone(),
        ..fact(&told.live, "attendance mark", told.not_counted)
    }
}

fn grade(told: &GradeTold) -> wire::Fact {
    let core = if told.core { ", core course" } else { "" };
    wire::Fact {
        date: told.period_end.map(Date::days),
        what: format!("{}{core}, section {}", told.what, told.live.fact.section),
        code: told.live.fact.grade_type.clone(),
        ..fact(&told.live, "grade", told.not_counted)
    }
}

fn working(told: &Working) -> wire::Working {
    let entry = told.measure.entry();
    wire::Working {
        name: told.measure.name().into_owned(),
        value: told.value,
        shown: told.measure.show(told.value),
        unit: entry.unit.name().to_owned(),
        meaning: entry.meaning.to_owned(),
        source: entry.source.to_owned(),
        arithmetic: told.arithmetic.clone(),
        terms: told.terms.iter().map(term).collect(),
        parts: told.parts.iter().map(|part| wire::DatePart { date: part.date.days(), value: part.value }).collect(),
        adds_up: told.adds_up,
    }
}

fn term(term: &Term) -> wire::Term {
    wire::Term {
        name: term.name.to_string(),
        value: term.value,
        shown: term.unit.show(term.value),
        unit: term.unit.name().to_owned(),
    }
}

fn named(told: &MeasureValue) -> wire::Term {
    let shown = Measure::find(&told.name).map(|measure| measure.show(told.value)).unwrap_or_default();
    wire::Term { name: told.name.to_string(), value: told.value, shown, unit: told.unit.to_string() }
}

fn rule(told: &RuleTold) -> wire::ExplainedRule {
    let holding = told.holds.ok().flatten();
    wire::ExplainedRule {
        rule: told.rule.to_string(),
        rule_version: told.version,
        title: told.title.clone(),
        meaning: told.meaning.clone(),
        opens_when: told.opens_when.clone(),
        holds: holding.is_some(),
        level: holding.map_or(0, |(level, _)| level),
        severity: holding.map(|(_, severity)| severity_name(severity)).unwrap_or_default().to_owned(),
        measures: told.measures.iter().map(named).collect(),
        explanation: told.explanation.clone(),
        clears_when: if holding.is_some() { told.clears_when.clone() } else { String::new() },
        source: told.source.clone(),
        failure: told.holds.err().map(|failure| failure.to_string()).unwrap_or_default(),
    }
}

const fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Notice => "notice",
        Severity::Warning => "warning",
        Severity::Urgent => "urgent",
    }
}
