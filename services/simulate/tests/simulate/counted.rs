//! A count of a district from its documents, which knows nothing of how they were made.

use std::collections::{BTreeMap, BTreeSet};

use homeroom_simulate::{Batch, District, Resource, Word};
use jiff::civil::Date;

/// The documents of a student, or a school, that are left when everything was said and withdrawn, by resource and natural key.
type Left = BTreeMap<(Resource, Vec<String>), String>;

/// A student's year.
#[derive(Debug)]
pub(crate) struct Year {
    /// Per school: days enrolled, hundredths of days absent.
    pub(crate) schools: BTreeMap<i64, (u32, u32)>,
    /// By enrolled day: hundredths absent.
    pub(crate) days: BTreeMap<Date, u32>,
    /// Semester grades.
    pub(crate) semester_grades: Vec<u32>,
    /// Days of suspension out of school.
    pub(crate) suspended: Vec<Date>,
}

/// The value of the first member of this name, wherever it is: what is asked for here is the same in each place of a document.
fn field<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("\"{name}\":"))?;
    match rest.strip_prefix('"') {
        Some(text) => text.split('"').next(),
        None => rest.split([',', '}', ']']).next(),
    }
}

fn date(body: &str, name: &str) -> Date {
    field(body, name).expect("a member").parse().expect("a date")
}

/// The code of a descriptor.
fn code<'a>(body: &'a str, name: &str) -> &'a str {
    field(body, name).and_then(|uri| uri.split('#').nth(1)).unwrap_or_default()
}

const CATEGORY: &str = "attendanceEventCategoryDescriptor";

/// The members that tell documents of a resource apart, within a school or a student; none for what is not counted.
fn key(resource: Resource) -> &'static [&'static str] {
    match resource {
        Resource::CalendarDates => &["date"],
        Resource::Enrollments => &["entryDate", "schoolId"],
        Resource::SectionMemberships => &["beginDate", "sectionIdentifier"],
        Resource::DailyMarks => &[CATEGORY, "eventDate", "schoolId"],
        Resource::SectionMarks => &[CATEGORY, "eventDate", "sectionIdentifier"],
        Resource::Grades => &["gradeTypeDescriptor", "gradingPeriodName", "sectionIdentifier"],
        Resource::DisciplineActions => &["disciplineActionIdentifier"],
        Resource::Transcripts => &["courseAttemptResultDescriptor", "courseCode", "termDescriptor"],
        _ => &[],
    }
}

/// Applies the documents in the order in which they are sent.
fn left(batch: &mut Batch) -> Left {
    batch.sort();
    let mut left = Left::new();
    for document in batch.iter() {
        let parts = key(document.resource);
        if parts.is_empty() {
            continue;
        }
        let parts = parts.iter().map(|part| field(document.body, part).expect("a key is whole").to_owned()).collect();
        let key = (document.resource, parts);
        match document.word {
            Word::Said => {
                left.insert(key, document.body.to_owned());
            }
            Word::Withdrawn => {
                assert!(left.remove(&key).is_some(), "{key:?} is withdrawn and was never said");
            }
        }
    }
    left
}

fn of_resource(left: &Left, resource: Resource) -> impl Iterator<Item = &str> {
    left.iter().filter(move |((of, _), _)| *of == resource).map(|(_, body)| body.as_str())
}

/// The dates with lessons at the first school; all schools have one calendar.
pub(crate) fn taught(district: &District) -> BTreeSet<Date> {
    let mut batch = Batch::new(district.opening()..=district.closing());
    district.school(0, &mut batch);
    let events = ["Instructional day", "Make-up day", "Student late arrival/early dismissal"];
    let left = left(&mut batch);
    let days = of_resource(&left, Resource::CalendarDates);
    days.filter(|day| events.contains(&code(day, "calendarEventDescriptor"))).map(|day| date(day, "date")).collect()
}

