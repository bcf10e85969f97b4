//! The reference topic, folded into snapshots that workers evaluate with.
//!
//! The topic has one partition, so one offset says how much of it a snapshot includes. A snapshot remembers for each district
//! who was touched last when, so that a worker knows whom to evaluate again, also after a restart. The records themselves stay
//! with the [`Reader`]; a snapshot shares everything, so that making one costs as much as there are districts.

pub(crate) mod supposed;

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::{Error, Log, Offset, Partition, Record, Tail, Topic};
use homeroom_domain::calculator;
use homeroom_domain::event::Change;
use homeroom_domain::id::{DistrictId, SchoolId};
use homeroom_domain::reference::{Entry, ReferenceChange};
use homeroom_domain::rule::Pack;
use homeroom_domain::settings::Settings;
use homeroom_domain::view::{Records, Touched, View};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metric;

pub(crate) mod since;

/// What is known of a district at one offset of the reference topic. Clones share it.
#[derive(Clone)]
pub struct District {
    /// Its reference records.
    pub view: Arc<View>,
    /// How its facts count.
    pub settings: Arc<Settings>,
    /// Its rules.
    pub pack: Arc<Pack>,
    /// The offset after the last record that touched anybody: as long as it is the same, so is all that is known of a student who
    /// waits for nothing.
    pub(crate) version: u64,
    /// The offset after the last record that the view holds: as long as it is the same, so are view, settings and rules.
    pub(crate) latest: u64,
    /// The offset after the last record that touched each; everyone, a school, or nobody but who waits.
    touched: Arc<BTreeMap<Touched, Offset>>,
}

/// Whom a worker must evaluate again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concerned {
    /// Every student of the district.
    pub everyone: bool,
    /// Students whose facts lean on one of these schools.
    pub schools: Vec<SchoolId>,
    /// Students who wait for something unknown: any change may have brought it, also one that touches nobody else.
    pub waiting: bool,
}

/// All districts, at one offset.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// The offset after the last record included.
    pub offset: i64,
    /// By id.
    pub districts: BTreeMap<DistrictId, District>,
}

/// Every record of the topic so far, and the snapshot last made of them.
#[derive(Default)]
struct Reader {
    /// The only district whose records are kept, if not all.
    only: Option<DistrictId>,
    /// The offset after the last record read.
    offset: i64,
    districts: BTreeMap<DistrictId, Source>,
    made: Snapshot,
}

/// What a district's snapshot is made of.
#[derive(Default)]
struct Source {
    records: Records,
    /// Changes that the snapshot does not show yet.
    unseen: Vec<Unseen>,
    /// Rule packs that came with them, as they were parsed when they were checked.
    packs: HashMap<String, Arc<Pack>>,
}

struct Unseen {
    offset: i64,
    old: Option<Entry>,
    new: Change<Entry>,
}

impl District {
    pub(crate) fn new() -> Self {
        Self {
            view: Arc::default(),
            settings: Arc::default(),
            pack: Arc::new(without_rules()),
            version: 0,
            latest: 0,
            touched: Arc::default(),
        }
    }

    /// Whom the records from an offset on concern.
    pub(crate) fn concerned_since(&self, offset: i64) -> Concerned {
        let since = || self.touched.iter().filter(move |(_, at)| at.0 > offset).map(|(touched, _)| touched);
        Concerned {
            everyone: since().any(|touched| *touched == Touched::Everyone),
            schools: since()
                .filter_map(|touched| if let Touched::School(school) = touched { Some(school.clone()) } else { None })
                .collect(),
            waiting: since().next().is_some(),
        }
    }

