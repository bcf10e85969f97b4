//! The store in memory, with PostgreSQL's semantics: a commit is fenced and atomic, its answer can be lost, and what a caller
//! wrote before it died is there or not, never half.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use homeroom_bus::Topic;
use homeroom_domain::count::Count;
use homeroom_domain::counting;
use homeroom_domain::episode::Episodes;
use homeroom_domain::id::{DistrictId, RuleId, SchoolId};
use homeroom_domain::ledger::Ledger;
use homeroom_domain::settings::Now;
use homeroom_rules::simulation::{
    Committed, DeadLetter, Effects, Error, Found, Key, Lease, OutboxRow, Row, Store, Student, SweepTurn, SweepTurns,
    Tally, Wanted, is_behind,
};

use crate::weather::{Fate, Gate, Weather};

/// The tables. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Database(Arc<Mutex<Tables>>);

/// What is stored.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// By number.
    pub partitions: BTreeMap<i32, Lease>,
    /// With the partition of each.
    pub students: BTreeMap<Key, (i32, Stored)>,
    /// Beside the student's row, by school.
    pub measures: BTreeMap<(Key, Option<SchoolId>), Row>,
    /// Beside the student's row.
    pub leans_on: BTreeSet<(Key, SchoolId)>,
    /// By district and partition.
    pub dates: BTreeMap<(DistrictId, i32), Now>,
    /// By district, partition and rule.
    pub tallies: BTreeMap<(DistrictId, i32, RuleId), Tally>,
    /// By partition, topic and number.
    pub outbox: BTreeMap<(i32, Topic, i64), OutboxRow>,
    /// By partition and offset.
    pub dead_letters: BTreeMap<(i32, i64), DeadLetter>,
    /// What was written, in order; for those who check, no part of what is stored.
    pub written: Vec<Written>,
    /// What the database would have refused, and what must never be asked of it.
    pub wrongs: Vec<String>,
}

/// A student's row: bytes where PostgreSQL has bytes, so that what cannot be read back is seen.
#[derive(Debug, Clone)]
pub struct Stored {
    ledger: Vec<u8>,
    episodes: Vec<u8>,
    rest: Student,
}

/// One student of one commit.
#[derive(Debug, Clone)]
pub struct Written {
    /// Whose.
    pub key: Key,
    /// As it is from then on.
    pub after: Arc<Student>,
    /// The values of the commit's alert changes, of this student or others.
    pub alerts: Arc<Vec<Vec<u8>>>,
}

impl Stored {
    fn write(student: &Student) -> Self {
        let (ledger, episodes) = (Ledger::default(), Episodes::default());
        let waiting = student.waiting || student.evaluated.is_none();
        let rest = Student { ledger, episodes, waiting, count: Count::default(), ..student.clone() };
        Self { ledger: student.ledger.encode(), episodes: student.episodes.encode(), rest }
    }

    /// The student again.
    ///
    /// # Panics
    ///
    /// When what was written cannot be read.
    pub fn read(&self) -> Student {
        let ledger = Ledger::decode(&self.ledger).expect("a ledger that was written can be read");
        let episodes = Episodes::decode(&self.episodes).expect("episodes that were written can be read");
        Student { ledger, episodes, ..self.rest.clone() }
    }
}

impl Database {
    /// The tables as they are.
    pub fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an older copy in the place of what is there. What was ever written and wrong stays known to those who check.
    pub fn restore(&self, copy: &Tables) {
        let mut tables = self.tables();
        let (written, wrongs) = (std::mem::take(&mut tables.written), std::mem::take(&mut tables.wrongs));
        *tables = Tables { written, wrongs, ..copy.clone() };
    }

    /// A copy to restore from.
    pub fn back_up(&self) -> Tables {
        Tables { written: Vec::new(), ..self.tables().clone() }
    }

    /// What a process sees of it.
    pub fn connect(&self, gate: Gate, weather: Weather) -> Connection {
        Connection { database: self.clone(), gate, weather, sweeping: SweepTurns::default() }
    }
}

