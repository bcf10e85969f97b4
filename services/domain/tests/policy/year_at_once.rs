//! Years read from ledgers, and packs on all of their days at once, against a full look at each day.

use homeroom_domain::date::Date;
use homeroom_domain::rule::Pack;
use homeroom_domain::settings::{Now, Reporting};
use homeroom_domain::year::{Look, Program, Scratch, Year, Years};
use proptest::prelude::*;

use crate::world::{Marked as _, Plus as _, Spell as _, World, absent, day, enrolled, excused, grade, mark};

/// Rules over each kind of measure and window, and what else they say.
const RULES: [(&str, &str, &str); 7] = [
    ("tier >= 1", "tier", ""),
    ("absent * 10 >= enrolled && enrolled >= 500", "1", ", minimum-days: 12"),
    ("streak >= 2 || unexcused_streak == 1", "streak", ""),
    ("absent_last_5_school_days >= 200 || absent_rate_last_12_days >= 4000", "absent_last_5_school_days / 100", ""),
    ("unexplained_absence_today && absent_mondays + absent_fridays >= 100", "1", ""),
    (
        "longest_streak >= 2 && tardy_this_calendar_month < 2 && unexcused_first_20_school_days != 100",
        "federal_absent",
        "",
    ),
    ("absent_this_school_month * 3 > unexcused && federal_chronic_from_5_days == 1", "1", ", minimum-days: 1"),
];
/// Rules that remember the days before.
const REMEMBERING: [(&str, &str, &str); 4] = [
    (
        "absent_last_5_school_days >= 200",
        "absent_last_5_school_days / 100",
        ", clears-when: absent_last_10_school_days < 200",
    ),
    ("streak >= 1", "streak", ", cooldown-days: 3, minimum-days: 4"),
    ("tier >= 2", "tier", ", expires-after-days: 5"),
    ("absent_rate >= 1000", "1", ", clears-when: streak == 0 && tardy > 0, expires-after-days: 8, cooldown-days: 2"),
];
/// What does not follow from days.
const UNTOLD: (&str, &str, &str) = ("failing >= 1 && absent > 0", "1", "");

fn pack() -> Pack {
    let rule = |(at, (opens_when, level, more)): (usize, &(&str, &str, &str))| {
        format!(
            "  - {{id: r-{at}, version: 1, title: t, meaning: m, scope: school-year, opens-when: '{opens_when}', \
             level: '{level}', severity: {{1: notice}}, settle-seconds: 0, audience: a, evidence: absences, \
             explanation: e, clears: c, source: s{more}}}\n"
        )
    };
    let rules: String = RULES.iter().chain(&REMEMBERING).chain([&UNTOLD]).enumerate().map(rule).collect();
    Pack::parse(&format!("id: p\nversion: 1\nrules:\n{rules}")).unwrap()
}

/// Compares on each counted day. Tells whether the year was read from the ledger without a full look.
fn compare(world: &World) -> bool {
    let (pack, view) = (pack(), world.records.view());
    let program = Program::of(&pack);
    let mut years = Years::new(&program, &view, &world.settings, world.now.as_of);
    let read = years.read(&world.ledger);
    world.look(|student| {
        let looked_at = student.year_of_days(&program);
        let Some((year, frame)) = looked_at.as_ref().map(|(year, frame)| (year, frame)) else {
            return assert!(read.is_none_or(|(year, _)| year == Year::default()));
        };
        assert_eq!(world.measures().enrolled, 100 * i64::try_from(year.days()).unwrap());
        if let Some((of_ledger, of_calendar)) = &read {
            assert_eq!((of_ledger, of_calendar.dates()), (year, frame.dates()));
        }
        let frame = read.as_ref().map_or(frame, |(_, frame)| frame);
        let mut scratch = Scratch::default();
        let mut look = Look::new(&program, year, frame, &mut scratch);
        let (untold, told) = pack.rules.split_last().unwrap();
        assert_eq!((look.held(told.len()), look.history(told.len(), untold)), (None, None));
        for (at, rule) in told.iter().enumerate() {
            assert_eq!(look.history(at, rule), Some(rule.history(student, world.now.as_of)), "{}", rule.id);
        }
        for (at, rule) in told.iter().enumerate().take(RULES.len()) {
            let held = look.held(at).expect("it follows from days");
            for (day, &date) in frame.dates().iter().enumerate() {
                let claim = rule.claim(student, Now { today: date, as_of: date }).unwrap();
                let level = held.contains(day).then(|| look.level(at, day).unwrap());
                assert_eq!(level, claim.map(|claim| claim.level), "{:?} on {date}", RULES[at]);
            }
        }
    });
    read.is_some()
}

