//! What every role of the binary does alike: configuration, telemetry, listeners, log and access, then its components.

pub(crate) mod log;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use homeroom_bus::Log;
use homeroom_chassis::access::{Access, Keys, Tokens};
use homeroom_chassis::config::{self, SecretFile, Setting};
use homeroom_chassis::server::{Doors, Limits};
use homeroom_chassis::tls::TlsFiles;
use homeroom_chassis::{Component, TaskGroup, lifecycle, telemetry};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;

use crate::failure::BadConfig;

/// The schemas of all services, and of the log that needs no broker.
pub(crate) const SCHEMAS: [homeroom_pg::Schema; 4] =
    [homeroom_bus::postgres::SCHEMA, homeroom_ingestion::SCHEMA, homeroom_rules::SCHEMA, homeroom_notification::SCHEMA];

/// The tables that a configuration file may have.
const COMPONENTS: [&str; 11] = [
    "server",
    "telemetry",
    "access",
    "log",
    "migrate",
    "ingestion",
    "rules",
    "notification",
    "channel-webhook",
    "channel-mail",
    "canary",
];

/// Where the configuration is.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file (TOML, a table per component); variables such as `HOMEROOM_SERVER__HTTP` override it.
    #[arg(long, value_name = "FILE", env = "HOMEROOM_CONFIG")]
    config: Option<PathBuf>,
}

/// Where a process listens. A channel's adapter listens at `health` alone.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct ServerConfig {
    /// HTTP: the API, and health and metrics unless they have a port of their own.
    http: SocketAddr,
    /// gRPC.
    grpc: SocketAddr,
    /// A port of their own for health and metrics. Nobody has to show a certificate there.
    pub(crate) health: Option<SocketAddr>,
    /// A port of their own for adapters and other processes of Homeroom, who show a certificate.
    peers: Option<PeersConfig>,
    /// With it every port but that of peers speaks only TLS.
    pub(crate) tls: Option<TlsFiles>,
    /// Bounds.
    pub(crate) limits: Limits,
}

/// Where gRPC is answered to those who show a certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PeersConfig {
    /// gRPC.
    grpc: SocketAddr,
    /// With `client-ca`, the authority of the certificates that are shown.
    tls: TlsFiles,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            http: ([0, 0, 0, 0], 8080).into(),
            grpc: ([0, 0, 0, 0], 8081).into(),
            health: None,
            peers: None,
            tls: None,
            limits: Limits::default(),
        }
    }
}

/// Who may enter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AccessConfig {
    /// File of keys, with the hashes of their secrets.
    keys: PathBuf,
    /// File of the secret that signs tokens; all replicas have the same.
    token_key: SecretFile,
}

impl AccessConfig {
    /// The file of keys.
    pub(crate) fn keys(&self) -> &Path {
        &self.keys
    }
}

impl ServerConfig {
    /// Health and metrics alone, at this address.
    pub(crate) fn of_health(health: SocketAddr) -> Self {
        Self { health: Some(health), ..Self::default() }
    }

    /// Where health and metrics are answered.
    pub(crate) fn health_address(&self) -> SocketAddr {
        self.health.unwrap_or(self.http)
    }

    /// Where a program beside it on the same machine asks how it is.
    pub(crate) fn own_address(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let address = self.health_address();
        let host = match address.ip() {
            ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        format!("{scheme}://{host}:{}", address.port())
    }
}

/// A process of one role, configured and not yet started.
pub(crate) struct Process {
    server: ServerConfig,
    telemetry: telemetry::Config,
    log: log::Config,
    access: Access,
    keys: PathBuf,
}

/// What a role builds its components with.
pub(crate) struct Foundation {
    /// The log.
    pub(crate) log: Arc<dyn Log>,
    /// Who may do what.
    pub(crate) access: Access,
    /// Where background work runs.
    pub(crate) tasks: TaskGroup,
}

impl ConfigArgs {
    /// The environment alone.
    pub(crate) fn none() -> Self {
        Self { config: None }
    }

    /// The file that was given, else this one.
    pub(crate) fn or(self, file: Option<PathBuf>) -> Self {
        Self { config: self.config.or(file) }
    }

    /// What is set, key by key.
    pub(crate) fn outline(&self) -> Result<Vec<(String, Setting)>, BadConfig> {
        config::outline(self.config.as_deref()).map_err(|e| refusal(&e))
    }

