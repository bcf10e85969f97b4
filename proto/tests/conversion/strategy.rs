//! Arbitrary domain values.

#![expect(clippy::unwrap_used, reason = "what is generated parses; when it does not, the test shall fail")]

mod further;

use std::fmt::Debug;

use homeroom_domain::alert::{
    AlertChange, BarredReferral, ChangeKind, CitedFact, Claim, DueDuty, MeasureValue, Proof, Severity, Terms,
};
use homeroom_domain::date::Date;
use homeroom_domain::episode::{Basis, EpisodeScope};
use homeroom_domain::event::{
    AttendanceMark, Change, Enrollment, Event, Fact, Grade, Origin, Scope, SectionMembership, Times,
};
use homeroom_domain::id::{ClassPeriodId, DistrictId, Revision, RuleId, SchoolId, SchoolYear, SourceId, StudentKey};
use homeroom_domain::reference::{
    AttendanceTaken, BellSchedule, Calendar, CalendarDate, ClassPeriod, Course, CourseOffering, Entry, GradingPeriod,
    MeetingTime, ReferenceChange, School, Section, Session,
};
use homeroom_domain::settings::{Category, Clock, Now, Reporting, Settings};
use homeroom_proto::alert::Derivation;
use homeroom_proto::dead_letter::{DeadLetter, Excerpt, Position};
use homeroom_proto::directory::StudentProfile;
use jiff::Timestamp;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

pub(crate) fn district() -> impl Strategy<Value = DistrictId> {
    "[a-z0-9-]{1,20}".prop_map(|text| DistrictId::parse(&text).unwrap())
}

pub(crate) fn student() -> impl Strategy<Value = StudentKey> {
    key().prop_map(Into::into)
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    let about = (key(), district(), student(), origin());
    (about, moment(), option::of(moment()), change(fact())).prop_map(|(about, received_at, occurred_at, change)| {
        let (event_id, district, student, origin) = about;
        Event { event_id: event_id.into(), district, student, origin, received_at, occurred_at, change }
    })
}

pub(crate) fn reference_change() -> impl Strategy<Value = ReferenceChange> {
    (district(), origin(), moment(), change(entry()))
        .prop_map(|(district, origin, received_at, change)| ReferenceChange { district, origin, received_at, change })
}

pub(crate) fn alert_change() -> impl Strategy<Value = AlertChange> {
    let kinds =
        vec![ChangeKind::Opened, ChangeKind::Amended, ChangeKind::Escalated, ChangeKind::Cleared, ChangeKind::Recalled];
    let what = (key(), any::<u32>(), select(kinds), claim(), text());
    let times = (moment(), option::of(moment()), date(), option::of(date()), vec(any::<u32>(), 0..3));
    let schools = (school(), text());
    (what, district(), student(), schools, times).prop_map(|(what, district, student, schools, times)| {
        let (school, school_name) = schools;
        let (alert_id, number, kind, claim, reason) = what;
        let (changed_at, caused_at, today, late_since, fallen_due) = times;
        let district_time = today.to_civil().at(9, 5, 0, 0);
        let alert_id = alert_id.into();
        AlertChange {
            alert_id,
            number,
            kind,
            district,
            student,
            school,
            school_name,
            claim,
            reason,
            changed_at,
            caused_at,
            district_time,
            late_since,
            fallen_due,
        }
    })
}

pub(crate) fn basis() -> impl Strategy<Value = Basis> {
    let scope = prop_oneof![
        (1900..2200).prop_map(|year| EpisodeScope::Year(SchoolYear(year))),
        date().prop_map(EpisodeScope::Day),
    ];
    let told_at = (date(), date()).prop_map(|(today, as_of)| Now { today, as_of });
    (scope, any::<u32>(), told_at).prop_map(|(scope, ordinal, told_at)| Basis { scope, ordinal, told_at })
}

pub(crate) fn derivation() -> impl Strategy<Value = Derivation> {
    let offsets = (any::<i32>(), any::<i64>(), option::of(any::<i64>()), any::<i64>());
    let dates = (date(), date()).prop_map(|(today, as_of)| Now { today, as_of });
    let derived = (offsets, dates, option::of(student()));
    derived.prop_map(|((partition, events_offset, caused_by_offset, reference_offset), dates, moved_to)| Derivation {
        partition,
        events_offset,
        caused_by_offset,
        reference_offset,
        dates,
        moved_to,
    })
}

