//! Webhooks as Standard Webhooks says: `webhook-id` is the idempotency key, the body is signed with every secret in force.
//!
//! What an answer means: 2xx accepted; 410 gone for good; 429 and 503 too many; other answers are tried again, also a
//! redirect, which is not followed. A connection that could not be made has sent nothing; anything that fails after that, and
//! an endpoint's own failure (500, 502, 504 and the like), may have arrived, so that a recall must follow it. Addresses
//! inside the network are refused unless the configuration allows them.

mod guard;
mod secret;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use homeroom_chassis::config::SecretFile;
use homeroom_chassis::tls::{self, Followed};
use homeroom_chassis::{TaskGroup, clock};
use homeroom_proto::wire::notification::Delivery;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, Client, StatusCode, Url, redirect};
use serde::Deserialize;

use super::{Error, FeedConfig, Link, Sender, feed};
use crate::schedule::Outcome;

pub use guard::Network;

/// Configuration of the webhook adapter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The feed.
    pub feed: FeedConfig,
    /// Signing secrets (`whsec_…`) of endpoints without their own; more than one while they are changed over.
    #[serde(default)]
    pub secret_files: Vec<SecretFile>,
    /// Signing secrets of single endpoints, by URL as the routing has it.
    #[serde(default)]
    pub endpoint_secret_files: BTreeMap<String, Vec<SecretFile>>,
    /// Networks inside that webhooks may go to, such as `127.0.0.0/8`; none by default.
    #[serde(default)]
    pub allow_networks: Vec<Network>,
    /// Certificate authorities of endpoints that the system does not know, PEM: of a receiver inside, for example.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How long an answer may take, seconds.
    #[serde(default = "default_timeout")]
    pub timeout_s: u64,
}

const fn default_timeout() -> u64 {
    20
}

/// Says what is wrong with a URL of this channel.
pub(crate) fn check_url(url: &str) -> Result<(), String> {
    let parsed = Url::parse(url).map_err(|error| format!("url `{url}`: {error}"))?;
    let good = matches!(parsed.scheme(), "https" | "http") && parsed.host().is_some();
    if good { Ok(()) } else { Err(format!("url `{url}` is not one of https or http with a host")) }
}

/// Sends webhooks until the group stops.
pub async fn run(config: Config, tasks: TaskGroup, link: Link) -> Result<(), Error> {
    if config.timeout_s == 0 || config.timeout_s * 2 > config.feed.lease_s {
        return Err(Error::config("timeout-s", "must be at least 1 and at most half of `feed.lease-s`"));
    }
    let sender = Webhooks::new(&config, &tasks)?;
    feed::run(config.feed, sender, tasks, link).await
}

/// How long a connection may take; within it nothing has been sent.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

struct Webhooks {
    client: Followed<Client>,
    guard: Arc<guard::Guard>,
    secrets: secret::Secrets,
}

impl Webhooks {
    fn new(config: &Config, tasks: &TaskGroup) -> Result<Self, Error> {
        let guard = Arc::new(guard::Guard::new(config.allow_networks.clone()));
        let files = config.ca_file.iter().cloned().collect();
        let (ca_file, timeout, resolver) = (config.ca_file.clone(), config.timeout_s, Arc::clone(&guard));
        let made = move || client(ca_file.as_deref(), Duration::from_secs(timeout), &resolver);
        let client = tls::follow("endpoints", files, tasks, made)?;
        let secrets = secret::Secrets::read(&config.secret_files, &config.endpoint_secret_files)?;
        Ok(Self { client, guard, secrets })
    }
}

