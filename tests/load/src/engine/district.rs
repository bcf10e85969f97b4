//! The workload's district in our words: its reference records, its students' first words, and its marks as events.

use homeroom_domain::date::Date;
use homeroom_domain::event::{AttendanceMark, Change, Enrollment, Fact, Grade, Origin, Scope, Times};
use homeroom_domain::id::{
    CalendarId, CourseId, CourseOfferingId, GradingPeriodId, RecordKey, Revision, SchoolId, SchoolYear, SectionId,
    SessionId, SourceId, StudentKey,
};
use homeroom_domain::ledger::derived_key;
use homeroom_domain::reference::{
    Calendar, CalendarDate, Course, CourseOffering, Entry, GradingPeriod, School, Section, Session,
};
use homeroom_domain::view::{Records, View};

use crate::workload::{self, Code, Mark, YEAR_DAYS, negative};

/// Students of a school.
const AT_A_SCHOOL: u64 = 500;
const YEAR: SchoolYear = SchoolYear(2026);

/// One word on a student's record.
pub(super) struct Word {
    pub(super) student: usize,
    /// The district's date when it comes: the latest that any word before it had.
    pub(super) today: Date,
    pub(super) origin: Origin,
    pub(super) change: Change<Fact>,
}

/// The district: its ids, parsed once, as a decoder that interns them would have them.
pub(super) struct District {
    source: SourceId,
    schools: Vec<SchoolId>,
}

/// The date of an instructional day.
pub(super) fn date(day: u64) -> Date {
    Date::from_days(workload::date(day)).expect("a date of the workload's year")
}

/// Sixteen bytes that stand for a text, as a keyed hash would give them.
fn hashed(name: &str) -> [u8; 16] {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = name.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    });
    hash.to_be_bytes()
}

/// A student's pseudonym.
pub(super) fn student(number: usize) -> StudentKey {
    StudentKey::new(hashed(&format!("student {number}")))
}

/// The record key of a natural key that holds a date: the hash of the rest, and the date.
fn dated(rest: &str, date: Date) -> RecordKey {
    let mut key = hashed(rest);
    key[12..].copy_from_slice(&date.days().to_be_bytes());
    RecordKey::new(key)
}

/// The record key that ingestion makes of a hash and of what the record says.
fn by_content(stem: &str, fact: &Fact) -> RecordKey {
    derived_key(hashed(stem), fact).expect("no mark")
}

impl District {
    pub(super) fn new(students: u64) -> Self {
        let school = |number| SchoolId::parse(&format!("sch-{number:04}")).expect("a plain id");
        Self {
            source: SourceId::parse("sis").expect("a plain id"),
            schools: (0..students.div_ceil(AT_A_SCHOOL)).map(school).collect(),
        }
    }

    /// Schools, each with a calendar of all instructional days, a session, sections and grading periods.
    pub(super) fn view(&self) -> View {
        self.view_without(None)
    }

    /// The same with one day less in every calendar.
    pub(super) fn view_without(&self, snow_day: Option<u64>) -> View {
        let taken = snow_day.map(date);
        let mut records = Records::default();
        for (number, school) in self.schools.iter().enumerate() {
            for (part, entry) in entries(number, school).into_iter().enumerate() {
                if matches!(&entry, Entry::CalendarDate(of) if Some(of.date) == taken) {
                    continue;
                }
                let origin = self.origin(RecordKey::new(hashed(&format!("{school} {part}"))), 1);
                records.apply(origin, Change::Recorded(entry));
            }
        }
        records.view()
    }

    /// The district knows the student, who is enrolled for the whole year.
    pub(super) fn first_words(&self, number: usize) -> Vec<(Origin, Change<Fact>)> {
        let word = |fact: Fact| (self.origin(by_content(&format!("stem {number}"), &fact), 1), Change::Recorded(fact));
        [Fact::Registration, self.enrolled(number, 0, None)].map(word).into()
    }

    /// The same of a student who is enrolled for parts of the year.
    pub(super) fn first_words_of_spells(&self, number: usize) -> Vec<(Origin, Change<Fact>)> {
        let word = |fact: Fact| (self.origin(by_content(&format!("stem {number}"), &fact), 1), Change::Recorded(fact));
        let (first, second) = negative::spells(number as u64);
        let spells = std::iter::once(first).chain(second);
        let enrolled = spells.map(|(from, to)| self.enrolled(number, from, (to < YEAR_DAYS).then(|| to - 1)));
        std::iter::once(Fact::Registration).chain(enrolled).map(word).collect()
    }

