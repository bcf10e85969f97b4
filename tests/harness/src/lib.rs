//! Starts what tests need: PostgreSQL, Kafka, SMTP, processes of ours.

pub mod guarded;
pub mod kafka;
pub mod smtp;
pub mod webhook;

pub use kafka::{Kafka, kafka};
pub use smtp::Smtp;
pub use webhook::WebhookSink;
