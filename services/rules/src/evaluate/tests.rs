//! Going on with a count, against looking at all of it each time: the same alerts, the same rows, the same dates.

use homeroom_domain::date::Date;
use homeroom_domain::event::{AttendanceMark, Change, Enrollment, Fact, Origin, Scope, Times};
use homeroom_domain::id::{DistrictId, RecordKey, Revision, SchoolYear, SourceId, StudentKey};
use homeroom_domain::reference::{Calendar, CalendarDate, Entry, School};
use homeroom_domain::rule::{DEFAULT_PACK, Pack};
use homeroom_domain::view::Records;
use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

/// School days, of two months: 1 is a Monday.
const DAYS: i32 = 40;

fn day(n: i32) -> Date {
    let (weeks, rest) = ((n - 1).div_euclid(5), (n - 1).rem_euclid(5));
    Date::from_days(Date::parse("2021-09-06").unwrap().days() + weeks * 7 + rest).unwrap()
}

fn origin(key: RecordKey, revision: u64) -> Origin {
    Origin { source: SourceId::parse("sis").unwrap(), key, revision: Revision(revision) }
}

fn key(name: &str) -> RecordKey {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).into()
}

fn school(name: &str) -> SchoolId {
    SchoolId::parse(name).unwrap()
}

/// A district with a school that has a calendar, and one that is not known.
fn district() -> District {
    let mut records = Records::default();
    let mut define = |name: &str, entry: Entry| records.apply(origin(key(name), 1), Change::Recorded(entry));
    define("school", Entry::School(School { school: school("1"), name: "First".to_owned(), types: Vec::new() }));
    let calendar = || Uuid::new_v5(&Uuid::NAMESPACE_OID, b"a calendar").into();
    define(
        "calendar",
        Entry::Calendar(Calendar {
            calendar: calendar(),
            school: school("1"),
            school_year: SchoolYear(2022),
            code: String::new(),
            calendar_type: String::new(),
        }),
    );
    for n in 1..=DAYS {
        let events = vec!["Instructional day".to_owned()];
        define(&format!("day {n}"), Entry::CalendarDate(CalendarDate { calendar: calendar(), date: day(n), events }));
    }
    let mut district = District::new();
    district.view = Arc::new(records.view());
    district.pack = Arc::new(Pack::parse(DEFAULT_PACK).unwrap());
    (district.version, district.latest) = (1, 1);
    district
}

/// One student, kept both ways.
struct Both {
    district: District,
    /// Goes on where it can.
    counted: Student,
    /// Never does.
    whole: Student,
    now: Now,
    revision: u64,
    shortcuts: usize,
}

impl Both {
    fn new() -> Self {
        let now = Now { today: day(1), as_of: day(1) };
        let (counted, whole) = (Student::default(), Student::default());
        let mut both = Self { district: district(), counted, whole, now, revision: 0, shortcuts: 0 };
        both.say(key("registration"), Change::Recorded(Fact::Registration));
        both.enroll("1");
        both.look();
        both
    }

    fn event(&mut self, key: RecordKey, change: Change<Fact>) -> Event {
        self.revision += 1;
        Event {
            event_id: Uuid::nil().into(),
            district: DistrictId::parse("home").unwrap(),
            student: StudentKey::new([7; 16]),
            origin: origin(key, self.revision),
            received_at: Timestamp::UNIX_EPOCH,
            occurred_at: None,
            change,
        }
    }

    fn say(&mut self, key: RecordKey, change: Change<Fact>) {
        let event = self.event(key, change);
        assert_eq!(self.counted.apply(std::iter::once(&event)), self.whole.apply(std::iter::once(&event)));
    }

    fn enroll(&mut self, at: &str) {
        let spell = Enrollment {
            school: school(at),
            entry_on: day(1),
            exit_on: None,
            calendar: None,
            primary_school: false,
            grade_level: String::new(),
            exit_type: String::new(),
        };
        self.say(key(&format!("enrollment {at}")), Change::Recorded(Fact::Enrollment(spell)));
    }

    fn mark(&mut self, date: Date, code: Option<&str>) {
        let (key, change) = mark(date, code);
        self.say(key, change);
    }

    /// Evaluates both, which must come to the same.
    fn look(&mut self) {
        self.whole.count.end();
        let home = DistrictId::parse("home").unwrap();
        let moment = moment(&home);
        self.shortcuts += usize::from(
            self.counted
                .clone()
                .count_on::<homeroom_domain::episode::Change>(&self.district, self.now, &moment)
                .is_some(),
        );
        let offset = i64::try_from(self.revision).unwrap();
        let [counted, whole] = [&mut self.counted, &mut self.whole]
            .map(|student| student.evaluate::<AlertChange>(&self.district, offset, self.now, &moment));
        assert_eq!(counted.changes, whole.changes);
        assert_eq!((counted.open_by_rule, counted.failures), (whole.open_by_rule, whole.failures));
        let kept = |of: &Student| (of.evaluated, of.evaluated_reference, of.waiting);
        assert_eq!(kept(&self.counted), kept(&self.whole));
        assert_eq!(self.counted.written, self.whole.written);
        assert_eq!(self.counted.episodes, self.whole.episodes);
    }
}

