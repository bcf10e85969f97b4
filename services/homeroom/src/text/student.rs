//! One student's risk as a person reads it.

use homeroom_domain::measure::NOT_KNOWN;
use homeroom_proto::wire::risk::{Fact, GetStudentResponse, Measures, OtherMeasure};

use super::names::SchoolNames;
use super::{alert, table, unit};

/// Measures by school, open alerts and the newest facts.
pub(crate) fn for_people(key: &str, student: &GetStudentResponse, names: &SchoolNames) -> String {
    let mut lines = vec![
        format!("student {key}, as of {}\n", unit::date(student.as_of)),
        measures(&student.measures, names, false),
    ];
    let whole = student.measures.iter().find(|row| row.school.is_empty());
    let others = whole.into_iter().flat_map(|row| &row.others);
    lines.extend(others.filter(|other| other.value != 0 && other.shown != NOT_KNOWN).map(other_for_people));
    lines.push(format!("{} open alerts", student.open_alerts.len()));
    lines.extend(student.open_alerts.iter().map(|change| alert::for_people(change, &[], &[], names)));
    lines.push(format!("{} facts", student.facts.len()));
    lines.extend(student.facts.iter().map(|fact| format!("  {}", fact_for_people(fact))));
    lines.push(String::new());
    lines.join("\n")
}

fn other_for_people(other: &OtherMeasure) -> String {
    format!("{}: {} ({})", other.meaning, other.shown, other.name)
}

/// A fact on one line, with whether it counts.
pub(crate) fn fact_for_people(fact: &Fact) -> String {
    let date = fact.date.map_or_else(|| " ".repeat(10), unit::date);
    let counted = if fact.counted { String::new() } else { format!("  [not counted: {}]", fact.not_counted_because) };
    // As it was sent: whoever maps a code must know how it is written.
    let code = if fact.code.is_empty() { String::new() } else { format!("code {}, ", fact.code) };
    format!("{date}  {}: {} ({code}source {}, revision {}){counted}", fact.kind, fact.what, fact.source, fact.revision)
}

/// A table of measures, of one student at several schools or of several students.
pub(crate) fn measures(rows: &[Measures], names: &SchoolNames, with_student: bool) -> String {
    let first = if with_student { "student" } else { "school" };
    let heading = [first, "enrolled", "absent", "unexcused", "tardy", "tier", "streak", "failing", "core", "alerts"];
    let mut table = vec![heading.map(str::to_owned).to_vec()];
    for row in rows {
        let first = if with_student {
            hex::encode(&row.student)
        } else if row.school.is_empty() {
            "district".to_owned()
        } else {
            names.name(&row.school).to_owned()
        };
        table.push(vec![
            first,
            unit::days(row.enrolled),
            unit::days(row.absent),
            unit::days(row.unexcused),
            row.tardy.to_string(),
            unit::tier(row.tier).to_owned(),
            row.streak.to_string(),
            row.failing.to_string(),
            row.failing_core.to_string(),
            row.open_alerts.to_string(),
        ]);
    }
    table::lines(&table)
}
