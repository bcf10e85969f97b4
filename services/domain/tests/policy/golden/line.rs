//! The lines of the files, word for word:
//!
//! | line | says |
//! |---|---|
//! | `school-days 2021-09-06 to 2022-01-28` | school on each weekday, the student enrolled since the first; of last year too |
//! | `grade-level Ninth grade` | of the student |
//! | `day-minutes 390` | the district counts by minutes, and a day has so many |
//! | `2021-09-08 U`, `... U x3`, `... U in algebra`, `... T 31 minutes` | a mark, or one on each of three weekdays: `U` unexcused, `E` excused, `M` medical, `A` absent and nobody knows why, `T` tardy, `P` present, `-` withdrawn |
//! | `class algebra Mathematics 2021-09-06 to 2022-01-28` | a class that the student belongs to |
//! | `period fall 2021-09-06 to 2021-10-29`, `grade algebra fall 55` | a grading period; a grade, `-` withdrawn |
//! | `transcript algebra Fail 1 0` | a course of the transcript: how it ended, credits attempted and earned |
//! | `assignment essay of algebra due 2021-09-10`, `work essay missing`, `work essay 65` | work, and its result: missing or percent |
//! | `incident fight 2021-09-10`, `suspended 2021-09-10 for 3` | a part in an incident; a suspension of days out of school |
//! | `mentor lee 2021-09-06 to 2021-10-01`, `adult`, `activity` | a connection, with or without an end |
//! | `evening 2021-09-08`, `morning 2021-09-09` | a look, after which what is told follows |
//!
//! A later line on the same record is a correction. `-` behind a record withdraws it. `#` begins a remark.

use homeroom_domain::alert::AlertChange;
use homeroom_domain::date::Date;
use homeroom_domain::event::{
    AssignmentResult, AttendanceMark, Behavior, Connection, CourseTranscript, Discipline, Enrollment,
};
use homeroom_domain::id::SchoolYear;
use homeroom_domain::reference::{Assignment, Calendar, Entry, Incident, Session};

use crate::world::{
    Marked as _, Plus as _, Said, World, YEAR, code, enrolled, grade, id, letter, mark, member, on, school,
};

/// A world that is told line by line.
pub(super) struct Teller {
    world: World,
    entry_on: Option<Date>,
    grade_level: String,
}

impl Teller {
    pub(super) fn new(world: World) -> Self {
        Self { world, entry_on: None, grade_level: String::new() }
    }

    /// Takes a line in; of a look, what is told.
    pub(super) fn take(&mut self, line: &str) -> Option<Vec<AlertChange>> {
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        match words.as_slice() {
            [] | ["after", "opens"] => None,
            ["evening", date] => Some(self.world.closes(on(date)).changes()),
            ["morning", date] => Some(self.world.begins(on(date)).changes()),
            ["school-days", first, "to", last] => self.school_days(on(first), on(last)),
            ["grade-level", words @ ..] => self.grade_level(words),
            ["day-minutes", minutes] => {
                self.world.counts_by(&format!("  - id: ours\n    count: exact\n    day-minutes: {minutes}"));
                None
            }
            ["class" | "period" | "grade" | "transcript" | "assignment" | "work", ..] => self.course_word(&words),
            ["incident" | "suspended", ..] => self.conduct_word(&words),
            [kind @ ("mentor" | "adult" | "activity"), with, rest @ ..] => self.tie(kind, with, rest),
            [date, said, rest @ ..] if date.starts_with("20") => self.marks(on(date), said, rest),
            _ => panic!("`{line}` is no line of a history"),
        }
    }

    fn says(&mut self, key: &str, said: impl Said) -> Option<Vec<AlertChange>> {
        self.world.says(key, said);
        None
    }

    fn withdraws(&mut self, key: &str) -> Option<Vec<AlertChange>> {
        self.world.withdraws(key);
        None
    }

    fn school_days(&mut self, first: Date, last: Date) -> Option<Vec<AlertChange>> {
        let school_year = first.school_year();
        let name = format!("year {school_year}");
        let calendar = Calendar {
            calendar: id(&name),
            school: school("1"),
            school_year,
            code: String::new(),
            calendar_type: String::new(),
        };
        self.world.opens("1").registers().defines(&format!("calendar {name}"), Entry::Calendar(calendar));
        for date in (0..).map(|days| first.plus(days)).take_while(|date| *date <= last).filter(|date| is_weekday(*date))
        {
            self.world.calendar_day(&name, date, &["Instructional day"]);
        }
        self.entry_on = Some(self.entry_on.map_or(first, |known| known.min(first)));
        self.enroll()
    }

    fn grade_level(&mut self, words: &[&str]) -> Option<Vec<AlertChange>> {
        self.grade_level = code(&words.join(" "));
        self.enroll()
    }

    fn enroll(&mut self) -> Option<Vec<AlertChange>> {
        let spell = enrolled("1", self.entry_on.expect("school days come first"));
        self.says("enrollment", Enrollment { grade_level: self.grade_level.clone(), ..spell })
    }

    fn marks(&mut self, first: Date, said: &str, rest: &[&str]) -> Option<Vec<AlertChange>> {
        let (many, section, minutes) = match rest {
            [] => (1, None, None),
            ["in", section] => (1, Some(*section), None),
            [minutes, "minutes"] => (1, None, Some(number(minutes))),
            [many] => (number(many.trim_start_matches('x')), None, None),
            _ => panic!("{rest:?} says nothing of a mark"),
        };
        let dates = (0..).map(|days| first.plus(days)).filter(|date| is_weekday(*date));
        for date in dates.take(usize::try_from(many).unwrap()) {
            let key = format!("mark {date} {}", section.unwrap_or_default());
            match category(said) {
                None => self.withdraws(&key),
                Some(category) => self.says(&key, a_mark(category, date, section, minutes)),
            };
        }
        None
    }

