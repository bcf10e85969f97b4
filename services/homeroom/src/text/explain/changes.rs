//! What changed since an earlier moment, as a person reads it.

use homeroom_proto::wire::risk::{Changes, Fact, Moved, RecordChange, ReferenceRecordChange, Shift};

use super::Page;
use crate::text::{table, unit};

pub(super) fn for_people(page: &mut Page, changes: &Changes, as_of: i32) {
    page.heading(&format!("Since {}", changes.since.replace('T', " ")));
    let earlier = unit::date(changes.earlier);
    if changes.incomplete {
        page.line("  The state holds words that the student's own part of the log does not: this is not all.");
    }
    page.line(table::lines(&moved(&changes.moved, &earlier, as_of)).trim_end());
    page.line("");
    page.line(&format!(
        "  Each changed record, with what {earlier} would come to had it alone not changed. Effects of several may combine."
    ));
    for record in &changes.records {
        record_for_people(page, record);
    }
    left_off(page, "changed records that are left off", changes.records_left_off);
    left_off(page, "new records of later dates", changes.new_records);
    reference(page, changes, &earlier);
}

pub(super) fn left_off(page: &mut Page, what: &str, many: i64) {
    if many > 0 {
        page.line(&format!("  {what}: {many}"));
    }
}

fn moved(moved: &[Moved], earlier: &str, as_of: i32) -> Vec<Vec<String>> {
    let now = format!("as of {}", unit::date(as_of));
    let heading = ["measure".to_owned(), format!("{earlier}, known then"), format!("{earlier}, known now"), now];
    let mut rows = vec![heading.to_vec()];
    let row = |it: &Moved| [&it.name, &it.then, &it.corrected, &it.now].map(Clone::clone).to_vec();
    rows.extend(moved.iter().map(row));
    rows
}

/// A record, what it said and what it says.
pub(super) fn said_and_says(page: &mut Page, record: &RecordChange) {
    let fact = record.after.as_ref().or(record.before.as_ref());
    let kind = fact.map(|fact| fact.kind.as_str()).unwrap_or_default();
    let date = fact.and_then(|fact| fact.date).map(|date| format!(" of {}", unit::date(date))).unwrap_or_default();
    let says = |fact: &Option<Fact>, none: &str| fact.as_ref().map_or_else(|| none.to_owned(), said);
    page.line(&format!(
        "  {}  {}  {kind}{date} (source {}, revision {})",
        record.accepted_at.replace('T', " "),
        record.kind,
        record.source,
        record.revision
    ));
    page.note("said", &says(&record.before, "nothing"));
    page.note("says", &says(&record.after, "nothing, it was withdrawn"));
}

fn record_for_people(page: &mut Page, record: &RecordChange) {
    said_and_says(page, record);
    page.note("did", &shifts(&record.shifts, "nothing by itself"));
}

fn said(fact: &Fact) -> String {
    if fact.code.is_empty() { fact.what.clone() } else { format!("{} ({})", fact.what, last_part(&fact.code)) }
}

/// The last part of a code: what tells one from another of its table.
fn last_part(code: &str) -> &str {
    code.rsplit('#').next().unwrap_or(code)
}

pub(super) fn shifts(shifts: &[Shift], none: &str) -> String {
    if shifts.is_empty() {
        return none.to_owned();
    }
    let one = |shift: &Shift| format!("{} {} instead of {}", shift.name, shift.with, shift.without);
    shifts.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn reference(page: &mut Page, changes: &Changes, earlier: &str) {
    if changes.reference.is_empty() && changes.by_reference.is_empty() {
        return;
    }
    page.line("");
    page.line("  Reference records of the student's schools, and of the district");
    for record in &changes.reference {
        reference_for_people(page, record);
    }
    left_off(page, "more that are left off", changes.reference_left_off);
    page.line(&format!("  Together they did to {earlier}: {}", shifts(&changes.by_reference, "nothing")));
}

fn reference_for_people(page: &mut Page, record: &ReferenceRecordChange) {
    page.line(&format!(
        "  {}  {}  {} (source {}, revision {})",
        record.accepted_at.replace('T', " "),
        record.kind,
        record.what,
        record.source,
        record.revision
    ));
    page.note("said", &record.before);
    page.note("says", &record.after);
}
