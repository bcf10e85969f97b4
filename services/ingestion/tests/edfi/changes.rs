//! What is sent becomes events, in order.

use homeroom_bus::Topic;
use homeroom_domain::event::{Change, Event, Fact};
use homeroom_domain::reference::Entry;
use serde_json::json;

use crate::door::{door, mark, school, student};

const MARKS: &str = "ed-fi/studentSchoolAttendanceEvents";

fn code(event: &Event) -> &str {
    match &event.change {
        Change::Recorded(Fact::AttendanceMark(mark)) => mark.code.rsplit('#').next().unwrap(),
        Change::Recorded(_) => panic!("not a mark: {event:?}"),
        Change::Withdrawn => "withdrawn",
    }
}

#[tokio::test]
async fn absent_becomes_tardy_by_delete_and_post_in_either_order() {
    for delete_first in [true, false] {
        let door = door().await;
        let absent = door.post(MARKS, &mark("Unexcused Absence", "2021-08-31")).await.expect(201).location();
        if delete_first {
            door.delete(&absent).await.expect(204);
            door.post(MARKS, &mark("Tardy", "2021-08-31")).await.expect(201);
        } else {
            door.post(MARKS, &mark("Tardy", "2021-08-31")).await.expect(201);
            door.delete(&absent).await.expect(204);
        }
        let events = door.events(3).await;
        let told: Vec<_> = events.iter().map(code).collect();
        let expected = if delete_first {
            ["Unexcused Absence", "withdrawn", "Tardy"]
        } else {
            ["Unexcused Absence", "Tardy", "withdrawn"]
        };
        assert_eq!(told, expected);
        let absences: Vec<_> =
            events.iter().filter(|event| code(event) != "Tardy").map(|event| event.origin.key).collect();
        assert_eq!(absences[0], absences[1]);
        assert!(events.windows(2).all(|pair| pair[0].origin.revision < pair[1].origin.revision));
        assert!(events.windows(2).all(|pair| pair[0].student == pair[1].student));
    }
}

#[tokio::test]
async fn a_mark_that_is_deleted_and_sent_again_is_the_same_record_with_higher_revisions() {
    let door = door().await;
    for _ in 0..3 {
        let path = door.post(MARKS, &mark("Tardy", "2021-08-31")).await.expect(201).location();
        door.delete(&path).await.expect(204);
    }
    let events = door.events(6).await;
    assert!(events.iter().all(|event| event.origin.key == events[0].origin.key));
    let told: Vec<_> = events.iter().map(code).collect();
    assert_eq!(told, ["Tardy", "withdrawn"].repeat(3));
    assert!(events.windows(2).all(|pair| pair[0].origin.revision < pair[1].origin.revision));
}

#[tokio::test]
async fn what_says_nothing_new_tells_nothing() {
    let door = door().await;
    for status in [201, 200, 200] {
        door.post(MARKS, &mark("Tardy", "2021-08-31")).await.expect(status);
    }
    let mut excused = mark("Tardy", "2021-08-31");
    excused["eventDuration"] = json!(0.5);
    door.post(MARKS, &excused).await.expect(200);
    let events = door.events(2).await;
    assert_eq!(events.len(), 2);
    let Change::Recorded(Fact::AttendanceMark(mark)) = &events[1].change else { panic!() };
    assert_eq!(mark.share, Some(50));
}

#[tokio::test]
async fn names_go_to_the_directory_only() {
    let door = door().await;
    let path = door.post("ed-fi/students", &student("60482266")).await.expect(201).location();
    door.post("ed-fi/schools", &school(1)).await.expect(201);
    let mut late = mark("Tardy", "2021-08-31");
    late["studentReference"]["studentUniqueId"] = json!("60482266");
    late["attendanceEventReason"] = json!("Quetzalina overslept");
    door.post(MARKS, &late).await.expect(201);
    door.delete(&path).await.expect(204);
    door.events(3).await;
    let directory = door.records(Topic::Directory, 2).await;
    let profile = homeroom_proto::directory::decode(directory[0].value.as_ref().unwrap()).unwrap();
    assert_eq!((profile.local_id.as_str(), profile.first_name.as_str()), ("60482266", "Quetzalina"));
    assert!(directory[1].value.is_none());
    assert_eq!(directory[0].key, directory[1].key);
    for topic in [Topic::Events, Topic::Reference, Topic::DeadLetters] {
        for record in door.records(topic, 0).await {
            let bytes = [record.key.as_ref(), record.value.as_deref().unwrap_or_default()].concat();
            for private in ["Quetzalina", "Zzyzxworth", "60482266"] {
                assert!(!bytes.windows(private.len()).any(|window| window == private.as_bytes()), "{topic}");
            }
        }
    }
}

#[tokio::test]
async fn a_document_that_cannot_be_held_is_kept_and_told_and_spoils_nothing() {
    let door = door().await;
    let mut ancient = mark("Tardy", "1750-01-01");
    let made = door.post(MARKS, &ancient).await.expect(201);
    door.post(MARKS, &mark("Tardy", "2021-08-31")).await.expect(201);
    let letters = door.records(Topic::DeadLetters, 1).await;
    let letter = homeroom_proto::dead_letter::decode(letters[0].value.as_ref().unwrap()).unwrap();
    assert_eq!(letter.field, "$.eventDate");
    assert_eq!(letter.source.unwrap().as_str(), "sis");
    let (resource, id) = made
        .location()
        .trim_start_matches("ed-fi/")
        .split_once('/')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    assert_eq!(letter.detail, format!("{resource} document {id}: it is another date"));
    assert!(letter.record.bytes().is_empty() && letter.quarantine_id.is_none(), "it is kept as a document");
    assert_eq!(door.events(1).await.len(), 1);
    ancient["id"] = json!(made.location().rsplit('/').next());
    let mut kept = door.get(&made.location()).await.json();
    for ours in ["_etag", "_lastModifiedDate"] {
        kept.as_object_mut().unwrap().remove(ours);
    }
    assert_eq!(kept, ancient);
}

#[tokio::test]
async fn a_changed_key_withdraws_the_old_record_and_makes_the_new() {
    let door = door().await;
    let session = |name: &str| {
        json!({"sessionName": name, "schoolYearTypeReference": {"schoolYear": 2022}, "beginDate": "2021-08-23", "endDate": "2021-12-17",
            "termDescriptor": "uri://ed-fi.org/TermDescriptor#Fall Semester", "totalInstructionalDays": 81, "schoolReference": {"schoolId": 1}})
    };
    let path = door.post("ed-fi/sessions", &session("Fall")).await.expect(201).location();
    door.put(&path, &session("Autumn")).await.expect(204);
    let records = door.records(Topic::Reference, 3).await;
    let changes: Vec<_> = records
        .iter()
        .map(|record| homeroom_proto::reference::decode(record.value.as_ref().unwrap()).unwrap())
        .collect();
    assert_eq!(changes[1].change, Change::Withdrawn);
    assert_eq!((records[0].key.as_ref(), changes[0].origin.key), (records[1].key.as_ref(), changes[1].origin.key));
    let Change::Recorded(Entry::Session(autumn)) = &changes[2].change else { panic!() };
    let Change::Recorded(Entry::Session(fall)) = &changes[0].change else { panic!() };
    assert_ne!(autumn.session, fall.session);
    assert_ne!(changes[2].origin.key, changes[0].origin.key);
}
