//! Every role in a process of its own, where nothing is said in the clear: doors, log, database, feed, mail, webhooks, spans. Adapters
//! show certificates.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use homeroom_chassis::access::hash_secret;
use homeroom_harness::guarded::Guarded;
use homeroom_harness::homeroom::{EdFi, program};
use homeroom_harness::kafka::free_port;
use homeroom_pg::local::ADMIN;
use reqwest::{Certificate, Client};
use secrecy::{ExposeSecret as _, SecretString};

use super::broker::{self, SecureBroker};
use super::postgres::{self, SecurePostgres};
use super::{Authority, HERE};
use crate::world::{DISTRICT, SOURCE};

/// The API secret.
pub const SECRET: &str = "homeroom_zqtls-secret-0123456789";

const KEY: &str = "sis";
const READY: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);
/// The schemas whose roles log in with a password.
const SCHEMAS: [&str; 3] = ["ingestion", "rules", "notification"];

/// Where one process listens.
#[derive(Debug, Clone, Copy)]
struct Ports {
    http: u16,
    grpc: u16,
    health: u16,
    /// Where adapters show a certificate; of the notification service alone.
    peers: u16,
}

/// A running set of roles.
pub struct Cluster<'a> {
    processes: Vec<Guarded>,
    ingestion: Ports,
    rules: Ports,
    notification: Ports,
    authority: &'a Authority,
    shared: String,
    client: Client,
}

impl<'a> Cluster<'a> {
    /// Prepares database and topics as an operator does, starts every role, and waits until all are ready.
    pub async fn start(
        authority: &'a Authority,
        broker: &SecureBroker,
        postgres: &SecurePostgres,
        collector: &str,
        teams: &str,
    ) -> Result<Self> {
        let shared = shared(authority, broker, postgres, collector, teams)?;
        homeroom_chassis::tls::install_provider();
        let ca = Certificate::from_pem(authority.pem().as_bytes())?;
        let client = Client::builder().no_proxy().tls_certs_only([ca]).build()?;
        let (ingestion, rules, notification) = (ports()?, ports()?, ports()?);
        let mut cluster = Self { processes: Vec::new(), ingestion, rules, notification, authority, shared, client };
        let config = cluster.config("operator", &cluster.shared.clone())?.display().to_string();
        run(&["migrate", "--config", &config], &[])?;
        let deadline = Instant::now() + READY;
        // A broker that has just begun may take longer than the program waits.
        while let Err(error) = run(&["topics", "create", "--partitions", "2", "--config", &config], &[]) {
            ensure!(Instant::now() < deadline, "{error:#}");
            tokio::time::sleep(POLL).await;
        }
        for (role, ports) in [("ingestion", ingestion), ("rules", rules), ("notification", notification)] {
            cluster.spawn(role, ports)?;
        }
        for ports in [ingestion, rules, notification] {
            cluster.wait_until_ready(ports).await?;
        }
        Ok(cluster)
    }

    /// An Ed-Fi client.
    pub async fn edfi(&self) -> Result<EdFi> {
        let address = format!("{}/edfi/{SOURCE}", self.url());
        EdFi::connect_with(self.client.clone(), &address, KEY, SECRET).await
    }

    /// Puts a document, such as settings, in force.
    pub async fn put(&self, path: &str, content_type: &str, body: String) -> Result<()> {
        let request = self.client.put(format!("{}/v1/{path}", self.url())).basic_auth(KEY, Some(SECRET));
        request.header("content-type", content_type).body(body).send().await?.error_for_status()?;
        Ok(())
    }

    /// Runs a client command that asks about risk.
    pub fn command(&self, arguments: &[&str]) -> Result<String> {
        let variables = [
            ("HOMEROOM_URL", self.url()),
            ("HOMEROOM_EDFI_URL", format!("{}/edfi/{SOURCE}", self.url())),
            ("HOMEROOM_GRPC", format!("https://{HERE}:{}", self.rules.grpc)),
            ("HOMEROOM_KEY", KEY.to_owned()),
            ("HOMEROOM_SECRET", SECRET.to_owned()),
        ];
        run(arguments, &variables)
    }

