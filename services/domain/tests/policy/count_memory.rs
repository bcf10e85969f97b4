//! The running count against the full look where rules remember, ask for something, or name more than attendance: all shipped packs
//! together, and rules whose windows are so short that much happens in them.

use homeroom_domain::date::Date;
use homeroom_domain::event::{
    Behavior, Change, Connection, CourseTranscript, Discipline, Enrollment, Fact, SurveyScore, Times,
};
use homeroom_domain::id::{RecordKey, SchoolYear};
use homeroom_domain::reference::{Entry, Incident};
use homeroom_domain::rule::{DEFAULT_PACK, Pack, shipped};
use homeroom_domain::settings::Now;
use proptest::prelude::*;

use crate::count::Counted;
use crate::world::{
    Marked as _, Plus as _, Said as _, Spell as _, absent, code, day, enrolled, excused, grade, id, mark, member,
    school,
};

/// Days of the calendar.
const DAYS: i32 = 120;

/// Rules that remember few days: each kind of memory, alone and together.
const SHORT: &str = r#"
id: short
version: 1
rules:
  - {id: clears, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: absences, opens-when: absent_last_5_school_days >= 200, level: absent_last_5_school_days / 100,
     clears-when: absent_last_5_school_days == 0, explanation: "{absent}", clears: "", source: s, late-after-days: 3}
  - {id: cools, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: streak, opens-when: streak >= 1, level: streak, cooldown-days: 4,
     explanation: "{streak}", clears: "", source: s}
  - {id: expires, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: absences, opens-when: absent_rate_last_10_school_days >= 1000, level: "1", expires-after-days: 6,
     explanation: "{absent}", clears: "", source: s, late-after-days: 1}
  - {id: all, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice, 2: warning}, settle-seconds: 0, audience: a,
     evidence: unexcused, opens-when: unexcused_last_8_days >= 100 && enrolled >= 300, level: 1 + tardy % 2, minimum-days: 4,
     clears-when: tardy_last_3_school_days == 0, expires-after-days: 5, cooldown-days: 2,
     explanation: "{unexcused} {tardy}", clears: "", source: s, late-after-days: 1}
  - {id: steps, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: absences, opens-when: absent_last_10_school_days >= 100, level: "1",
     escalation: [{after-school-days: 2, severity: warning}, {after-school-days: 6, severity: urgent, audience: principal}],
     explanation: "{absent_last_10_school_days}", clears: "", source: s}
  - {id: due, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: unexcused, opens-when: truancy_tx_days_in_4_weeks >= 2, level: "1",
     duties: [{what: A letter, within-days: 3, source: s, evidence: e}, {what: A plan, within-school-days: 4, source: s, evidence: e}],
     barred: [{what: Court, unless: tardy >= 2, source: s}, {what: Other, unless: streak == 0, source: s}],
     explanation: "{truancy_fl_absences_in_month}", clears: "", source: s}
  - {id: last-year, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: absences, opens-when: last_year_tier < 0 && longest_streak >= 2 || failing_core >= 1, level: "1 + failing",
     cooldown-days: 1, explanation: "{absences_left} {last_year_absent}", clears: "", source: s}
  - {id: ohio, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: unexcused, opens-when: truancy_oh_minutes_in_school_month < 0 && truancy_oh_minutes_in_a_row <= 0,
     level: 3 + truancy_oh_minutes_in_year - truancy_oh_nonmedical_minutes_in_school_month, escalation: [{after-school-days: 1}],
     explanation: "{truancy_nm_rate}", clears: "", source: s}
  - {id: classes, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: classes, opens-when: class_absences >= 2, level: class_absences, cooldown-days: 2,
     explanation: "{class_absent_rate}", clears: "", source: s}
  - {id: beside, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: conduct, opens-when: incident_rate >= 100 || suspended_out > 0 || sixth_grade_flags + high_school_flags > 0,
     level: 1 + incident_days + sixth_grade_flags + high_school_flags, cooldown-days: 2,
     explanation: "{gpa} {survey_score}", clears: "", source: s}
"#;

/// Rules that remember and name nothing but what is kept of every student, one that goes by grades and clears by days, one that fails
/// with some figures, and one of single days beside them.
const KEPT: &str = r#"
id: kept
version: 1
rules:
  - {id: clears, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: absences, opens-when: streak >= 2, level: streak, clears-when: tardy % 3 == 1 || unexcused * 3 < absent,
     explanation: "{absent}", clears: "", source: s, late-after-days: 2}
  - {id: until-there, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: failing-core, opens-when: failing_core >= 1, level: "1", clears-when: streak == 0,
     explanation: "{failing_core}", clears: "", source: s}
  - {id: both, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: streak, opens-when: unexcused_streak >= 1, level: "1 + tardy", cooldown-days: 3, expires-after-days: 4,
     escalation: [{after-school-days: 2}], duties: [{what: A, within-school-days: 2, source: s}],
     explanation: "{streak}", clears: "", source: s, late-after-days: 1}
  - {id: today, version: 1, title: t, meaning: m, scope: day, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: today, opens-when: unexplained_absence_today, level: streak, explanation: "{streak}", clears: "", source: s}
  - {id: fails, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: absences, opens-when: 100 / (absent - 800) < 0 && absent >= 200, level: "1", clears-when: streak == 0,
     explanation: "{absent}", clears: "", source: s, late-after-days: 1}