impl Tables {
    fn commit(&mut self, from: Lease, to: Lease, effects: &Effects) -> Committed {
        if self.partitions.get(&from.partition) != Some(&from) {
            return Committed::Fenced;
        }
        self.partitions.insert(to.partition, to);
        self.write_students(from.partition, effects);
        for (district, now) in &effects.dates {
            let known = self.dates.entry((district.clone(), from.partition)).or_insert(*now);
            *known = Now { today: known.today.max(now.today), as_of: known.as_of.max(now.as_of) };
        }
        for (row, seq) in effects.outbox.iter().zip(from.next_seq..) {
            if self.outbox.insert((from.partition, row.topic, seq), row.clone()).is_some() {
                self.wrongs.push(format!("outbox row {seq} of partition {} is there already", from.partition));
            }
        }
        for letter in &effects.dead_letters {
            self.dead_letters.entry((from.partition, letter.offset)).or_insert_with(|| letter.clone());
        }
        for ((district, rule), moved) in &effects.tally {
            let tally = self.tallies.entry((district.clone(), from.partition, rule.clone())).or_default();
            tally.open += moved.open;
            tally.opened += moved.opened;
            tally.failures += moved.failures;
        }
        Committed::Yes
    }

    fn write_students(&mut self, partition: i32, effects: &Effects) {
        let alerts = effects.outbox.iter().filter(|row| row.topic == Topic::Alerts).map(|row| row.value.clone());
        let alerts: Arc<Vec<Vec<u8>>> = Arc::new(alerts.collect());
        let mut seen = BTreeSet::new();
        for change in &effects.students {
            let key: Key = (change.district.clone(), change.student);
            if !seen.insert(key.clone()) {
                self.wrongs.push(format!("student {} is twice in one commit", key.1));
            }
            self.grows(&key, &change.after);
            for row in &change.before.rows {
                self.measures.remove(&(key.clone(), row.school.clone()));
            }
            for row in &change.after.written.rows {
                self.measures.insert((key.clone(), row.school.clone()), row.clone());
            }
            for school in &change.before.leans_on {
                self.leans_on.remove(&(key.clone(), school.clone()));
            }
            self.leans_on.extend(change.after.written.leans_on.iter().map(|school| (key.clone(), school.clone())));
            let written = Written { key: key.clone(), after: Arc::clone(&change.after), alerts: Arc::clone(&alerts) };
            self.written.push(written);
            self.students.insert(key, (partition, Stored::write(&change.after)));
        }
    }

    /// What a student's row includes never becomes less.
    fn grows(&mut self, key: &Key, after: &Student) {
        let Some((_, before)) = self.students.get(key) else { return };
        let before = &before.rest;
        let back = if after.included_offset < before.included_offset {
            "events"
        } else if after.evaluated_reference < before.evaluated_reference {
            "reference records"
        } else if let (Some(was), Some(is)) = (before.evaluated, after.evaluated)
            && (is.today < was.today || is.as_of < was.as_of)
        {
            "dates"
        } else {
            return;
        };
        self.wrongs.push(format!("{}: student {} was evaluated with fewer {back} than before", key.0, key.1));
    }
}

/// The store of one process.
pub struct Connection {
    database: Database,
    gate: Gate,
    weather: Weather,
    sweeping: SweepTurns,
}

impl Connection {
    /// The way there, what happens there, and the way back. Whoever is dropped on the way back has been served.
    async fn query<T>(&self, call: String, body: impl FnOnce(&mut Tables) -> T) -> Result<T, Error> {
        let mut dice = self.gate.go(&call).await;
        let fails = self.weather.of_query(&mut dice) == Fate::Fails;
        let answer = if fails { Err(away()) } else { Ok(body(&mut self.database.tables())) };
        self.gate.come_back(&call).await;
        answer
    }
}

fn away() -> Error {
    Error::Away("by the weather".into())
}

#[async_trait]
impl Store for Connection {
    async fn claim(&self, partition: i32, _owner: &str) -> Result<Lease, Error> {
        self.query(format!("claim {partition}"), |tables| {
            let lease = tables.partitions.entry(partition).or_insert(Lease {
                partition,
                epoch: 0,
                commits: 0,
                next_offset: 0,
                state_offset: 0,
                reference_offset: 0,
                alerts_offset: 0,
                next_seq: 1,
                counting: counting::VERSION,
            });
            lease.epoch += 1;
            lease.counting = lease.counting.min(counting::VERSION);
            *lease
        })
        .await
    }

