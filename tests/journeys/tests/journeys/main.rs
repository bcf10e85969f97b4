//! Journeys: what happens from a record sent to an adult told, through the running binary, on both logs.

mod absence;
mod bad_input;
mod configuration;
mod doctor;
mod key_change;
mod late;
mod merge;
mod restart;
mod roles;
mod rules;
mod simulated;
mod told;
mod trace;
mod transfer;

/// Each journey as a test on the embedded default and one on real Kafka. Several threads, since a stopping Homeroom speaks with
/// its clients while the test waits for it.
macro_rules! on_both_logs {
    ($($journey:ident),+ $(,)?) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $journey() -> anyhow::Result<()> {
                super::$journey(homeroom_journeys::Log::Postgres).await
            })+
        }
        mod on_kafka {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $journey() -> anyhow::Result<()> {
                super::$journey(homeroom_journeys::Log::Kafka).await
            })+
        }
    };
}
pub(crate) use on_both_logs;
