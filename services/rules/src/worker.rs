//! The worker of one partition: folds batches, moves students when the date or reference records move, and commits.
//!
//! It is the only writer of its partition's students while its epoch stands. Between two commits it holds nothing that cannot
//! be read again, so it may stop at any point.

mod cache;
mod fold;
mod sweep;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::Record;
use homeroom_chassis::clock;
use homeroom_domain::id::DistrictId;
use homeroom_domain::settings::Now;
use homeroom_pg::Database;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Limits;
use crate::metric;
use crate::publish::Publisher;
use crate::reference::{District, Snapshot};
use crate::store::claim::{self, Lease};
use crate::store::commit::{self, Committed, Effects};
use crate::store::load;
use cache::Cache;
use fold::{Incoming, Parsed};
use sweep::Sweep;

/// What every worker of the process shares.
pub(crate) struct Shared {
    pub database: Database,
    pub limits: Limits,
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    pub stopping: CancellationToken,
}

/// Why a worker ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The database refuses even a single event's effects, for a reason that is not the event's.
    #[error("the database refuses")]
    Database(#[from] homeroom_pg::Error),
}

/// How often the districts' clocks are looked at. The date moves twice a day.
const TICK: Duration = Duration::from_secs(1);
/// The longest wait between two attempts while the database is away.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Still the owner, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Kept,
    Lost,
}

