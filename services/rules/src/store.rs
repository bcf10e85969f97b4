//! What the service keeps of a partition, behind one seam: PostgreSQL where it ships, memory where it is simulated.
//!
//! A partition's row is a [`Lease`]: whoever commits names the row as it knows it, and nothing is written unless it is that
//! still. So of two owners at most one commits, and each commit happens at most once.

pub(crate) mod postgres;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use homeroom_bus::Topic;
use homeroom_domain::id::{DistrictId, RuleId, StudentKey};
use homeroom_domain::rule::condition::Failure;
use homeroom_domain::settings::Now;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::evaluate::{Student, Written};
use crate::reference::Concerned;

/// Whose a student is, and the pseudonymous key.
pub type Key = (DistrictId, StudentKey);
/// A student as stored.
pub type Found = (Key, Student);

/// The turn to sweep, until it is dropped.
#[derive(Debug)]
pub struct SweepTurn {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Who gives the turns to sweep of a process, one at a time. Clones are the same.
#[derive(Debug, Clone)]
pub struct SweepTurns(Arc<Semaphore>);

impl SweepTurns {
    /// Waits for the next turn.
    pub async fn take(&self) -> SweepTurn {
        // It is never closed.
        SweepTurn { _permit: Arc::clone(&self.0).acquire_owned().await.ok() }
    }
}

impl Default for SweepTurns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// What workers, owners and publishers ask of the database. Each call may be dropped at any point: then it happened whole, or
/// not at all.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Makes the caller the partition's owner: raises the epoch, from 0 where there is no row, and answers with the row. Waits
    /// for a commit of the owner before that is under way, so what is read is final.
    async fn claim(&self, partition: i32, owner: &str) -> Result<Lease, Error>;

    /// The partition's row as it is; none when it was never claimed.
    async fn reread(&self, partition: i32) -> Result<Option<Lease>, Error>;

    /// The students of these keys that are stored, in any order.
    async fn students(&self, wanted: Vec<Key>) -> Result<Vec<Found>, Error>;

    /// The dates in force for a district's students of a partition.
    async fn district_date(&self, district: &DistrictId, partition: i32) -> Result<Option<Now>, Error>;

    /// Waits for the process's turn to sweep, which one partition has at a time, for as long as it keeps the answer. The store says
    /// whose it is, so that a simulated one knows whoever asks at the same moment in an order of its own.
    async fn turn_to_sweep(&self, partition: i32) -> SweepTurn;

    /// The next page of a partition's students that are behind, in order of key.
    async fn behind(&self, wanted: &Wanted) -> Result<Vec<Found>, Error>;

    /// The offsets of the partition's dead letters within a range.
    async fn given_up(&self, partition: i32, offsets: Range<i64>) -> Result<BTreeSet<i64>, Error>;

    /// Makes the partition's row `to` and writes the effects, all or nothing, if the row is `from`; else writes nothing and
    /// answers [`Committed::Fenced`]. [`Error::CommitUnknown`] may have happened or not.
    async fn commit(&self, from: Lease, to: Lease, effects: Arc<Effects>) -> Result<Committed, Error>;

    /// Tells those who follow students live that these effects of a partition are committed: a hint beside the tables, which waits
    /// for nothing.
    fn tell(&self, _partition: i32, _committed: &Effects) {}

    /// The partition's unpublished rows for a topic of these numbers, in order, at most so many.
    async fn list_outbox(
        &self,
        partition: i32,
        topic: Topic,
        seqs: Range<i64>,
        limit: i64,
    ) -> Result<Vec<(i64, OutboxRow)>, Error>;

