//! A district of two schools with forty school days, the first Monday 2021-09-06; and rows of students made up.

use std::collections::BTreeMap;

use homeroom_domain::date::Date;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::{AttendanceMark, Change, Enrollment, Fact, Origin, Scope, Times};
use homeroom_domain::id::{CalendarId, RecordKey, Revision, SchoolId, SchoolYear, SourceId};
use homeroom_domain::ledger::Ledger;
use homeroom_domain::reference::{Calendar, CalendarDate, Entry, School};
use homeroom_domain::rule::Pack;
use homeroom_domain::settings::{Now, Settings};
use homeroom_domain::view::{Records, View};
use homeroom_replay::{Came, Outcome};
use homeroom_replay::{Look, Plan, Seen, SeenRule};

/// School days.
pub(crate) const DAYS: i32 = 40;

/// The date of a school day, counted from 1.
pub(crate) fn day(n: i32) -> Date {
    let (weeks, rest) = ((n - 1).div_euclid(5), (n - 1).rem_euclid(5));
    Date::from_days(Date::parse("2021-09-06").unwrap().days() + weeks * 7 + rest).unwrap()
}

pub(crate) fn school(id: &str) -> SchoolId {
    SchoolId::parse(id).unwrap()
}

fn origin(n: u128) -> Origin {
    Origin { source: SourceId::parse("sis").unwrap(), key: RecordKey::new(n.to_be_bytes()), revision: Revision(1) }
}

/// Schools 1 and 2.
pub(crate) fn view() -> View {
    let mut records = Records::default();
    let mut n = 0;
    let mut define = |entry| {
        n += 1;
        records.apply(origin(n), Change::Recorded(entry));
    };
    for (number, id) in [(1, "1"), (2, "2")] {
        let calendar = CalendarId::new(u128::to_be_bytes(number));
        define(Entry::School(School { school: school(id), name: format!("School {id}"), types: Vec::new() }));
        define(Entry::Calendar(Calendar {
            calendar,
            school: school(id),
            school_year: SchoolYear(2022),
            code: String::new(),
            calendar_type: String::new(),
        }));
        for n in 1..=DAYS {
            let events = vec!["Instructional day".to_owned()];
            define(Entry::CalendarDate(CalendarDate { calendar, date: day(n), events }));
        }
    }
    records.view()
}

/// A student of a school from a day on, absent on these.
pub(crate) fn student(at: &str, since: i32, absent: &[i32]) -> Ledger {
    let mut words = vec![(origin(1), Change::Recorded(Fact::Registration))];
    let spell = Enrollment {
        school: school(at),
        entry_on: day(since),
        exit_on: None,
        calendar: None,
        primary_school: false,
        grade_level: String::new(),
        exit_type: String::new(),
    };
    words.push((origin(2), Change::Recorded(Fact::Enrollment(spell))));
    for (n, on) in (3..).zip(absent) {
        let mark = AttendanceMark {
            school: school(at),
            date: day(*on),
            scope: Scope::Day,
            session: None,
            code: "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Unexcused Absence".to_owned(),
            share: None,
            times: Times::default(),
        };
        words.push((origin(n), Change::Recorded(Fact::AttendanceMark(mark))));
    }
    let mut ledger = Ledger::default();
    ledger.apply_all(words.iter().map(|(origin, change)| (origin, change)));
    ledger
}

/// Looks at a student as of the plan's last date.
pub(crate) fn look(plan: &Plan, view: &View, student: &Ledger) -> Option<Seen> {
    Look::new(plan, view, &Settings::default()).at(student)
}

/// The same in full, day by day.
pub(crate) fn evaluate(plan: &Plan, view: &View, student: &Ledger) -> Option<Seen> {
    let last = Now { today: plan.to(), as_of: plan.to() };
    Seen::of(plan, Evaluation::new(student, view, &Settings::default(), last))
}

/// A pack of rules, each with its condition.
pub(crate) fn pack(id: &str, rules: &[(&str, &str)]) -> Pack {
    let rule = |(id, opens_when): &(&str, &str)| {
        format!(
            "  - id: {id}\n    version: 1\n    title: Absences\n    meaning: Absent often\n    scope: school-year\n    \
             opens-when: {opens_when}\n    level: \"1\"\n    severity: {{1: notice}}\n    settle-seconds: 0\n    \
             audience: team\n    evidence: absences\n    explanation: x\n    clears: x\n    source: a test, with 1 to 400\n"
        )
    };
    let rules: String = rules.iter().map(rule).collect();
    Pack::parse(&format!("id: {id}\nversion: 1\nrules:\n{rules}")).unwrap()
}

/// A plan of two rules over all days.
pub(crate) fn plan(outcome: Option<Outcome>, budget: Option<u32>, columns: Vec<u32>) -> Plan {
    let pack = pack("two", &[("three-days", "absent >= 300"), ("two-in-a-row", "streak >= 2")]);
    Plan::new(vec![pack], (day(1), day(DAYS)), outcome, budget, columns).unwrap()
}

/// A made-up row: at a school, what came of the year, and of each rule the day on which it flagged.
pub(crate) fn seen(at: &str, came: Came, flags: &[Option<i32>]) -> Seen {
    let monday = |n: i32| day((n - 1) / 5 * 5 + 1);
    let rule = |flag: &Option<i32>| SeenRule {
        flagged_on: flag.map(day),
        alerts: flag.iter().map(|n| (school(at), monday(*n))).collect(),
        ..SeenRule::default()
    };
    let weeks = (0..DAYS / 5).map(|week| (school(at), monday(week * 5 + 1))).collect();
    Seen { came, weeks, rules: flags.iter().map(rule).collect() }
}

/// How often each alert of a rule was told, by school and school day of the week's Monday.
pub(crate) fn alerts(seen: &SeenRule) -> BTreeMap<(String, Date), usize> {
    let mut told = BTreeMap::new();
    for (school, week) in &seen.alerts {
        *told.entry((school.to_string(), *week)).or_default() += 1;
    }
    told
}