    /// Indexes the records again, and notes whom their changes touch.
    fn show(&mut self, source: &mut Source) {
        let view = source.records.view();
        let touched = Arc::make_mut(&mut self.touched);
        self.latest = source.unseen.last().map_or(self.latest, |unseen| (unseen.offset + 1).cast_unsigned());
        for Unseen { offset, old, new } in source.unseen.drain(..) {
            let new = if let Change::Recorded(entry) = &new { Some(entry) } else { None };
            for whom in view.touched_by(&self.view, old.as_ref(), new) {
                if whom != Touched::Nobody {
                    self.version = (offset + 1).cast_unsigned();
                }
                touched.insert(whom, Offset(offset + 1));
            }
        }
        self.settings = Arc::new(view.settings());
        if view.rule_pack() != self.view.rule_pack() {
            // Only sound packs were taken in.
            let parse = |yaml| source.packs.remove(yaml).or_else(|| Pack::parse(yaml).ok().map(Arc::new));
            self.pack = view.rule_pack().and_then(parse).unwrap_or_else(|| Arc::new(without_rules()));
        }
        source.packs.clear();
        self.view = Arc::new(view);
    }
}

fn without_rules() -> Pack {
    Pack::parse("id: none\nversion: 0\nrules: []").expect("a pack without rules is sound")
}

impl Source {
    /// Tells whether a record now says something else.
    fn apply(&mut self, offset: i64, change: ReferenceChange) -> bool {
        let old = self.records.find(&change.origin.source, change.origin.key).cloned();
        let changed = self.records.apply(change.origin, change.change.clone());
        if changed {
            self.unseen.push(Unseen { offset, old, new: change.change });
        }
        changed
    }
}

impl Reader {
    fn take(&mut self, records: Vec<Record>) {
        for record in records {
            let offset = record.offset.0;
            self.offset = offset + 1;
            let Some(value) = record.value else { continue };
            match decode(&value) {
                Ok((change, _)) if self.only.as_ref().is_some_and(|only| *only != change.district) => {}
                Ok((change, pack)) => {
                    let source = self.districts.entry(change.district.clone()).or_default();
                    if source.apply(offset, change) {
                        source.packs.extend(pack);
                    }
                }
                Err(problem) => {
                    metrics::counter!(metric::DEAD_LETTERS).increment(1);
                    tracing::error!(offset, problem, "a reference record is left out");
                }
            }
        }
    }

    /// A snapshot of what was read.
    fn snapshot(&mut self) -> Arc<Snapshot> {
        self.made.offset = self.offset;
        for (id, source) in &mut self.districts {
            if !source.unseen.is_empty() {
                self.made.districts.entry(id.clone()).or_insert_with(District::new).show(source);
            }
        }
        Arc::new(self.made.clone())
    }

    /// Reads up to an offset. Too little would be worse than nothing: whoever evaluates without records that were in force
    /// before recalls what still holds. The topic is kept whole, so its end can be waited for.
    async fn read_until(&mut self, log: &dyn Log, end: Offset) -> Result<(), Error> {
        if self.offset >= end.0 {
            return Ok(());
        }
        let mut tail = log.tail(Topic::Reference, Partition(0), Offset(self.offset)).await?;
        let mut silent = 0;
        while self.offset < end.0 {
            let mut records = tail.next(BATCH, SILENCE).await?;
            silent = if records.is_empty() { silent + 1 } else { 0 };
            if silent == MOST_SILENT {
                let problem =
                    format!("the reference topic gives nothing between {} and its end {}", self.offset, end.0);
                return Err(Error::Unavailable(problem));
            }
            let read = records.last().map(|record| record.offset.0 + 1);
            records.retain(|record| record.offset < end);
            self.take(records);
            self.offset = self.offset.max(read.unwrap_or(0).min(end.0));
        }
        Ok(())
    }
}

