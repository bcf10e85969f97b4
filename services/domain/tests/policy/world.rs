//! The tests' language: a district of one student, told word by word, so that a test reads as what happened.
//!
//! School days are numbered: `day(1)` is Monday 2021-09-06, `day(5)` the Friday, `day(6)` the next Monday.

use homeroom_domain::alert::AlertChange;
use homeroom_domain::date::Date;
use homeroom_domain::day::Day;
use homeroom_domain::episode::{Episodes, Moment, Step};
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::{
    AssignmentResult, AttendanceMark, Behavior, Change, Connection, CourseTranscript, Discipline, Enrollment, Fact,
    Grade, Origin, Scope, SectionMembership, SurveyScore, Times,
};
use homeroom_domain::id::{DistrictId, RecordKey, Revision, SchoolId, SchoolYear, SourceId, StudentKey};
use homeroom_domain::ledger::{Applied, Ledger};
use homeroom_domain::measure::{Measure, Measures};
use homeroom_domain::reference::{
    AttendanceTaken, Calendar, CalendarDate, Course, CourseOffering, Entry, GradingPeriod, School, Section, Session,
};
use homeroom_domain::rule::{DEFAULT_PACK, Pack};
use homeroom_domain::settings::{Now, Settings};
use homeroom_domain::view::Records;
use jiff::Timestamp;
use uuid::Uuid;

/// The school year of all tests: 2021-2022.
pub(crate) const YEAR: SchoolYear = SchoolYear(2022);

/// The n-th weekday from Monday 2021-09-06 on, counted from 1.
pub(crate) fn day(n: i32) -> Date {
    let weeks = (n - 1).div_euclid(5);
    on("2021-09-06").plus(weeks * 7 + (n - 1).rem_euclid(5))
}

pub(crate) fn on(text: &str) -> Date {
    Date::parse(text).unwrap()
}

pub(crate) trait Plus {
    fn plus(self, days: i32) -> Self;
}

impl Plus for Date {
    fn plus(self, days: i32) -> Self {
        Self::from_days(self.days() + days).unwrap()
    }
}

/// The id that stands for a name: its FNV-1a hash, which thousands of generated worlds can afford.
pub(crate) fn id<T: From<Uuid>>(name: &str) -> T {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = name.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    });
    Uuid::from_u128(hash).into()
}

pub(crate) fn school(name: &str) -> SchoolId {
    SchoolId::parse(name).unwrap()
}

/// A descriptor as Ed-Fi writes it.
pub(crate) fn code(value: &str) -> String {
    format!("uri://ed-fi.org/SomeDescriptor#{value}")
}

/// An enrollment from a date on, without an end.
pub(crate) fn enrolled(at: &str, from: Date) -> Enrollment {
    Enrollment {
        school: school(at),
        entry_on: from,
        exit_on: None,
        calendar: None,
        primary_school: false,
        grade_level: String::new(),
        exit_type: String::new(),
    }
}

/// What can be said further of an enrollment.
pub(crate) trait Spell: Sized {
    fn until(self, exit: Date) -> Self;
    fn following(self, calendar: &str) -> Self;
    fn primary(self) -> Self;
    fn leaving_as(self, exit_type: &str) -> Self;
}

impl Spell for Enrollment {
    fn until(self, exit: Date) -> Self {
        Self { exit_on: Some(exit), ..self }
    }

    fn following(self, calendar: &str) -> Self {
        Self { calendar: Some(id(calendar)), ..self }
    }

    fn primary(self) -> Self {
        Self { primary_school: true, ..self }
    }

    fn leaving_as(self, exit_type: &str) -> Self {
        Self { exit_type: code(exit_type), ..self }
    }
}

/// A mark for the whole day at school "1".
pub(crate) fn mark(category: &str, date: Date) -> AttendanceMark {
    AttendanceMark {
        school: school("1"),
        date,
        scope: Scope::Day,
        session: None,
        code: code(category),
        share: None,
        times: Times::default(),
    }
}

pub(crate) fn absent(date: Date) -> AttendanceMark {
    mark("Unexcused Absence", date)
}

pub(crate) fn excused(date: Date) -> AttendanceMark {
    mark("Excused Absence", date)
}

