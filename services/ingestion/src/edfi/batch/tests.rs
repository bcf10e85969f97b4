//! What a batch decides: unit tests.

use homeroom_bus::Topic;
use homeroom_domain::event::{Change, Event};
use homeroom_domain::id::SourceId;
use homeroom_proto::event;
use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::edfi::command::Condition;
use crate::edfi::table::table;

fn collection() -> Collection {
    Collection {
        district: DistrictId::parse("grand-bend").unwrap(),
        source: SourceId::parse("sis").unwrap(),
        resource: Arc::from("ed-fi/studentSectionAssociations"),
    }
}

fn pseudonyms() -> Pseudonyms {
    let mut pseudonyms = Pseudonyms::default();
    pseudonyms.add(collection().district, &SecretString::from("one secret of the tests")).unwrap();
    pseudonyms
}

fn draft(begin: &str, end: &str) -> Draft {
    let body = json!({"beginDate": begin, "endDate": end, "studentReference": {"studentUniqueId": "1"}, "sectionReference": {
        "localCourseCode": "A", "schoolId": 1, "schoolYear": 2022, "sectionIdentifier": "s", "sessionName": "Fall"}});
    let Value::Object(body) = body else { unreachable!() };
    Draft::new(&collection(), table().find("studentSectionAssociations"), body)
}

fn command(action: Action) -> Command {
    let resource = table().find("studentSectionAssociations");
    Command { collection: collection(), resource, action, condition: Condition::default(), traceparent: None }
}

fn post(begin: &str, end: &str) -> Command {
    command(Action::Upsert(draft(begin, end)))
}

fn put(id: Uuid, begin: &str, free: bool) -> Command {
    command(Action::Replace(id, draft(begin, "2021-12-17"), free))
}

fn events(writes: &Writes) -> Vec<Event> {
    let of_topic = writes.outbox.iter().filter(|entry| entry.message.topic == Topic::Events);
    of_topic.map(|entry| event::decode(entry.message.value.as_ref().unwrap()).unwrap()).collect()
}

fn run(loaded: Vec<(Collection, Document)>, last: u64, commands: &[Command]) -> (Vec<Outcome>, Writes) {
    let pseudonyms = pseudonyms();
    let versions = HashMap::from([(collection().district, Versions { last, ..Versions::default() })]);
    let mut batch = Batch::new(&pseudonyms, Crosswalks::new(), Timestamp::UNIX_EPOCH, versions, loaded);
    let outcomes = commands.iter().map(|command| batch.decide(command)).collect();
    (outcomes, batch.finish())
}

fn id_of(outcome: &Outcome) -> Uuid {
    match outcome {
        Outcome::Created(id, _) | Outcome::Updated(id, _) => *id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_for_one_document_in_one_batch_come_out_as_if_each_had_been_alone() {
    let (outcomes, writes) =
        run(Vec::new(), 10, &[post("2021-08-23", "a"), post("2021-08-23", "a"), post("2021-08-23", "b")]);
    assert!(matches!(outcomes[0], Outcome::Created(..)));
    assert!(matches!((&outcomes[1], &outcomes[2]), (Outcome::Updated(..), Outcome::Updated(..))));
    assert_eq!(writes.upserted.len(), 1);
    assert_eq!(writes.upserted[0].1.change_version, 12);
}

#[test]
fn a_document_made_and_deleted_in_one_batch_leaves_its_story_and_nothing_else() {
    let (outcomes, _) = run(Vec::new(), 0, &[post("2021-08-23", "2021-12-17")]);
    let id = id_of(&outcomes[0]);
    let (outcomes, writes) = run(Vec::new(), 0, &[post("2021-08-23", "2021-12-17"), command(Action::Delete(id))]);
    assert_eq!(outcomes[1], Outcome::Deleted);
    assert!(writes.upserted.is_empty() && writes.removed.is_empty());
    assert_eq!(writes.deleted.len(), 1);
    let said = events(&writes);
    assert!(matches!(said[0].change, Change::Recorded(_)));
    assert_eq!(said[1].change, Change::Withdrawn);
    assert!(said[0].origin.revision < said[1].origin.revision);
}

#[test]
fn two_documents_may_swap_their_keys_and_none_may_take_anothers() {
    let (_, writes) = run(Vec::new(), 0, &[post("2021-08-23", "2021-12-17"), post("2021-08-30", "2021-12-17")]);
    let mut kept = writes.upserted;
    kept.sort_by_key(|(_, document)| document.created_version);
    let (first, second) = (kept[0].1.id, kept[1].1.id);
    let steps = [put(first, "2021-09-01", true), put(second, "2021-08-23", true), put(first, "2021-08-30", true)];
    let (outcomes, writes) = run(kept.clone(), 2, &steps);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Updated(..))), "{outcomes:?}");
    assert_eq!(writes.upserted.len(), 2);
    let (outcomes, writes) = run(kept.clone(), 2, &[put(first, "2021-08-30", true), put(second, "2021-08-23", false)]);
    assert_eq!(outcomes, [Outcome::KeyTaken, Outcome::KeyFixed]);
    assert!(writes.upserted.is_empty() && writes.outbox.is_empty());
}

#[test]
fn a_key_that_a_moved_document_left_behind_makes_a_document_of_its_own() {
    let (outcomes, writes) = run(Vec::new(), 0, &[post("2021-08-23", "2021-12-17")]);
    let moved = id_of(&outcomes[0]);
    let (outcomes, _) = run(writes.upserted, 1, &[put(moved, "2021-09-01", true), post("2021-08-23", "2021-12-17")]);
    assert!(matches!(outcomes[1], Outcome::Created(..)));
    assert_ne!(id_of(&outcomes[1]), moved);
}

#[test]
fn a_client_that_has_seen_another_version_changes_nothing() {
    let (_, writes) = run(Vec::new(), 0, &[post("2021-08-23", "2021-12-17")]);
    let kept = writes.upserted;
    let (id, etag) = (kept[0].1.id, kept[0].1.etag.clone());
    let with = |etag: &str, command: Command| Command {
        condition: Condition { etags: Some(vec![etag.to_owned()]), absent: false },
        ..command
    };
    let absent = Command { condition: Condition { etags: None, absent: true }, ..post("2021-08-23", "x") };
    let stale = [with("other", put(id, "2021-08-23", false)), with("other", command(Action::Delete(id))), absent];
    let (outcomes, writes) = run(kept.clone(), 1, &stale);
    assert_eq!(outcomes, [Outcome::Stale, Outcome::Stale, Outcome::Stale]);
    assert!(writes.outbox.is_empty());
    assert_eq!(run(kept, 1, &[with(&etag, command(Action::Delete(id)))]).0, [Outcome::Deleted]);
}
