//! A year at once is the year date by date: random students, calendars and conditions, told both ways.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{Bits, Frame, Look, MOST_DAYS, Program, Scratch, Year};
use crate::date::Date;
use crate::day::{Day, WHOLE};
use crate::figure::Federal;
use crate::marked::{Days, Marked, of};
use crate::measure::{Figures, Measure, Measures};
use crate::rule::condition::Failure;
use crate::rule::{Pack, Rule};
use crate::window::{End, school_month};

/// Numbers that follow from whole days, of each kind of measure and window.
const NUMBERS: [&str; 26] = [
    "enrolled",
    "absent",
    "unexcused",
    "tardy",
    "tier",
    "streak",
    "unexcused_streak",
    "longest_streak",
    "federal_enrolled",
    "federal_absent",
    "federal_chronic_from_20_days",
    "absent_last_45_school_days",
    "absent_last_20_school_days",
    "unexcused_first_20_school_days",
    "absent_last_28_days",
    "tardy_last_30_days",
    "absent_last_2_months",
    "absent_this_calendar_month",
    "enrolled_this_school_month",
    "unexplained_last_10_school_days",
    "absent_mondays",
    "absent_rate",
    "absent_rate_last_30_school_days",
    "absent_rate_last_28_days",
    "absent_rate_fridays",
    "enrolled_last_28_days",
];

fn rule(opens_when: &str, level: &str) -> String {
    let mut text = String::new();
    write!(
        text,
        "{{version: 1, title: t, meaning: m, scope: school-year, opens-when: '{opens_when}', level: '{level}', \
         severity: {{1: notice}}, settle-seconds: 0, audience: a, evidence: absences, explanation: e, clears: c, source: s"
    )
    .unwrap();
    text
}

fn pack(rules: &[(String, String)]) -> Pack {
    let mut yaml = "id: p\nversion: 1\nrules:\n".to_owned();
    for (at, (opens_when, level)) in rules.iter().enumerate() {
        writeln!(yaml, "  - {}, id: r-{at}}}", rule(opens_when, level)).unwrap();
    }
    Pack::parse(&yaml).unwrap_or_else(|error| panic!("{error:?} in {yaml}"))
}

/// A student's counted dates, what each was, and the calendar they are of.
#[derive(Debug, Clone)]
struct Student {
    days: Vec<Day>,
    calendar: Vec<Date>,
}

impl Student {
    /// Of the dates of a calendar those from one on, but for a stretch on which the student was away.
    fn new(weekdays: usize, holidays: &[usize], entry: usize, away: (usize, usize), said: &[u8]) -> Self {
        let monday = Date::parse("2025-08-25").unwrap().days();
        let weekday = |at: usize| Date::from_days(monday + i32::try_from(at / 5 * 7 + at % 5).unwrap()).unwrap();
        let calendar: Vec<Date> = (0..weekdays).filter(|at| !holidays.contains(at)).map(weekday).collect();
        let is_away = |at: usize| (away.0..away.0 + away.1).contains(&at);
        let enrolled = calendar.iter().enumerate().skip(entry).filter(|(at, _)| !is_away(*at));
        let days = enrolled.zip(said.iter().cycle()).map(|((_, date), said)| day(*date, *said)).collect();
        Self { days, calendar }
    }

    fn month(&self, date: Date) -> Date {
        school_month(&self.calendar, date).unwrap_or(date)
    }
}

fn day(date: Date, said: u8) -> Day {
    let present = Day {
        date,
        absent: 0,
        unexcused: 0,
        unknown: 0,
        tardy: false,
        unexplained: false,
        cut: false,
        weight: WHOLE,
        minutes: None,
    };
    match said {
        0 => Day { absent: WHOLE, ..present },
        1 => Day { absent: WHOLE, unexcused: WHOLE, unexplained: true, cut: true, ..present },
        2 => Day { tardy: true, ..present },
        3 => Day { absent: WHOLE, unexplained: true, tardy: true, ..present },
        4 => Day { unexcused: WHOLE, cut: true, ..present },
        _ => present,
    }
}

/// What the rule claims as of the close of each day, one at a time.
fn one_by_one(student: &Student, rule: &Rule) -> Vec<Result<Option<i64>, Failure>> {
    let (dates, marked) = of(&student.days);
    let all = Days { dates: &dates, marked: &marked };
    let outcome = |as_of: Date| {
        let days = all.until(as_of);
        let end = End { as_of, school_month: student.month(as_of) };
        let measures = Measures { unexplained_absence_today: days.is_unexplained(as_of), ..days.measures() };
        let other = |measure: &Measure| {
            let federal = Federal::of(days);
            let value = match *measure {
                Measure::Of(counted, among) => days.count(counted, among, end),
                Measure::LongestStreak => days.longest_streak(),
                Measure::FederalEnrolled => federal.enrolled(),
                Measure::FederalAbsent => federal.absent(),
                Measure::FederalChronic(minimum) => i64::from(federal.is_chronic(i64::from(minimum))),
                other => panic!("{other:?} is not told of whole days"),
            };
            (*measure, value)
        };
        rule.outcome(&Figures::new(measures, rule.others.iter().map(other)))
    };
    dates.iter().map(|date| outcome(*date)).collect()
}

fn at_once(student: &Student, program: &Program) -> (Year, Frame) {
    let (dates, marked) = of(&student.days);
    let year = Year::of(Days { dates: &dates, marked: &marked }).expect("whole days");
    (year, program.frame(&dates, |date| student.month(date)))
}

