//! What is measured: PostgreSQL, Apache Kafka, and a process for each role, on this machine.
//!
//! Nothing is relaxed for speed: PostgreSQL forces each commit to disk, the log acknowledges with all its replicas.

mod files;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use homeroom_bus::Log;
use homeroom_bus::kafka::{Config, KafkaLog};
use homeroom_harness::kafka::free_port;
use homeroom_harness::{Broker, Process};
use homeroom_pg::LocalCluster;
use homeroom_pg::local::{self, DATABASE};
use secrecy::ExposeSecret as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::machine::{self, Usage};
use crate::options::Options;

pub(crate) use files::{DISTRICT, KEY, SECRET};

/// How long anything may take that is not measured.
const PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(20);

/// What an operator sets on a machine of this size. Checkpoints are rarer than the default, or each run would also measure
/// how many full pages are logged again after one.
const POSTGRES: [(&str, &str); 5] = [
    ("shared_buffers", "2GB"),
    ("max_wal_size", "16GB"),
    ("checkpoint_timeout", "30min"),
    ("max_connections", "200"),
    ("wal_compression", "lz4"),
];

/// A role of the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// `homeroom ingestion`.
    Ingestion,
    /// `homeroom rules`.
    Rules,
    /// `homeroom notification`.
    Notification,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Ingestion => "ingestion",
            Self::Rules => "rules",
            Self::Notification => "notification",
        }
    }
}

/// A process and where it listens.
#[derive(Debug)]
struct Running {
    role: Role,
    process: Process,
    http: u16,
    grpc: u16,
}

/// PostgreSQL, Kafka and the processes. All end when this is dropped.
pub(crate) struct World {
    // Dropped in this order: processes first, and the folder of all of them last.
    running: Vec<Running>,
    cluster: LocalCluster,
    broker: Option<Broker>,
    kafka: Config,
    options: Options,
    data: TempDir,
}

impl World {
    /// Starts PostgreSQL and Kafka, migrates, and creates the topics with so many partitions. No role runs yet.
    pub(crate) async fn start(options: &Options, partitions: u32) -> Result<Self> {
        homeroom_chassis::tls::install_provider();
        let data = files::data_directory()?;
        let mut settings: Vec<_> = POSTGRES.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        settings.extend(options.postgres()?);
        let postgres = local::Options { volatile: false, remove_when_stopped: true, settings };
        let cluster = LocalCluster::start(&data.path().join("postgres"), &postgres).await?;
        let (broker, kafka) = if let Some(bootstrap_servers) = options.kafka.clone() {
            let name = data.path().file_name().and_then(|name| name.to_str()).unwrap_or("load");
            (None, Config { bootstrap_servers, topic_prefix: format!("{name}."), ..Config::default() })
        } else {
            let broker = Broker::start_for_figures().await?;
            let kafka = broker.config();
            (Some(broker), kafka)
        };
        let world = Self { running: Vec::new(), cluster, broker, kafka, options: options.clone(), data };
        files::write(&world)?;
        world.run(&["migrate"]).await?;
        world.run(&["topics", "create", "--partitions", &partitions.to_string()]).await?;
        Ok(world)
    }

    /// Starts one more process of a role and waits until it is ready.
    pub(crate) async fn start_role(&mut self, role: Role) -> Result<()> {
        self.spawn_role(role)?;
        self.wait_ready(self.running.len() - 1).await
    }

    /// Starts one more process of a role.
    pub(crate) fn spawn_role(&mut self, role: Role) -> Result<()> {
        let (http, grpc) = (free_port()?, free_port()?);
        let arguments = [role.name().to_owned(), "--config".to_owned(), self.config_file()];
        let log = self.data.path().join(format!("{}-{}.log", role.name(), self.running.len()));
        let mut process = Process::new(&self.options.program()?, arguments, &log)
            .variable("HOMEROOM_SERVER__HTTP", format!("127.0.0.1:{http}"))
            .variable("HOMEROOM_SERVER__GRPC", format!("127.0.0.1:{grpc}"));
        for (name, value) in self.options.variables()? {
            process = process.variable(&name, value);
        }
        process.start()?;
        self.running.push(Running { role, process, http, grpc });
        Ok(())
    }