/// What can be said further of a mark.
pub(crate) trait Marked: Sized {
    fn at(self, name: &str) -> Self;
    fn share(self, hundredths: i32) -> Self;
    fn in_section(self, section: &str) -> Self;
    fn of_session(self, session: &str) -> Self;
    fn minutes(self, minutes: i32) -> Self;
}

impl Marked for AttendanceMark {
    fn at(self, name: &str) -> Self {
        Self { school: school(name), ..self }
    }

    fn share(self, hundredths: i32) -> Self {
        Self { share: Some(hundredths), ..self }
    }

    fn in_section(self, section: &str) -> Self {
        Self { scope: Scope::Section(id(section)), ..self }
    }

    fn of_session(self, session: &str) -> Self {
        Self { session: Some(id(session)), ..self }
    }

    fn minutes(self, minutes: i32) -> Self {
        Self { times: Times { minutes: Some(minutes), ..self.times }, ..self }
    }
}

pub(crate) fn member(section: &str, from: Date) -> SectionMembership {
    SectionMembership { section: id(section), begin_on: from, end_on: None }
}

pub(crate) fn grade(section: &str, period: &str, grade_type: &str, numeric: i64) -> Grade {
    Grade {
        section: id(section),
        grading_period: id(period),
        grade_type: code(grade_type),
        numeric: Some(numeric * 100),
        letter: None,
    }
}

pub(crate) fn letter(section: &str, period: &str, grade_type: &str, letter: &str) -> Grade {
    Grade { numeric: None, letter: Some(letter.to_owned()), ..grade(section, period, grade_type, 0) }
}

/// Whatever a source can say of a student.
pub(crate) trait Said {
    fn fact(self) -> Fact;
}

macro_rules! said {
    ($($kind:ident),*) => {$(
        impl Said for $kind {
            fn fact(self) -> Fact {
                Fact::$kind(self)
            }
        }
    )*};
}

said!(Enrollment, SectionMembership, AttendanceMark, Grade);
said!(Behavior, Discipline, AssignmentResult, CourseTranscript, Connection, SurveyScore);

/// A district of one student.
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) records: Records,
    pub(crate) settings: Settings,
    pub(crate) pack: Pack,
    pub(crate) episodes: Episodes,
    pub(crate) now: Now,
    revision: u64,
}

impl World {
    /// Nothing is known yet.
    pub(crate) fn unknown() -> Self {
        Self {
            ledger: Ledger::default(),
            records: Records::default(),
            settings: Settings::default(),
            pack: Pack::parse(DEFAULT_PACK).unwrap(),
            episodes: Episodes::default(),
            now: Now { today: day(1), as_of: day(1) },
            revision: 0,
        }
    }

    /// School "1" with so many school days, a student enrolled there since the first, and the last day closed.
    pub(crate) fn of_school_days(days: i32) -> Self {
        let mut world = Self::unknown();
        world.opens("1").calendar("main", "1", 1..=days).registers();
        world.says("enrollment", enrolled("1", day(1))).closes(day(days));
        world
    }

    /// Twenty days of May of the school year before, from which on the student is enrolled.
    pub(crate) fn was_here_last_year(&mut self) -> &mut Self {
        let old = Calendar {
            calendar: id("old"),
            school: school("1"),
            school_year: SchoolYear(2021),
            code: String::new(),
            calendar_type: String::new(),
        };
        self.defines("calendar old", Entry::Calendar(old));
        for n in 1..=20 {
            let date = on(&format!("2021-05-{n:02}"));
            let entry = CalendarDate { calendar: id("old"), date, events: vec![code("Instructional day")] };
            self.defines(&format!("old {n}"), Entry::CalendarDate(entry));
        }
        self.says("enrollment", enrolled("1", on("2021-05-01")));
        self
    }

    /// The district says that it has this school.
    pub(crate) fn opens(&mut self, name: &str) -> &mut Self {
        self.defines(
            &format!("school {name}"),
            Entry::School(School { school: school(name), name: name.to_owned(), types: Vec::new() }),
        )
    }

    /// A calendar of a school whose instructional days are these.
    pub(crate) fn calendar(&mut self, name: &str, at: &str, days: impl IntoIterator<Item = i32>) -> &mut Self {
        let calendar = Calendar {
            calendar: id(name),
            school: school(at),
            school_year: YEAR,
            code: String::new(),
            calendar_type: String::new(),
        };
        self.defines(&format!("calendar {name}"), Entry::Calendar(calendar));
        for n in days {
            self.calendar_day(name, day(n), &["Instructional day"]);
        }
        self
    }

