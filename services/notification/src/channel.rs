//! Channel adapters: clients of the feed that put deliveries where people are.
//!
//! An adapter is a `Sender` (how one delivery is sent, and what its end means) run by `feed` (connect, take, settle, drain,
//! connect again). To add a channel: a file here with its `Config`, its `Sender` and `run`; its entry in the routing; its
//! subcommand in the binary.

mod feed;
mod link;
pub mod mail;
pub mod webhook;

use async_trait::async_trait;
use homeroom_proto::wire::notification::Delivery;

use crate::schedule::Outcome;

pub use feed::Config as FeedConfig;
pub use link::Link;

/// Why an adapter cannot start or must end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting cannot be used.
    #[error("`{key}`: {problem}")]
    Config {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A secret cannot be read.
    #[error("a secret cannot be read")]
    Secret(#[from] homeroom_chassis::config::Error),
    /// A file of certificates or their keys cannot be used.
    #[error("certificates cannot be used")]
    Tls(#[from] homeroom_chassis::tls::Error),
    /// The feed refuses us, and would do so again.
    #[error("the feed refuses this adapter: {0}")]
    Refused(String),
}

impl Error {
    fn config(key: &'static str, problem: impl std::fmt::Display) -> Self {
        Self::Config { key, problem: problem.to_string() }
    }
}

/// How a channel sends.
#[async_trait]
trait Sender: Send + Sync + 'static {
    /// The channel's name in the routing.
    const CHANNEL: &'static str;

    /// Sends one delivery and says how that ended. Takes no longer than half a lease.
    async fn send(&self, delivery: &Delivery) -> Outcome;
}
