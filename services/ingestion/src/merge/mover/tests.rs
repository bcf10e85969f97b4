//! A job that ends anywhere is gone on with, and comes to the same.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use async_trait::async_trait;
use homeroom_bus::memory::MemoryLog;
use homeroom_bus::{Appended, Partition};
use homeroom_domain::event::{Change, Event, Fact, Origin};
use homeroom_domain::id::{DistrictId, EventId, RecordKey, Revision, SourceId, StudentKey};
use homeroom_harness::{Behind, Between, test_database};
use jiff::Timestamp;

use super::*;
use crate::SCHEMA;
use crate::merge;

mod aside;

const RECORDS: u8 = 20;

/// The log in memory keeps what it is given at once; with this, there is an await after that too, where a job can be cut.
struct Awaited;

#[async_trait]
impl Between for Awaited {
    async fn append(&self, log: &dyn Log, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, log::Error>> {
        let appended = log.append(topic, records).await;
        tokio::task::yield_now().await;
        appended
    }
}

fn district() -> DistrictId {
    DistrictId::parse("grand-bend").unwrap()
}

async fn mover() -> Mover {
    let database = test_database(&[SCHEMA]).await;
    let log = MemoryLog::default();
    log.create_topics(2).await.unwrap();
    Mover {
        database: Database::connect(&database.config(&SCHEMA), &SCHEMA).await.unwrap(),
        districts: Districts::one(&district()),
        log: Arc::new(Behind::new(Awaited, Arc::new(log))),
        owner: Uuid::from_u128(7),
        settle: Duration::ZERO,
        most_records: 1_000,
    }
}

fn word(student: StudentKey, record: u8) -> Sent {
    let event = Event {
        event_id: EventId::new([0; 16]),
        district: district(),
        student,
        origin: Origin {
            source: SourceId::parse("sis").unwrap(),
            key: RecordKey::new([record; 16]),
            revision: Revision(u64::from(record)),
        },
        received_at: Timestamp::UNIX_EPOCH,
        occurred_at: None,
        change: Change::Recorded(Fact::Registration),
    };
    Sent { event, sent_as: None, moved_to: None }
}

/// The records that a student has, by the last word of each.
async fn live(mover: &Mover, student: StudentKey) -> BTreeSet<RecordKey> {
    let mut words = BTreeMap::<RecordKey, (Revision, bool)>::new();
    for (partition, end) in (0..).zip(mover.log.end_offsets(Topic::Events).await.unwrap()) {
        let mut tail = mover.log.tail(Topic::Events, Partition(partition), Offset(0)).await.unwrap();
        let mut at = 0;
        while at < end.0 {
            for record in tail.next(1_000, PATIENCE).await.unwrap() {
                at = record.offset.0 + 1;
                let event = Sent::decode(record.value.as_ref().unwrap()).unwrap().event;
                let word = (event.origin.revision, event.change != Change::Withdrawn);
                let known = words.get(&event.origin.key).map_or(Revision(0), |known| known.0);
                if event.student == student && word.0 >= known {
                    words.insert(event.origin.key, word);
                }
            }
        }
    }
    words.into_iter().filter(|(_, (_, is_live))| *is_live).map(|(key, _)| key).collect()
}

/// Polls a turn of the mover so many times and then drops it; whether it came to its end.
async fn cut(mover: &Mover, polls: u128) -> bool {
    let mut turn = pin!(mover.turn());
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        turn.as_mut().poll(context).map(|done| done.unwrap())
    })
    .await
}

/// Each await is an end at some count: of the database, of the log, or of a lock on the way there. How many there are depends on what
/// has been answered when it is asked for: on a busy machine few.
#[tokio::test]
async fn a_move_that_is_cut_off_at_any_await_is_gone_on_with() {
    let mover = mover().await;
    for polls in 1_u128.. {
        let student = |number: u128| StudentKey::new(number.to_be_bytes());
        let (from, into) = (student(2 * polls), student(2 * polls + 1));
        let sent: Vec<_> = (1..=RECORDS).map(|record| word(from, record)).collect();
        mover.append(sent.iter()).await.unwrap();
        merge::merge(&mover.database, &district(), from, into).await.unwrap().unwrap();
        let was_done = cut(&mover, polls).await;
        while mover.turn().await.unwrap() {}
        assert_eq!(live(&mover, from).await, BTreeSet::new(), "cut after {polls} polls");
        assert_eq!(live(&mover, into).await.len(), usize::from(RECORDS), "cut after {polls} polls");
        if was_done {
            assert!(polls > 1, "a turn waits for the database at least once");
            return;
        }
    }
}