    async fn reread(&self, partition: i32) -> Result<Option<Lease>, Error> {
        self.query(format!("reread {partition}"), |tables| tables.partitions.get(&partition).copied()).await
    }

    async fn students(&self, wanted: Vec<Key>) -> Result<Vec<Found>, Error> {
        self.query(format!("students {wanted:?}"), |tables| {
            let found = wanted.into_iter().filter_map(|key| {
                let student = tables.students.get(&key)?.1.read();
                Some((key, student))
            });
            found.collect()
        })
        .await
    }

    async fn district_date(&self, district: &DistrictId, partition: i32) -> Result<Option<Now>, Error> {
        self.query(format!("date {district} {partition}"), |tables| {
            tables.dates.get(&(district.clone(), partition)).copied()
        })
        .await
    }

    async fn turn_to_sweep(&self, partition: i32) -> SweepTurn {
        self.gate.go(&format!("turn to sweep {partition}")).await;
        self.sweeping.take().await
    }

    async fn behind(&self, wanted: &Wanted) -> Result<Vec<Found>, Error> {
        self.query(format!("behind {wanted:?}"), |tables| {
            let limit = usize::try_from(wanted.limit).unwrap_or(0);
            let of_page = tables.students.iter().filter(|((district, student), (partition, _))| {
                *district == wanted.district
                    && *partition == wanted.partition
                    && student.as_bytes().as_slice() > wanted.after.as_slice()
            });
            let behind = of_page.filter(|(_, (_, stored))| is_behind(&stored.rest, wanted));
            behind.take(limit).map(|(key, (_, stored))| (key.clone(), stored.read())).collect()
        })
        .await
    }

    async fn given_up(&self, partition: i32, offsets: Range<i64>) -> Result<BTreeSet<i64>, Error> {
        self.query(format!("given up {partition} {offsets:?}"), |tables| {
            let letters = tables.dead_letters.keys().filter(|(of, at)| *of == partition && offsets.contains(at));
            letters.map(|(_, at)| *at).collect()
        })
        .await
    }

    async fn commit(&self, from: Lease, to: Lease, effects: Arc<Effects>) -> Result<Committed, Error> {
        let call = format!("commit {from:?} {to:?}");
        let mut dice = self.gate.go(&call).await;
        let fate = self.weather.of_commit(&mut dice);
        let answer = match fate {
            Fate::Good | Fate::HappensUnanswered => Some(self.database.tables().commit(from, to, &effects)),
            Fate::Fails | Fate::LostUnanswered => None,
        };
        self.gate.come_back(&call).await;
        match (fate, answer) {
            (Fate::Good, Some(answer)) => Ok(answer),
            // Nothing was committed and no answer to COMMIT was lost: the fence had said so before.
            (Fate::HappensUnanswered, Some(Committed::Fenced)) => Ok(Committed::Fenced),
            (Fate::HappensUnanswered | Fate::LostUnanswered, _) => Err(Error::CommitUnknown("by the weather".into())),
            _ => Err(away()),
        }
    }

    async fn list_outbox(
        &self,
        partition: i32,
        topic: Topic,
        seqs: Range<i64>,
        limit: i64,
    ) -> Result<Vec<(i64, OutboxRow)>, Error> {
        self.query(format!("list {partition} {topic} {seqs:?}"), |tables| {
            let limit = usize::try_from(limit).unwrap_or(0);
            if seqs.start >= seqs.end {
                return Vec::new();
            }
            let rows = tables.outbox.range((partition, topic, seqs.start)..(partition, topic, seqs.end)).take(limit);
            rows.map(|((_, _, seq), row)| (*seq, row.clone())).collect()
        })
        .await
    }

    async fn delete_outbox(&self, partition: i32, topic: Topic, up_to_seq: i64) -> Result<(), Error> {
        self.query(format!("delete {partition} {topic} {up_to_seq}"), |tables| {
            tables.outbox.retain(|(of, about, seq), _| *of != partition || *about != topic || *seq > up_to_seq);
        })
        .await
    }
}