pub(crate) fn profile() -> impl Strategy<Value = StudentProfile> {
    let names = (text(), text(), text(), text());
    (district(), student(), names, any::<u64>(), option::of(student())).prop_map(
        |(district, student, names, revision, same_as)| {
            let (local_id, first_name, last_name, preferred_name) = names;
            let revision = Revision(revision);
            StudentProfile { district, student, local_id, first_name, last_name, preferred_name, revision, same_as }
        },
    )
}

pub(crate) fn dead_letter() -> impl Strategy<Value = DeadLetter> {
    let from = (option::of(district()), option::of(source()), option::of(position()));
    let record = vec(any::<u8>(), 0..100).prop_map(|bytes| Excerpt::of(&bytes));
    let found = (moment(), option::of(any::<u128>().prop_map(Uuid::from_u128)));
    (from, record, (text(), text(), text()), found).prop_map(|(from, record, problem, found)| {
        let (district, source, position) = from;
        let (field, expected, detail) = problem;
        let (received_at, quarantine_id) = found;
        DeadLetter { district, source, position, record, field, expected, detail, received_at, quarantine_id }
    })
}

fn position() -> impl Strategy<Value = Position> {
    (text(), any::<i32>(), any::<i64>()).prop_map(|(topic, partition, offset)| Position { topic, partition, offset })
}

fn source() -> impl Strategy<Value = SourceId> {
    "[a-z0-9-]{1,20}".prop_map(|text| SourceId::parse(&text).unwrap())
}

fn school() -> impl Strategy<Value = SchoolId> {
    "[a-zA-Z0-9._äß学-]{1,20}".prop_map(|text| SchoolId::parse(&text).unwrap())
}

fn key() -> impl Strategy<Value = Uuid> {
    any::<[u8; 16]>().prop_map(Uuid::from_bytes)
}

fn date() -> impl Strategy<Value = Date> {
    (-25_567..=84_371).prop_map(|days| Date::from_days(days).unwrap())
}

fn moment() -> impl Strategy<Value = Timestamp> {
    let seconds = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
    (seconds, 0..1_000_000_000_i32).prop_map(|(seconds, nanos)| Timestamp::new(seconds, nanos).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    ".{0,20}"
}

fn origin() -> impl Strategy<Value = Origin> {
    (source(), key(), any::<u64>()).prop_map(|(source, key, revision)| Origin {
        source,
        key: key.into(),
        revision: Revision(revision),
    })
}

fn change<T: Debug + Clone + 'static>(of: impl Strategy<Value = T> + 'static) -> impl Strategy<Value = Change<T>> {
    prop_oneof![4 => of.prop_map(Change::Recorded), 1 => Just(Change::Withdrawn)]
}

fn fact() -> impl Strategy<Value = Fact> {
    prop_oneof![Just(Fact::Registration), enrollment(), membership(), mark(), grade(), further::fact()]
}

fn enrollment() -> impl Strategy<Value = Fact> {
    let dates = (date(), option::of(date()));
    (school(), dates, option::of(key()), any::<bool>(), text(), text()).prop_map(
        |(school, (entry_on, exit_on), calendar, primary_school, grade_level, exit_type)| {
            let calendar = calendar.map(Into::into);
            Fact::Enrollment(Enrollment { school, entry_on, exit_on, calendar, primary_school, grade_level, exit_type })
        },
    )
}

fn membership() -> impl Strategy<Value = Fact> {
    (key(), date(), option::of(date())).prop_map(|(section, begin_on, end_on)| {
        Fact::SectionMembership(SectionMembership { section: section.into(), begin_on, end_on })
    })
}

