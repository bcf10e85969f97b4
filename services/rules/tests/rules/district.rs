//! The tests' language: what a district's sources say, word by word. Each word is newer than the one before.
//!
//! School days are numbered: `day(1)` is Monday 2021-09-06, `day(6)` the next Monday.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use homeroom_bus::{Appended, Log, NewRecord, Topic};
use homeroom_chassis::clock;
use homeroom_domain::date::Date;
use homeroom_domain::event::{AttendanceMark, Change, Enrollment, Event, Fact, Origin, Scope, Times};
use homeroom_domain::id::{DistrictId, RecordKey, Revision, SchoolId, SchoolYear, SourceId, StudentKey};
use homeroom_domain::reference::{Calendar, CalendarDate, Entry, ReferenceChange, School};
use homeroom_domain::settings::{Clock, Settings};
use homeroom_proto::reference::Kind;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::fault::TestLog;

pub(crate) fn day(n: i32) -> Date {
    let (weeks, rest) = ((n - 1).div_euclid(5), (n - 1).rem_euclid(5));
    Date::from_days(Date::parse("2021-09-06").unwrap().days() + weeks * 7 + rest).unwrap()
}

pub(crate) fn id<T: From<Uuid>>(name: &str) -> T {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).into()
}

pub(crate) fn student(name: &str) -> StudentKey {
    id(name)
}

pub(crate) fn school(name: &str) -> SchoolId {
    SchoolId::parse(name).unwrap()
}

/// A source of one district.
#[derive(Clone)]
pub(crate) struct District {
    pub(crate) id: DistrictId,
    pub(crate) log: TestLog,
    revision: Arc<AtomicU64>,
}

impl District {
    pub(crate) fn new(name: &str, log: &TestLog) -> Self {
        Self { id: DistrictId::parse(name).unwrap(), log: log.clone(), revision: Arc::new(AtomicU64::new(1)) }
    }

    fn origin(&self, record: &str) -> Origin {
        Origin {
            source: SourceId::parse("sis").unwrap(),
            key: id::<RecordKey>(record),
            revision: Revision(self.revision.fetch_add(1, Ordering::SeqCst)),
        }
    }

    /// One word about a student's record, not yet said.
    pub(crate) fn word(&self, of: StudentKey, record: &str, change: Change<Fact>) -> Event {
        let origin = self.origin(&format!("{of}/{record}"));
        Event {
            event_id: Uuid::new_v4().into(),
            district: self.id.clone(),
            student: of,
            origin,
            received_at: clock::now(),
            occurred_at: None,
            change,
        }
    }

    pub(crate) async fn append(&self, event: &Event) -> Appended {
        self.append_raw(&event.student, homeroom_proto::event::encode(event), vec![]).await
    }

    pub(crate) async fn append_raw(&self, of: &StudentKey, value: Bytes, headers: Vec<(String, Bytes)>) -> Appended {
        let record = NewRecord { key: homeroom_proto::key::events(&self.id, of), value: Some(value), headers };
        self.log.append(Topic::Events, vec![record]).await.remove(0).unwrap()
    }

    pub(crate) async fn say(&self, of: StudentKey, record: &str, fact: Fact) {
        self.append(&self.word(of, record, Change::Recorded(fact))).await;
    }

    pub(crate) async fn withdraw(&self, of: StudentKey, record: &str) {
        self.append(&self.word(of, record, Change::Withdrawn)).await;
    }

    pub(crate) async fn register(&self, of: StudentKey) {
        self.say(of, "registration", Fact::Registration).await;
    }

    pub(crate) async fn enroll(&self, of: StudentKey, at: &str, from: Date, until: Option<Date>) {
        let spell = Enrollment {
            school: school(at),
            entry_on: from,
            exit_on: until,
            calendar: None,
            primary_school: false,
            grade_level: String::new(),
            exit_type: String::new(),
        };
        self.say(of, &format!("enrollment/{at}"), Fact::Enrollment(spell)).await;
    }

    /// Registered, and enrolled at a school since the first day.
    pub(crate) async fn attends(&self, of: StudentKey, at: &str) {
        self.register(of).await;
        self.enroll(of, at, day(1), None).await;
    }

    /// In Ed-Fi the category is part of the record's key.
    pub(crate) async fn mark(&self, of: StudentKey, at: &str, on: Date, code: &str) {
        self.say(of, &format!("mark/{on}/{code}"), mark(at, on, code)).await;
    }