impl Reader {
    /// Publishes a snapshot of all that the topic holds, unless that was `begun` before, and then goes on from where it stands.
    async fn follow(
        &mut self,
        log: &dyn Log,
        snapshots: &watch::Sender<Arc<Snapshot>>,
        begun: &mut bool,
    ) -> Result<Infallible, Error> {
        if !*begun {
            self.read_until(log, end(log).await?).await?;
            snapshots.send_replace(self.snapshot());
        }
        let tail = log.tail(Topic::Reference, Partition(0), Offset(self.offset)).await;
        let mut tail = match tail {
            // A leader that has just come back may not know the topic, or its last records, for a moment.
            Err(error) if *begun => return Err(Error::Unavailable(error.to_string())),
            tail => tail?,
        };
        *begun = true;
        loop {
            let records = gather(&mut *tail).await?;
            if !records.is_empty() {
                self.take(records);
                snapshots.send_replace(self.snapshot());
            }
        }
    }
}

/// A rule pack as its author wrote it, and what it says.
type Parsed = (String, Arc<Pack>);

/// A change that can be applied, with the pack that it holds, if it does. A pack that is not sound is none: the one before stays in force, however often this is read.
fn decode(value: &[u8]) -> Result<(ReferenceChange, Option<Parsed>), String> {
    let change = homeroom_proto::reference::decode(value).map_err(|error| error.to_string())?;
    let yaml = match &change.change {
        Change::Recorded(Entry::RulePack(yaml)) => yaml,
        Change::Recorded(Entry::Calculators(yaml)) => {
            let sound = calculator::parse(yaml).map_err(|error| format!("its calculators are not sound: {error}"));
            return sound.map(|_| (change, None));
        }
        Change::Recorded(_) | Change::Withdrawn => return Ok((change, None)),
    };
    match Pack::parse(yaml) {
        Ok(pack) => {
            let pack = (yaml.clone(), Arc::new(pack));
            Ok((change, Some(pack)))
        }
        Err(error) => {
            metrics::counter!(metric::PACKS_REFUSED).increment(1);
            Err(format!("its rule pack is not sound: {error}"))
        }
    }
}

/// The offset after the last record of the topic now.
pub(crate) async fn end(log: &dyn Log) -> Result<Offset, Error> {
    log.end_offset(Topic::Reference, Partition(0)).await
}

/// Reads the topic up to an offset, for a process that wants to look once.
pub(crate) async fn read_until(log: &dyn Log, end: Offset) -> Result<Arc<Snapshot>, Error> {
    let mut reader = Reader::default();
    reader.read_until(log, end).await?;
    Ok(reader.snapshot())
}

/// Records taken at once. A district's full load is some hundred thousand.
const BATCH: usize = 10_000;
/// How long a burst is gathered before the views are indexed again, which costs as much as the district is large.
const GATHER: Duration = Duration::from_millis(20);
/// How long one read may bring nothing while records are known to be there, and how often in a row.
const SILENCE: Duration = Duration::from_secs(5);
const MOST_SILENT: u32 = 6;
/// How long to wait when the log is away.
const BACKOFF: Duration = Duration::from_millis(500);

/// Follows the topic and publishes snapshots. The first is published when everything that was in the topic at start is in it.
pub(crate) async fn follow(
    log: Arc<dyn Log>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    stopping: CancellationToken,
) -> Result<(), Error> {
    let mut reader = Reader::default();
    let mut begun = false;
    while let Some(ended) = stopping.run_until_cancelled(reader.follow(&*log, &snapshots, &mut begun)).await {
        match ended {
            Ok(never) => match never {},
            Err(error @ Error::Unavailable(_)) => {
                tracing::warn!(error = %error, "reference records cannot be read now; trying again");
                stopping.run_until_cancelled(tokio::time::sleep(BACKOFF)).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn gather(tail: &mut dyn Tail) -> Result<Vec<Record>, Error> {
    let mut records = tail.next(BATCH, Duration::from_secs(1)).await?;
    if records.is_empty() {
        return Ok(records);
    }
    let deadline = tokio::time::Instant::now() + GATHER;
    while records.len() < BATCH {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        if left.is_zero() {
            break;
        }
        // A failure shows again at the next read; what was read before it must not be lost.
        match tail.next(BATCH - records.len(), left).await {
            Ok(more) => records.extend(more),
            Err(_) => break,
        }
    }
    Ok(records)
}
