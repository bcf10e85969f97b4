//! The stream's marks as our events, and the district that they happen in.

use anyhow::Result;
use homeroom_domain::date::Date;
use homeroom_domain::event::{AttendanceMark, Change, Enrollment, Event, Fact, Origin, Scope, Times};
use homeroom_domain::id::{
    CalendarId, DistrictId, EventId, RecordKey, Revision, SchoolId, SchoolYear, SourceId, StudentKey,
};
use homeroom_domain::ledger::derived_key;
use homeroom_domain::reference::{Calendar, CalendarDate, Entry, ReferenceChange, School};
use homeroom_domain::rule::DEFAULT_PACK;
use homeroom_domain::settings::{Clock, Settings};
use jiff::Timestamp;

use super::{Case, Code, Mark, date, mix};
use crate::world::DISTRICT;

/// The tier needs ten enrolled days; a shorter stream is preceded by days on which all were present.
const LEAST_DAYS: u64 = 10;
/// Students of one school.
const SCHOOL_STUDENTS: u64 = 500;
const SOURCE: &str = "sis";
const CALENDAR: CalendarId = CalendarId::new(*b"one for everyone");
const SCHOOL_YEAR: SchoolYear = SchoolYear(2026);
/// The district's clock stands at 17:00, after the close of the stream's last day.
const LAST_DAY_SECOND: i64 = 17 * 3_600;
const DAY_SECONDS: i64 = 86_400;

/// The district of a case.
#[derive(Debug, Clone)]
pub(crate) struct District {
    case: Case,
    id: DistrictId,
    source: SourceId,
    schools: Vec<SchoolId>,
}

impl District {
    /// With a school for each 500 students.
    pub(crate) fn new(case: Case) -> Result<Self> {
        let schools = (0..case.students.div_ceil(SCHOOL_STUDENTS))
            .map(|school| SchoolId::parse(&format!("sch-{school:04}")))
            .collect::<Result<_, _>>()?;
        Ok(Self { case, id: DistrictId::parse(DISTRICT)?, source: SourceId::parse(SOURCE)?, schools })
    }

    /// Instructional days before the stream's first.
    pub(crate) const fn days_before(&self) -> u64 {
        LEAST_DAYS.saturating_sub(self.case.days())
    }

    /// Instructional days up to the stream's last.
    pub(crate) const fn enrolled_days(&self) -> u64 {
        self.days_before() + self.case.days()
    }

    /// Settings with a clock that shows the stream's last day, after its close; the first rules; schools; one calendar for all of
    /// them.
    pub(crate) fn reference(&self, now: Timestamp) -> Result<Vec<ReferenceChange>> {
        let last_day = i64::from(date(self.case.days() - 1)) * DAY_SECONDS + LAST_DAY_SECOND;
        let offset_seconds = last_day - now.as_second();
        let clock = Clock { offset_seconds, ..Settings::default().clock };
        let mut entries = vec![Entry::Settings(Settings { clock, ..Settings::default() })];
        entries.push(Entry::RulePack(DEFAULT_PACK.to_owned()));
        let school = |school: &SchoolId| {
            Entry::School(School { school: school.clone(), name: format!("School {school}"), types: Vec::new() })
        };
        entries.extend(self.schools.iter().map(school));
        let school = self.schools[0].clone();
        entries.push(Entry::Calendar(Calendar {
            calendar: CALENDAR,
            school,
            school_year: SCHOOL_YEAR,
            code: String::new(),
            calendar_type: String::new(),
        }));
        let before = (1..=self.days_before()).map(|back| date(0) - i32::try_from(back).unwrap_or(0));
        for days in before.chain((0..super::YEAR_DAYS).map(date)) {
            let events = vec!["Instructional day".to_owned()];
            entries.push(Entry::CalendarDate(CalendarDate {
                calendar: CALENDAR,
                date: Date::from_days(days)?,
                events,
            }));
        }
        let change = |(at, entry): (u64, Entry)| ReferenceChange {
            district: self.id.clone(),
            origin: Origin { source: self.source.clone(), key: RecordKey::new(key(9, at)), revision: Revision(1) },
            received_at: now,
            change: Change::Recorded(entry),
        };
        Ok((0..).zip(entries).map(change).collect())
    }