    /// Computes everything anew, as an operator does.
    pub fn verify(&self) -> Result<String> {
        let config = self.config("verify", &self.shared)?.display().to_string();
        run(&["verify", "--config", &config], &[])
    }

    /// Starts an adapter that shows a certificate, and waits until it is in touch with the feed. Of its configuration all but feed
    /// and ports is given.
    pub async fn channel(&mut self, name: &str, settings: &str) -> Result<()> {
        let (pair, ports) = (self.authority.give(&format!("channel-{name}"), HERE)?, ports()?);
        let (cert, key) = (text_of(&pair.cert), text_of(&pair.key));
        let text = format!(
            "[server]\nhealth = \"{HERE}:{}\"\ntls = {{ cert = {cert:?}, key = {key:?} }}\n\
             {}cert-file = {cert:?}\ncert-key-file = {key:?}\n",
            ports.health,
            self.feed(name, settings, self.notification.peers)?,
        );
        let config = self.config(name, &text)?;
        let log = self.log(name);
        let arguments = ["channel".as_ref(), name.as_ref(), "--config".as_ref(), config.as_os_str()];
        self.processes.push(Guarded::spawn(program()?, arguments, &log)?);
        self.wait_until_ready(ports).await
    }

    /// What an adapter says that shows no certificate, where readers come in: it ends, because it is refused.
    pub fn channel_without_certificate(&self, name: &str, settings: &str) -> Result<String> {
        let config = self.config("uncertified", &self.feed(name, settings, self.notification.grpc)?)?;
        match run(&["channel", name, "--config", &config.display().to_string()], &[]) {
            Ok(said) => bail!("an adapter without a certificate was let in: {said}"),
            Err(refusal) => Ok(refusal.to_string()),
        }
    }

    /// The settings of an adapter, up to its feed's.
    fn feed(&self, name: &str, settings: &str, port: u16) -> Result<String> {
        let key = text_of(&self.authority.secret(&format!("feed-{name}"), &format!("{KEY}:{SECRET}"))?);
        let ca = text_of(&self.authority.ca());
        Ok(format!(
            "[channel-{name}]\n{settings}\n[channel-{name}.feed]\nendpoint = \"https://{HERE}:{port}\"\n\
             key-file = {key:?}\nca-file = {ca:?}\n"
        ))
    }

    fn url(&self) -> String {
        format!("https://{HERE}:{}", self.ingestion.http)
    }

    fn spawn(&mut self, role: &str, ports: Ports) -> Result<()> {
        let pair = self.authority.give(role, HERE)?;
        let (cert, key, ca) = (text_of(&pair.cert), text_of(&pair.key), text_of(&self.authority.ca()));
        let mut text = format!(
            "[server]\nhttp = \"{HERE}:{}\"\ngrpc = \"{HERE}:{}\"\nhealth = \"{HERE}:{}\"\n\
             tls = {{ cert = {cert:?}, key = {key:?} }}\n",
            ports.http, ports.grpc, ports.health,
        );
        if role == "notification" {
            write!(
                text,
                "[server.peers]\ngrpc = \"{HERE}:{}\"\ntls = {{ cert = {cert:?}, key = {key:?}, client-ca = {ca:?} }}\n",
                ports.peers
            )?;
        }
        text += &self.shared;
        let config = self.config(role, &text)?;
        let log = self.log(role);
        let arguments = [role.as_ref(), "--config".as_ref(), config.as_os_str()];
        self.processes.push(Guarded::spawn(program()?, arguments, &log)?);
        Ok(())
    }

