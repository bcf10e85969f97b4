//! What an operator sets.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::intake;
use crate::native::body::MAX_BODY_BYTES;

/// The configuration of the ingestion service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Where documents, deletes and the outbox are kept.
    pub database: homeroom_pg::Config,
    /// A directory with one secret `<district>.key` for each district; see [`pseudonym`](crate::pseudonym).
    pub pseudonym_keys: PathBuf,
    /// What clients call us, such as `https://homeroom.example.org`, for the absolute addresses in answers; when it is not
    /// given, the `Host` that each request names.
    pub public_url: Option<String>,
    /// What bounds memory and delay.
    pub limits: Limits,
}

/// What bounds memory and delay. Whatever exceeds a bound of load is answered 503 with `Retry-After` and never dropped.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    /// The largest request body, bytes.
    pub body_bytes: usize,
    /// How deep objects and arrays may nest; Ed-Fi needs 6.
    pub nesting: usize,
    /// The most records that wait to be published; some minutes of a district's storm while the log is down.
    pub outbox_rows: u64,
    /// The longest that a record may wait to be published, seconds; after that senders are told to wait too.
    pub outbox_age_s: u64,
    /// The most requests that share one commit.
    pub batch_requests: usize,
    /// The most requests that wait for a commit.
    pub queue_requests: usize,
    /// The most bytes of bodies that wait for a commit.
    pub queue_bytes: usize,
    /// The most outbox rows that the relay appends at once.
    pub relay_rows: u32,
    /// The most requests, and gRPC batches, of the native doors on their way to the log.
    pub native_requests: usize,
    /// The most bytes of their bodies.
    pub native_bytes: usize,
    /// The most gRPC streams that push records; each may hold one batch beyond those on their way.
    pub native_streams: usize,
    /// The longest that a native request waits for the log, milliseconds; then it is its sender's to send again.
    pub append_timeout_ms: u64,
    /// How long a record that is not understood stays in quarantine, days.
    pub quarantine_days: u32,
    /// The most records in quarantine, each of at most 64 KiB; the oldest make room.
    pub quarantine_rows: u64,
    /// How long clients that copy documents are told of a deleted one, days.
    pub deletes_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: homeroom_pg::Config::default(),
            pseudonym_keys: PathBuf::from("pseudonym-keys"),
            public_url: None,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 10 * 1024 * 1024,
            nesting: 32,
            outbox_rows: 200_000,
            outbox_age_s: 300,
            batch_requests: 256,
            queue_requests: 4_096,
            queue_bytes: 128 * 1024 * 1024,
            relay_rows: 2_000,
            native_requests: 256,
            native_bytes: 128 * 1024 * 1024,
            native_streams: 128,
            append_timeout_ms: 30_000,
            quarantine_days: 90,
            quarantine_rows: 1_000_000,
            // A school year and the weeks after it.
            deletes_days: 400,
        }
    }
}

impl Limits {
    /// The longest that a record may wait to be published.
    pub const fn outbox_age(&self) -> Duration {
        Duration::from_secs(self.outbox_age_s)
    }

    /// What bounds the native doors.
    pub(crate) const fn native(&self) -> intake::Limits {
        intake::Limits {
            requests: self.native_requests,
            bytes: self.native_bytes,
            append: Duration::from_millis(self.append_timeout_ms),
        }
    }

    /// The first limit that could never work, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        let positive = [
            ("body-bytes", self.body_bytes as u64),
            ("nesting", self.nesting as u64),
            ("outbox-rows", self.outbox_rows),
            ("outbox-age-s", self.outbox_age_s),
            ("batch-requests", self.batch_requests as u64),
            ("queue-requests", self.queue_requests as u64),
            ("relay-rows", u64::from(self.relay_rows)),
            ("native-requests", self.native_requests as u64),
            ("native-streams", self.native_streams as u64),
            ("append-timeout-ms", self.append_timeout_ms),
            ("quarantine-days", u64::from(self.quarantine_days)),
            ("quarantine-rows", self.quarantine_rows),
            ("deletes-days", u64::from(self.deletes_days)),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("`limits.{name}` is 0, at least 1 is needed"));
        }
        if self.queue_bytes < self.body_bytes {
            return Err(
                "`limits.queue-bytes` is less than `limits.body-bytes`: the largest body could never wait".into()
            );
        }
        if self.native_bytes < MAX_BODY_BYTES {
            return Err("`limits.native-bytes` is less than 10 MiB: the largest body could never be taken".into());
        }
        if self.nesting > 100 {
            return Err("`limits.nesting` is more than 100, which would endanger the stack".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_work_and_a_limit_of_nothing_does_not() {
        assert_eq!(Limits::default().check(), Ok(()));
        let none = Limits { batch_requests: 0, ..Limits::default() };
        assert_eq!(none.check(), Err("`limits.batch-requests` is 0, at least 1 is needed".to_owned()));
        assert!(Limits { queue_bytes: 1, ..Limits::default() }.check().is_err());
    }
}
