//! What an operator sets.

use serde::Deserialize;

/// The configuration of the rules service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Where ledgers, measures and the outbox are kept.
    pub database: homeroom_pg::Config,
    /// The group whose members share the partitions.
    pub group: String,
    /// What bounds memory and delay.
    pub limits: Limits,
}

/// What bounds memory and delay.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    /// The most events in one transaction. A student is evaluated once for all of a batch, so a worker that lags is the faster
    /// the larger its batches are; this bounds how long it holds everything else up, to a part of a second.
    pub batch_events: usize,
    /// Parts of batches that wait for the process's workers: of about a hundred events each, of two thousand or 2 MiB at most.
    pub inbox_batches: usize,
    /// Students that the process keeps in memory beside the database, when it has every partition: each gets an equal share. One
    /// takes about 3 kB. A process that lags behind the marks of more students than these reads and writes each of them again and
    /// again.
    pub cached_students: usize,
    /// Students that a sweep reads at once, and writes in one transaction at most. It writes fewer when that takes longer than some
    /// milliseconds, so that today's events do not wait behind it.
    pub sweep_students: i64,
    /// Committed batches that wait to be published.
    pub publish_batches: usize,
    /// A batch of so many events shows that the worker lags: then only students with news for somebody are written with their
    /// batch, the others together later.
    pub behind_events: usize,
    /// Students of the process, when it has every partition, who may be ahead of their rows.
    pub unwritten_students: usize,
    /// The same in bytes, about.
    pub unwritten_bytes: usize,
    /// For how long one may be. Whoever reads the tables sees the state of so many seconds ago at worst, and a new owner
    /// reads the events of so many seconds again.
    pub unwritten_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { database: homeroom_pg::Config::default(), group: "homeroom-rules".to_owned(), limits: Limits::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_events: 20_000,
            inbox_batches: 256,
            cached_students: 400_000,
            sweep_students: 500,
            publish_batches: 16,
            behind_events: 1_000,
            unwritten_students: 400_000,
            unwritten_bytes: 512 * 1024 * 1024,
            // While 300,000 students lag, five seconds write 830,000 rows, ten 640,000 and twenty 420,000
            // (`homeroom-load rules --case d`); a new owner reads so much longer.
            unwritten_seconds: 10,
        }
    }
}

impl Limits {
    /// A partition's share of what bounds the whole process.
    pub(crate) fn share(self, partitions: usize) -> Self {
        let of = |all: usize| (all / partitions.max(1)).max(1);
        Self {
            inbox_batches: of(self.inbox_batches),
            cached_students: of(self.cached_students),
            unwritten_students: of(self.unwritten_students),
            unwritten_bytes: of(self.unwritten_bytes),
            ..self
        }
    }

    /// Why these limits cannot work.
    pub(crate) fn problem(&self) -> Option<String> {
        let positive = [
            ("limits.batch-events", self.batch_events),
            ("limits.inbox-batches", self.inbox_batches),
            ("limits.cached-students", self.cached_students),
            ("limits.sweep-students", usize::try_from(self.sweep_students).unwrap_or(0)),
            ("limits.publish-batches", self.publish_batches),
            ("limits.behind-events", self.behind_events),
            ("limits.unwritten-students", self.unwritten_students),
            ("limits.unwritten-bytes", self.unwritten_bytes),
        ];
        positive.into_iter().find(|(_, value)| *value == 0).map(|(name, _)| format!("`{name}` must be at least 1"))
    }
}