    async fn wait_until_ready(&self, ports: Ports) -> Result<()> {
        let address = format!("https://{HERE}:{}/readyz", ports.health);
        let deadline = Instant::now() + READY;
        while !self.client.get(&address).send().await.is_ok_and(|answer| answer.status().is_success()) {
            ensure!(Instant::now() < deadline, "{address} is not ready");
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    fn config(&self, name: &str, text: &str) -> Result<PathBuf> {
        self.authority.write(&format!("{name}.toml"), text, 0o600)
    }

    fn log(&self, name: &str) -> PathBuf {
        self.authority.ca().with_file_name(format!("{name}.log"))
    }

    /// What the processes have said.
    pub fn logs(&self) -> String {
        let read =
            |name: &str| format!("--- {name}\n{}\n", std::fs::read_to_string(self.log(name)).unwrap_or_default());
        ["ingestion", "rules", "notification", "webhook", "mail"].map(read).concat()
    }
}

impl Drop for Cluster<'_> {
    fn drop(&mut self) {
        self.processes.clear();
        // Shown only when the test fails.
        eprintln!("{}", self.logs());
    }
}

/// What all roles are told alike.
fn shared(
    authority: &Authority,
    broker: &SecureBroker,
    postgres: &SecurePostgres,
    collector: &str,
    teams: &str,
) -> Result<String> {
    let hash = hash_secret(SECRET);
    let keys = authority.write(
        "keys.toml",
        &format!(
            "[[key]]\nid = \"{KEY}\"\ndistrict = \"{DISTRICT}\"\nsource = \"{SOURCE}\"\n\
             scopes = [\"ingest\", \"read\", \"feed\", \"admin\"]\nsecret-sha256 = \"{hash}\"\n"
        ),
        0o600,
    )?;
    let token = authority.secret("token", "zqsigns-tokens-0123456789abcdef")?;
    let pseudonyms = authority.ca().with_file_name("pseudonym-keys");
    std::fs::create_dir(&pseudonyms)?;
    authority.write(&format!("pseudonym-keys/{DISTRICT}.key"), "zqmakes-pseudonyms-0123456789abcdef", 0o600)?;
    let routing = authority.write("teams.yaml", teams, 0o600)?;
    let ca = authority.ca();
    let password = authority.secret("kafka", broker::PASSWORD)?;
    let admin = text_of(&database(authority, postgres, ADMIN)?);
    let [keys, token, pseudonyms, routing, ca, password] =
        [keys, token, pseudonyms, routing, ca, password].map(|path| text_of(&path));
    let mut text = format!(
        "[access]\nkeys = {keys:?}\ntoken-key = {token:?}\n\
         [telemetry]\notlp-endpoint = \"{collector}\"\notlp-ca-file = {ca:?}\n\
         [log]\nkind = \"kafka\"\n[log.kafka]\nbootstrap-servers = \"{}\"\n[log.kafka.tls]\nca-file = {ca:?}\n\
         [log.kafka.sasl]\nmechanism = \"scram-sha512\"\nuser = \"{}\"\npassword-file = {password:?}\n\
         [migrate.database]\nurl-file = {admin:?}\n[ingestion]\npseudonym-keys = {pseudonyms:?}\n\
         [notification]\nrouting-file = {routing:?}\nadapter-certificates = true\n[migrate.passwords]\n",
        broker.at_password(),
        broker::USER
    );
    let role_password = text_of(&authority.secret("roles", postgres::PASSWORD)?);
    for schema in SCHEMAS {
        writeln!(text, "{schema} = {role_password:?}")?;
    }
    for schema in SCHEMAS {
        let url = text_of(&database(authority, postgres, &format!("homeroom_{schema}"))?);
        writeln!(text, "[{schema}.database]\nurl-file = {url:?}")?;
    }
    Ok(text)
}

/// The file with a role's URL.
fn database(authority: &Authority, postgres: &SecurePostgres, role: &str) -> Result<PathBuf> {
    let url: SecretString = postgres.url(role, postgres::PASSWORD, &SecurePostgres::verified(authority));
    authority.secret(&format!("url-{role}"), url.expose_secret())
}

fn run(arguments: &[&str], variables: &[(&str, String)]) -> Result<String> {
    let program: &Path = program()?;
    let output = Command::new(program).args(arguments).envs(variables.iter().cloned()).output()?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        bail!("`homeroom {}` ended with {}:\n{text}", arguments.join(" "), output.status);
    }
    Ok(text)
}

/// A path as a text, which TOML quotes as Rust does.
fn text_of(path: &Path) -> String {
    path.display().to_string()
}

fn ports() -> Result<Ports> {
    Ok(Ports { http: free_port()?, grpc: free_port()?, health: free_port()?, peers: free_port()? })
}
