//! A made-up student's page, as a whole.

use homeroom_domain::date::Date;
use homeroom_proto::wire::risk::{
    Changes, DatePart, ExplainedDate, ExplainedRule, Fact, Measures, Moved, RecordChange, ReferenceRecordChange,
    SchoolDates, Shift, Term, Working,
};

use super::*;

fn on(text: &str) -> i32 {
    Date::parse(text).expect("a date").days()
}

fn fact(kind: &str, date: &str, what: &str, revision: u64) -> Fact {
    Fact {
        kind: kind.to_owned(),
        date: Some(on(date)),
        what: what.to_owned(),
        source: "sis".to_owned(),
        revision,
        counted: true,
        ..Fact::default()
    }
}

fn not_counted(because: &str, fact: Fact) -> Fact {
    Fact { counted: false, not_counted_because: because.to_owned(), ..fact }
}

fn date(date: &str, came_to: CameTo, absent: i32, how: &str, mark: Fact) -> ExplainedDate {
    let weight = if came_to == CameTo::Counted { 100 } else { 0 };
    ExplainedDate {
        date: on(date),
        school: "1".to_owned(),
        came_to: came_to.into(),
        weight,
        absent,
        unexcused: absent,
        how: how.to_owned(),
        marks: vec![mark],
        ..ExplainedDate::default()
    }
}

fn working(name: &str, (value, shown): (i64, &str), meaning: &str, arithmetic: &str) -> Working {
    Working {
        name: name.to_owned(),
        value,
        shown: shown.to_owned(),
        meaning: meaning.to_owned(),
        arithmetic: arithmetic.to_owned(),
        ..Working::default()
    }
}

fn shift(name: &str, without: &str, with: &str) -> Shift {
    Shift { name: name.to_owned(), without: without.to_owned(), with: with.to_owned() }
}

fn student() -> ExplainStudentResponse {
    let mark = |date, revision| fact("attendance mark", date, "unexcused absence, whole day", revision);
    let parts =
        ["2021-09-03", "2021-09-06", "2021-09-07", "2021-09-20"].map(|date| DatePart { date: on(date), value: 100 });
    let tier = Term { name: "tier".to_owned(), value: 2, shown: "2".to_owned(), unit: "tier".to_owned() };
    ExplainStudentResponse {
        student: vec![0xab; 16].into(),
        as_of: on("2021-10-29"),
        today: on("2021-10-29"),
        school_year: 2022,
        measures: vec![Measures { enrolled: 4_000, absent: 400, unexcused: 400, tier: Some(2), ..Measures::default() }],
        facts: vec![fact("enrollment", "2021-08-30", "enrolled from 2021-08-30", 3)],
        schools: vec![SchoolDates {
            school: "1".to_owned(),
            first: Some(on("2021-08-30")),
            last: Some(on("2021-10-29")),
            dates: 40,
            silent: 38,
            off: ["2021-09-08", "2021-09-09", "2021-09-10", "2021-09-13", "2021-10-11"].map(on).to_vec(),
        }],
        dates: vec![
            date("2021-09-06", CameTo::Counted, 100, "the mark of the day: 1", mark("2021-09-06", 7)),
            date(
                "2021-09-11",
                CameTo::NoDate,
                0,
                "",
                not_counted("the date is not instructional there", mark("2021-09-11", 8)),
            ),
        ],
        marks_of_other_years: 12,
        workings: vec![
            Working {
                parts: parts.to_vec(),
                adds_up: true,
                unit: "hundredths of a day".to_owned(),
                ..working("absent", (400, "4"), "days absent so far for any reason", "4 x 1 = 4 days")
            },
            working(
                "tier",
                (2, "2"),
                "0 below 5 % absent",
                "absent 4 of 40 days; 10% is 4; so at or above 10%, tier 2",
            ),
            working("tardy", (0, "0"), "days late so far", "0 days"),
            working("gpa", (-1, "not known"), "Average of the grades", "no grade that stands is worth points"),
        ],
        rules: vec![ExplainedRule {
            rule: "attendance-tier".to_owned(),
            rule_version: 1,
            title: "Missing much of school".to_owned(),
            opens_when: "tier >= 1".to_owned(),
            holds: true,
            level: 2,
            severity: "warning".to_owned(),
            measures: vec![tier],
            explanation: "Absent 4 of 40 days (10%).".to_owned(),
            clears_when: "41 days present in a row.".to_owned(),
            source: "New Mexico Statutes 22-12A-2".to_owned(),
            ..ExplainedRule::default()
        }],
        changes: Some(changes()),
    }
}

fn changes() -> Changes {
    let moved =
        Moved { name: "unexcused".to_owned(), then: "4".to_owned(), corrected: "3".to_owned(), now: "4".to_owned() };
    let mark = |what: &str| Fact {
        code: "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Sick".to_owned(),
        ..fact("attendance mark", "2021-09-20", what, 9)
    };
    let record = |kind: &str, before, after, shifts| RecordChange {
        kind: kind.to_owned(),
        before,
        after,
        source: "sis".to_owned(),
        revision: 9,
        accepted_at: "2021-10-26T08:15:00".to_owned(),
        shifts,
        ..RecordChange::default()
    };
    Changes {
        since: "2021-10-25T23:59:59".to_owned(),
        earlier: on("2021-10-25"),
        moved: vec![moved],
        records: vec![
            record(
                "corrected",
                Some(mark("unexcused absence, whole day")),
                Some(mark("excused absence, whole day")),
                vec![shift("unexcused", "4", "3"), shift("truancy_ca_occasions", "4", "3")],
            ),
            record("withdrawn", Some(mark("tardy, whole day")), None, Vec::new()),
        ],
        new_records: 1,
        reference: vec![ReferenceRecordChange {
            kind: "corrected".to_owned(),
            what: "calendar date".to_owned(),
            before: "2021-10-11 is Instructional day".to_owned(),
            after: "2021-10-11 is Holiday".to_owned(),
            source: "sis".to_owned(),
            revision: 4,
            accepted_at: "2021-10-26T09:00:00".to_owned(),
        }],
        by_reference: vec![shift("enrolled", "41", "40")],
        ..Changes::default()
    }
}

#[test]
fn a_page_can_be_followed_from_the_facts_to_the_rules_and_to_what_changed() {
    let page = for_people(&student(), &SchoolNames::default());
    assert_eq!(page, include_str!("page.txt"), "{page}");
}

#[test]
fn a_script_reads_the_same() {
    let value = to_json(&student());
    assert_eq!(
        (&value["as_of"], &value["measures"][0]["parts"][0]["date"]),
        (&"2021-10-29".into(), &"2021-09-03".into())
    );
    assert_eq!(value["dates"][1]["came_to"], "no date");
    assert_eq!(value["changes"]["records"][1]["after"], serde_json::Value::Null);
    assert_eq!(value["changes"]["records"][0]["shifts"][0]["without"], "4");
}

#[test]
fn dates_in_a_row_are_told_together_over_weekends() {
    let days = |texts: &[&str]| texts.iter().map(|text| on(text)).collect::<Vec<_>>();
    assert_eq!(
        runs(&days(&["2021-09-03", "2021-09-06", "2021-09-07", "2021-09-09"])),
        "2021-09-03 to 2021-09-07, 2021-09-09"
    );
    assert_eq!(runs(&days(&["2021-09-03", "2021-09-06"])), "2021-09-03, 2021-09-06");
    assert_eq!(runs(&[]), "");
}