/// Counts a student's year by the rules of the shipped policy.
pub(crate) fn year(district: &District, taught: &BTreeSet<Date>, number: u32) -> Year {
    let mut batch = Batch::new(district.opening()..=district.closing());
    district.student(number, &mut batch);
    let left = left(&mut batch);
    let absences = Absences::of(&left);
    let mut year = Year {
        schools: BTreeMap::new(),
        days: BTreeMap::new(),
        semester_grades: semester_grades(&left),
        suspended: suspended(&left, taught),
    };
    let (passed, failed) = credits(&left);
    if passed + failed > 0 {
        let below = year.semester_grades.iter().filter(|grade| **grade < 60).count();
        assert_eq!((passed + failed, failed), (year.semester_grades.len(), below), "a high school's transcript");
    }
    for spell in of_resource(&left, Resource::Enrollments) {
        if code(spell, "exitWithdrawTypeDescriptor") == "No show" {
            continue;
        }
        let school = field(spell, "schoolId").and_then(|id| id.parse().ok()).expect("an id");
        let exit = field(spell, "exitWithdrawDate").map_or(Date::MAX, |exit| exit.parse().expect("a date"));
        for day in taught.range(date(spell, "entryDate")..=exit) {
            let absent = absences.on(school, *day);
            let sums = year.schools.entry(school).or_default();
            *sums = (sums.0 + 1, sums.1 + absent);
            let before = year.days.insert(*day, absent);
            assert!(before.is_none(), "a student is at one school at a time");
        }
    }
    year
}

/// What marks say of days.
struct Absences {
    /// By school and date: hundredths absent, where there is any daily mark.
    daily: BTreeMap<(i64, Date), u32>,
    /// By date: classes missed.
    classes: BTreeMap<Date, usize>,
    /// The first and last day of each class.
    memberships: Vec<(Date, Date)>,
}

impl Absences {
    fn of(left: &Left) -> Self {
        let mut absences = Self { daily: BTreeMap::new(), classes: BTreeMap::new(), memberships: Vec::new() };
        for mark in of_resource(left, Resource::DailyMarks) {
            let school = field(mark, "schoolId").and_then(|id| id.parse().ok()).expect("an id");
            let day = absences.daily.entry((school, date(mark, "eventDate"))).or_default();
            *day = (*day + absent_part(mark)).min(100);
        }
        for mark in of_resource(left, Resource::SectionMarks) {
            if code(mark, CATEGORY) == "Unexcused Absence" {
                *absences.classes.entry(date(mark, "eventDate")).or_default() += 1;
            }
        }
        if !absences.classes.is_empty() {
            let classes = of_resource(left, Resource::SectionMemberships);
            absences.memberships = classes.map(|class| (date(class, "beginDate"), date(class, "endDate"))).collect();
        }
        absences
    }

    fn on(&self, school: i64, day: Date) -> u32 {
        if let Some(absent) = self.daily.get(&(school, day)) {
            return *absent;
        }
        let Some(missed) = self.classes.get(&day) else { return 0 };
        let classes = self.memberships.iter().filter(|(begin, end)| (*begin..=*end).contains(&day)).count();
        if missed * 2 >= classes { 100 } else { 0 }
    }
}

fn absent_part(mark: &str) -> u32 {
    if !["Excused Absence", "Unexcused Absence", "Partial"].contains(&code(mark, CATEGORY)) {
        return 0;
    }
    match field(mark, "eventDuration") {
        Some("0.5") => 50,
        Some("0.25") => 25,
        duration => {
            assert_eq!(duration, Some("1"));
            100
        }
    }
}

/// Credits earned of a high school's semesters, in halves, and semesters failed; every semester grade has its place on the transcript.
fn credits(left: &Left) -> (usize, usize) {
    let transcripts: Vec<_> = of_resource(left, Resource::Transcripts).collect();
    let passed = |transcript: &&&str| code(transcript, "courseAttemptResultDescriptor") == "Pass";
    for transcript in &transcripts {
        let earned = if passed(&transcript) { Some("0.5") } else { Some("0") };
        assert_eq!((field(transcript, "attemptedCredits"), field(transcript, "earnedCredits")), (Some("0.5"), earned));
    }
    let earned = transcripts.iter().filter(passed).count();
    (earned, transcripts.len() - earned)
}

fn semester_grades(left: &Left) -> Vec<u32> {
    let grades = of_resource(left, Resource::Grades).filter(|grade| code(grade, "gradeTypeDescriptor") == "Semester");
    grades
        .map(|grade| field(grade, "numericGradeEarned").and_then(|text| text.parse().ok()).expect("a number"))
        .collect()
}

fn suspended(left: &Left, taught: &BTreeSet<Date>) -> Vec<Date> {
    let actions = of_resource(left, Resource::DisciplineActions);
    let out = actions.filter(|action| code(action, "disciplineDescriptor") == "Out of School Suspension");
    out.flat_map(|action| {
        let length = field(action, "actualDisciplineActionLength").and_then(|text| text.parse().ok()).expect("days");
        taught.range(date(action, "disciplineDate")..).take(length).copied().collect::<Vec<_>>()
    })
    .collect()
}