"#;

/// The short rules as they are later: others of some, each with its own word on what the change does to what is open.
fn later() -> String {
    SHORT
        .replace("id: cools, version: 1", "id: cools, version: 2, on-change: recall")
        .replace("cooldown-days: 4", "cooldown-days: 1")
        .replace("id: clears, version: 1", "id: clears, version: 2, on-change: keep")
        .replace("absent_last_5_school_days >= 200", "absent_last_5_school_days >= 300")
        .replace("id: due, version: 1", "id: due, version: 2")
        .replace("truancy_tx_days_in_4_weeks >= 2", "truancy_tx_days_in_4_weeks >= 3")
}

/// With variants of the student's school.
fn varied(pack: &str) -> String {
    let of_school =
        "{cools: {cooldown-days: 2}, expires: {off: true}, steps: {opens-when: absent_last_10_school_days >= 200}}";
    format!("{pack}schools: {{'1': {of_school}, '2': {{clears: {{minimum-days: 1}}}}}}\n")
}

/// All that is shipped, but the first rules, which are parts of others.
fn together() -> String {
    let first = Pack::parse(DEFAULT_PACK).unwrap().id;
    let ids: Vec<&str> = shipped().map(|(id, _)| id).filter(|id| *id != first.as_str()).collect();
    format!("id: all-of-them\nversion: 1\nuses: [{}]\nrules: []\n", ids.join(", "))
}

/// What is already known of the student before the story begins.
#[derive(Debug, Clone, Copy)]
struct Before {
    /// In which grade.
    grade: u8,
    /// Whether the student belongs to a section.
    member: bool,
    /// Since which day the student is enrolled.
    since: i32,
    /// Whether the student is away for some days soon after.
    away: bool,
}

fn student(pack: &str, before: Before) -> Counted {
    let mut student = Counted::of_days(DAYS, pack);
    let world = &mut student.world;
    for (name, n) in [("fight", 3), ("theft", 30)] {
        let incident = Incident { incident: id(name), school: school("1"), date: day(n) };
        world.defines(name, Entry::Incident(incident));
    }
    let grade_level = ["", "Sixth grade", "Ninth grade"][usize::from(before.grade % 3)];
    let enrollment = Enrollment { grade_level: code(grade_level), ..enrolled("1", day(before.since)) };
    if before.away {
        let again = enrolled("1", day(before.since + 13));
        world.says("again", Enrollment { grade_level: code(grade_level), ..again });
        world.says("enrollment", enrollment.until(day(before.since + 8)));
    } else {
        world.says("enrollment", enrollment);
    }
    if before.member {
        world.says("member", member("algebra", day(1)));
    }
    student
}

/// Something that is said beside marks.
fn beside(near: i32, code_of: u8, today: Date) -> Fact {
    let from = today.plus(near - 3);
    match code_of {
        0 => grade("algebra", if near % 2 == 0 { "first" } else { "second" }, "Final", 50 + i64::from(near) * 4).fact(),
        1 => Behavior {
            incident: id(if near < 3 { "fight" } else { "theft" }),
            code: code("School Violation"),
            part: String::new(),
        }
        .fact(),
        2 => Discipline {
            school: school("1"),
            begin_on: from,
            length: Some(200),
            code: code("Out of School Suspension"),
        }
        .fact(),
        3 | 4 => Connection {
            with: id("ms lee"),
            kind: "mentor".to_owned(),
            begin_on: from.plus(-20),
            end_on: (code_of == 4).then_some(from),
        }
        .fact(),
        5 => SurveyScore { survey: "WHO-5".to_owned(), taken_on: from, score: 4_000 + near * 100 }.fact(),
        6 | 7 => CourseTranscript {
            course: id("algebra course"),
            school_year: SchoolYear(2022),
            term: code(if code_of == 6 { "Fall Semester" } else { "Spring Semester" }),
            result: code("Fail"),
            attempted: Some(3_000),
            earned: Some(0),
            numeric: None,
            letter: Some("F".to_owned()),
        }
        .fact(),
        _ => member("algebra", from).fact(),
    }
}

