//! Random small worlds: a plausible school fortnight of three schools, then words that upset it. Careless references across
//! schools, unknown codes, withdrawals and repeats of a key are all in.

pub mod further;

use std::collections::BTreeMap;

use homeroom_domain::event::{
    AttendanceMark, Change, Enrollment, Fact, Grade, Origin, Scope, SectionMembership, Times,
};
use homeroom_domain::id::SchoolYear;
use homeroom_domain::ledger::Ledger;
use homeroom_domain::reference::{
    AttendanceTaken, Calendar, CalendarDate, Course, CourseOffering, Entry, GradingPeriod, School, Section, Session,
};
use homeroom_domain::settings::{Category, Reporting, Settings};
use homeroom_domain::view::Records;

use crate::dice::Dice;
use crate::names::{YEAR, code, date, id, origin, school};

/// One word of the log, of either topic.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// Of the events topic.
    Fact(Origin, Change<Fact>),
    /// Of the reference topic.
    Reference(Origin, Change<Entry>),
}

impl Word {
    /// Takes it in.
    pub fn apply(self, ledger: &mut Ledger, records: &mut Records) {
        match self {
            Self::Fact(origin, change) => {
                ledger.apply(origin, change);
            }
            Self::Reference(origin, change) => {
                records.apply(origin, change);
            }
        }
    }
}

/// What a word says, before it has a revision.
#[derive(Debug, Clone)]
pub enum Said {
    /// Of a student's record; none withdraws it.
    Fact(String, Option<Fact>),
    /// Of a reference record; none withdraws it.
    Reference(String, Option<Entry>),
}

impl Said {
    /// The record no longer holds.
    #[must_use]
    pub fn withdrawn(self) -> Self {
        match self {
            Self::Fact(key, _) => Self::Fact(key, None),
            Self::Reference(key, _) => Self::Reference(key, None),
        }
    }

    /// With its revision.
    pub fn with(self, revision: u64) -> Word {
        fn change<T>(said: Option<T>) -> Change<T> {
            said.map_or(Change::Withdrawn, Change::Recorded)
        }
        match self {
            Self::Fact(key, said) => Word::Fact(origin(&key, revision), change(said)),
            Self::Reference(key, said) => Word::Reference(origin(&key, revision), change(said)),
        }
    }
}

/// Their numeric order is not their text order.
pub const SCHOOLS: [&str; 3] = ["9", "10", "101"];
const CALENDARS: [&str; 4] = ["calendar of 9", "calendar of 10", "calendar of 101", "second calendar"];
const SECTIONS: [&str; 4] = ["english", "algebra", "art", "biology"];
const SESSIONS: [&str; 2] = ["first half", "second half"];
const PERIODS: [&str; 3] = ["first period", "second period", "both"];
const SUBJECTS: [&str; 4] = ["English", "Mathematics", "Fine and Performing Arts", "SCIENCE"];
/// Dates of a world are the days 0 to 16 after the first Monday.
pub const DAYS: i32 = 17;

fn offset(dice: &mut Dice) -> i32 {
    dice.between(0, DAYS - 1)
}

/// A student's words as they should be: known, enrolled, marked here and there.
pub fn student(dice: &mut Dice, marks: usize) -> Vec<Said> {
    let mut log = vec![Said::Fact("student".to_owned(), Some(Fact::Registration)), enrollment(dice, 0)];
    if dice.one_in(2) {
        log.push(enrollment(dice, 1));
    }
    log.extend((0..marks).map(|_| daily(dice)));
    log
}

/// How a district counts.
pub fn settings(dice: &mut Dice) -> Settings {
    let category = dice.of(&[
        Category::UnexcusedAbsence,
        Category::SuspendedOut,
        Category::Activity,
        Category::MedicalAbsence,
        Category::ExcusedTardy,
    ]);
    let codes = BTreeMap::from([("a7".to_owned(), category)]);
    let mut settings = Settings {
        failing_below: dice.of(&[60_00, 70_00]),
        reporting: if dice.one_in(4) { Reporting::Positive } else { Reporting::Negative },
        codes: if dice.one_in(2) { codes } else { BTreeMap::new() },
        ..Settings::default()
    };
    // Of the one source that there is it may be said apart, and then stands before what is said of the others.
    if !settings.codes.is_empty() {
        let other = match settings.reporting {
            Reporting::Positive => Reporting::Negative,
            Reporting::Negative => Reporting::Positive,
        };
        settings
            .source_reporting
            .insert(origin("settings", 0).source, std::mem::replace(&mut settings.reporting, other));
    }
    settings
}

