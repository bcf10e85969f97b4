//! Every role as a process of its own, on a PostgreSQL and a log of the test's choosing.

mod files;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use homeroom_bus::kafka;
use homeroom_harness::homeroom::{EdFi, program};
use homeroom_harness::kafka::free_port;
use homeroom_harness::{Broker, Process, WebhookSink};
use homeroom_pg::local::{LocalCluster, Options};
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};

use crate::{PATIENCE, POLL};

pub use files::{DISTRICT, KEY, SECRET};

/// One world at a time: two would slow each other, and a time to recover would say nothing.
static TURN: Mutex<()> = Mutex::const_new(());

/// Which log.
#[derive(Debug)]
pub enum Log {
    /// The Apache Kafka of the test run, with topics of its own.
    Kafka(kafka::Config),
    /// An Apache Kafka of its own.
    OwnKafka(Broker),
    /// The embedded default.
    Postgres,
}

impl Log {
    /// On the Apache Kafka of the test run.
    pub fn on_kafka() -> Self {
        Self::Kafka(homeroom_harness::kafka().config())
    }
}

/// How a world is set up.
#[derive(Debug)]
pub struct Setup {
    /// Which log.
    pub log: Log,
    /// Whether a process has the same name in its group after a restart, as a pod's container has; else each one is new, and
    /// the partitions of one that died wait for the end of its session.
    pub names_stay: bool,
    /// More settings of PostgreSQL.
    pub postgres: Vec<(String, String)>,
}

impl Setup {
    /// On this log, with names that stay.
    pub fn on(log: Log) -> Self {
        Self { log, names_stay: true, postgres: Vec::new() }
    }
}

/// A role of the binary. A second rules process is a role of its own here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `homeroom ingestion`.
    Ingestion,
    /// `homeroom rules`.
    Rules,
    /// Another `homeroom rules`.
    SecondRules,
    /// `homeroom notification`.
    Notification,
    /// `homeroom channel webhook`.
    Webhook,
}

impl Role {
    /// Those that every world begins with.
    pub const ALL: [Self; 4] = [Self::Ingestion, Self::Rules, Self::Notification, Self::Webhook];

    /// What it is called in words and file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingestion => "ingestion",
            Self::Rules => "rules",
            Self::SecondRules => "second-rules",
            Self::Notification => "notification",
            Self::Webhook => "webhook",
        }
    }

    fn command(self) -> &'static [&'static str] {
        match self {
            Self::Ingestion => &["ingestion"],
            Self::Rules | Self::SecondRules => &["rules"],
            Self::Notification => &["notification"],
            Self::Webhook => &["channel", "webhook"],
        }
    }
}

/// A process and where it listens.
struct Running {
    process: Process,
    http: u16,
    grpc: u16,
}

/// All processes, and the outside world that is told.
pub struct World {
    roles: BTreeMap<Role, Running>,
    /// Where webhooks end.
    pub sink: WebhookSink,
    cluster: Option<LocalCluster>,
    options: Options,
    /// The log.
    pub log: Log,
    names_stay: bool,
    data: TempDir,
    http: reqwest::Client,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    /// Starts everything and puts the district's settings in force.
    pub async fn start(setup: Setup) -> Result<Self> {
        let Setup { log, names_stay, postgres } = setup;
        let turn = TURN.lock().await;
        // Only the first client of a process installs it; the others find it.
        homeroom_chassis::tls::install_provider();
        let data = files::data_directory()?;
        let options = Options { volatile: true, remove_when_stopped: false, settings: postgres };
        let cluster = LocalCluster::start(&data.path().join("postgres"), &options).await?;
        let sink = WebhookSink::start().await?;
        let http = reqwest::Client::builder().no_proxy().timeout(std::time::Duration::from_secs(10)).build()?;
        let (roles, cluster) = (BTreeMap::new(), Some(cluster));
        let mut world = Self { roles, sink, cluster, options, log, names_stay, data, http, _turn: turn };
        for role in Role::ALL {
            world.place(role)?;
        }
        files::write(&world)?;
        let admin = world.admin_url()?;
        world.run(&["migrate"], &[("DATABASE_URL", admin.expose_secret())]).await?;
        world.run(&["topics", "create", "--partitions", "4"], &[]).await?;
        for role in Role::ALL {
            world.start_role(role)?;
        }
        for role in Role::ALL {
            world.wait_ready(role).await?;
        }
        world.configure().await?;
        Ok(world)
    }

    /// Gives a role its ports and makes its process, which does not run yet.
    pub fn place(&mut self, role: Role) -> Result<()> {
        let (http, grpc) = (free_port()?, free_port()?);
        let config = self.data().join(files::CONFIG).display().to_string();
        let mut arguments: Vec<String> = role.command().iter().map(|&word| word.to_owned()).collect();
        arguments.extend(["--config".to_owned(), config]);
        let log = self.data().join(format!("{}.log", role.name()));
        let mut process = Process::new(program()?, arguments, &log)
            .variable("HOMEROOM_SERVER__HTTP", format!("127.0.0.1:{http}"))
            .variable("HOMEROOM_SERVER__GRPC", format!("127.0.0.1:{grpc}"));
        if self.names_stay {
            process = process.variable("HOMEROOM_LOG__KAFKA__INSTANCE_ID", role.name());
        }
        self.roles.insert(role, Running { process, http, grpc });
        Ok(())
    }

    /// Starts a role's process, unless it runs.
    pub fn start_role(&mut self, role: Role) -> Result<()> {
        self.process(role)?.start()
    }

    /// A role's process.
    pub fn process(&mut self, role: Role) -> Result<&mut Process> {
        Ok(&mut self.roles.get_mut(&role).context("the role has no place in this world")?.process)
    }