/// One thing that is said of the student: what, of which day, how.
fn say(world: &mut World, at: usize, (what, of, how): (u8, i32, u8)) {
    let key = format!("word {at}");
    let date = day(of);
    let said = match how {
        0 | 1 => absent(date),
        2 => excused(date),
        3 => mark("Tardy", date),
        4 => mark("Absent", date),
        5 => mark("In Attendance", date),
        _ => mark("Early departure", date),
    };
    match what {
        0..=9 => world.says(&format!("mark {of}"), said),
        10 => world.says(&key, said),
        11 => world.says(&format!("mark {of}"), said).withdraws(&format!("mark {of}")),
        12 if how == 0 => world.says(&key, said.at("2")),
        12 if how == 1 => world.says(&key, said.share(50)),
        12 if how == 2 => world.says(&key, said.in_section("algebra")),
        12 => world.says(&key, grade("algebra", "first", "Final", 50)),
        13 if how == 0 => world.says(&key, enrolled("2", date)),
        13 if how < 4 => world.says("enrollment", enrolled("1", day(3)).until(day(of.max(8)))),
        13 => world.says(&key, enrolled("1", day(of.max(20)))),
        _ => world,
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_year_read_from_the_ledger_is_what_looks_at_its_days_come_to(
        story in prop::collection::vec((0_u8..15, 1_i32..40, 0_u8..7), 0..40),
    ) {
        let mut world = World::of_school_days(40);
        world.opens("2").calendar("other", "2", 1..=40).session("fall", 1, 40).section("algebra", "Mathematics", "fall");
        world.period("first", 1, 10);
        for (at, word) in story.into_iter().enumerate() {
            say(&mut world, at, word);
        }
        compare(&world);
    }
}

/// A student with some absences, and a word more.
fn with(further: impl FnOnce(&mut World)) -> bool {
    let mut world = World::of_school_days(30);
    for of in [2, 3, 9, 11, 20] {
        world.says(&format!("mark {of}"), absent(day(of)));
    }
    world.says("late", mark("Tardy", day(12))).says("note", excused(day(3)));
    further(&mut world);
    compare(&world)
}

#[test]
fn whole_days_at_one_school_take_no_full_look() {
    assert!(with(|_| {}));
    assert!(with(|world| {
        world.says("enrollment", enrolled("1", day(4)).until(day(19)));
    }));
    assert!(with(|world| {
        world.says("enrollment", enrolled("1", day(1)).until(day(8))).says("back", enrolled("1", day(15)));
    }));
    let before_the_last_marks = |world: &mut World| {
        world.closes(day(17));
    };
    assert!(with(before_the_last_marks));
    let not_enrolled = |world: &mut World| {
        world.withdraws("enrollment");
    };
    assert!(with(not_enrolled));
    let after_the_last_day = |world: &mut World| {
        world.closes(day(30).plus(2));
    };
    assert!(with(after_the_last_day));
}

#[test]
fn what_is_not_of_whole_days_at_one_school_takes_a_full_look() {
    assert!(!with(|world| {
        world.says("half", absent(day(5)).share(50));
    }));
    assert!(!with(|world| world.settings.reporting = Reporting::Positive));
    assert!(!with(|world| {
        let source = homeroom_domain::id::SourceId::parse("sis").unwrap();
        world.settings.source_reporting.insert(source, Reporting::Positive);
    }));
    assert!(!with(|world| {
        world.counts_by("  - id: late\n    count: marks\n    tardies: {every: 1, counts: 50}");
    }));
    assert!(!with(|world| {
        world.opens("2").calendar("other", "2", 1..=30).says("second", enrolled("2", day(10)));
    }));
    assert!(!with(|world| {
        world.session("fall", 1, 30).section("algebra", "Mathematics", "fall");
        world.says("class", absent(day(5)).in_section("algebra"));
    }));
}

#[test]
fn what_dates_tell_is_kept_from_student_to_student() {
    let (pack, world) = (pack(), World::of_school_days(30));
    let (program, view) = (Program::of(&pack), world.records.view());
    let mut years = Years::new(&program, &view, &world.settings, world.now.as_of);
    let mut dates = |entry: i32| {
        let mut of = World::of_school_days(30);
        of.says("enrollment", enrolled("1", day(entry)));
        years.read(&of.ledger).map(|(_, frame)| frame.dates().to_vec()).unwrap()
    };
    let all: Vec<Date> = (1..=30).map(day).collect();
    assert_eq!((dates(1), dates(5), dates(1)), (all.clone(), all[4..].to_vec(), all.clone()));
}