    /// Forgets the partition's rows for a topic up to a number: they are published.
    async fn delete_outbox(&self, partition: i32, topic: Topic, up_to_seq: i64) -> Result<(), Error>;
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be reached, or has no room, now; the same call may succeed later.
    #[error("the database is away")]
    Away(#[source] Cause),
    /// The answer to a commit was lost.
    #[error("a commit may or may not have happened")]
    CommitUnknown(#[source] Cause),
    /// What is written itself (or what is stored cannot be read), so that trying again is in vain and one record or student may
    /// be to blame.
    #[error("the database refuses what is written")]
    Refused(#[source] Cause),
    /// The machinery's fault, which waiting does not mend; no record may suffer for it.
    #[error("the database fails")]
    Failed(#[source] Cause),
}

/// What is behind an error.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// Whether one record or student may be to blame.
    pub(crate) fn refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// A partition's row, as of the owner's last commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The partition of the events topic.
    pub partition: i32,
    /// The fence: raised by each claim.
    pub epoch: i64,
    /// Commits so far, by whichever owner.
    pub commits: i64,
    /// Every event below has had its effect: its alert changes and dead letters are in the outbox.
    pub next_offset: i64,
    /// Every student's row includes the events below.
    pub state_offset: i64,
    /// Every student was evaluated with the reference records below.
    pub reference_offset: i64,
    /// How far the topic of alert changes is known to hold nothing that the students' rows do not.
    pub alerts_offset: i64,
    /// The number of the next outbox row.
    pub next_seq: i64,
    /// Every student was evaluated by this way of counting or a newer one: at most the owner's, which evaluates by no newer one.
    pub counting: i32,
}

/// Everything that a commit writes beside the partition's row.
#[derive(Debug, Default)]
pub struct Effects {
    /// At most one of each student.
    pub students: Vec<StudentChange>,
    /// Dates that have moved; they only move forward.
    pub dates: Vec<(DistrictId, Now)>,
    /// Numbered from the lease's `next_seq` on.
    pub outbox: Vec<OutboxRow>,
    /// One that is there already stays.
    pub dead_letters: Vec<DeadLetter>,
    /// To add to the counts of a district's rules in the partition.
    pub tally: BTreeMap<(DistrictId, RuleId), Tally>,
}

impl Effects {
    /// Whether nothing is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.students.is_empty() && self.dates.is_empty() && self.outbox.is_empty() && self.tally.is_empty()
    }
}

/// A student to write, and what the tables hold of it now.
#[derive(Debug)]
pub struct StudentChange {
    /// The institution.
    pub district: DistrictId,
    /// Pseudonymous key.
    pub student: StudentKey,
    /// What the tables beside the student's row hold.
    pub before: Arc<Written>,
    /// The whole student.
    pub after: Arc<Student>,
}

/// A message to publish; its number follows from its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Alerts or dead letters.
    pub topic: Topic,
    /// The record's key.
    pub key: Vec<u8>,
    /// The record's value.
    pub value: Vec<u8>,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
}

/// An event that could not be understood or applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its place in the partition.
    pub offset: i64,
    /// Why.
    pub problem: String,
    /// As it came.
    pub value: Vec<u8>,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
}

/// How a rule's counts move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Open now.
    pub open: i64,
    /// Ever opened.
    pub opened: i64,
    /// Evaluations that failed.
    pub failures: i64,
    /// Why the last of them did.
    pub last_failure: Option<Failure>,
}

/// How a commit ended, when nothing broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// It is all there.
    Yes,
    /// The row is not as this owner left it: another process owns the partition, or this very commit has happened before.
    Fenced,
}

/// Which students a sweep looks for: those whose dates are behind, who were counted in an older way, and whom reference records concern
/// that their last evaluation did not have.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whose.
    pub district: DistrictId,
    /// Of which partition.
    pub partition: i32,
    /// The dates in force.
    pub now: Now,
    /// Whether anybody's dates may be behind. If not, only whom `concerned` names is read, and not everyone.
    pub dates_moved: bool,
    /// Whether anybody may have been counted in an older way than this version counts.
    pub recount: bool,
    /// Whom reference records before `reference_offset` concern that were not in force yet.
    pub concerned: Concerned,
    /// The reference records to be in force are those below.
    pub reference_offset: i64,
    /// The last student of the page before; empty at first.
    pub after: Vec<u8>,
    /// How many at most.
    pub limit: i64,
}