    fn course_word(&mut self, words: &[&str]) -> Option<Vec<AlertChange>> {
        match words {
            ["class", name, subject, first, "to", last] => self.class(name, subject, on(first), on(last)),
            ["period", name, first, "to", last] => {
                let (begin_on, end_on) = (on(first), on(last));
                let period = homeroom_domain::reference::GradingPeriod {
                    grading_period: id(name),
                    school: school("1"),
                    school_year: YEAR,
                    begin_on,
                    end_on,
                };
                self.world.defines(&format!("period {name}"), Entry::GradingPeriod(period));
                None
            }
            ["grade", section, period, "-"] => self.withdraws(&format!("grade {section} {period}")),
            ["grade", section, period, said] => {
                let key = format!("grade {section} {period}");
                match said.parse() {
                    Ok(number) => self.says(&key, grade(section, period, "Grading Period", number)),
                    Err(_) => self.says(&key, letter(section, period, "Grading Period", said)),
                }
            }
            ["transcript", course, "-"] => self.withdraws(&format!("transcript {course}")),
            ["transcript", course, result, attempted, earned] => {
                let taken = taken(course, result, i64::from(number(attempted)), i64::from(number(earned)));
                self.says(&format!("transcript {course}"), taken)
            }
            ["assignment", name, "of", section, "due", due] => {
                let (assignment, section, due_on) = (id(name), id(section), on(due));
                let entry = Entry::Assignment(Assignment { assignment, section, due_on, points: None });
                self.world.defines(&format!("assignment {name}"), entry);
                None
            }
            ["work", name, said] => self.says(&format!("work {name}"), work(name, said)),
            _ => panic!("{words:?} says nothing of a course"),
        }
    }

    fn class(&mut self, name: &str, subject: &str, begin_on: Date, end_on: Date) -> Option<Vec<AlertChange>> {
        let session = Session { session: id("term"), school: school("1"), school_year: YEAR, begin_on, end_on };
        self.world.defines("session term", Entry::Session(session));
        self.world.section(name, subject, "term");
        self.says(&format!("member of {name}"), member(name, begin_on))
    }

    fn conduct_word(&mut self, words: &[&str]) -> Option<Vec<AlertChange>> {
        match words {
            ["incident", name, "-"] => self.withdraws(&format!("part in {name}")),
            ["incident", name, date] => {
                let incident = Incident { incident: id(name), school: school("1"), date: on(date) };
                self.world.defines(&format!("incident {name}"), Entry::Incident(incident));
                let part = Behavior { incident: id(name), code: code("School Violation"), part: code("Perpetrator") };
                self.says(&format!("part in {name}"), part)
            }
            ["suspended", date, "-"] => self.withdraws(&format!("suspension {date}")),
            ["suspended", date, "for", days] => {
                let begin_on = on(date);
                let length = Some(number(days) * 100);
                let code = code("Out of School Suspension");
                self.says(&format!("suspension {date}"), Discipline { school: school("1"), begin_on, length, code })
            }
            _ => panic!("{words:?} says nothing of conduct"),
        }
    }

    fn tie(&mut self, kind: &str, with: &str, rest: &[&str]) -> Option<Vec<AlertChange>> {
        let key = format!("{kind} {with}");
        let (first, last) = match rest {
            ["-"] => return self.withdraws(&key),
            [first] => (on(first), None),
            [first, "to", last] => (on(first), Some(on(last))),
            _ => panic!("{rest:?} says nothing of a connection"),
        };
        let kind = if kind == "adult" { "trusted-adult" } else { kind };
        self.says(&key, Connection { with: id(with), kind: kind.to_owned(), begin_on: first, end_on: last })
    }
}

fn is_weekday(date: Date) -> bool {
    date.to_civil().weekday().to_monday_one_offset() <= 5
}

fn number(text: &str) -> i32 {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

/// What a mark's letter stands for; none of a withdrawal.
fn category(said: &str) -> Option<&'static str> {
    Some(match said {
        "U" => "Unexcused Absence",
        "E" => "Excused Absence",
        "M" => "Medical Absence",
        "A" => "Absent",
        "T" => "Tardy",
        "P" => "In Attendance",
        "-" => return None,
        _ => panic!("`{said}` is no mark"),
    })
}

fn a_mark(category: &str, date: Date, section: Option<&str>, minutes: Option<i32>) -> AttendanceMark {
    let mark = mark(category, date);
    let mark = section.map_or_else(|| mark.clone(), |section| mark.clone().in_section(section));
    minutes.map_or_else(|| mark.clone(), |minutes| mark.clone().minutes(minutes))
}

/// Credits are told in whole ones.
fn taken(course: &str, result: &str, attempted: i64, earned: i64) -> CourseTranscript {
    CourseTranscript {
        course: id(&format!("{course} course")),
        school_year: SchoolYear(2022),
        term: code("Fall Semester"),
        result: code(result),
        attempted: Some(attempted * 1_000),
        earned: Some(earned * 1_000),
        numeric: None,
        letter: None,
    }
}

fn work(name: &str, said: &str) -> AssignmentResult {
    let numeric = said.parse::<i64>().ok().map(|percent| percent * 100);
    AssignmentResult {
        assignment: id(name),
        status: if numeric.is_some() { "Submitted" } else { said }.to_owned(),
        lateness: String::new(),
        points: None,
        numeric,
        fulfilled_on: None,
    }
}