    /// What a date of a calendar is.
    pub(crate) fn calendar_day(&mut self, name: &str, date: Date, events: &[&str]) -> &mut Self {
        let events = events.iter().map(|event| code(event)).collect();
        let entry = Entry::CalendarDate(CalendarDate { calendar: id(name), date, events });
        self.defines(&format!("date {name} {date}"), entry)
    }

    /// A session of school "1" from one school day to another.
    pub(crate) fn session(&mut self, name: &str, from: i32, until: i32) -> &mut Self {
        let (begin_on, end_on) = (day(from), day(until));
        let session = Session { session: id(name), school: school("1"), school_year: YEAR, begin_on, end_on };
        self.defines(&format!("session {name}"), Entry::Session(session))
    }

    /// A section of school "1" that teaches a subject in a session.
    pub(crate) fn section(&mut self, name: &str, subject: &str, session: &str) -> &mut Self {
        let (course, offering) = (format!("{name} course"), format!("{name} offering"));
        let subjects = vec![code(subject)];
        self.defines(&course, Entry::Course(Course { course: id(&course), subjects }));
        let offered = CourseOffering { course_offering: id(&offering), course: id(&course), session: id(session) };
        self.defines(&offering, Entry::CourseOffering(offered));
        let section = Section {
            section: id(name),
            course_offering: id(&offering),
            school: school("1"),
            class_periods: Vec::new(),
            official: false,
        };
        self.defines(&format!("section {name}"), Entry::Section(section))
    }

    /// A grading period of school "1" from one school day to another.
    pub(crate) fn period(&mut self, name: &str, from: i32, until: i32) -> &mut Self {
        let (begin_on, end_on) = (day(from), day(until));
        let period =
            GradingPeriod { grading_period: id(name), school: school("1"), school_year: YEAR, begin_on, end_on };
        self.defines(&format!("period {name}"), Entry::GradingPeriod(period))
    }

    /// Attendance was taken for a section.
    pub(crate) fn takes_attendance(&mut self, section: &str, date: Date) -> &mut Self {
        let taken = AttendanceTaken { section: id(section), date };
        self.defines(&format!("taken {section} {date}"), Entry::AttendanceTaken(taken))
    }

    /// A reference record's next word.
    pub(crate) fn defines(&mut self, key: &str, entry: Entry) -> &mut Self {
        let origin = self.next(key);
        self.records.apply(origin, Change::Recorded(entry));
        self
    }

    /// A reference record no longer holds.
    pub(crate) fn undefines(&mut self, key: &str) -> &mut Self {
        let origin = self.next(key);
        assert!(self.records.apply(origin, Change::Withdrawn), "`{key}` was not there to withdraw");
        self
    }

    /// The district knows the student.
    pub(crate) fn registers(&mut self) -> &mut Self {
        let origin = self.next("student");
        self.ledger.apply(origin, Change::Recorded(Fact::Registration));
        self
    }

    /// A student's record's next word.
    pub(crate) fn says(&mut self, key: &str, said: impl Said) -> &mut Self {
        let origin = self.next(key);
        self.ledger.apply(origin, Change::Recorded(said.fact()));
        self
    }

    /// The next word of another source.
    pub(crate) fn hears_from(&mut self, source: &str, key: &str, said: impl Said) -> &mut Self {
        let origin = Origin { source: SourceId::parse(source).unwrap(), ..self.next(key) };
        self.ledger.apply(origin, Change::Recorded(said.fact()));
        self
    }

    /// A word with its own revision.
    pub(crate) fn says_at(&mut self, key: &str, revision: u64, said: impl Said) -> Applied {
        self.ledger.apply(origin(key, revision), Change::Recorded(said.fact()))
    }

    /// A record of the student no longer holds.
    pub(crate) fn withdraws(&mut self, key: &str) -> &mut Self {
        let origin = self.next(key);
        assert_eq!(self.ledger.apply(origin, Change::Withdrawn), Applied::Changed, "`{key}` was not there to withdraw");
        self
    }

    /// The same, with its own revision.
    pub(crate) fn withdraws_at(&mut self, key: &str, revision: u64) -> Applied {
        self.ledger.apply(origin(key, revision), Change::Withdrawn)
    }