/// Three schools, each with a calendar, sessions and sections.
pub fn district() -> Vec<Said> {
    let mut log: Vec<Said> = SCHOOLS.iter().map(|name| has_school(name)).collect();
    for (at, name) in SCHOOLS.iter().enumerate() {
        log.push(has_calendar(CALENDARS[at], name, YEAR));
        for offset in (0..DAYS).filter(|offset| offset % 7 < 5) {
            log.push(is(CALENDARS[at], offset, &["Instructional day"]));
        }
    }
    log.push(runs(SESSIONS[0], "9", 0, 8));
    log.push(runs(SESSIONS[1], "9", 9, DAYS));
    log.push(grades_in(PERIODS[0], 0, 8));
    log.push(grades_in(PERIODS[1], 9, DAYS));
    log.push(grades_in(PERIODS[2], 0, DAYS));
    for (at, name) in SECTIONS.iter().enumerate() {
        log.extend([teaches(name, SUBJECTS[at]), offers(name, SESSIONS[at % 2]), holds(name, SCHOOLS[at % 2])]);
    }
    log
}

/// A word that changes something.
pub fn upset(dice: &mut Dice) -> Said {
    match dice.roll(40) {
        0..10 => upset_student(dice),
        10..30 => facts(dice),
        _ => references(dice),
    }
}

/// A word on a student that takes something back, or is careless.
pub fn upset_student(dice: &mut Dice) -> Said {
    match dice.roll(10) {
        0 => Said::Fact("student".to_owned(), dice.one_in(2).then_some(Fact::Registration)),
        _ => facts(dice).withdrawn(),
    }
}

/// A word on a student.
pub fn facts(dice: &mut Dice) -> Said {
    match dice.roll(20) {
        0..6 => daily(dice),
        6..12 => in_section(dice),
        12..15 => {
            let at = dice.roll(SCHOOLS.len());
            enrollment(dice, at)
        }
        15..17 => membership(dice),
        _ => graded(dice),
    }
}

/// A reference record's word.
pub fn references(dice: &mut Dice) -> Said {
    let said = match dice.roll(17) {
        0..6 => {
            let events: Vec<_> = (0..dice.roll(3)).map(|_| dice.of(&EVENTS)).collect();
            is(dice.of(&CALENDARS), offset(dice), &events)
        }
        6..8 => {
            let year = if dice.one_in(5) { SchoolYear(2021) } else { YEAR };
            has_calendar(dice.of(&CALENDARS), dice.of(&SCHOOLS), year)
        }
        8..10 => took(dice.of(&SECTIONS), offset(dice)),
        10 => runs(dice.of(&SESSIONS), dice.of(&SCHOOLS), offset(dice), offset(dice)),
        11 => grades_in(dice.of(&PERIODS), offset(dice), offset(dice)),
        12 => teaches(dice.of(&SECTIONS), dice.of(&SUBJECTS)),
        13 => offers(dice.of(&SECTIONS), dice.of(&SESSIONS)),
        14 | 15 => holds(dice.of(&SECTIONS), dice.of(&SCHOOLS)),
        _ => has_school(dice.of(&SCHOOLS)),
    };
    if dice.one_in(4) { said.withdrawn() } else { said }
}

const EVENTS: [&str; 7] = [
    "Instructional day",
    "Make-up day",
    "Student late arrival/early dismissal",
    "Holiday",
    "WEATHER DAY",
    "Teacher only day",
    "Other",
];
const CATEGORIES: [&str; 10] = [
    "Excused Absence",
    "Unexcused Absence",
    "unexcused absence",
    "Absent",
    "Partial",
    "Tardy",
    "Early Departure",
    "Present",
    "In Attendance",
    "A7",
];

/// A spell at one of the schools.
pub fn enrollment(dice: &mut Dice, at: usize) -> Said {
    let spell = Enrollment {
        school: school(SCHOOLS[at]),
        entry_on: date(dice.between(-3, 8)),
        exit_on: dice.one_in(3).then(|| date(dice.between(-4, DAYS))),
        calendar: dice.one_in(3).then(|| id(dice.of(&[CALENDARS[at], CALENDARS[3], "nobody's calendar"]))),
        primary_school: dice.one_in(2),
        grade_level: String::new(),
        exit_type: dice.of(&["", "No show", "Transferred"]).to_owned(),
    };
    Said::Fact(format!("enrollment {} at {}", dice.roll(2), SCHOOLS[at]), Some(Fact::Enrollment(spell)))
}

/// A mark for a whole day.
pub fn daily(dice: &mut Dice) -> Said {
    let (at, offset) = (dice.of(&SCHOOLS), offset(dice));
    let mark = AttendanceMark {
        school: school(at),
        date: date(offset),
        scope: Scope::Day,
        session: dice.one_in(5).then(|| id(dice.of(&[SESSIONS[0], "nobody's session"]))),
        code: code(dice.of(&CATEGORIES)),
        share: dice.one_in(2).then(|| dice.of(&[-1, 0, 1, 25, 50, 75, 100, 101, 250])),
        times: Times {
            minutes: dice.one_in(3).then(|| dice.of(&[-5, 0, 30, 31, 130, 400, 500])),
            came_at: dice.one_in(6).then(|| dice.of(&[0, 485, 700])),
            left_at: dice.one_in(6).then(|| dice.of(&[500, 860, 1_439])),
        },
    };
    Said::Fact(format!("mark {} at {at} on {offset}", dice.roll(2)), Some(Fact::AttendanceMark(mark)))
}

