//! Every message reads back as what was written, and bytes that are no message are refused without a panic.

mod strategy;

use homeroom_domain::date::Date;
use homeroom_domain::event::{AttendanceMark, Change, Event, Fact, Origin, Scope, Times};
use homeroom_domain::id::{DistrictId, EventId, RecordKey, Revision, SchoolId, SourceId, StudentKey};
use homeroom_proto::decode::Problem;
use homeroom_proto::{alert, dead_letter, directory, event, key, reference, wire};
use jiff::Timestamp;
use proptest::option;
use proptest::prelude::*;
use prost::Message as _;

proptest! {
    #[test]
    fn an_event_reads_back(it in strategy::event()) {
        prop_assert_eq!(event::decode(&event::encode(&it)).unwrap(), it);
    }

    #[test]
    fn an_event_is_written_as_its_message_would_be(it in strategy::event()) {
        prop_assert_eq!(event::encode(&it).to_vec(), event::to_wire(&it).encode_to_vec());
    }

    #[test]
    fn an_event_reads_back_with_whose_it_was_and_is_and_counts_for_its_student(
        event in strategy::event(), sent_as in option::of(strategy::student()), moved_to in option::of(strategy::student()),
    ) {
        let sent = event::Sent { event, sent_as, moved_to };
        let bytes = sent.encode();
        prop_assert_eq!(event::Sent::decode(&bytes).unwrap(), sent.clone());
        prop_assert_eq!(event::decode(&bytes).unwrap(), sent.event.clone());
        let key = |student: Option<StudentKey>| student.map(|it| it.as_bytes().to_vec().into());
        let message = wire::event::Event {
            sent_as: key(sent.sent_as), moved_to: key(sent.moved_to), ..event::to_wire(&sent.event)
        };
        prop_assert_eq!(bytes.to_vec(), message.encode_to_vec());
    }

    #[test]
    fn a_reference_change_reads_back(it in strategy::reference_change()) {
        prop_assert_eq!(reference::decode(&reference::encode(&it)).unwrap(), it);
    }

    #[test]
    fn an_alert_change_reads_back(it in strategy::alert_change()) {
        prop_assert_eq!(alert::decode(&alert::encode(&it)).unwrap(), it);
    }

    #[test]
    fn an_alert_change_reads_back_with_its_basis_and_without(it in strategy::alert_change(), basis in strategy::basis(), offset: i64) {
        let with = alert::encode_with_basis(&it, &basis, offset);
        prop_assert_eq!(alert::decode_with_basis(&with).unwrap(), (it.clone(), Some((basis, offset))));
        prop_assert_eq!(alert::decode(&with).unwrap(), it.clone());
        prop_assert_eq!(alert::decode_with_basis(&alert::encode(&it)).unwrap(), (it, None));
    }

    #[test]
    fn an_alert_change_reads_back_with_where_it_comes_from(
        change in strategy::alert_change(), basis in option::of(strategy::basis()), derivation in strategy::derivation(),
    ) {
        let bytes = alert::encode_told(&change, basis.as_ref(), &derivation);
        let adopted = alert::decode_with_basis(&bytes).unwrap();
        prop_assert_eq!(adopted, (change.clone(), basis.map(|basis| (basis, derivation.events_offset))));
        let told = alert::Told { change: change.clone(), basis, derivation: Some(derivation) };
        prop_assert_eq!(alert::decode_told(&bytes).unwrap(), told);
        let before = alert::Told { change: change.clone(), basis: None, derivation: None };
        prop_assert_eq!(alert::decode_told(&alert::encode(&change)).unwrap(), before);
    }

    #[test]
    fn a_profile_reads_back(it in strategy::profile()) {
        prop_assert_eq!(directory::decode(&directory::encode(&it)).unwrap(), it);
    }

    #[test]
    fn a_dead_letter_reads_back(it in strategy::dead_letter()) {
        prop_assert_eq!(dead_letter::decode(&dead_letter::encode(&it)).unwrap(), it);
    }

    #[test]
    fn a_key_names_its_student(district in strategy::district(), student in strategy::student()) {
        let key = key::events(&district, &student);
        prop_assert_eq!(key::parse_student(&key), Some((district, student)));
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        decode_all(&bytes);
    }

    #[test]
    fn a_damaged_message_is_decoded_or_refused(it in strategy::event(), at in any::<proptest::sample::Index>(), byte: u8) {
        let mut bytes = event::encode(&it).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        decode_all(&bytes);
        decode_all(&bytes[..at]);
    }
}