/// One thing that happens: what, on which of the days around now, with which code.
fn happen(student: &mut Counted, (what, near, how): (u8, i32, u8)) {
    let today = student.world.now.today;
    let of = |date: Date| match how {
        0..=2 => mark("Tardy", date),
        3..=6 => absent(date),
        7 => mark("Absent", date),
        8 => mark("Present", date),
        _ => excused(date),
    };
    let recorded = |date: Date| Change::Recorded(of(date).fact());
    let earlier = today.plus(-near);
    match what {
        0..=9 => {
            let next = today.plus([1, 1, 1, 2, 3, 17][usize::try_from(near).unwrap()]);
            let as_of = if how % 4 == 0 { next.previous() } else { next };
            student.world.now = Now { today: next, as_of };
            student.mark(next, 1, &recorded(next));
        }
        10 => student.mark(earlier, 1, &recorded(earlier)),
        11 => student.mark(earlier, 1, &Change::Withdrawn),
        12 => student.mark(earlier, 2, &recorded(earlier)),
        13 => student.world.now = Now { today: today.plus(near), as_of: today.plus(near) },
        14 => student.world.now = Now { today: today.plus(near * 6), as_of: today },
        15 => student.world.now.as_of = today,
        16 => student.mark(today.plus(near), 1, &recorded(today.plus(near))),
        17 if how < 3 => {
            let times = Times { minutes: Some(45), ..Times::default() };
            let fact = homeroom_domain::event::AttendanceMark { times, ..of(today) };
            student.mark(today, 3, &Change::Recorded(fact.fact()));
        }
        17 if how < 5 => student.mark(today, 3, &Change::Recorded(of(today).share(50).fact())),
        17 if how < 7 => student.mark(today, 3, &Change::Recorded(of(today).in_section("algebra").fact())),
        17 => student.tell(RecordKey::new([how; 16]), &Change::Withdrawn),
        _ => student.tell(RecordKey::new([how; 16]), &Change::Recorded(beside(near, how, today))),
    }
}

/// What happens, and whether the student is looked at after it.
fn story() -> impl Strategy<Value = Vec<((u8, i32, u8), bool)>> {
    prop::collection::vec(((0_u8..20, 0_i32..6, 0_u8..10), prop::bool::weighted(0.8)), 0..50)
}

fn before() -> impl Strategy<Value = Before> {
    let of = (0_u8..3, prop::bool::weighted(0.2), prop_oneof![4 => Just(1), 1 => 2_i32..30], prop::bool::weighted(0.2));
    of.prop_map(|(grade, member, since, away)| Before { grade, member, since, away })
}

/// The rules are now those of the one pack, now those of the other.
fn compare(packs: [&str; 2], before: Before, story: Vec<((u8, i32, u8), bool)>) {
    let mut student = student(packs[0], before);
    let packs = packs.map(|pack| Pack::parse(pack).unwrap());
    student.world.closes(day(before.since));
    student.look();
    for (event, looks) in story {
        match event {
            (19, _, turn @ 0..3) => student.follow(packs[usize::from(turn % 2)].clone()),
            (19, days, how) => happen(&mut student, (10, days * 3, how)),
            _ => happen(&mut student, event),
        }
        if looks {
            student.look();
        }
    }
    student.look();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_count_of_rules_with_a_memory_says_what_a_full_look_says(before in before(), story in story()) {
        compare([SHORT, &later()], before, story);
    }

    #[test]
    fn so_does_a_count_of_a_schools_own_variants(before in before(), story in story()) {
        compare([&varied(SHORT), &varied(&later())], before, story);
    }

    #[test]
    fn so_does_a_count_of_rules_that_name_only_what_is_kept(before in before(), story in story()) {
        compare([KEPT, KEPT], before, story);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_count_of_all_shipped_packs_says_what_a_full_look_says(before in before(), story in story()) {
        compare([&together(), &together()], before, story);
    }
}

#[test]
fn a_correction_of_what_clears_a_rule_of_grades_is_seen() {
    let mut student = student(KEPT, Before { grade: 0, member: false, since: 1, away: false });
    for (n, period, value) in [(1, "first", 40), (2, "second", 90)] {
        student.tell(RecordKey::new([n; 16]), &Change::Recorded(grade("algebra", period, "Final", value).fact()));
    }
    for n in 9..=13 {
        student.mark(day(n), 1, &Change::Recorded(absent(day(n)).fact()));
    }
    // Failed in the first period, which ends with day 10; open until the student comes, and cleared on day 14.
    for n in 13..=14 {
        student.world.closes(day(n));
        student.look();
    }
    let told = student.told;
    student.mark(day(11), 1, &Change::Recorded(mark("Present", day(11)).fact()));
    student.look();
    assert!(student.told > told, "by the facts of now it was over on day 11, and was told to hold on day 13");
}

#[test]
fn a_year_of_absences_and_corrections_takes_no_full_look_of_rules_with_a_memory() {
    for (pack, away) in [(SHORT, false), (SHORT, true), (&together(), false)] {
        let mut student = student(pack, Before { grade: 2, member: false, since: 1, away });
        student.world.closes(day(1));
        student.look();
        for n in (1..=DAYS).filter(|n| n % 7 < 3) {
            student.world.closes(day(n));
            let fact = if n % 7 < 2 { absent(day(n)) } else { excused(day(n)) };
            student.mark(day(n), 1, &Change::Recorded(fact.fact()));
            student.look();
            if n % 7 == 2 {
                student.mark(day(n - 1), 1, &Change::Withdrawn);
                student.look();
            }
        }
        assert!(student.told > 60, "{} changes", student.told);
        let corrected = (1..=DAYS).filter(|n| n % 7 == 2).count();
        assert_eq!(student.shortcuts, (1..=DAYS).filter(|n| n % 7 < 3).count() + corrected);
    }
}