#[tokio::test]
async fn nothing_more_is_said_when_all_is_said() {
    let mover = mover().await;
    let (from, into) = (StudentKey::new([1; 16]), StudentKey::new([2; 16]));
    mover.append([word(from, 1)].iter()).await.unwrap();
    merge::merge(&mover.database, &district(), from, into).await.unwrap().unwrap();
    while mover.turn().await.unwrap() {}
    let ends = mover.log.end_offsets(Topic::Events).await.unwrap();
    assert_eq!(ends.iter().map(|end| end.0).sum::<i64>(), 3, "sent, said again, and ended where it was");
    let again = "update student_moves set due_at = now(), looked_to = 0, passes = 0";
    let repeat = mover.database.run("tests.repeat", &mover.districts, move |connection| {
        Box::pin(async move {
            sqlx::query(again).execute(connection).await?;
            Ok(())
        })
    });
    repeat.await.unwrap();
    while mover.turn().await.unwrap() {}
    assert_eq!(mover.log.end_offsets(Topic::Events).await.unwrap(), ends);
}

/// A process that knows less keeps the job waiting while it lives, and has it looked again when it was taken for dead.
#[tokio::test]
async fn no_record_is_moved_while_a_process_knows_less() {
    let mover = mover().await;
    let (from, into) = (StudentKey::new([1; 16]), StudentKey::new([2; 16]));
    mover.append([word(from, 1)].iter()).await.unwrap();
    let execute = async |statement: &'static str| {
        let done = mover.database.run("tests.execute", &mover.districts, move |connection| {
            Box::pin(async move {
                sqlx::query(statement).execute(connection).await?;
                Ok(())
            })
        });
        done.await.unwrap();
    };
    execute("insert into merge_readers values ('00000000-0000-0000-0000-000000000001', 0, now() + interval '1 hour')")
        .await;
    merge::merge(&mover.database, &district(), from, into).await.unwrap().unwrap();
    assert!(!mover.turn().await.unwrap());
    execute("update merge_readers set seen_at = now() - interval '1 minute'").await;
    while mover.turn().await.unwrap() {}
    assert_eq!(live(&mover, into).await.len(), 1);
    // It wrote by what it knew before, and comes back.
    mover.append([word(from, 2)].iter()).await.unwrap();
    assert!(!mover.turn().await.unwrap(), "nobody asks");
    let merges = merge::Merges::default();
    let (database, districts, reader) = (mover.database.clone(), mover.districts.clone(), Uuid::from_u128(1));
    let tasks = TaskGroup::default();
    let all = districts.clone();
    merge::Follower { database, districts, all, merges, reader }.start(&tasks).await.unwrap();
    while mover.turn().await.unwrap() {}
    assert_eq!((live(&mover, from).await.len(), live(&mover, into).await.len()), (0, 2));
    tasks.stop();
}

/// What documents left to be published before the merge is in the log before it is looked at.
#[tokio::test]
async fn no_record_is_moved_while_documents_of_before_wait_to_be_published() {
    let mover = mover().await;
    let (from, into) = (StudentKey::new([1; 16]), StudentKey::new([2; 16]));
    let sent = word(from, 1);
    let entry = crate::outbox::Entry {
        district: district(),
        message: crate::outbox::Message {
            topic: Topic::Events,
            key: key::events(&district(), &from),
            value: Some(sent.encode()),
        },
        traceparent: None,
    };
    let outbox = mover.database.run("tests.outbox", &mover.districts, move |connection| {
        let entries = [entry.clone()];
        Box::pin(async move { crate::outbox::append(connection, &entries).await })
    });
    outbox.await.unwrap();
    merge::merge(&mover.database, &district(), from, into).await.unwrap().unwrap();
    assert!(!mover.turn().await.unwrap());
    mover.append([sent].iter()).await.unwrap();
    let published = mover.database.run("tests.published", &mover.districts, move |connection| {
        Box::pin(async move {
            sqlx::query("delete from outbox").execute(connection).await?;
            Ok(())
        })
    });
    published.await.unwrap();
    while mover.turn().await.unwrap() {}
    assert_eq!((live(&mover, from).await.len(), live(&mover, into).await.len()), (0, 1));
}
