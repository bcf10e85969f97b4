//! The last word on a name stays, whoever has it and whenever.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use homeroom_bus::Appended;
use homeroom_bus::memory::MemoryLog;
use homeroom_domain::id::Revision;
use homeroom_harness::{Behind, Between};

use super::*;

/// A log in which others have their word before each of ours, and which is slow to give what it has.
type Crowded = Behind<Crowd>;

#[derive(Default)]
struct Crowd {
    before: Mutex<VecDeque<NewRecord>>,
    /// Appends that are kept and not answered.
    lost: Mutex<usize>,
    /// Reads that come to nothing.
    silent: Arc<Mutex<u32>>,
}

struct Slow {
    tail: Box<dyn Tail>,
    silent: Arc<Mutex<u32>>,
}

#[async_trait]
impl Tail for Slow {
    async fn next(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, log::Error> {
        {
            let mut silent = self.silent.lock().unwrap();
            if *silent > 0 {
                *silent -= 1;
                return Ok(Vec::new());
            }
        }
        self.tail.next(max, wait).await
    }
}

#[async_trait]
impl Between for Crowd {
    async fn append(&self, log: &dyn Log, topic: Topic, records: Vec<NewRecord>) -> Vec<Result<Appended, log::Error>> {
        let before = self.before.lock().unwrap().pop_front();
        log.append(topic, before.into_iter().collect()).await;
        let appended = log.append(topic, records).await;
        let mut lost = self.lost.lock().unwrap();
        if *lost > 0 {
            *lost -= 1;
            return vec![Err(log::Error::Unavailable("the answer is lost".to_owned()))];
        }
        appended
    }

    async fn tail(
        &self,
        log: &dyn Log,
        topic: Topic,
        partition: Partition,
        from: Offset,
    ) -> Result<Box<dyn Tail>, log::Error> {
        let tail = log.tail(topic, partition, from).await?;
        Ok(Box::new(Slow { tail, silent: Arc::clone(&self.silent) }))
    }
}

const STUDENT: StudentKey = StudentKey::new([1; 16]);
const SAME: Option<StudentKey> = Some(StudentKey::new([2; 16]));

fn district() -> DistrictId {
    DistrictId::parse("grand-bend").unwrap()
}

/// A door's word; none erases.
fn word(first_name: Option<&str>) -> NewRecord {
    let profile = first_name.map(|first_name| StudentProfile {
        district: district(),
        student: STUDENT,
        local_id: "1".to_owned(),
        first_name: first_name.to_owned(),
        last_name: String::new(),
        preferred_name: String::new(),
        revision: Revision(1),
        same_as: None,
    });
    let value = profile.map(|profile| directory::encode(&profile));
    NewRecord { key: key::directory(&district(), &STUDENT), value, headers: Vec::new() }
}

async fn crowded(said: Vec<NewRecord>, before: Vec<NewRecord>) -> Crowded {
    let log = MemoryLog::default();
    log.create_topics(1).await.unwrap();
    log.append(Topic::Directory, said).await;
    Behind::new(Crowd { before: Mutex::new(before.into()), ..Crowd::default() }, Arc::new(log))
}

/// The names that the log has, in their order, and whether each is marked; none is an erasure.
async fn names(crowded: &Crowded) -> Vec<Option<(String, bool)>> {
    let mut tail = crowded.log.tail(Topic::Directory, Partition(0), Offset(0)).await.unwrap();
    let records = tail.next(100, Duration::ZERO).await.unwrap();
    let name = |record: Record| {
        let profile = directory::decode(&record.value?).unwrap();
        Some((profile.first_name, profile.same_as == SAME))
    };
    records.into_iter().map(name).collect()
}

async fn mark_it(crowded: &Crowded) -> Result<(), log::Error> {
    mark(crowded, &district(), STUDENT, SAME).await
}

fn marked(name: &str) -> (String, bool) {
    (name.to_owned(), true)
}

#[tokio::test]
async fn a_name_that_comes_in_between_is_the_one_that_stays() {
    let crowded = crowded(vec![word(Some("Ann"))], vec![word(Some("Anna")), word(Some("Anne"))]).await;
    mark_it(&crowded).await.unwrap();
    let names = names(&crowded).await;
    assert_eq!((names.len(), names.last()), (6, Some(&Some(marked("Anne")))), "{names:?}");
}

#[tokio::test]
async fn a_name_that_is_erased_in_between_stays_erased() {
    let crowded = crowded(vec![word(Some("Ann"))], vec![word(None)]).await;
    mark_it(&crowded).await.unwrap();
    assert_eq!(names(&crowded).await.last(), Some(&None));
}

/// As it is after a crash too: who looks again finds our own word last, and that it hides another.
#[tokio::test]
async fn a_name_that_came_in_between_stays_also_when_our_word_was_never_answered() {
    let crowded = crowded(vec![word(Some("Ann"))], vec![word(None)]).await;
    *crowded.between.lost.lock().unwrap() = 1;
    mark_it(&crowded).await.unwrap_err();
    assert_eq!(names(&crowded).await.last(), Some(&Some(marked("Ann"))));
    mark_it(&crowded).await.unwrap();
    assert_eq!(names(&crowded).await.last(), Some(&None));
}

#[tokio::test]
async fn a_log_that_is_slow_to_begin_is_waited_for() {
    let crowded = crowded(vec![word(Some("Ann"))], Vec::new()).await;
    *crowded.between.silent.lock().unwrap() = MOST_SILENT - 1;
    mark_it(&crowded).await.unwrap();
    assert_eq!(names(&crowded).await.last(), Some(&Some(marked("Ann"))));
    mark_it(&crowded).await.unwrap();
    assert_eq!(names(&crowded).await.len(), 2, "nothing more is said when all is said");
}

/// What is found after all counts, and a log that does not even give our own word is an error.
#[tokio::test]
async fn what_a_log_gives_too_late_is_found_by_the_word_after_it() {
    let crowded = crowded(vec![word(Some("Ann"))], Vec::new()).await;
    *crowded.between.silent.lock().unwrap() = MOST_SILENT;
    mark_it(&crowded).await.unwrap();
    assert_eq!(names(&crowded).await.last(), Some(&Some(marked("Ann"))));
    *crowded.between.silent.lock().unwrap() = 2 * MOST_SILENT;
    mark_it(&crowded).await.unwrap_err();
    mark_it(&crowded).await.unwrap();
    assert_eq!(names(&crowded).await.last(), Some(&Some(marked("Ann"))));
}