    fn enrolled(&self, number: usize, from: u64, last: Option<u64>) -> Fact {
        let school_at = number / usize::try_from(AT_A_SCHOOL).unwrap_or(1);
        Fact::Enrollment(Enrollment {
            school: self.schools[school_at].clone(),
            entry_on: date(from),
            exit_on: last.map(date),
            calendar: Some(CalendarId::new(hashed(&format!("calendar {school_at}")))),
            primary_school: true,
            grade_level: "uri://ed-fi.org/GradeLevelDescriptor#Ninth grade".to_owned(),
            exit_type: String::new(),
        })
    }

    /// Eight grades: two core sections in each of four grading periods.
    pub(super) fn grades(&self, number: usize) -> Vec<(Origin, Change<Fact>)> {
        let school_at = number / usize::try_from(AT_A_SCHOOL).unwrap_or(1);
        let grade = |at: usize| {
            let (section, period) = (at % 2, at / 2);
            let grade = Fact::Grade(Grade {
                section: SectionId::new(hashed(&format!("section {school_at} {section}"))),
                grading_period: GradingPeriodId::new(hashed(&format!("period {school_at} {period}"))),
                grade_type: "uri://ed-fi.org/GradeTypeDescriptor#Grading Period".to_owned(),
                numeric: Some(i64::try_from(6_300 + number * 37 % 3_500 + at * 25).unwrap_or(7_500)),
                letter: None,
            });
            // The natural key holds the date on which the student joined the section, so the stem is another.
            let key = by_content(&format!("stem {number} since {}", date(0)), &grade);
            (self.origin(key, u64::try_from(at).unwrap_or(0) + 1), Change::Recorded(grade))
        };
        (0..8).map(grade).collect()
    }

    /// A mark as a word of the source.
    pub(super) fn word(&self, mark: Mark) -> Word {
        let date = date(mark.day);
        let school = usize::try_from(mark.student / AT_A_SCHOOL).expect("a student of the district");
        let change = code(mark.code).map_or(Change::Withdrawn, |code| {
            Change::Recorded(Fact::AttendanceMark(AttendanceMark {
                school: self.schools[school].clone(),
                date,
                scope: Scope::Day,
                session: None,
                code: code.to_owned(),
                share: None,
                times: Times::default(),
            }))
        });
        let student = usize::try_from(mark.student).expect("a student of the district");
        let key = dated(&format!("mark {student}"), date);
        Word { student, today: date, origin: self.origin(key, mark.revision), change }
    }

    fn origin(&self, key: RecordKey, revision: u64) -> Origin {
        Origin { source: self.source.clone(), key, revision: Revision(revision) }
    }
}

fn code(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::Withdrawn => return None,
        Code::Present => "uri://ed-fi.org/AttendanceEventCategoryDescriptor#In Attendance",
        Code::Unexcused => "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Unexcused Absence",
        Code::Excused => "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Excused Absence",
        Code::Tardy => "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Tardy",
    })
}

fn entries(number: usize, school: &SchoolId) -> Vec<Entry> {
    let calendar = CalendarId::new(hashed(&format!("calendar {number}")));
    let session = SessionId::new(hashed(&format!("session {number}")));
    let (begin_on, end_on) = (date(0), date(YEAR_DAYS - 1));
    let mut entries = vec![
        Entry::School(School { school: school.clone(), name: school.to_string(), types: Vec::new() }),
        Entry::Calendar(Calendar {
            calendar,
            school: school.clone(),
            school_year: YEAR,
            code: String::new(),
            calendar_type: String::new(),
        }),
        Entry::Session(Session { session, school: school.clone(), school_year: YEAR, begin_on, end_on }),
    ];
    for day in 0..YEAR_DAYS {
        let events = vec!["uri://ed-fi.org/CalendarEventDescriptor#Instructional day".to_owned()];
        entries.push(Entry::CalendarDate(CalendarDate { calendar, date: date(day), events }));
    }
    for (at, subject) in ["Mathematics", "English"].into_iter().enumerate() {
        let course = CourseId::new(hashed(&format!("course {number} {at}")));
        let course_offering = CourseOfferingId::new(hashed(&format!("offering {number} {at}")));
        let section = SectionId::new(hashed(&format!("section {number} {at}")));
        let subjects = vec![format!("uri://ed-fi.org/AcademicSubjectDescriptor#{subject}")];
        entries.push(Entry::Course(Course { course, subjects }));
        entries.push(Entry::CourseOffering(CourseOffering { course_offering, course, session }));
        entries.push(Entry::Section(Section {
            section,
            course_offering,
            school: school.clone(),
            class_periods: Vec::new(),
            official: false,
        }));
    }
    for quarter in 0..4 {
        let grading_period = GradingPeriodId::new(hashed(&format!("period {number} {quarter}")));
        let (begin_on, end_on) = (date(quarter * 45), date(quarter * 45 + 44));
        let (school, school_year) = (school.clone(), YEAR);
        entries.push(Entry::GradingPeriod(GradingPeriod { grading_period, school, school_year, begin_on, end_on }));
    }
    entries
}
