//! Mail by SMTP. The `Message-ID` is made of the idempotency key, so a repeat is recognised as one; later words on an alert are
//! replies to the first one, so that a recall stands beneath what it takes back.
//!
//! What an end means: before the message is handed over nothing was sent, and it is tried again. An answer of 5xx to the
//! message is for good, 4xx is for now, and no answer is unknown.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use homeroom_chassis::TaskGroup;
use homeroom_chassis::config::SecretFile;
use homeroom_chassis::tls::{self, Followed};
use homeroom_proto::wire::notification::Delivery;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{self, SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Error, FeedConfig, Link, Sender, feed};
use crate::schedule::Outcome;

/// Configuration of the mail adapter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The feed.
    pub feed: FeedConfig,
    /// The mail server's host.
    pub host: String,
    /// Its port: 465 with TLS, 587 with STARTTLS and 25 without when not given.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is kept private.
    #[serde(default)]
    pub security: Security,
    /// Certificate authorities of the mail server, PEM; the system's when not given.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The user to log in as; nobody when not given.
    #[serde(default)]
    pub user: Option<String>,
    /// Holds the user's password.
    #[serde(default)]
    pub password_file: Option<SecretFile>,
    /// Whom the mail is from, such as `Homeroom <homeroom@district.example.org>`.
    pub from: String,
    /// How long the mail server may take for one step, seconds.
    #[serde(default = "default_timeout")]
    pub timeout_s: u64,
}

/// How the connection to the mail server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// TLS from the start.
    Tls,
    /// TLS after a plain greeting; refused when the server does not offer it.
    #[default]
    Starttls,
    /// Not at all: only for a server on the same machine.
    Plain,
}

const fn default_timeout() -> u64 {
    20
}

/// Says what is wrong with an address of this channel.
pub(crate) fn check_address(address: &str) -> Result<(), String> {
    address.parse::<lettre::Address>().map(drop).map_err(|error| format!("mail address `{address}`: {error}"))
}

/// Sends mail until the group stops.
pub async fn run(config: Config, tasks: TaskGroup, link: Link) -> Result<(), Error> {
    let sender = Mail::new(&config, &tasks)?;
    feed::run(config.feed, sender, tasks, link).await
}

struct Mail {
    host: String,
    port: u16,
    security: Security,
    tls: Option<Followed<TlsParameters>>,
    login: Option<(String, SecretString)>,
    from: Mailbox,
    timeout: Duration,
    /// One mail as a whole takes no longer than half a lease.
    in_all: Duration,
}

impl Mail {
    fn new(config: &Config, tasks: &TaskGroup) -> Result<Self, Error> {
        let tls = (config.security != Security::Plain).then(|| followed(config, tasks)).transpose()?;
        let login = match (&config.user, &config.password_file) {
            (Some(user), Some(file)) => Some((user.clone(), file.read()?)),
            (None, None) => None,
            _ => return Err(Error::config("user", "is given if and only if `password-file` is")),
        };
        let port = match config.security {
            Security::Tls => SUBMISSIONS_PORT,
            Security::Starttls => SUBMISSION_PORT,
            Security::Plain => SMTP_PORT,
        };
        Ok(Self {
            host: config.host.clone(),
            port: config.port.unwrap_or(port),
            security: config.security,
            tls,
            login,
            from: config.from.parse().map_err(|error| Error::config("from", error))?,
            timeout: Duration::from_secs(config.timeout_s.max(1)),
            in_all: Duration::from_secs((config.feed.lease_s / 2).max(1)),
        })
    }

    fn compose(&self, delivery: &Delivery) -> Result<(Envelope, Vec<u8>), String> {
        let (to, words) =
            delivery.to.as_ref().zip(delivery.message.as_ref()).ok_or("it has no recipient or message")?;
        let to: Mailbox = to.address.parse().map_err(|error| format!("the address: {error}"))?;
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(words.subject.clone())
            .message_id(Some(self.message_id(&delivery.idempotency_key)))
            // Out-of-office answers to a machine help nobody.
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN);
        if !delivery.follows.is_empty() {
            let first = self.message_id(&delivery.follows);
            builder = builder.in_reply_to(first.clone()).references(first);
        }
        let message = builder.body(words.text.clone()).map_err(|error| error.to_string())?;
        Ok((message.envelope().clone(), message.formatted()))
    }

    fn message_id(&self, key: &str) -> String {
        format!("<{key}@{}>", self.from.email.domain())
    }

    /// A connection that is private and logged in as configured.
    async fn connect(&self) -> Result<AsyncSmtpConnection, smtp::Error> {
        let hello = ClientId::default();
        let tls = self.tls.as_ref().map(|tls| TlsParameters::clone(&tls.current()));
        let wrapped = tls.clone().filter(|_| self.security == Security::Tls);
        let server = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.timeout), &hello, wrapped, None).await?;
        if let Some(tls) = tls.filter(|_| self.security == Security::Starttls) {
            connection.starttls(tls, &hello).await?;
        }
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }
}

#[async_trait]
impl Sender for Mail {
    const CHANNEL: &'static str = "mail";

    async fn send(&self, delivery: &Delivery) -> Outcome {
        let (envelope, mail) = match self.compose(delivery) {
            Ok(composed) => composed,
            Err(reason) => return Outcome::Permanent { reason },
        };
        let deadline = tokio::time::Instant::now() + self.in_all;
        let mut connection = match tokio::time::timeout_at(deadline, self.connect()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => {
                return Outcome::Retry { reason: format!("no mail server: {}", words(&error)), after: None };
            }
            Err(_) => return Outcome::Retry { reason: "no mail server in time".to_owned(), after: None },
        };
        match tokio::time::timeout_at(deadline, connection.send(&envelope, &mail)).await {
            Ok(Ok(response)) => {
                let provider_message_id = response.first_line().unwrap_or_default().to_owned();
                // The mail is accepted, whatever becomes of the farewell.
                tokio::time::timeout_at(deadline, connection.quit()).await.ok();
                Outcome::Accepted { provider_message_id }
            }
            Ok(Err(error)) => judge(&error),
            Err(_) => Outcome::Unknown { reason: "the mail server did not answer in time".to_owned() },
        }
    }
}

/// A failure while the message was handed over.
fn judge(error: &smtp::Error) -> Outcome {
    let reason = words(error);
    if error.is_permanent() || error.is_client() {
        Outcome::Permanent { reason }
    } else if error.is_transient() {
        Outcome::Retry { reason, after: None }
    } else {
        Outcome::Unknown { reason }
    }
}

/// The code of an answer, or the kind of failure: an answer's text may repeat the address.
fn words(error: &smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
        None if error.is_tls() => "no TLS with the mail server".to_owned(),
        None if error.is_client() => "the mail server cannot take this message".to_owned(),
        None => "the connection to the mail server failed".to_owned(),
    }
}

/// Whom to believe, by what the file of authorities says by then.
fn followed(config: &Config, tasks: &TaskGroup) -> Result<Followed<TlsParameters>, Error> {
    let files = config.ca_file.iter().cloned().collect();
    let (host, ca_file) = (config.host.clone(), config.ca_file.clone());
    tls::follow("mail-server", files, tasks, move || parameters(&host, ca_file.as_deref()))
}

fn parameters(host: &str, ca_file: Option<&Path>) -> Result<TlsParameters, Error> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = ca_file {
        let certificate = Certificate::from_pem(&tls::pem(path)?).map_err(|error| Error::config("ca-file", error))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| Error::config("security", error))
}
