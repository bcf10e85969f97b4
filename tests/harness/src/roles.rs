//! The services as a cluster runs them: one process per role, two for rules, on Kafka and one PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use homeroom_chassis::access::{hash_secret, new_secret};
use homeroom_pg::local::{DATABASE, LocalCluster, Options};
use reqwest::Client;
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;

use crate::guarded::Guarded;
use crate::homeroom::{Alerts, EdFi, http_client, program};
use crate::kafka::{self, Kafka};

const READY_WITHIN: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);
const KEY: &str = "sis";

/// Where one process listens.
#[derive(Debug, Clone, Copy)]
struct Ports {
    http: u16,
    grpc: u16,
}

/// A running set of services. Stopped when dropped, processes first.
pub struct Roles {
    processes: Vec<Guarded>,
    ingestion: Ports,
    notification: Ports,
    secret: SecretString,
    // Dropped in this order: the database outlives the processes, and the folder all of them.
    cluster: LocalCluster,
    folder: TempDir,
}

impl Roles {
    /// Prepares database and topics as an operator does, starts every role, and waits until all are ready.
    pub async fn start(kafka: &Kafka, teams: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("homeroom-roles-").tempdir()?;
        crate::homeroom::make_reachable(folder.path())?;
        let options = Options { volatile: true, ..Options::default() };
        let cluster = LocalCluster::start(&folder.path().join("postgres"), &options).await?;
        let secret = new_secret()?;
        write_secrets(folder.path(), &secret)?;
        std::fs::write(folder.path().join("teams.yaml"), teams)?;
        let mut roles =
            Self { processes: Vec::new(), ingestion: ports()?, notification: ports()?, secret, cluster, folder };
        let shared = roles.shared_settings(kafka);
        roles.run("migrate", &["migrate"], &shared)?;
        roles.run("topics", &["topics", "create", "--partitions", "4"], &shared)?;
        let replicas = [ports()?, ports()?];
        roles.spawn("ingestion", "ingestion", roles.ingestion, &shared)?;
        roles.spawn("rules", "rules-a", replicas[0], &shared)?;
        roles.spawn("rules", "rules-b", replicas[1], &shared)?;
        roles.spawn("notification", "notification", roles.notification, &shared)?;
        for ports in [roles.ingestion, replicas[0], replicas[1], roles.notification] {
            roles.wait_until_ready(ports).await?;
        }
        Ok(roles)
    }

    /// An Ed-Fi client of the ingestion service.
    pub async fn edfi(&self) -> Result<EdFi> {
        let address = format!("http://127.0.0.1:{}/edfi/sis", self.ingestion.http);
        EdFi::connect(&address, KEY, self.secret.expose_secret()).await
    }

    /// The alerts of the notification service, from the first one kept.
    pub async fn alerts(&self) -> Result<Alerts> {
        let address = format!("http://127.0.0.1:{}", self.notification.grpc);
        Alerts::follow(&address, KEY, self.secret.expose_secret()).await
    }

    /// Puts a document, such as settings, in force.
    pub async fn put(&self, path: &str, content_type: &str, body: String) -> Result<()> {
        let request = http_client()?.put(format!("http://127.0.0.1:{}/v1/{path}", self.ingestion.http));
        let request = request.basic_auth(KEY, Some(self.secret.expose_secret())).header("content-type", content_type);
        request.body(body).send().await?.error_for_status().context("the document is not taken")?;
        Ok(())
    }

    /// Runs `homeroom verify` as an operator of the cluster does.
    pub fn verify(&self, kafka: &Kafka) -> Result<String> {
        self.run("verify", &["verify"], &self.shared_settings(kafka))
    }

