//! The topics, and where a record stands in one.

use std::fmt;

/// A topic of the product. Names, keys and cleanup are DESIGN's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Every per-student event, keyed by district and student; kept for years.
    Events,
    /// Schools, calendars, sections, settings, rule packs; kept whole. One partition, so that its changes have one order and
    /// one offset says how much of it is in force. Not compacted, because of two words on a key the higher revision counts, and
    /// compaction would keep the later offset: when revisions arrive as 1, 2, 1 (a client that timed out and sent again), only
    /// the old word would be left. A district's are some hundred thousand a year.
    Reference,
    /// Names; compacted, a tombstone erases.
    Directory,
    /// Alert changes, keyed by district and student; kept for [`ALERTS_DAYS`] unless configured otherwise.
    Alerts,
    /// What could not be understood, with the reason; kept for [`DEAD_LETTERS_DAYS`] unless configured otherwise.
    DeadLetters,
}

/// For how many days alert changes are kept by default: a school year and the weeks after it.
pub const ALERTS_DAYS: u32 = 400;
/// For how many days dead letters are kept by default.
pub const DEAD_LETTERS_DAYS: u32 = 90;

impl Topic {
    /// All topics.
    pub const ALL: [Self; 5] = [Self::Events, Self::Reference, Self::Directory, Self::Alerts, Self::DeadLetters];

    /// Its name in Kafka, after the configured prefix (empty in production; tests keep their topics apart with it).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "homeroom.events.v1",
            Self::Reference => "homeroom.reference.v1",
            Self::Directory => "homeroom.directory.v1",
            Self::Alerts => "homeroom.alerts.v1",
            Self::DeadLetters => "homeroom.dead-letters.v1",
        }
    }

    /// How many partitions it has where the others have `partitions`.
    pub const fn partitions(self, partitions: i32) -> i32 {
        if matches!(self, Self::Reference) { 1 } else { partitions }
    }

    /// Whether only the last record of each key is kept.
    ///
    /// What remains in the directory: a profile that comes late, with an older revision than the tombstone before it, would be
    /// the last record and stay. It takes a relay that still publishes after its lease has ended, so it is unlikely.
    pub const fn compacted(self) -> bool {
        matches!(self, Self::Directory)
    }

    /// Whether records go when they are old. The others are kept for ever: state is rebuilt from them.
    pub const fn expires(self) -> bool {
        matches!(self, Self::Alerts | Self::DeadLetters)
    }
}

/// The number of a partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub i32);

/// A record's place in its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
