//! Starts what tests need: PostgreSQL, Kafka, SMTP, processes of ours.

pub mod broker;
pub mod collector;
pub mod guarded;
pub mod homeroom;
pub mod kafka;
pub mod postgres;
pub mod process;
pub mod roles;
pub mod smtp;
pub mod webhook;

pub use broker::Broker;
pub use collector::Collector;
pub use kafka::{Kafka, kafka};
pub use postgres::{TestDatabase, assert_row_level_security, test_database};
pub use process::Process;
pub use roles::Roles;
pub use smtp::Smtp;
pub use webhook::WebhookSink;
