//! The service's configuration: one struct, its defaults, and what is refused.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::schedule::Policy;

/// Configuration of the notification service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// The database.
    pub database: homeroom_pg::Config,
    /// The consumer group that shares the alerts topic.
    pub group: String,
    /// The routing file, or a folder with one `*.yaml` file per district. Without it nobody is told of anything.
    pub routing_file: Option<PathBuf>,
    /// How often it is looked at for changes, milliseconds; a change is taken when it has stayed the same for two looks.
    pub routing_poll_ms: u64,
    /// Whether adapters must show a certificate, beside their key: at the port for peers (`server.peers`).
    pub adapter_certificates: bool,
    /// Retries.
    pub retry: Retry,
    /// How long a delivery is worth sending after it is due, seconds.
    pub delivery_expiry_s: u64,
    /// How long alerts are kept that are over, with their changes, deliveries and attempts, days.
    pub retention_days: u32,
    /// How long records of the topic are kept that could not be understood, days.
    pub dead_letter_days: u32,
    /// How often what is older is looked for, seconds.
    pub forget_s: u64,
    /// The feed's limits.
    pub feed: Feed,
}

/// How often, and how far apart, deliveries are tried.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Retry {
    /// Seconds to wait after the first, second, … failed attempt; the last one repeats.
    pub waits_s: Vec<u64>,
    /// Attempts in all; a delivery that needs more is given up and shown.
    pub attempts_limit: u32,
    /// The longest wait that a channel may ask for, seconds.
    pub longest_wait_s: u64,
    /// Channels on which a delivery that may have been sent is given up rather than sent again with the same key. Mail and
    /// webhooks are sent again: their recipients can tell a repeat by its key.
    pub never_resend: Vec<String>,
}

/// Limits of the feed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Feed {
    /// The shortest lease that an adapter may ask for, seconds.
    pub shortest_lease_s: u64,
    /// The longest lease, seconds.
    pub longest_lease_s: u64,
    /// The lease of an adapter that asks for none, seconds.
    pub default_lease_s: u64,
    /// Open streams of adapters on this process; more are refused.
    pub most_streams: usize,
    /// Those of one key.
    pub most_streams_per_key: usize,
    /// Watchers of this process, each of which costs about 10 kB; more are refused.
    pub most_watchers: usize,
    /// Those of one key, with which one application may serve all screens of a district.
    pub most_watchers_per_key: usize,
    /// How often a stream looks for due deliveries or changes without being woken, milliseconds.
    pub poll_ms: u64,
    /// How often leases and deliveries that have run out are looked for, milliseconds.
    pub sweep_ms: u64,
    /// How often an idle stream says that it lives, seconds.
    pub heartbeat_s: u64,
    /// How long a peer may leave a frame unread before it is cut, seconds.
    pub slow_peer_s: u64,
    /// How long adapters may settle what they have after GoAway, seconds.
    pub drain_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: homeroom_pg::Config::default(),
            group: "homeroom-notification".to_owned(),
            routing_file: None,
            routing_poll_ms: 2_000,
            adapter_certificates: false,
            retry: Retry::default(),
            // The retries take 18 hours.
            delivery_expiry_s: 24 * 3_600,
            // A school year and a summer.
            retention_days: 400,
            dead_letter_days: 90,
            forget_s: 3_600,
            feed: Feed::default(),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            waits_s: vec![5, 300, 1_800, 7_200, 18_000, 36_000],
            attempts_limit: 7,
            longest_wait_s: 6 * 3_600,
            never_resend: Vec::new(),
        }
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            shortest_lease_s: 5,
            longest_lease_s: 600,
            default_lease_s: 60,
            most_streams: 1_000,
            most_streams_per_key: 100,
            most_watchers: 20_000,
            most_watchers_per_key: 10_000,
            poll_ms: 1_000,
            sweep_ms: 1_000,
            heartbeat_s: 15,
            slow_peer_s: 20,
            drain_s: 20,
        }
    }
}

