//! Faults on purpose: real processes killed, paused and starved under load, and one checker of what must hold after.
//!
//! Who is who: a [`World`] runs each role of the binary as Kubernetes does, on its own PostgreSQL and on Kafka or the embedded
//! log. A [`Load`] plays many small [`story`]s at once: it posts marks and corrections as a real sender does, again and again
//! until they are acknowledged, and remembers what must come of each. A [`Feed`] follows the alerts all the while. The
//! [`checker`] then compares what the world says and did with what was sent; `planted.rs` shows that it fails when it must.
//!
//! How to run: `tests/run`, or `cargo test -p homeroom-faults -- --nocapture` to see the times. `HOMEROOM_SOAK=1` asks for the
//! full-size variants (a storm of 200,000 marks, every broker cut off, ten times the kills at points); they want the optimised
//! binary, which `HOMEROOM_TEST_PROGRAM` names. `HOMEROOM_RECOVERIES` names a file for the times to recover ([`recovery`]).
//!
//! What costs time by design: a rules process that joins or leaves in order leaves the partitions that move without an owner for
//! about a second, since Kafka's client library joins at most once a second; ten moves within seconds of each other have cost up
//! to 4.5 s. One that dies without a name of its own is noticed when its session ends (3 s here). `owners.rs` holds the bounds.

pub mod checker;
pub mod dice;
pub mod feed;
pub mod load;
pub mod outside;
pub mod ownership;
pub mod point;
pub mod recovery;
pub mod scene;
pub mod sender;
pub mod storm;
pub mod story;
pub mod world;

pub use dice::Dice;
pub use feed::Feed;
pub use load::Load;
pub use ownership::Ownership;
pub use point::Place;
pub use scene::Scene;
pub use sender::Sender;
pub use world::{Log, Role, Setup, World};

use std::time::Duration;

/// How long anything may take before a test gives up: far more than a recovery, on a machine that has too much to do as well, so
/// that only what is lost fails. Three brokers among six builds on two cores once held a topic up for more than a minute.
pub const PATIENCE: Duration = Duration::from_mins(3);

/// Whether the long and full-size variants are asked for, by `HOMEROOM_SOAK=1`.
pub fn soak() -> bool {
    std::env::var_os("HOMEROOM_SOAK").is_some_and(|value| value == "1")
}

/// The pause between two looks at a condition.
pub const POLL: Duration = Duration::from_millis(20);