    fn next(&mut self, key: &str) -> Origin {
        self.revision += 1;
        origin(key, self.revision)
    }

    /// It is the evening of that date.
    pub(crate) fn closes(&mut self, date: Date) -> &mut Self {
        self.now = Now { today: date, as_of: date };
        self
    }

    /// It is the morning of that date.
    pub(crate) fn begins(&mut self, date: Date) -> &mut Self {
        self.now = Now { today: date, as_of: date.previous() };
        self
    }

    /// The district counts days by these calculators.
    pub(crate) fn counts_by(&mut self, calculators: &str) -> &mut Self {
        self.defines("calculators", Entry::Calculators(format!("calculators:\n{calculators}")))
    }

    /// The district's value of a measure now.
    pub(crate) fn value(&self, name: &str) -> i64 {
        let measure = Measure::find(name).unwrap();
        self.look(|student| student.value(measure, None, self.now))
    }

    /// Looks at the student.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Evaluation<'_>) -> T) -> T {
        look(&Evaluation::new(&self.ledger, &self.records.view(), &self.settings, self.now))
    }

    /// The district's measures now.
    pub(crate) fn measures(&self) -> Measures {
        self.look(|student| student.district(self.now.as_of, self.now.today))
    }

    /// A school's measures now.
    pub(crate) fn measures_at(&self, name: &str) -> Measures {
        self.look(|student| student.school(&school(name), self.now.as_of, self.now.today))
    }

    /// Whether any reference change may concern the student.
    pub(crate) fn waits(&self) -> bool {
        self.look(|student: &Evaluation<'_>| student.waiting())
    }

    /// What a date counts as for the district, and at which school.
    pub(crate) fn counted(&self, date: Date) -> Option<(String, Day)> {
        self.look(|student| student.day(date).map(|(school, day)| (school.to_string(), day)))
    }

    /// Absent and unexcused hundredths of a date, none when it does not count.
    pub(crate) fn absence(&self, date: Date) -> Option<(i32, i32)> {
        self.counted(date).map(|(_, day)| (day.absent, day.unexcused))
    }

    /// Enrolled and absent hundredths so far.
    pub(crate) fn total(&self) -> (i64, i64) {
        let measures = self.measures();
        (measures.enrolled, measures.absent)
    }

    /// Only this rule is in force.
    pub(crate) fn only(&mut self, rule: &str) -> &mut Self {
        self.pack.rules.retain(|known| known.id.as_str() == rule);
        assert_eq!(self.pack.rules.len(), 1, "there is no rule `{rule}`");
        self
    }

    /// Looks again, and lets the episodes change.
    pub(crate) fn step(&mut self) -> Step {
        let view = self.records.view();
        let evaluation = Evaluation::new(&self.ledger, &view, &self.settings, self.now);
        Self::at_noon(self.now, |moment| self.episodes.step(&self.pack, &evaluation, moment))
    }

    /// Does something at noon of today.
    pub(crate) fn at_noon<T>(now: Now, act: impl FnOnce(&Moment<'_>) -> T) -> T {
        act(&Moment {
            district: &DistrictId::parse("grand-bend").unwrap(),
            student: StudentKey::new([7; 16]),
            at: Timestamp::UNIX_EPOCH,
            caused_at: None,
            district_time: now.today.to_civil().at(12, 0, 0, 0),
        })
    }

    /// The changes of a step.
    pub(crate) fn changes(&mut self) -> Vec<AlertChange> {
        let step = self.step();
        assert!(step.failures.is_empty(), "{:?}", step.failures);
        step.changes
    }

    /// The changes of a step: kind, rule and level.
    pub(crate) fn tells(&mut self) -> Vec<String> {
        let changes = self.changes().into_iter();
        changes.map(|change| format!("{:?} {} {}", change.kind, change.claim.rule, change.claim.level)).collect()
    }

    /// The only change of a step.
    pub(crate) fn change(&mut self) -> AlertChange {
        let mut changes = self.changes();
        assert_eq!(changes.len(), 1, "{changes:?}");
        changes.remove(0)
    }
}

pub(crate) fn origin(key: &str, revision: u64) -> Origin {
    Origin { source: SourceId::parse("sis").unwrap(), key: id::<RecordKey>(key), revision: Revision(revision) }
}
