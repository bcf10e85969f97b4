//! The reference topic, folded into snapshots that workers evaluate with.
//!
//! The topic has one partition, so one offset says how much of it a snapshot includes. A snapshot remembers for each district
//! who was touched last when, so that a worker knows whom to evaluate again, also after a restart.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::{Log, Offset, Partition, Record, Tail, Topic};
use homeroom_domain::event::Change;
use homeroom_domain::id::{DistrictId, SchoolId};
use homeroom_domain::reference::ReferenceChange;
use homeroom_domain::rule::Pack;
use homeroom_domain::settings::Settings;
use homeroom_domain::view::{Records, Touched, View};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metric;

/// What is known of a district at one offset of the reference topic.
#[derive(Clone)]
pub(crate) struct District {
    pub view: Arc<View>,
    pub settings: Arc<Settings>,
    pub pack: Arc<Pack>,
    /// The offset after the last record that touched each; everyone, or a school.
    touched: BTreeMap<Touched, Offset>,
    records: Records,
}

/// Whom a worker must evaluate again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Concerned {
    pub everyone: bool,
    pub schools: Vec<SchoolId>,
}

/// All districts, at one offset.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    /// The offset after the last record included.
    pub offset: i64,
    pub districts: HashMap<DistrictId, District>,
}

impl District {
    fn new() -> Self {
        let no_rules = Pack::parse("id: none\nversion: 0\nrules: []").expect("a pack without rules is sound");
        Self {
            view: Arc::new(View::default()),
            settings: Arc::new(Settings::default()),
            pack: Arc::new(no_rules),
            touched: BTreeMap::new(),
            records: Records::default(),
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
        }
    }

    fn apply(&mut self, changes: Vec<(i64, ReferenceChange)>) {
        let before = Arc::clone(&self.view);
        let mut applied = Vec::with_capacity(changes.len());
        for (offset, change) in changes {
            let old = self.records.find(&change.origin.source, change.origin.key).cloned();
            if self.records.apply(change.origin, change.change.clone()) {
                applied.push((offset, old, change.change));
            }
        }
        if applied.is_empty() {
            return;
        }
        let view = self.records.view();
        for (offset, old, new) in applied {
            let old = old.map(|entry| before.touched(&entry));
            let new = if let Change::Recorded(entry) = new { Some(view.touched(&entry)) } else { None };
            for touched in [old, new].into_iter().flatten() {
                self.touched.insert(touched, Offset(offset + 1));
            }
        }
        self.settings = Arc::new(view.settings());
        self.read_pack(&view);
        self.view = Arc::new(view);
    }

    fn read_pack(&mut self, view: &View) {
        let Some(yaml) = view.rule_pack() else { return };
        if self.view.rule_pack() == Some(yaml) {
            return;
        }
        match Pack::parse(yaml) {
            Ok(pack) => self.pack = Arc::new(pack),
            Err(error) => {
                metrics::counter!(metric::PACKS_REFUSED).increment(1);
                tracing::error!(error = %error, "a rule pack is not sound; the one before stays in force");
            }
        }
    }
}

impl Snapshot {
    fn apply(&mut self, records: Vec<Record>) {
        let mut by_district: HashMap<DistrictId, Vec<(i64, ReferenceChange)>> = HashMap::new();
        for record in records {
            self.offset = record.offset.0 + 1;
            let Some(value) = record.value else { continue };
            match homeroom_proto::reference::decode(&value) {
                Ok(change) => by_district.entry(change.district.clone()).or_default().push((record.offset.0, change)),
                Err(error) => {
                    metrics::counter!(metric::DEAD_LETTERS).increment(1);
                    tracing::error!(offset = record.offset.0, error = %error, "a reference record cannot be understood; it is left out");
                }
            }
        }
        for (district, changes) in by_district {
            self.districts.entry(district).or_insert_with(District::new).apply(changes);
        }
    }
}

/// Reads the topic up to an offset, for a process that wants to look once.
pub(crate) async fn read_until(log: &dyn Log, end: Offset) -> Result<Snapshot, homeroom_bus::Error> {
    let mut snapshot = Snapshot::default();
    let mut tail = log.tail(Topic::Reference, Partition(0), Offset(0)).await?;
    while snapshot.offset < end.0 {
        let mut records = tail.next(BATCH, Duration::from_secs(5)).await?;
        records.retain(|record| record.offset < end);
        if records.is_empty() {
            // A compacted topic may end with records that are gone.
            break;
        }
        snapshot.apply(records);
    }
    snapshot.offset = snapshot.offset.max(end.0);
    Ok(snapshot)
}

/// Records taken at once. A district's full load is some hundred thousand.
const BATCH: usize = 10_000;
/// How long a burst is gathered before the views are indexed again, which costs as much as the district is large.
const GATHER: Duration = Duration::from_millis(20);

/// Follows the topic and publishes snapshots. The first is published when everything that was in the topic at start is in it.
pub(crate) async fn follow(
    log: Arc<dyn Log>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    stopping: CancellationToken,
) -> Result<(), homeroom_bus::Error> {
    let end = log.end_offsets(Topic::Reference).await?.first().copied().unwrap_or(Offset(0));
    let mut snapshot = read_until(&*log, end).await?;
    snapshots.send_replace(Arc::new(snapshot.clone()));
    let mut tail = log.tail(Topic::Reference, Partition(0), Offset(snapshot.offset)).await?;
    while !stopping.is_cancelled() {
        let records = tokio::select! {
            () = stopping.cancelled() => break,
            records = gather(&mut *tail) => records?,
        };
        if !records.is_empty() {
            snapshot.apply(records);
            snapshots.send_replace(Arc::new(snapshot.clone()));
        }
    }
    Ok(())
}

async fn gather(tail: &mut dyn Tail) -> Result<Vec<Record>, homeroom_bus::Error> {
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
        records.extend(tail.next(BATCH - records.len(), left).await?);
    }
    Ok(records)
}