    /// Waits until a role says that it is ready. The adapter has no door: it only has to live.
    pub async fn wait_ready(&mut self, role: Role) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let running = self.roles.get(&role).context("the role has no place in this world")?;
            ensure!(running.process.is_alive(), "{} ended:\n{}", role.name(), running.process.log_end());
            let ready = self.http.get(format!("http://127.0.0.1:{}/readyz", running.http)).send().await;
            if role == Role::Webhook || ready.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{} is not ready:\n{}", role.name(), running.process.log_end());
            sleep(POLL).await;
        }
    }

    /// Kills a role with SIGKILL and starts it again at once, as a kubelet does.
    pub fn crash(&mut self, role: Role) -> Result<()> {
        let process = self.process(role)?;
        ensure!(process.is_alive(), "{} had ended before it was killed:\n{}", role.name(), process.log_end());
        process.kill()?;
        process.start()
    }

    /// Fails when a role has ended on its own.
    pub fn all_alive(&self) -> Result<()> {
        for (role, running) in &self.roles {
            ensure!(running.process.is_alive(), "{} ended:\n{}", role.name(), running.process.log_end());
        }
        Ok(())
    }

    /// How often a role has said this in its log.
    pub fn times_said(&self, role: Role, what: &str) -> usize {
        // The log is not there before the first word.
        let log = std::fs::read_to_string(self.data().join(format!("{}.log", role.name()))).unwrap_or_default();
        log.matches(what).count()
    }

    /// Waits until a role has said this in its log so often.
    pub async fn wait_said(&self, role: Role, what: &str, times: usize) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.times_said(role, what) < times {
            ensure!(Instant::now() < deadline, "{} does not say `{what}` {times} times", role.name());
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Waits until a role that was terminated has ended.
    pub async fn wait_ended(&self, role: Role) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let running = self.roles.get(&role).context("the role has no place in this world")?;
        while running.process.is_alive() {
            ensure!(Instant::now() < deadline, "{} does not end", role.name());
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Waits until a role says that it is not ready.
    pub async fn wait_not_ready(&self, role: Role) -> Result<()> {
        let url = format!("{}/readyz", self.url(role)?);
        let deadline = Instant::now() + PATIENCE;
        while self.http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            ensure!(Instant::now() < deadline, "{} says that it is ready, and cannot be", role.name());
            sleep(POLL).await;
        }
        Ok(())
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The address of a role's HTTP door.
    pub fn url(&self, role: Role) -> Result<String> {
        let running = self.roles.get(&role).context("the role has no place in this world")?;
        Ok(format!("http://127.0.0.1:{}", running.http))
    }

    /// The address of a role's gRPC door.
    pub fn grpc(&self, role: Role) -> Result<String> {
        let running = self.roles.get(&role).context("the role has no place in this world")?;
        Ok(format!("http://127.0.0.1:{}", running.grpc))
    }

    /// An Ed-Fi client.
    pub async fn edfi(&self) -> Result<EdFi> {
        EdFi::connect(&format!("{}/edfi/sis", self.url(Role::Ingestion)?), KEY, SECRET).await
    }

    /// The database's URL for its owner.
    pub fn admin_url(&self) -> Result<SecretString> {
        Ok(self.cluster.as_ref().context("PostgreSQL does not run")?.admin_url())
    }

    /// Its URL for a service, such as `rules`.
    pub fn database_url(&self, schema: &str) -> Result<String> {
        let cluster = self.cluster.as_ref().context("PostgreSQL does not run")?;
        let url = cluster.url(&format!("homeroom_{schema}"), homeroom_pg::local::DATABASE);
        Ok(url.expose_secret().to_owned())
    }

    /// Stops PostgreSQL as `pg_ctl stop -m immediate` does: nothing is written any more, no session is ended in order.
    pub async fn kill_postgres(&mut self) -> Result<()> {
        let cluster = self.cluster.take().context("PostgreSQL does not run")?;
        let process = cluster.process().context("PostgreSQL has no process")?.to_string();
        let status = Command::new("kill").args(["-s", "QUIT", &process]).status().await?;
        ensure!(status.success(), "SIGQUIT did not reach PostgreSQL");
        tokio::task::spawn_blocking(move || drop(cluster)).await?;
        Ok(())
    }

    /// Starts it again on its data.
    pub async fn restart_postgres(&mut self) -> Result<()> {
        self.cluster = Some(LocalCluster::start(&self.data().join("postgres"), &self.options).await?);
        Ok(())
    }

    /// Runs another command of the binary, such as `verify`; its output when it succeeds.
    pub async fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<String> {
        let mut command = Command::new(program()?);
        command.args(arguments).arg("--config").arg(self.data().join(files::CONFIG));
        command.envs(variables.iter().copied()).kill_on_drop(true);
        let output = command.output().await.context("the command cannot be run")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`homeroom {}`: {text}{complaint}", arguments.join(" "));
        Ok(text)
    }

    /// Wednesday 2022-04-13, 08:40, and the first rules without the ten minutes that a same-day alert waits for a correction.
    async fn configure(&self) -> Result<()> {
        let url = self.url(Role::Ingestion)?;
        let pack = homeroom_domain::rule::DEFAULT_PACK.replace("settle-seconds: 600", "settle-seconds: 0");
        for (path, body) in [("settings", files::settings()?), ("rule-pack", pack)] {
            let request = self.http.put(format!("{url}/v1/{path}")).basic_auth(KEY, Some(SECRET)).body(body);
            let kind = if path == "settings" { "application/json" } else { "application/yaml" };
            request.header("content-type", kind).send().await?.error_for_status().context(path)?;
        }
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Shown only when the test fails.
        for (role, running) in &self.roles {
            eprintln!("the end of the log of {}:\n{}", role.name(), running.process.log_end());
        }
    }
}