    /// Ends every process of a role in order and waits for it.
    pub(crate) async fn stop_role(&mut self, role: Role) -> Result<()> {
        for running in self.running.iter().filter(|running| running.role == role) {
            running.process.terminate()?;
        }
        let deadline = Instant::now() + PATIENCE;
        while self.running.iter().any(|running| running.role == role && running.process.is_alive()) {
            ensure!(Instant::now() < deadline, "{} does not end", role.name());
            sleep(POLL).await;
        }
        self.running.retain(|running| running.role != role);
        Ok(())
    }

    async fn wait_ready(&self, at: usize) -> Result<()> {
        let running = &self.running[at];
        let http = reqwest::Client::builder().tls_certs_only([]).timeout(Duration::from_secs(5)).build()?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let name = running.role.name();
            ensure!(running.process.is_alive(), "{name} ended:\n{}", running.process.log_end());
            let answer = http.get(format!("http://127.0.0.1:{}/readyz", running.http)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{name} is not ready:\n{}", running.process.log_end());
            sleep(POLL).await;
        }
    }

    /// Fails when a process has ended on its own.
    pub(crate) fn all_alive(&self) -> Result<()> {
        for running in &self.running {
            let name = running.role.name();
            ensure!(running.process.is_alive(), "{name} ended:\n{}", running.process.log_end());
        }
        Ok(())
    }

    /// The address of a role's HTTP door.
    pub(crate) fn url(&self, role: Role) -> Result<String> {
        Ok(format!("http://127.0.0.1:{}", self.of(role)?.http))
    }

    /// The address of a role's gRPC door.
    pub(crate) fn grpc(&self, role: Role) -> Result<String> {
        Ok(format!("http://127.0.0.1:{}", self.of(role)?.grpc))
    }

    fn of(&self, role: Role) -> Result<&Running> {
        let found = self.running.iter().find(|running| running.role == role);
        found.with_context(|| format!("{} does not run", role.name()))
    }

    /// What the processes of a role have used so far.
    pub(crate) fn usage(&self, role: Role) -> Result<Usage> {
        let mut total = Usage::default();
        for running in self.running.iter().filter(|running| running.role == role) {
            total = total.plus(machine::usage(running.process.id()?));
        }
        Ok(total)
    }

    /// What PostgreSQL has used so far.
    pub(crate) fn postgres_usage(&self) -> Usage {
        self.cluster.process().map(machine::usage).unwrap_or_default()
    }

    /// What the connections of a role have used of that so far.
    pub(crate) fn postgres_usage_of(&self, role: Role) -> Usage {
        let account = format!("homeroom_{}", role.name());
        self.cluster.process().map(|process| machine::usage_of_children(process, &account)).unwrap_or_default()
    }

    /// What the broker has used so far, when it is ours.
    pub(crate) fn broker_usage(&self) -> Usage {
        self.broker.as_ref().and_then(|broker| broker.id().ok()).map(machine::usage).unwrap_or_default()
    }

    /// The process and the port of the broker, when it is ours.
    pub(crate) fn own_broker(&self) -> Result<(u32, u16)> {
        let broker = self.broker.as_ref().context("the broker is not ours")?;
        let port = self.kafka.bootstrap_servers.rsplit(':').next().unwrap_or_default();
        Ok((broker.id()?, port.parse()?))
    }

    /// How the log is reached.
    pub(crate) fn kafka(&self) -> &Config {
        &self.kafka
    }

    /// The log.
    pub(crate) fn log(&self) -> Result<Arc<dyn Log>> {
        Ok(Arc::new(KafkaLog::new(&self.kafka)?))
    }

    /// A connection as the owner of everything, whom no policy binds.
    pub(crate) async fn database(&self) -> Result<PgConnection> {
        let options: PgConnectOptions = self.cluster.admin_url().expose_secret().parse()?;
        Ok(PgConnection::connect_with(&options).await?)
    }

    /// Runs another command of the binary, such as `verify`; its output when it succeeds.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(self.options.program()?);
        command.args(arguments).args(["--config", &self.config_file()]).kill_on_drop(true);
        command.env("DATABASE_URL", self.cluster.admin_url().expose_secret());
        let output = command.output().await.context("the command cannot be run")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("`homeroom {}`: {text}{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(text)
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    fn config_file(&self) -> String {
        self.data.path().join(files::CONFIG).display().to_string()
    }

    fn database_url(&self, schema: &str) -> String {
        self.cluster.url(&format!("homeroom_{schema}"), DATABASE).expose_secret().to_owned()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for running in self.running.iter().filter(|_| self.options.show_logs) {
            eprintln!("the end of the log of {}:\n{}", running.role.name(), running.process.log_end());
        }
    }
}