/// Of each rule: what is told at once is what is told one by one. Tells how many rules were told.
fn compare(student: &Student, pack: &Pack) -> usize {
    let program = Program::of(pack);
    let (year, frame) = at_once(student, &program);
    let mut scratch = Scratch::default();
    let mut look = Look::new(&program, &year, &frame, &mut scratch);
    let mut told = 0;
    for (at, rule) in pack.rules.iter().enumerate() {
        let one_by_one = one_by_one(student, rule);
        let Some(held) = look.held(at) else { continue };
        told += 1;
        for (day, then) in one_by_one.into_iter().enumerate() {
            let level = held.contains(day).then(|| look.level(at, day));
            match then {
                Ok(then) => assert_eq!(level, then.map(Some), "{:?} on day {day}", rule.opens_when),
                // Only a level may fail: a condition that may is not told.
                Err(_) => assert_eq!(level, Some(None), "{:?} on day {day}", rule.opens_when),
            }
        }
    }
    told
}

fn number() -> impl Strategy<Value = String> {
    let constant = prop_oneof![0..12_i64, Just(100), Just(500), Just(1_000), Just(2_500), -3..0_i64];
    let leaf = prop_oneof![
        3 => prop::sample::select(&NUMBERS[..]).prop_map(str::to_owned),
        2 => constant.prop_map(|value| value.to_string()),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        let operation = prop::sample::select(&["+", "-", "*", "/", "%"][..]);
        (inner.clone(), operation, inner).prop_map(|(left, operation, right)| format!("({left} {operation} {right})"))
    })
}

fn condition() -> impl Strategy<Value = String> {
    let comparison = prop::sample::select(&[">=", ">", "<", "<=", "==", "!="][..]);
    let compare =
        (number(), comparison, number()).prop_map(|(left, comparison, right)| format!("{left} {comparison} {right}"));
    let leaf =
        prop_oneof![6 => compare, 1 => Just("unexplained_absence_today".to_owned()), 1 => Just("true".to_owned())];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} && {right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} || {right})")),
            inner.prop_map(|inner| format!("!({inner})")),
        ]
    })
}

fn student() -> impl Strategy<Value = Student> {
    let said = prop::collection::vec(prop_oneof![4 => Just(9_u8), 1 => 0..5_u8], 1..250);
    let holidays = prop::collection::vec(0..250_usize, 0..12);
    (1..250_usize, holidays, 0..60_usize, (0..200_usize, 0..40_usize), said)
        .prop_map(|(weekdays, holidays, entry, away, said)| Student::new(weekdays, &holidays, entry, away, &said))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_year_at_once_is_the_year_date_by_date(
        student in student(),
        rules in prop::collection::vec((condition(), number()), 1..6),
    ) {
        compare(&student, &pack(&rules));
    }
}

/// Rules as authors write them, none of which is left to the long way.
const WRITTEN: [(&str, &str); 11] = [
    ("absent * 20 >= enrolled && enrolled >= 1000", "1"),
    ("tier >= 1", "tier"),
    ("streak >= 3", "streak"),
    ("absent_last_45_school_days >= 500", "absent_last_45_school_days / 100"),
    ("enrolled >= 100 && absent >= 200 * ((enrolled - 100) / 2000 + 1)", "1"),
    ("tardy_last_20_school_days >= 3 || unexcused_last_28_days == 300", "1"),
    ("absent_rate_this_calendar_month >= 1000 && enrolled_this_calendar_month >= 500", "1"),
    ("1000 - absent < 400 || -streak != 0", "1"),
    ("absent_mondays * 2 > absent && absent >= 500", "1"),
    ("unexplained_absence_today && !(federal_chronic > 0)", "1"),
    ("longest_streak > 4 && streak < 2", "longest_streak"),
];

#[test]
fn what_authors_write_is_told_at_once() {
    let written = WRITTEN.map(|(opens_when, level)| (opens_when.to_owned(), level.to_owned()));
    let said: Vec<u8> = (0..180_u32).map(|day| u8::try_from(day.wrapping_mul(2_654_435_761) >> 28).unwrap()).collect();
    let student = Student::new(200, &[10, 60, 61], 12, (100, 15), &said);
    assert_eq!(compare(&student, &pack(&written)), WRITTEN.len());
    // A condition that may divide by zero is for the long way, which tells when it does.
    let fails = pack(&[("100 / (enrolled - 1000) > 1".to_owned(), "1".to_owned())]);
    assert!(!Program::of(&fails).tells(0));
    assert!(one_by_one(&student, &fails.rules[0]).contains(&Err(Failure::DivisionByZero)));
}

#[test]
fn a_year_with_half_a_day_or_too_many_days_takes_the_long_way() {
    let mut student = Student::new(30, &[], 0, (0, 0), &[9, 0]);
    student.days[7].absent = 50;
    let (dates, marked) = of(&student.days);
    assert_eq!(Year::of(Days { dates: &dates, marked: &marked }), None);
    let long = Student::new(MOST_DAYS + 1, &[], 0, (0, 0), &[9]);
    let (dates, marked) = of(&long.days);
    assert_eq!(Year::of(Days { dates: &dates, marked: &marked }), None);
    let (dates, marked): (_, &[Marked]) = (&dates[1..], &[]);
    let year = Year::of(Days { dates, marked }).expect("as many as there may be");
    assert_eq!((year.days(), year.of_kind(super::Kind::Absent)), (MOST_DAYS, Bits::NONE));
}