    /// A student's registration and enrollment, from the first instructional day on.
    pub(crate) fn arrival(&self, student: u64, now: Timestamp) -> Result<[Event; 2]> {
        let entry_on = Date::from_days(date(0) - i32::try_from(self.days_before())?)?;
        let enrollment = Enrollment {
            school: self.school(student).clone(),
            entry_on,
            exit_on: None,
            calendar: Some(CALENDAR),
            primary_school: true,
            grade_level: "Ninth grade".to_owned(),
            exit_type: String::new(),
        };
        // As ingestion makes them of what a record says and of a hash that a student's records share.
        let event = |tag: u64, fact: Fact| Event {
            event_id: EventId::new(key(tag + 10, student)),
            district: self.id.clone(),
            student: student_key(student),
            origin: Origin {
                source: self.source.clone(),
                key: derived_key(key(1, student), &fact).expect("no mark"),
                revision: Revision(1),
            },
            received_at: now,
            occurred_at: None,
            change: Change::Recorded(fact),
        };
        Ok([event(1, Fact::Registration), event(2, Fact::Enrollment(enrollment))])
    }

    /// A mark as an event: a withdrawal is a word on the same record.
    pub(crate) fn event(&self, mark: &Mark) -> Result<Event> {
        let code = match mark.code {
            Code::Withdrawn => None,
            Code::Present => Some("Present"),
            Code::Unexcused => Some("Unexcused Absence"),
            Code::Excused => Some("Excused Absence"),
            Code::Tardy => Some("Tardy"),
        };
        let fact = |code: &str| -> Result<Fact> {
            Ok(Fact::AttendanceMark(AttendanceMark {
                school: self.school(mark.student).clone(),
                date: Date::from_days(date(mark.day))?,
                scope: Scope::Day,
                session: None,
                code: code.to_owned(),
                share: None,
                times: Times::default(),
            }))
        };
        // As ingestion makes it of a natural key that holds a date: a hash of the rest, and the date.
        let mut record_key = key(3, mark.student);
        record_key[12..].copy_from_slice(&date(mark.day).to_be_bytes());
        Ok(Event {
            event_id: EventId::new(key(5 + mark.day, mark.student ^ mark.revision << 32)),
            district: self.id.clone(),
            student: student_key(mark.student),
            origin: Origin {
                source: self.source.clone(),
                key: RecordKey::new(record_key),
                revision: Revision(mark.revision),
            },
            received_at: Timestamp::from_microsecond(i64::try_from(mark.recorded_at)?)?,
            occurred_at: None,
            change: code.map_or(Ok(Change::Withdrawn), |code| fact(code).map(Change::Recorded))?,
        })
    }

    fn school(&self, student: u64) -> &SchoolId {
        let school = usize::try_from(student / SCHOOL_STUDENTS).unwrap_or(0);
        self.schools.get(school).unwrap_or(&self.schools[0])
    }
}

/// The pseudonym of a student: as scattered as a hash, and it tells whose it is.
pub(crate) fn student_key(student: u64) -> StudentKey {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mix(student).to_be_bytes());
    bytes[8..].copy_from_slice(&student.to_be_bytes());
    StudentKey::new(bytes)
}

/// Whose key this is.
pub(crate) fn student_of(key: &[u8]) -> Option<u64> {
    let tail: [u8; 8] = key.get(8..16)?.try_into().ok()?;
    let student = u64::from_be_bytes(tail);
    (student_key(student).as_bytes() == key).then_some(student)
}

/// As long and as scattered as the hash that ingestion makes.
fn key(tag: u64, number: u64) -> [u8; 16] {
    let first = mix(mix(tag) ^ number);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&first.to_be_bytes());
    bytes[8..].copy_from_slice(&mix(first).to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{D, H};

    #[test]
    fn a_students_key_tells_whose_it_is() {
        assert_eq!(student_of(student_key(299_999).as_bytes()), Some(299_999));
        assert_eq!(student_of(&[0; 16]), None);
    }

    #[test]
    fn a_mark_and_its_correction_are_words_on_one_record() {
        let district = District::new(D).unwrap();
        let first = D.mark(5);
        let later = Mark { code: Code::Withdrawn, revision: first.revision + 1, ..first };
        let (first, later) = (district.event(&first).unwrap(), district.event(&later).unwrap());
        assert_eq!(first.origin.key, later.origin.key);
        assert_ne!(first.event_id, later.event_id);
        assert_eq!(later.change, Change::Withdrawn);
    }

    #[test]
    fn ten_days_are_enrolled_at_least() {
        let days = [D, H].map(|case| District::new(case).unwrap().enrolled_days());
        assert_eq!(days, [10, 180]);
    }
}