fn in_section(dice: &mut Dice) -> Said {
    let section = dice.of(&["english", "algebra", "art", "biology", "nobody's section"]);
    let (at, offset) = (dice.of(&SCHOOLS[..2]), offset(dice));
    let mark = AttendanceMark {
        school: school(at),
        date: date(offset),
        scope: Scope::Section(id(section)),
        session: None,
        code: code(dice.of(&CATEGORIES)),
        share: None,
        times: Times::default(),
    };
    let key = format!("mark {} in {section} at {at} on {offset}", dice.roll(2));
    Said::Fact(key, Some(Fact::AttendanceMark(mark)))
}

fn membership(dice: &mut Dice) -> Said {
    let section = dice.of(&SECTIONS);
    let until = dice.one_in(3).then(|| date(offset(dice)));
    let fact = SectionMembership { section: id(section), begin_on: date(dice.between(-3, DAYS)), end_on: until };
    Said::Fact(format!("member of {section}"), Some(Fact::SectionMembership(fact)))
}

fn graded(dice: &mut Dice) -> Said {
    let (section, period) = (dice.of(&SECTIONS), dice.of(&PERIODS));
    let grade_type = dice.of(&["Final", "Semester", "GRADING PERIOD", "Progress Report"]);
    let fact = Grade {
        section: id(section),
        grading_period: id(period),
        grade_type: code(grade_type),
        numeric: dice.one_in(2).then(|| dice.of(&[59_99, 60_00, 69_99, 95_00])),
        letter: dice.one_in(2).then(|| dice.of(&["A", "E", "f", "U"]).to_owned()),
    };
    Said::Fact(format!("{grade_type} grade in {section} for {period}"), Some(Fact::Grade(fact)))
}

fn has_school(name: &str) -> Said {
    let entry = Entry::School(School { school: school(name), name: name.to_owned(), types: Vec::new() });
    Said::Reference(format!("school {name}"), Some(entry))
}

fn has_calendar(calendar: &str, at: &str, school_year: SchoolYear) -> Said {
    let entry = Entry::Calendar(Calendar {
        calendar: id(calendar),
        school: school(at),
        school_year,
        code: String::new(),
        calendar_type: String::new(),
    });
    Said::Reference(format!("calendar {calendar}"), Some(entry))
}

fn is(calendar: &str, offset: i32, events: &[&str]) -> Said {
    let events = events.iter().map(|event| code(event)).collect();
    let entry = Entry::CalendarDate(CalendarDate { calendar: id(calendar), date: date(offset), events });
    Said::Reference(format!("date {calendar} {offset}"), Some(entry))
}

fn runs(session: &str, at: &str, from: i32, until: i32) -> Said {
    let (begin_on, end_on) = (date(from), date(until));
    let entry = Session { session: id(session), school: school(at), school_year: YEAR, begin_on, end_on };
    Said::Reference(format!("session {session}"), Some(Entry::Session(entry)))
}

fn grades_in(period: &str, from: i32, until: i32) -> Said {
    let (begin_on, end_on) = (date(from), date(until));
    let entry = GradingPeriod { grading_period: id(period), school: school("10"), school_year: YEAR, begin_on, end_on };
    Said::Reference(format!("period {period}"), Some(Entry::GradingPeriod(entry)))
}

fn teaches(section: &str, subject: &str) -> Said {
    let entry = Course { course: id(&format!("course {section}")), subjects: vec![code(subject)] };
    Said::Reference(format!("course {section}"), Some(Entry::Course(entry)))
}

fn offers(section: &str, session: &str) -> Said {
    let entry = CourseOffering {
        course_offering: id(&format!("offering {section}")),
        course: id(&format!("course {section}")),
        session: id(session),
    };
    Said::Reference(format!("offering {section}"), Some(Entry::CourseOffering(entry)))
}

fn holds(section: &str, at: &str) -> Said {
    let entry = Section {
        section: id(section),
        course_offering: id(&format!("offering {section}")),
        school: school(at),
        class_periods: Vec::new(),
        official: false,
    };
    Said::Reference(format!("section {section}"), Some(Entry::Section(entry)))
}

fn took(section: &str, offset: i32) -> Said {
    let entry = AttendanceTaken { section: id(section), date: date(offset) };
    Said::Reference(format!("taken {section} {offset}"), Some(Entry::AttendanceTaken(entry)))
}

/// Some days in a row without an excuse.
pub fn absences(dice: &mut Dice) -> Vec<Said> {
    let (from, days, at) = (dice.between(0, 9), dice.between(2, 6), SCHOOLS[0]);
    let absent = |offset: i32| {
        let mark = AttendanceMark {
            school: school(at),
            date: date(offset),
            scope: Scope::Day,
            session: None,
            code: code("Unexcused Absence"),
            share: None,
            times: Times::default(),
        };
        Said::Fact(format!("mark 0 at {at} on {offset}"), Some(Fact::AttendanceMark(mark)))
    };
    (from..from + days).map(absent).collect()
}