pub(crate) struct Worker {
    shared: Arc<Shared>,
    lease: Lease,
    snapshot: Arc<Snapshot>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    dates: HashMap<DistrictId, Now>,
    cache: Cache,
    sweep: Option<Sweep>,
    /// The dates that the last finished sweep reached.
    swept: Arc<HashMap<DistrictId, Now>>,
    publisher: Publisher,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, lease: Lease, publisher: Publisher) -> Self {
        let snapshots = shared.snapshots.clone();
        let cache = Cache::new(shared.limits.cached_students);
        Self {
            shared,
            lease,
            snapshot: Arc::default(),
            snapshots,
            dates: HashMap::new(),
            cache,
            sweep: None,
            swept: Arc::default(),
            publisher,
        }
    }

    /// Works until the inbox closes, the process stops, or another process owns the partition.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Vec<Record>>) -> Result<(), Error> {
        if !self.wait_for_reference().await {
            return Ok(());
        }
        self.look_at_clocks().await?;
        self.plan_sweep();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let stopping = self.shared.stopping.clone();
        let mut hold = Hold::Kept;
        while hold == Hold::Kept {
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                batch = inbox.recv() => match batch {
                    Some(batch) => {
                        let batch = self.coalesce(batch, &mut inbox);
                        hold = self.take(batch).await?;
                        // A part of the sweep after each batch, so that a busy day does not starve it.
                        if hold == Hold::Kept && self.sweep.is_some() {
                            hold = self.sweep_part().await?;
                        }
                    }
                    None => break,
                },
                changed = self.snapshots.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    self.snapshot = self.snapshots.borrow_and_update().clone();
                    self.look_at_clocks().await?;
                    self.plan_sweep();
                }
                _ = tick.tick() => {
                    self.look_at_clocks().await?;
                    self.plan_sweep();
                }
                () = std::future::ready(()), if self.sweep.is_some() => hold = self.sweep_part().await?,
            }
        }
        if hold == Hold::Lost {
            metrics::counter!(metric::FENCED).increment(1);
            tracing::info!(partition = self.lease.partition, "another process owns the partition now");
        }
        Ok(())
    }

    /// Evaluating with fewer reference records than the partition was evaluated with would recall what still holds.
    async fn wait_for_reference(&mut self) -> bool {
        let needed = self.lease.reference_offset;
        let stopping = self.shared.stopping.clone();
        let ready = self.snapshots.wait_for(|snapshot| snapshot.offset >= needed);
        tokio::select! {
            () = stopping.cancelled() => false,
            ready = ready => match ready {
                Ok(snapshot) => {
                    self.snapshot = snapshot.clone();
                    true
                }
                Err(_) => false,
            },
        }
    }

    /// Takes what else has arrived, so that a worker that is behind writes each student once.
    fn coalesce(&self, mut batch: Vec<Record>, inbox: &mut mpsc::Receiver<Vec<Record>>) -> Vec<Record> {
        while batch.len() < self.shared.limits.batch_events {
            match inbox.try_recv() {
                Ok(more) => batch.extend(more),
                Err(_) => break,
            }
        }
        batch
    }

    /// Folds a batch and commits it, however long the database is away. A batch that the database refuses is halved until the one
    /// event that it refuses is alone, which becomes a dead letter.
    async fn take(&mut self, batch: Vec<Record>) -> Result<Hold, Error> {
        let mut parts = vec![fold::incoming(batch, self.lease.next_offset)];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.fold(&part).await {
                Ok(Hold::Kept) => {}
                Ok(Hold::Lost) => return Ok(Hold::Lost),
                Err(error) if part.len() > 1 => {
                    tracing::warn!(partition = self.lease.partition, events = part.len(), error = %chain(&error), "halving a batch that the database refuses");
                    let mut first = part;
                    let second = first.split_off(first.len() / 2);
                    parts.push(second);
                    parts.push(first);
                }
                Err(error) => {
                    let only: Vec<Incoming> =
                        part.into_iter().map(|incoming| incoming.refused(&chain(&error))).collect();
                    if self.fold(&only).await? == Hold::Lost {
                        return Ok(Hold::Lost);
                    }
                }
            }
        }
        Ok(Hold::Kept)
    }

    async fn fold(&mut self, part: &[Incoming]) -> Result<Hold, homeroom_pg::Error> {
        self.cache.turn();
        let keys: BTreeSet<_> = part.iter().filter_map(Incoming::student).collect();
        let districts: BTreeSet<&DistrictId> = keys.iter().map(|(district, _)| district).collect();
        for district in districts {
            self.load_date(district).await?;
        }
        let missing: Vec<_> = keys.iter().filter(|key| !self.cache.contains(key)).cloned().collect();
        let database = self.shared.database.clone();
        for (key, student) in patiently(&self.shared.stopping, || load::students(&database, missing.clone())).await? {
            self.cache.insert(key, Arc::new(student));
        }
        let at = clock::now();
        let desk = fold::Desk { snapshot: &self.snapshot, dates: &self.dates, cache: &self.cache, at };
        let effects = desk.fold(part);
        let last = part.last().map_or(self.lease.next_offset, |incoming| incoming.offset + 1);
        let to = Lease { next_offset: last, ..self.lease };
        let hold = self.commit(to, effects).await?;
        if hold == Hold::Kept {
            metrics::counter!(metric::EVENTS).increment(part.len() as u64);
            record_age(part, at);
        }
        Ok(hold)
    }

    /// Commits, then publishes and remembers. While the database is away it waits; a lost answer is looked up.
    async fn commit(&mut self, to: Lease, effects: Effects) -> Result<Hold, homeroom_pg::Error> {
        let effects = Arc::new(effects);
        let rows = i64::try_from(effects.outbox.len()).unwrap_or(i64::MAX);
        let to = Lease { next_seq: self.lease.next_seq + rows, ..to };
        let (database, from) = (self.shared.database.clone(), self.lease);
        let committed = patiently(&self.shared.stopping, || async {
            match commit::commit(&database, from, to, Arc::clone(&effects)).await {
                Err(homeroom_pg::Error::CommitUnknown { transaction, source }) => {
                    let now = claim::reread(&database, from.partition).await?;
                    match now {
                        Some(now) if now == to => Ok(Committed::Yes),
                        Some(now) if now == from => Err(homeroom_pg::Error::Statement { transaction, source }),
                        _ => Ok(Committed::Fenced),
                    }
                }
                other => other,
            }
        })
        .await?;
        if committed == Committed::Fenced {
            return Ok(Hold::Lost);
        }
        self.lease = to;
        for (district, now) in &effects.dates {
            self.dates.insert(district.clone(), *now);
        }
        for change in &effects.students {
            self.cache.insert((change.district.clone(), change.student), Arc::clone(&change.after));
        }
        if rows > 0 {
            self.publisher.published_up_to(to.next_seq).await;
        }
        Ok(Hold::Kept)
    }

    async fn load_date(&mut self, district: &DistrictId) -> Result<(), homeroom_pg::Error> {
        if self.dates.contains_key(district) {
            return Ok(());
        }
        let (database, partition) = (self.shared.database.clone(), self.lease.partition);
        let stored = patiently(&self.shared.stopping, || load::district_date(&database, district, partition)).await?;
        if let Some(now) = stored {
            self.dates.insert(district.clone(), now);
        }
        Ok(())
    }

    /// Moves the dates in force forward where a district's clock has moved; the sweep that follows moves its students.
    async fn look_at_clocks(&mut self) -> Result<(), Error> {
        let at = clock::now();
        let snapshot = Arc::clone(&self.snapshot);
        let mut moved = Vec::new();
        for (id, district) in snapshot.districts.iter().filter(|(_, district)| district.view.has_settings()) {
            self.load_date(id).await?;
            if let Some(now) = next_date(id, district, self.dates.get(id).copied(), at) {
                moved.push((id.clone(), now));
            }
        }
        if !moved.is_empty() {
            let effects = Effects { dates: moved, ..Effects::default() };
            // A lost partition shows at the next batch.
            self.commit(self.lease, effects).await?;
        }
        Ok(())
    }

    fn plan_sweep(&mut self) {
        if self.sweep.is_none() {
            self.sweep = Sweep::plan(&self.snapshot, &self.dates, self.lease.reference_offset, &self.swept);
        }
    }

    async fn sweep_part(&mut self) -> Result<Hold, Error> {
        let Some(mut sweep) = self.sweep.take() else { return Ok(Hold::Kept) };
        let Some(wanted) = sweep.next_page(&self.snapshot, &self.lease, self.shared.limits.sweep_students) else {
            let to = Lease { reference_offset: self.lease.reference_offset.max(sweep.target()), ..self.lease };
            let hold = if to == self.lease { Hold::Kept } else { self.commit(to, Effects::default()).await? };
            self.swept = sweep.done();
            self.plan_sweep();
            return Ok(hold);
        };
        let database = self.shared.database.clone();
        let found = patiently(&self.shared.stopping, || crate::store::sweep::behind(&database, &wanted)).await?;
        sweep.advance(&found, self.shared.limits.sweep_students);
        self.sweep = Some(sweep);
        if found.is_empty() {
            return Ok(Hold::Kept);
        }
        metrics::counter!(metric::SWEPT).increment(found.len() as u64);
        let desk = fold::Desk { snapshot: &self.snapshot, dates: &self.dates, cache: &self.cache, at: clock::now() };
        let effects = desk.look_again(found);
        Ok(self.commit(self.lease, effects).await?)
    }
}