    fn shared_settings(&self, kafka: &Kafka) -> String {
        let folder = self.folder.path().display();
        let url = |role: &str| self.cluster.url(role, DATABASE).expose_secret().to_owned();
        format!(
            "[access]\nkeys = \"{folder}/keys.toml\"\ntoken-key = \"{folder}/token.key\"\n\n[log]\nkind = \"kafka\"\n\n[log.kafka]\n\
             bootstrap-servers = \"{}\"\ntopic-prefix = \"{}\"\n\n[migrate.database]\nurl = \"{}\"\n\n[ingestion]\npseudonym-keys = \
             \"{folder}/pseudonym-keys\"\n\n[ingestion.database]\nurl = \"{}\"\n\n[rules.database]\nurl = \"{}\"\n\n[notification]\n\
             routing-file = \"{folder}/teams.yaml\"\n\n[notification.database]\nurl = \"{}\"\n",
            kafka.bootstrap,
            self.prefix(),
            self.cluster.admin_url().expose_secret(),
            url("homeroom_ingestion"),
            url("homeroom_rules"),
            url("homeroom_notification"),
        )
    }

    /// Keeps this set's topics apart from those of other tests.
    fn prefix(&self) -> String {
        let name = self.folder.path().file_name().and_then(|name| name.to_str()).unwrap_or("roles");
        format!("{name}.")
    }

    fn config(&self, name: &str, settings: &str) -> Result<PathBuf> {
        let file = self.folder.path().join(format!("{name}.toml"));
        std::fs::write(&file, settings).with_context(|| format!("`{}`", file.display()))?;
        Ok(file)
    }

    fn run(&self, name: &str, arguments: &[&str], settings: &str) -> Result<String> {
        let config = self.config(name, settings)?;
        let output = Command::new(program::path()?).args(arguments).arg("--config").arg(config).output()?;
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            bail!("`homeroom {}` ended with {}:\n{text}", arguments.join(" "), output.status);
        }
        Ok(text)
    }

    fn spawn(&mut self, role: &str, name: &str, ports: Ports, shared: &str) -> Result<()> {
        let server = format!("[server]\nhttp = \"127.0.0.1:{}\"\ngrpc = \"127.0.0.1:{}\"\n", ports.http, ports.grpc);
        let config = self.config(name, &format!("{server}\n{shared}"))?;
        let log = self.folder.path().join(format!("{name}.log"));
        let arguments = [role.as_ref(), "--config".as_ref(), config.as_os_str()];
        self.processes.push(Guarded::spawn(program::path()?, arguments, &log)?);
        Ok(())
    }

    async fn wait_until_ready(&self, ports: Ports) -> Result<()> {
        let client: Client = http_client()?;
        let address = format!("http://127.0.0.1:{}/readyz", ports.http);
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let answer = client.get(&address).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{address} is not ready after {READY_WITHIN:?}:\n{}", self.logs());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What the processes have said.
    fn logs(&self) -> String {
        let read = |name: &str| {
            let text = std::fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default();
            format!("--- {name}\n{text}\n")
        };
        ["ingestion", "rules-a", "rules-b", "notification"].map(read).concat()
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        self.processes.clear();
        // Shown only when the test fails.
        eprintln!("{}", self.logs());
    }
}

fn ports() -> Result<Ports> {
    Ok(Ports { http: kafka::free_port()?, grpc: kafka::free_port()? })
}

fn write_secrets(folder: &Path, secret: &SecretString) -> Result<()> {
    let keys = format!(
        "[[key]]\nid = \"{KEY}\"\ndistrict = \"grand-bend\"\nsource = \"sis\"\nscopes = [\"ingest\", \"read\", \"feed\", \"admin\"]\n\
         secret-sha256 = \"{}\"\n",
        hash_secret(secret.expose_secret())
    );
    std::fs::write(folder.join("keys.toml"), keys)?;
    std::fs::create_dir(folder.join("pseudonym-keys"))?;
    for file in ["token.key", "pseudonym-keys/grand-bend.key"] {
        crate::homeroom::write_private(&folder.join(file), new_secret()?.expose_secret())?;
    }
    Ok(())
}
