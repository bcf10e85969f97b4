//! An explanation for scripts: the same as one JSON object, dates and keys as text.

use homeroom_proto::wire::risk::{
    CameTo, Changes, ExplainStudentResponse, ExplainedDate, ExplainedRule, Fact, RecordChange, SchoolDates, Shift,
    Term, Working,
};
use serde_json::{Value, json};

use crate::text::unit;

/// The whole of it.
pub(crate) fn to_json(told: &ExplainStudentResponse) -> Value {
    json!({
        "student": hex::encode(&told.student),
        "as_of": unit::date(told.as_of),
        "today": unit::date(told.today),
        "school_year": told.school_year,
        "facts": all(&told.facts, fact),
        "schools": all(&told.schools, school),
        "dates": all(&told.dates, date),
        "marks_of_other_years": told.marks_of_other_years,
        "measures": all(&told.workings, working),
        "rules": all(&told.rules, rule),
        "changes": told.changes.as_ref().map(changes),
    })
}

fn all<T>(of: &[T], one: impl Fn(&T) -> Value) -> Vec<Value> {
    of.iter().map(one).collect()
}

fn fact(fact: &Fact) -> Value {
    json!({
        "kind": fact.kind,
        "date": fact.date.map(unit::date),
        "school": fact.school,
        "what": fact.what,
        "code": fact.code,
        "source": fact.source,
        "revision": fact.revision,
        "counted": fact.counted,
        "not_counted_because": fact.not_counted_because,
    })
}

fn school(school: &SchoolDates) -> Value {
    json!({
        "school": school.school,
        "first": school.first.map(unit::date),
        "last": school.last.map(unit::date),
        "dates": school.dates,
        "silent": school.silent,
        "off": all(&school.off, |date| unit::date(*date).into()),
    })
}

fn date(date: &ExplainedDate) -> Value {
    let came_to = match date.came_to() {
        CameTo::Counted => "counted",
        CameTo::AtSchoolOnly => "at school only",
        CameTo::Unknown => "unknown",
        CameTo::NoDate | CameTo::Unspecified => "no date",
    };
    json!({
        "date": unit::date(date.date),
        "school": date.school,
        "came_to": came_to,
        "enrolled": date.weight,
        "absent": date.absent,
        "unexcused": date.unexcused,
        "tardy": date.tardy,
        "how": date.how,
        "marks": all(&date.marks, fact),
    })
}

fn working(working: &Working) -> Value {
    json!({
        "name": working.name,
        "value": working.value,
        "shown": working.shown,
        "unit": working.unit,
        "meaning": working.meaning,
        "source": working.source,
        "arithmetic": working.arithmetic,
        "terms": all(&working.terms, term),
        "parts": all(&working.parts, |part| json!({ "date": unit::date(part.date), "value": part.value })),
        "adds_up": working.adds_up,
    })
}

fn term(term: &Term) -> Value {
    json!({ "name": term.name, "value": term.value, "shown": term.shown, "unit": term.unit })
}

fn rule(rule: &ExplainedRule) -> Value {
    json!({
        "rule": rule.rule,
        "rule_version": rule.rule_version,
        "title": rule.title,
        "meaning": rule.meaning,
        "opens_when": rule.opens_when,
        "holds": rule.holds,
        "level": rule.holds.then_some(rule.level),
        "severity": rule.severity,
        "measures": all(&rule.measures, term),
        "explanation": rule.explanation,
        "clears_when": rule.clears_when,
        "source": rule.source,
        "failure": rule.failure,
    })
}

fn changes(changes: &Changes) -> Value {
    let moved = |it: &homeroom_proto::wire::risk::Moved| json!({ "name": it.name, "then": it.then, "corrected": it.corrected, "now": it.now });
    let reference = |it: &homeroom_proto::wire::risk::ReferenceRecordChange| {
        json!({
            "kind": it.kind,
            "what": it.what,
            "before": it.before,
            "after": it.after,
            "source": it.source,
            "revision": it.revision,
            "accepted_at": it.accepted_at,
        })
    };
    json!({
        "since": changes.since,
        "earlier": unit::date(changes.earlier),
        "moved": all(&changes.moved, moved),
        "records": all(&changes.records, record),
        "new_records": changes.new_records,
        "records_left_off": changes.records_left_off,
        "reference": all(&changes.reference, reference),
        "reference_left_off": changes.reference_left_off,
        "by_reference": all(&changes.by_reference, shift),
        "incomplete": changes.incomplete,
    })
}

pub(super) fn record(record: &RecordChange) -> Value {
    json!({
        "kind": record.kind,
        "before": record.before.as_ref().map(fact),
        "after": record.after.as_ref().map(fact),
        "source": record.source,
        "record_key": hex::encode(&record.record_key),
        "revision": record.revision,
        "accepted_at": record.accepted_at,
        "shifts": all(&record.shifts, shift),
    })
}

pub(super) fn shift(shift: &Shift) -> Value {
    json!({ "name": shift.name, "without": shift.without, "with": shift.with })
}