    pub(crate) async fn unmark(&self, of: StudentKey, on: Date, code: &str) {
        self.withdraw(of, &format!("mark/{on}/{code}")).await;
    }

    pub(crate) async fn absent(&self, of: StudentKey, on: Date) {
        self.mark(of, "1", on, "Unexcused Absence").await;
    }

    async fn reference(&self, record: &str, kind: Kind, change: Change<Entry>) {
        self.reference_at(clock::now(), record, kind, change).await;
    }

    /// The same, accepted at a moment.
    async fn reference_at(&self, received_at: Timestamp, record: &str, kind: Kind, change: Change<Entry>) {
        let change = ReferenceChange { district: self.id.clone(), origin: self.origin(record), received_at, change };
        let record = NewRecord {
            key: homeroom_proto::key::reference(&self.id, kind, &change.origin.key),
            value: Some(homeroom_proto::reference::encode(&change)),
            headers: vec![],
        };
        self.log.append(Topic::Reference, vec![record]).await.remove(0).unwrap();
    }

    pub(crate) async fn define(&self, record: &str, entry: Entry) {
        self.reference(record, Kind::of(&entry), Change::Recorded(entry)).await;
    }

    /// A word on a date of a calendar, accepted at a moment.
    pub(crate) async fn calendar_date_at(&self, received_at: Timestamp, of: &str, date: Date, event: &str) {
        let entry = CalendarDate { calendar: id(of), date, events: vec![event.to_owned()] };
        let (record, entry) = (format!("date/{of}/{date}"), Entry::CalendarDate(entry));
        self.reference_at(received_at, &record, Kind::of(&entry), Change::Recorded(entry)).await;
    }

    pub(crate) async fn undefine(&self, record: &str, kind: Kind) {
        self.reference(record, kind, Change::Withdrawn).await;
    }

    pub(crate) async fn school(&self, name: &str) {
        let entry = School { school: school(name), name: format!("School {name}"), types: Vec::new() };
        self.define(&format!("school/{name}"), Entry::School(entry)).await;
    }

    /// A calendar of a school with the first so many school days.
    pub(crate) async fn calendar(&self, of: &str, days: i32) {
        let calendar = Calendar {
            calendar: id(of),
            school: school(of),
            school_year: SchoolYear(2022),
            code: String::new(),
            calendar_type: String::new(),
        };
        self.define(&format!("calendar/{of}"), Entry::Calendar(calendar)).await;
        for n in 1..=days {
            self.calendar_date(of, day(n), "Instructional day").await;
        }
    }

    pub(crate) async fn calendar_date(&self, of: &str, date: Date, event: &str) {
        let entry = CalendarDate { calendar: id(of), date, events: vec![event.to_owned()] };
        self.define(&format!("date/{of}/{date}"), Entry::CalendarDate(entry)).await;
    }

    /// Sets the district's clock to a time of a school day.
    pub(crate) async fn clock(&self, n: i32, time: &str) {
        self.define("settings", Entry::Settings(Self::settings(n, time))).await;
    }

    pub(crate) fn settings(n: i32, time: &str) -> Settings {
        let local: DateTime = format!("{}T{time}", day(n)).parse().unwrap();
        let there = TimeZone::UTC.to_timestamp(local).unwrap();
        let offset_seconds = there.as_second() - clock::now().as_second();
        let clock = Clock { time_zone: "UTC".to_owned(), offset_seconds, day_close_minute: 16 * 60 };
        Settings { clock, ..Settings::default() }
    }

    pub(crate) async fn rules(&self, yaml: &str) {
        self.define("rules", Entry::RulePack(yaml.to_owned())).await;
    }

    /// A school "1" with sixty days and the first rules, at ten o'clock on the twelfth.
    pub(crate) async fn open(&self) {
        self.clock(12, "10:00").await;
        self.rules(homeroom_domain::rule::DEFAULT_PACK).await;
        self.school("1").await;
        self.calendar("1", 60).await;
    }
}

pub(crate) fn mark(at: &str, on: Date, code: &str) -> Fact {
    Fact::AttendanceMark(AttendanceMark {
        school: school(at),
        date: on,
        scope: Scope::Day,
        session: None,
        code: format!("uri://ed-fi.org/AttendanceEventCategoryDescriptor#{code}"),
        share: None,
        times: Times::default(),
    })
}
