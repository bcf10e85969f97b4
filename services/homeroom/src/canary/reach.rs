//! The canary's ways to Homeroom, by the authorities of now: a process that lives for months outlives them.

use anyhow::{Context as _, Result};
use homeroom_chassis::TaskGroup;
use homeroom_chassis::tls::{Followed, follow};
use reqwest::Client;
use tonic::transport::Endpoint;

use crate::client::{Connection, grpc, http};

/// How a canary reaches the doors of its connection.
#[derive(Debug)]
pub(super) struct Reach {
    /// The HTTP API.
    pub(super) http: Client,
    /// Where the feed is; each feed is a connection of its own, so that every round has made one.
    feed: Endpoint,
}

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Unreachable(#[from] anyhow::Error);

impl Reach {
    /// Made of the connection, and again when the file of its authorities changes.
    pub(super) fn follow(connection: &Connection, tasks: &TaskGroup) -> Result<Followed<Self>> {
        let files = connection.ca_file.iter().cloned().collect();
        let connection = connection.clone();
        let reach = follow("canary", files, tasks, move || Self::of(&connection).map_err(Unreachable::from));
        reach.context("Homeroom cannot be reached")
    }

    fn of(connection: &Connection) -> Result<Self> {
        Ok(Self { http: http::client(connection, &connection.url)?, feed: grpc::endpoint(connection)? })
    }

    /// A client of the feed, which connects at the first call.
    pub(super) fn feed(&self, connection: &Connection) -> Result<grpc::Feed> {
        grpc::feed_at(&self.feed, connection)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use homeroom_chassis::telemetry;
    use homeroom_chassis::tls::{TlsFiles, install_provider};
    use homeroom_harness::authority::HERE;
    use homeroom_harness::{Authority, WebhookSink};
    use secrecy::SecretString;

    use super::*;

    fn connection(url: &str, ca_file: PathBuf) -> Connection {
        Connection {
            url: url.to_owned(),
            edfi_url: url.to_owned(),
            grpc: url.to_owned(),
            key: "canary".to_owned(),
            secret: SecretString::from("5ec8e7".to_owned()),
            config: None,
            ca_file: Some(ca_file),
        }
    }

    async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let looked = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), looked).await.unwrap_or_else(|_| panic!("in time: {what}"));
    }

    #[tokio::test]
    async fn a_renewed_authority_takes_no_restart_and_one_that_is_none_changes_nothing() {
        install_provider();
        telemetry::install_metrics();
        let (authority, stranger) = (Authority::new().expect("made"), Authority::new().expect("made"));
        let pair = authority.give("door", HERE).expect("given");
        let door = TlsFiles { cert: pair.cert, key: pair.key, client_ca: None };
        let door = WebhookSink::start_tls(&door).await.expect("open");
        let mount = |pem: &str| authority.write("mounted.pem", pem, 0o644).expect("written");
        let tasks = TaskGroup::default();
        let reach = Reach::follow(&connection(&door.url, mount(&stranger.pem())), &tasks).expect("a way");
        let knocks = async || reach.current().http.post(&door.url).body("").send().await.is_ok();
        assert!(!knocks().await, "the door is a stranger's");
        mount(&authority.pem());
        until("the door is believed", knocks).await;
        mount("no certificate");
        let refused = "homeroom_certificate_changes_total{certificate=\"canary\",outcome=\"refused\"} 1";
        until("the change is refused", async || telemetry::metrics_text().contains(refused)).await;
        assert!(knocks().await, "the authority of before stays");
        tasks.stop();
        tasks.drained().await;
    }
}
