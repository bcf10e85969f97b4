//! The feed of alerts as a live screen reads it, with a deadline on each wait.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use homeroom_proto::wire::alert::AlertChange;
use homeroom_proto::wire::notification::alert_feed_client::AlertFeedClient;
use homeroom_proto::wire::notification::{WatchAlertsRequest, WatchAlertsResponse};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Endpoint;
use tonic::{Request, Streaming};

/// Far more than any alert takes, so that only a lost one fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a request says of who asks.
pub(crate) fn basic(key: &str, secret: &str) -> Result<MetadataValue<Ascii>> {
    Ok(format!("Basic {}", BASE64_STANDARD.encode(format!("{key}:{secret}"))).parse()?)
}

/// A subscription, from the first change kept.
pub struct Alerts {
    stream: Streaming<WatchAlertsResponse>,
    seen: Vec<AlertChange>,
}

impl Alerts {
    pub(crate) async fn follow(address: &str, key: &str, secret: &str) -> Result<Self> {
        let channel = Endpoint::from_shared(address.to_owned())?.connect().await.context("gRPC")?;
        let mut request =
            Request::new(WatchAlertsRequest { cursor: String::new(), from_start: true, school: String::new() });
        request.metadata_mut().insert("authorization", basic(key, secret)?);
        let stream = AlertFeedClient::new(channel).watch_alerts(request).await?.into_inner();
        Ok(Self { stream, seen: Vec::new() })
    }

    /// The next change for which this holds; passes over others. Fails after 30 seconds, with what came instead.
    pub async fn next_where(&mut self, what: &str, wanted: impl Fn(&AlertChange) -> bool) -> Result<AlertChange> {
        let search = async {
            loop {
                let response = self.stream.message().await?.context("the feed ended")?;
                let Some(change) = response.change else { continue };
                self.seen.push(change.clone());
                if wanted(&change) {
                    return anyhow::Ok(change);
                }
            }
        };
        if let Ok(found) = tokio::time::timeout(PATIENCE, search).await {
            return found;
        }
        let came: Vec<String> = self.seen.iter().map(|c| format!("{:?} {} {}", c.kind(), c.rule, c.title)).collect();
        bail!("no {what} in {PATIENCE:?}; these came: {came:#?}")
    }

    /// The changes seen so far, in order.
    pub fn seen(&self) -> &[AlertChange] {
        &self.seen
    }
}