/// How long things are kept that nobody needs any more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retention {
    /// Alerts, since they were over.
    pub(crate) alerts: Duration,
    /// Records that could not be understood, since they came.
    pub(crate) dead_letters: Duration,
}

const SECONDS_PER_DAY: u64 = 24 * 3_600;

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {problem}")]
pub struct Invalid {
    /// The key.
    pub key: &'static str,
    /// What is expected.
    pub problem: &'static str,
}

impl Config {
    /// Refuses what could not work.
    pub fn validate(&self) -> Result<(), Invalid> {
        let feed = &self.feed;
        let checks = [
            ("group", !self.group.is_empty(), "must not be empty"),
            ("retry.attempts-limit", self.retry.attempts_limit > 0, "must be at least 1"),
            ("retry.waits-s", !self.retry.waits_s.is_empty(), "must name at least one wait"),
            ("delivery-expiry-s", (60..=31_536_000).contains(&self.delivery_expiry_s), "must be a minute to a year"),
            (
                "retention-days",
                u64::from(self.retention_days) * SECONDS_PER_DAY > self.delivery_expiry_s
                    && self.retention_days <= 36_500,
                "must be longer than `delivery-expiry-s`, and at most 36500",
            ),
            ("dead-letter-days", (1..=36_500).contains(&self.dead_letter_days), "must be 1 to 36500"),
            ("routing-poll-ms", self.routing_poll_ms > 0, "must be at least 1"),
            ("feed.shortest-lease-s", feed.shortest_lease_s > 0, "must be at least 1"),
            ("feed.longest-lease-s", feed.longest_lease_s <= 3_600, "must be at most 3600"),
            (
                "feed.default-lease-s",
                (feed.shortest_lease_s..=feed.longest_lease_s).contains(&feed.default_lease_s),
                "must be between the shortest and the longest lease",
            ),
            ("feed.most-streams", feed.most_streams > 0, "must be at least 1"),
            ("feed.most-streams-per-key", feed.most_streams_per_key > 0, "must be at least 1"),
            ("feed.most-watchers", feed.most_watchers > 0, "must be at least 1"),
            ("feed.most-watchers-per-key", feed.most_watchers_per_key > 0, "must be at least 1"),
            ("feed.poll-ms", feed.poll_ms > 0, "must be at least 1"),
            ("feed.sweep-ms", feed.sweep_ms > 0, "must be at least 1"),
            ("feed.heartbeat-s", feed.heartbeat_s > 0, "must be at least 1"),
            ("feed.slow-peer-s", feed.slow_peer_s > 0, "must be at least 1"),
        ];
        match checks.into_iter().find(|(_, good, _)| !good) {
            Some((key, _, problem)) => Err(Invalid { key, problem }),
            None => Ok(()),
        }
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy {
            waits: self.retry.waits_s.iter().copied().map(Duration::from_secs).collect(),
            attempts_limit: self.retry.attempts_limit,
            longest_wait: Duration::from_secs(self.retry.longest_wait_s),
            never_resend: self.retry.never_resend.clone(),
            worth: Duration::from_secs(self.delivery_expiry_s),
        }
    }

    pub(crate) fn retention(&self) -> Retention {
        let days = |days: u32| Duration::from_secs(u64::from(days) * SECONDS_PER_DAY);
        Retention { alerts: days(self.retention_days), dead_letters: days(self.dead_letter_days) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_a_wrong_key_is_named() {
        let mut config = Config::default();
        assert_eq!(config.validate(), Ok(()));
        config.feed.default_lease_s = 1;
        assert_eq!(config.validate().unwrap_err().key, "feed.default-lease-s");
    }

    #[test]
    fn nothing_is_forgotten_that_may_still_be_sent() {
        let config = Config { delivery_expiry_s: 86_400, retention_days: 1, ..Config::default() };
        assert_eq!(config.validate().unwrap_err().key, "retention-days");
    }
}