/// A mark, or its withdrawal.
fn mark(date: Date, code: Option<&str>) -> (RecordKey, Change<Fact>) {
    let mark = |code: &str| AttendanceMark {
        school: school("1"),
        date,
        scope: Scope::Day,
        session: None,
        code: format!("uri://ed-fi.org/AttendanceEventCategoryDescriptor#{code}"),
        share: None,
        times: Times::default(),
    };
    // As senders' keys are made: the last bytes are the date.
    let mut key = [9; 16];
    key[12..].copy_from_slice(&date.days().to_be_bytes());
    let change = code.map_or(Change::Withdrawn, |code| Change::Recorded(Fact::AttendanceMark(mark(code))));
    (RecordKey::new(key), change)
}

fn moment(home: &DistrictId) -> Moment<'_> {
    Moment {
        district: home,
        student: StudentKey::new([7; 16]),
        at: Timestamp::UNIX_EPOCH,
        caused_at: None,
        district_time: jiff::civil::date(2021, 9, 6).at(10, 0, 0, 0),
    }
}

/// What may happen on a day, some days ago or ahead.
fn happen(both: &mut Both, (what, near, code): (u8, i32, u8)) {
    let codes = ["Tardy", "Unexcused Absence", "Excused Absence", "Present"];
    let code = codes[usize::from(code) % codes.len()];
    let today = both.now.today;
    let beside = |days: i32| Date::from_days(today.days() + days).unwrap();
    match what {
        0..=6 => {
            let next = beside(1);
            both.now = Now { today: next, as_of: if what % 2 == 0 { next } else { today } };
            both.mark(next, Some(code));
        }
        7 => both.mark(beside(-near), Some(code)),
        8 => both.mark(beside(-near), None),
        9 => both.mark(beside(near), Some(code)),
        10 => both.now = Now { today: beside(near), as_of: today },
        11 => both.enroll(if near < 3 { "1" } else { "2" }),
        // It touches nobody but who waits; or somebody.
        _ => {
            both.district.latest += 1;
            if near < 3 {
                both.district.version = both.district.latest;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn going_on_with_a_count_comes_to_what_a_full_look_does(
        story in prop::collection::vec((0_u8..13, 0_i32..6, 0_u8..8), 0..50),
    ) {
        let mut both = Both::new();
        for event in story {
            happen(&mut both, event);
            both.look();
        }
    }
}

#[test]
fn a_student_who_comes_every_day_is_looked_at_once() {
    let mut both = Both::new();
    for n in 2..=DAYS {
        both.now = Now { today: day(n), as_of: day(n) };
        both.mark(day(n), Some("Present"));
        both.look();
    }
    assert!(both.shortcuts >= usize::try_from(DAYS).unwrap() - 2, "{} of {DAYS} days", both.shortcuts);
}

#[test]
fn a_year_in_one_batch_tells_once_what_its_days_came_to() {
    let mut both = Both::new();
    let home = DistrictId::parse("home").unwrap();
    let mut year = Vec::new();
    for n in 2..=DAYS {
        both.now = Now { today: day(n), as_of: day(n) };
        let (key, change) = mark(day(n), Some(if n % 3 == 0 { "Unexcused Absence" } else { "Present" }));
        let event = both.event(key, change);
        both.whole.apply(std::iter::once(&event));
        both.whole.evaluate::<AlertChange>(&both.district, 1, both.now, &moment(&home));
        year.push(event);
    }
    both.counted.apply(year.iter());
    let told = both.counted.evaluate::<AlertChange>(&both.district, 1, both.now, &moment(&home)).changes;
    assert_eq!(both.counted.written, both.whole.written);
    assert!(told.iter().all(|change| change.kind == ChangeKind::Opened), "{told:?}");
    assert_eq!(told.len(), both.counted.open_alerts());
    assert!(both.whole.episodes.iter().count() > told.len(), "its days told of absences that are over");
}

/// A rule about days missed in a row that keeps what an earlier version of it told.
fn keeping(version: u32, days: u32) -> Pack {
    let yaml = format!(
        "id: ours\nversion: 1\nrules:\n  - {{id: away, version: {version}, title: t, meaning: m, scope: school-year, \
         severity: {{1: notice}}, settle-seconds: 0, audience: a, evidence: streak, opens-when: streak >= {days}, level: '1', \
         explanation: '{{streak}}', clears: c, source: s, on-change: keep}}\n"
    );
    Pack::parse(&yaml).unwrap()
}

#[test]
fn what_another_version_told_and_is_kept_is_left_to_full_looks() {
    let mut both = Both::new();
    both.district.pack = Arc::new(keeping(1, 2));
    (both.district.version, both.district.latest) = (2, 2);
    for n in 2..=6 {
        if n == 4 {
            both.district.pack = Arc::new(keeping(2, 3));
            (both.district.version, both.district.latest) = (3, 3);
            both.look();
            assert_eq!(both.counted.open_alerts(), 1, "it is kept");
        }
        both.now = Now { today: day(n), as_of: day(n) };
        both.mark(day(n), Some("Unexcused Absence"));
        both.look();
    }
}

#[test]
fn measures_are_stored_in_their_old_order() {
    let measures = Measures {
        enrolled: 1,
        absent: 2,
        unexcused: 3,
        tardy: 4,
        streak: 5,
        unexcused_streak: 6,
        unexplained_absence_today: true,
        failing: 7,
        failing_core: 8,
    };
    let row = Row { school: Some(school("1")), measures, open_alerts: 9 };
    let stored = (Some(school("1")), (1_i64, 2_i64, 3_i64, 4_i64, 5_i64, 6_i64, true, 7_i64, 8_i64), 9_u32);
    let bytes = postcard::to_stdvec(&stored).unwrap();
    assert_eq!(postcard::to_stdvec(&row).unwrap(), bytes);
    assert_eq!(postcard::from_bytes::<Row>(&bytes).unwrap(), row);
}