/// A client that believes the endpoints of these authorities too, and asks only the guard for addresses.
fn client(ca_file: Option<&Path>, timeout: Duration, guard: &Arc<guard::Guard>) -> Result<Client, Error> {
    let mut builder = Client::builder();
    if let Some(path) = ca_file {
        let authorities = Certificate::from_pem_bundle(&tls::pem(path)?);
        builder = builder.tls_certs_merge(authorities.map_err(|error| Error::config("ca-file", error))?);
    }
    builder
        .timeout(timeout)
        .connect_timeout(CONNECT_WITHIN)
        .redirect(redirect::Policy::none())
        // A proxy of the environment would resolve names for itself, past the guard.
        .no_proxy()
        .dns_resolver(Arc::clone(guard))
        .user_agent(concat!("homeroom/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Error::config("feed", error))
}

#[async_trait]
impl Sender for Webhooks {
    const CHANNEL: &'static str = "webhook";

    async fn send(&self, delivery: &Delivery) -> Outcome {
        let permanent = |reason: &str| Outcome::Permanent { reason: reason.to_owned() };
        let (Some(to), Some(message)) = (&delivery.to, &delivery.message) else {
            return permanent("the delivery has no recipient or message");
        };
        let Ok(url) = Url::parse(&to.address) else { return permanent("the address is no URL") };
        // A name is judged when it is resolved; a bare address never is.
        if let Some(refused) = self.guard.refuses_literal(&url) {
            return permanent(&refused.to_string());
        }
        let now = clock::now();
        let Some(signatures) = self.secrets.sign(&to.address, &delivery.idempotency_key, now, &message.data) else {
            return Outcome::Retry {
                reason: "no signing secret is configured for this endpoint".to_owned(),
                after: None,
            };
        };
        let mut request = self
            .client
            .current()
            .post(url)
            .header("webhook-id", &delivery.idempotency_key)
            .header("webhook-timestamp", now.as_second().to_string())
            .header("webhook-signature", signatures)
            .header(CONTENT_TYPE, "application/json");
        if !delivery.traceparent.is_empty() {
            request = request.header("traceparent", &delivery.traceparent);
        }
        match request.body(message.data.clone()).send().await {
            Ok(response) => judge(response.status(), response.headers(), now),
            Err(error) => judge_failure(&error),
        }
    }
}

fn judge(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Outcome {
    let after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(|text| retry_after(text, now));
    match status {
        status if status.is_success() => Outcome::Accepted { provider_message_id: String::new() },
        StatusCode::GONE => Outcome::Permanent { reason: "the endpoint is gone (410)".to_owned() },
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Outcome::Limited { after },
        // It may have failed after it had taken the message, or have lost the answer on the way to us.
        status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
            Outcome::Unknown { reason: format!("the endpoint failed with {}", status.as_u16()) }
        }
        status => Outcome::Retry { reason: format!("the endpoint answered {}", status.as_u16()), after },
    }
}

/// Errors are told by their kind only: their text holds the URL, which may hold a secret.
fn judge_failure(error: &reqwest::Error) -> Outcome {
    if let Some(refused) = guard::refusal(error) {
        Outcome::Permanent { reason: refused.to_string() }
    } else if error.is_builder() {
        Outcome::Permanent { reason: "the request cannot be made".to_owned() }
    } else if error.is_connect() {
        Outcome::Retry { reason: "no connection".to_owned(), after: None }
    } else if error.is_timeout() {
        Outcome::Unknown { reason: "no answer came in time".to_owned() }
    } else {
        Outcome::Unknown { reason: "the connection broke before the answer".to_owned() }
    }
}

/// Seconds, or a date.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    Duration::try_from(at.duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, after: &str) -> Outcome {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, after.parse().unwrap())]);
        judge(StatusCode::from_u16(status).unwrap(), &headers, Timestamp::constant(1_445_412_470, 0))
    }

    #[test]
    fn answers_mean_what_the_standard_says() {
        assert!(matches!(judged(204, ""), Outcome::Accepted { .. }));
        assert!(matches!(judged(301, ""), Outcome::Retry { .. }));
        assert!(matches!(judged(401, ""), Outcome::Retry { .. }));
        assert!(matches!(judged(410, ""), Outcome::Permanent { .. }));
        for failed in [500, 502, 504] {
            assert!(matches!(judged(failed, ""), Outcome::Unknown { .. }), "{failed}");
        }
        assert_eq!(judged(429, "7"), Outcome::Limited { after: Some(Duration::from_secs(7)) });
        assert_eq!(
            judged(503, "Wed, 21 Oct 2015 07:28:00 GMT"),
            Outcome::Limited { after: Some(Duration::from_secs(10)) }
        );
        assert_eq!(judged(503, "soon"), Outcome::Limited { after: None });
    }
}