fn mark() -> impl Strategy<Value = Fact> {
    let times = (option::of(any::<i32>()), option::of(any::<i32>()), option::of(any::<i32>()))
        .prop_map(|(minutes, came_at, left_at)| Times { minutes, came_at, left_at });
    (school(), date(), option::of(key()), option::of(key()), text(), option::of(any::<i32>()), times).prop_map(
        |(school, date, section, session, code, share, times)| {
            let scope = section.map_or(Scope::Day, |section| Scope::Section(section.into()));
            let session = session.map(Into::into);
            Fact::AttendanceMark(AttendanceMark { school, date, scope, session, code, share, times })
        },
    )
}

fn grade() -> impl Strategy<Value = Fact> {
    (key(), key(), text(), option::of(any::<i64>()), option::of(text())).prop_map(
        |(section, grading_period, grade_type, numeric, letter)| {
            let (section, grading_period) = (section.into(), grading_period.into());
            Fact::Grade(Grade { section, grading_period, grade_type, numeric, letter })
        },
    )
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        (school(), text(), vec(text(), 0..3)).prop_map(|(school, name, types)| Entry::School(School {
            school,
            name,
            types
        })),
        calendar(),
        session(),
        grading_period(),
        (key(), vec(text(), 0..3))
            .prop_map(|(course, subjects)| Entry::Course(Course { course: course.into(), subjects })),
        class(),
        settings().prop_map(Entry::Settings),
        further::entry(),
        text().prop_map(Entry::RulePack),
        text().prop_map(Entry::Calculators),
        bell(),
    ]
}

fn calendar() -> impl Strategy<Value = Entry> {
    let calendar =
        (key(), school(), any::<i32>(), text(), text()).prop_map(|(calendar, school, year, code, calendar_type)| {
            let (calendar, school_year) = (calendar.into(), SchoolYear(year));
            Entry::Calendar(Calendar { calendar, school, school_year, code, calendar_type })
        });
    let date = (key(), date(), vec(text(), 0..3)).prop_map(|(calendar, date, events)| {
        Entry::CalendarDate(CalendarDate { calendar: calendar.into(), date, events })
    });
    prop_oneof![calendar, date]
}

fn session() -> impl Strategy<Value = Entry> {
    (key(), school(), any::<i32>(), date(), date()).prop_map(|(session, school, year, begin_on, end_on)| {
        let (session, school_year) = (session.into(), SchoolYear(year));
        Entry::Session(Session { session, school, school_year, begin_on, end_on })
    })
}

fn grading_period() -> impl Strategy<Value = Entry> {
    (key(), school(), any::<i32>(), date(), date()).prop_map(|(period, school, year, begin_on, end_on)| {
        let (grading_period, school_year) = (period.into(), SchoolYear(year));
        Entry::GradingPeriod(GradingPeriod { grading_period, school, school_year, begin_on, end_on })
    })
}

fn class() -> impl Strategy<Value = Entry> {
    let offering = (key(), key(), key()).prop_map(|(offering, course, session)| {
        Entry::CourseOffering(CourseOffering {
            course_offering: offering.into(),
            course: course.into(),
            session: session.into(),
        })
    });
    let section = (key(), key(), school(), periods(), any::<bool>()).prop_map(
        |(section, offering, school, class_periods, official)| {
            let (section, course_offering) = (section.into(), offering.into());
            Entry::Section(Section { section, course_offering, school, class_periods, official })
        },
    );
    let taken = (key(), date())
        .prop_map(|(section, date)| Entry::AttendanceTaken(AttendanceTaken { section: section.into(), date }));
    prop_oneof![offering, section, taken]
}

fn periods() -> impl Strategy<Value = Vec<ClassPeriodId>> {
    vec(key().prop_map(ClassPeriodId::from), 0..3)
}

fn bell() -> impl Strategy<Value = Entry> {
    let time = || {
        (any::<u16>(), any::<u16>()).prop_map(|(begin, end)| MeetingTime { begin_at: begin.into(), end_at: end.into() })
    };
    let period = (key(), school(), any::<bool>(), vec(time(), 0..3)).prop_map(|(period, school, official, times)| {
        Entry::ClassPeriod(ClassPeriod { class_period: period.into(), school, official, times })
    });
    let length = option::of(any::<u16>().prop_map(i32::from));
    let schedule = (school(), vec(date(), 0..3), periods(), option::of(time()), vec(text(), 0..3), length).prop_map(
        |(school, dates, class_periods, hours, grade_levels, instruction)| {
            Entry::BellSchedule(BellSchedule { school, dates, class_periods, hours, grade_levels, instruction })
        },
    );
    prop_oneof![period, schedule]
}

