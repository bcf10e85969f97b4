//! Starts what tests need: PostgreSQL, Kafka, SMTP, processes of ours.

pub mod authority;
pub mod broker;
pub mod clock;
pub mod collector;
pub mod guarded;
pub mod homeroom;
pub mod kafka;
pub mod log;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod roles;
pub mod smtp;
pub mod volume;
pub mod webhook;

pub use authority::Authority;
pub use broker::{Broker, BrokerCluster};
pub use clock::Clock;
pub use collector::Collector;
pub use kafka::{Kafka, kafka};
pub use log::{Behind, Between};
pub use postgres::{TestDatabase, assert_row_level_security, test_database};
pub use process::Process;
pub use proxy::Proxy;
pub use roles::Roles;
pub use smtp::Smtp;
pub use volume::Volume;
pub use webhook::WebhookSink;
