//! The adapters' side of the feed: one connection at a time, again with growing pauses when it is lost.
//!
//! Sending and the connection have separate lives: a delivery that is being sent when the connection breaks is settled on the
//! next one, because a settlement names its lease and not its stream.

mod session;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use homeroom_chassis::config::SecretFile;
use homeroom_chassis::tls::{ClientFiles, Followed};
use homeroom_chassis::{TaskGroup, clock};
use secrecy::ExposeSecret;
use serde::Deserialize;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use super::{Error, Link, Sender};
use crate::metric;

/// Where the feed is, and how much to take from it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Such as `https://homeroom.example.org:8443`.
    pub endpoint: String,
    /// Holds `key:secret` of a key with the scope `feed`.
    pub key_file: SecretFile,
    /// Certificate authorities of the feed's server, PEM; the system's when not given.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The certificate to show where the feed asks for one, PEM; given if and only if `cert-key-file` is.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// The certificate's private key, PEM.
    #[serde(default)]
    pub cert_key_file: Option<PathBuf>,
    /// Which of several processes this is; random when not given.
    #[serde(default = "random_instance")]
    pub instance: String,
    /// Deliveries to send at once, 1 to 1,000.
    #[serde(default = "default_outstanding")]
    pub max_outstanding: u32,
    /// Seconds that a delivery is ours; more than twice the longest send.
    #[serde(default = "default_lease")]
    pub lease_s: u64,
}

fn random_instance() -> String {
    Uuid::new_v4().simple().to_string()
}

const fn default_outstanding() -> u32 {
    16
}

const fn default_lease() -> u64 {
    60
}

impl Config {
    /// The defaults with this endpoint and key.
    pub fn at(endpoint: String, key_file: SecretFile) -> Self {
        Self {
            endpoint,
            key_file,
            ca_file: None,
            cert_file: None,
            cert_key_file: None,
            instance: random_instance(),
            max_outstanding: default_outstanding(),
            lease_s: default_lease(),
        }
    }
}

/// The first pause before connecting again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause before connecting again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long connecting may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// How often a quiet connection is asked whether it lives, and how long it may take to answer.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Serves the channel until the group stops: takes deliveries, sends them, settles them. Ends with an error only when the feed
/// would refuse us again.
pub(super) async fn run<S: Sender>(config: Config, sender: S, tasks: TaskGroup, link: Link) -> Result<(), Error> {
    if !(1..=1_000).contains(&config.max_outstanding) {
        return Err(Error::config("feed.max-outstanding", "must be 1 to 1000"));
    }
    let endpoint = endpoint(&config, &tasks)?;
    let authorization = authorization(&config)?;
    let stop = tasks.stopping();
    metric::describe_channel();
    link.set(S::CHANNEL, false);
    let mut session = session::Session::new(config, Arc::new(sender), authorization, stop.clone(), link.clone());
    let mut pause = FIRST_PAUSE;
    while !session.is_done() {
        // Lazily: a first connection that fails is an ordinary reason to try again.
        let connected = clock::now();
        let served = session.serve(endpoint.current().connect_lazy()).await;
        link.set(S::CHANNEL, false);
        match served {
            Ok(()) => pause = FIRST_PAUSE,
            Err(status) if is_refusal(&status) => return Err(Error::Refused(status.message().to_owned())),
            Err(status) => {
                tracing::warn!(code = ?status.code(), reason = status.message(), "the feed's stream ended; connecting again");
                if clock::now().duration_since(connected) > jiff::SignedDuration::from_secs(60) {
                    pause = FIRST_PAUSE;
                }
            }
        }
        if !session.is_done() {
            session.rest(pause.mul_f64(0.5 + chance() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
    Ok(())
}

/// Where the feed is, by what its files say by then: taken anew for each connection.
fn endpoint(config: &Config, tasks: &TaskGroup) -> Result<Followed<Endpoint>, Error> {
    let wrong = |error: tonic::transport::Error| Error::config("feed.endpoint", error);
    let endpoint = Endpoint::from_shared(config.endpoint.clone())
        .map_err(wrong)?
        .connect_timeout(CONNECT_WITHIN)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE);
    let identity = match (&config.cert_file, &config.cert_key_file) {
        (Some(cert), Some(key)) => Some((cert.clone(), key.clone())),
        (None, None) => None,
        _ => return Err(Error::config("feed.cert-file", "is given if and only if `cert-key-file` is")),
    };
    let encrypted = config.endpoint.starts_with("https://");
    if identity.is_some() && !encrypted {
        return Err(Error::config("feed.cert-file", "can be shown over https alone"));
    }
    let files = ClientFiles { ca: config.ca_file.clone(), identity };
    Ok(if encrypted { files.follow("feed", endpoint, tasks)? } else { Followed::fixed(endpoint) })
}

fn authorization(config: &Config) -> Result<MetadataValue<Ascii>, Error> {
    let key = config.key_file.read()?;
    let encoded = base64::prelude::BASE64_STANDARD.encode(key.expose_secret());
    let mut value: MetadataValue<Ascii> =
        format!("Basic {encoded}").parse().map_err(|_| Error::config("feed.key-file", "is not `key:secret`"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether coming back would end the same way.
fn is_refusal(status: &tonic::Status) -> bool {
    use tonic::Code::{FailedPrecondition, InvalidArgument, PermissionDenied, Unauthenticated, Unimplemented};
    matches!(status.code(), Unauthenticated | PermissionDenied | InvalidArgument | FailedPrecondition | Unimplemented)
}

/// From 0 to 1; spreads connections, where quality does not matter.
fn chance() -> f64 {
    f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0
}

/// The client of a connection.
type Client = homeroom_proto::wire::notification::alert_feed_client::AlertFeedClient<Channel>;