fn settings() -> impl Strategy<Value = Settings> {
    let clock = (text(), any::<i64>(), any::<u16>()).prop_map(|(time_zone, offset_seconds, day_close_minute)| Clock {
        time_zone,
        offset_seconds,
        day_close_minute,
    });
    let categories = vec![
        Category::ExcusedAbsence,
        Category::UnexcusedAbsence,
        Category::AbsenceUnknownExcuse,
        Category::Partial,
        Category::Tardy,
        Category::EarlyDeparture,
        Category::Present,
        Category::MedicalAbsence,
        Category::ExcusedTardy,
    ];
    let codes = btree_map(text(), select(categories), 0..4);
    let reporting = || select(vec![Reporting::Negative, Reporting::Positive]);
    let reporting = (reporting(), btree_map(source(), reporting(), 0..3));
    let scales = (further::grade_scale(), vec(further::school_scale(), 0..3));
    let tables = (further::disciplines(), further::connections(), scales, vec(source(), 0..3));
    (clock, any::<i64>(), reporting, codes, tables).prop_map(|(clock, failing_below, reporting, codes, tables)| {
        let (disciplines, connections, (grade_scale, school_scales), transcript_sources) = tables;
        let (reporting, source_reporting) = reporting;
        Settings {
            clock,
            failing_below,
            reporting,
            source_reporting,
            codes,
            disciplines,
            connections,
            grade_scale,
            school_scales,
            transcript_sources,
        }
    })
}

fn claim() -> impl Strategy<Value = Claim> {
    let rule = ("[a-z0-9-]{1,20}".prop_map(|text| RuleId::parse(&text).unwrap()), any::<u32>());
    let severity = select(vec![Severity::Notice, Severity::Warning, Severity::Urgent]);
    (rule, severity, any::<i64>(), (text(), text()), any::<u32>(), (proof(), terms())).prop_map(
        |((rule, rule_version), severity, level, (audience, title), settle_seconds, (proof, terms))| Claim {
            rule,
            rule_version,
            severity,
            level,
            audience: audience.into(),
            title: title.into(),
            settle_seconds,
            proof,
            terms,
        },
    )
}

fn terms() -> impl Strategy<Value = Terms> {
    let duty = (text(), option::of(date()), text(), text()).prop_map(|(what, due_on, source, evidence)| DueDuty {
        what,
        due_on,
        source,
        evidence,
    });
    let barred = (text(), text()).prop_map(|(what, source)| BarredReferral { what, source });
    let flags = (any::<bool>(), any::<bool>(), option::of(0..1440_u16));
    ("[a-z]{1,20}", flags, any::<u32>(), option::of(date()), vec(duty, 0..3), vec(barred, 0..3)).prop_map(
        |(message_key, (good_news, quiet_while_case_open, cutoff_minute), step, since, duties, barred)| Terms {
            message_key,
            good_news,
            quiet_while_case_open,
            cutoff_minute,
            step,
            since,
            duties,
            barred,
        },
    )
}

fn proof() -> impl Strategy<Value = Proof> {
    let measure = (text(), any::<i64>(), text()).prop_map(|(name, value, unit)| MeasureValue {
        name: name.into(),
        value,
        unit: unit.into(),
    });
    let fact = (date(), school(), text(), text(), origin()).prop_map(|(date, school, what, code, origin)| CitedFact {
        date,
        school,
        what: what.into(),
        code: code.into(),
        origin,
    });
    (date(), (text(), text(), text()), vec(measure, 0..3), vec(fact, 0..3), any::<u32>()).prop_map(
        |(as_of, (explanation, clears_when, threshold_source), measures, facts, facts_left_off)| Proof {
            as_of,
            explanation: explanation.into(),
            clears_when: clears_when.into(),
            measures,
            facts,
            facts_left_off,
            threshold_source: threshold_source.into(),
        },
    )
}