/// The length of what holds it takes two bytes, which are more than there was room for.
#[test]
fn an_event_with_a_long_code_is_written_as_its_message_would_be() {
    let mark = AttendanceMark {
        school: SchoolId::parse("9").unwrap(),
        date: Date::from_days(0).unwrap(),
        scope: Scope::Day,
        session: None,
        code: "é".repeat(150),
        share: None,
        times: Times::default(),
    };
    let event = Event {
        event_id: EventId::new([0; 16]),
        district: DistrictId::parse("d").unwrap(),
        student: StudentKey::new([1; 16]),
        origin: Origin { source: SourceId::parse("sis").unwrap(), key: RecordKey::new([2; 16]), revision: Revision(0) },
        received_at: Timestamp::UNIX_EPOCH,
        occurred_at: None,
        change: Change::Recorded(Fact::AttendanceMark(mark)),
    };
    assert_eq!(event::encode(&event).to_vec(), event::to_wire(&event).encode_to_vec());
}

fn decode_all(bytes: &[u8]) {
    drop(event::decode(bytes));
    drop(event::Sent::decode(bytes));
    drop(reference::decode(bytes));
    drop(alert::decode(bytes));
    drop(directory::decode(bytes));
    drop(dead_letter::decode(bytes));
    key::parse_student(bytes);
}

#[test]
fn an_error_names_message_and_field() {
    let error = event::decode(&[]).unwrap_err();
    assert_eq!((error.message, error.field), ("Event", "event_id"));
    assert_eq!(error.to_string(), "Event.event_id is not an id: event id is not 16 bytes");
    let error = alert::decode(&[0xff]).unwrap_err();
    assert_eq!((error.message, error.field), ("AlertChange", ""));
    assert!(matches!(error.problem, Problem::Malformed(_)));
    assert!(error.to_string().starts_with("AlertChange cannot be read: "), "{error}");
}

#[test]
fn a_dead_letter_keeps_the_beginning_of_a_giant_record() {
    let record = vec![b'x'; dead_letter::MAX_RECORD_BYTES + 1];
    let kept = dead_letter::Excerpt::of(&record);
    assert_eq!(kept.bytes().len(), dead_letter::MAX_RECORD_BYTES);
    assert_eq!(kept.whole_bytes(), record.len() as u64);
}

#[test]
fn a_key_reads_as_a_path() {
    let district = DistrictId::parse("grand-bend").unwrap();
    let student = StudentKey::new([0xab; 16]);
    assert_eq!(key::events(&district, &student), "grand-bend/abababababababababababababababab");
    let record = homeroom_domain::id::RecordKey::new([1; 16]);
    let key = key::reference(&district, reference::Kind::CalendarDate, &record);
    assert_eq!(key, "grand-bend/calendar-date/01010101010101010101010101010101");
}

#[test]
fn debug_shows_no_name_and_no_record() {
    let profile = directory::StudentProfile {
        district: DistrictId::parse("d").unwrap(),
        student: StudentKey::new([0; 16]),
        local_id: "canary-id".to_owned(),
        first_name: "Canary".to_owned(),
        last_name: "Canary".to_owned(),
        preferred_name: "Canary".to_owned(),
        revision: homeroom_domain::id::Revision(1),
        same_as: None,
    };
    assert!(!format!("{profile:?}").to_lowercase().contains("canary"));
    assert_eq!(format!("{:?}", dead_letter::Excerpt::of(b"Canary")), "Excerpt(6 of 6 bytes)");
}