    /// One component's configuration.
    pub(crate) fn load<T: DeserializeOwned>(&self, component: &str) -> Result<T, BadConfig> {
        let file = self.config.as_deref();
        config::check_components(file, &COMPONENTS)
            .and_then(|()| config::load(component, file))
            .map_err(|e| refusal(&e))
    }
}

/// A configuration error with its causes on one line.
pub(crate) fn refusal(error: &dyn std::error::Error) -> BadConfig {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    BadConfig(text)
}

/// Fills in `DATABASE_URL`, when the component's own settings name no database.
pub(crate) fn complete(database: &mut homeroom_pg::Config) -> Result<(), BadConfig> {
    if database.url.is_none() && database.url_file.is_none() {
        database.url = config::env("DATABASE_URL").map_err(|e| refusal(&e))?.map(SecretString::from);
    }
    if database.url.is_none() && database.url_file.is_none() {
        return Err(BadConfig(
            "no database: set DATABASE_URL, or `url` or `url-file` of the component's `database`".to_owned(),
        ));
    }
    database.load_url().map(drop).map_err(|e| refusal(&e))
}

/// Reads who may enter.
pub(crate) fn access(keys: &Path, token_key: &SecretFile) -> Result<Access, BadConfig> {
    let keys = Keys::load(keys).map_err(|e| refusal(&e))?;
    let signing_key = token_key.read().map_err(|e| refusal(&e))?;
    Ok(Access::new(keys, Tokens::new(&signing_key)))
}

/// Puts keys that change in the file in force while the process runs.
pub(crate) fn follow(access: &Access, keys: PathBuf, tasks: &TaskGroup) {
    tasks.spawn("keys", access.clone().follow(keys, tasks.stopping()));
}

impl Process {
    /// Reads everything that every role needs; nothing is opened yet.
    pub(crate) fn load(args: &ConfigArgs) -> Result<Self, BadConfig> {
        let AccessConfig { keys, token_key } = args.load("access")?;
        let server: ServerConfig = args.load("server")?;
        if server.peers.as_ref().is_some_and(|peers| peers.tls.client_ca.is_none()) {
            return Err(BadConfig(
                "`server.peers.tls`: `client-ca` is missing, so that anybody would be a peer".to_owned(),
            ));
        }
        Ok(Self {
            server,
            telemetry: args.load("telemetry")?,
            log: log::Config::load(args)?,
            access: access(&keys, &token_key)?,
            keys,
        })
    }

    /// Whether there is a port at which whoever comes has shown a certificate.
    pub(crate) fn asks_for_certificates(&self) -> bool {
        self.server.peers.is_some() || self.server.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some())
    }

    /// Runs until a signal or a failure; telemetry is flushed whichever it was.
    pub(crate) async fn run<B, F>(self, role: &'static str, build: B) -> Result<()>
    where
        B: FnOnce(Foundation) -> F,
        F: Future<Output = Result<Component>>,
    {
        let telemetry = telemetry::init(role, &self.telemetry).map_err(|e| refusal(&e))?;
        let outcome = self.serve(build).await;
        telemetry.flush();
        outcome
    }

    async fn serve<B, F>(self, build: B) -> Result<()>
    where
        B: FnOnce(Foundation) -> F,
        F: Future<Output = Result<Component>>,
    {
        let ServerConfig { http, grpc, health, peers, tls, limits } = self.server;
        let (http, grpc) = (bind(http).await?, bind(grpc).await?);
        let health = bind_if_given(health).await?;
        let peers = match peers {
            Some(PeersConfig { grpc, tls }) => Some((bind(grpc).await?, tls)),
            None => None,
        };
        let tasks = TaskGroup::default();
        lifecycle::signals(&tasks).context("signals cannot be heard")?;
        follow(&self.access, self.keys, &tasks);
        let log = self.log.open_for(&tasks).await?;
        let component = build(Foundation { log, access: self.access, tasks: tasks.clone() }).await?;
        let (http, grpc, descriptors) = (Some(http), Some(grpc), homeroom_proto::DESCRIPTORS);
        let doors = Doors { http, grpc, health, peers, descriptors, tls, limits };
        Ok(doors.run(tasks, vec![component]).await?)
    }
}

/// Binds a listener, so that a taken port is told before anything else is started.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// The same, where there is an address.
pub(crate) async fn bind_if_given(address: Option<SocketAddr>) -> Result<Option<TcpListener>> {
    match address {
        Some(address) => bind(address).await.map(Some),
        None => Ok(None),
    }
}