/// The district's dates when they have moved forward; a clock set back waits until it has caught up.
fn next_date(id: &DistrictId, district: &District, known: Option<Now>, at: Timestamp) -> Option<Now> {
    let now = match district.settings.clock.now(at) {
        Ok(now) => now,
        Err(error) => {
            tracing::error!(district.id = %id, error = %error, "the district's clock cannot be read");
            return None;
        }
    };
    let forward =
        known.map_or(now, |known| Now { today: now.today.max(known.today), as_of: now.as_of.max(known.as_of) });
    (known != Some(forward)).then_some(forward)
}

/// Tries again while the database is away, until the process stops.
async fn patiently<T, F, Fut>(stopping: &CancellationToken, mut attempt: F) -> Result<T, homeroom_pg::Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, homeroom_pg::Error>>,
{
    let mut backoff = Duration::from_millis(50);
    loop {
        match attempt().await {
            Err(error) if error.is_transient() && !stopping.is_cancelled() => {
                tracing::warn!(error = %chain(&error), "the database is away; trying again");
                tokio::select! {
                    () = stopping.cancelled() => return Err(error),
                    () = tokio::time::sleep(backoff) => backoff = (backoff * 2).min(MAX_BACKOFF),
                }
            }
            result => return result,
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn record_age(part: &[Incoming], at: Timestamp) {
    let received = part.iter().filter_map(|incoming| {
        if let Parsed::Event(event) = &incoming.parsed { Some(event.received_at) } else { None }
    });
    if let Some(oldest) = received.min() {
        metrics::histogram!(metric::EVENT_AGE).record(at.duration_since(oldest).as_secs_f64().max(0.0));
    }
}
