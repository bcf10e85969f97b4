//! Every role as a process of its own, on a PostgreSQL and a log of the test's choosing.

mod files;
mod postgres;
mod role;
mod setup;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use anyhow::{Context as _, Result, ensure};
use homeroom_chassis::clock;
use homeroom_harness::homeroom::{EdFi, program};
use homeroom_harness::kafka::free_port;
use homeroom_harness::proxy::{Address, Wire};
use homeroom_harness::{Clock, Process, Proxy, Volume, WebhookSink};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use crate::{PATIENCE, POLL};

use postgres::Postgres;

pub use files::{DISTRICT, KEY, SECRET};
pub use role::Role;
pub use setup::{Log, Setup};

/// Of each topic that has several.
pub const PARTITIONS: usize = 4;

/// A world for each two cores: more would slow each other, and a time to recover would say nothing.
static TURN: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new((cores / 2).max(1)))
});

/// A process and where it listens.
struct Running {
    process: Process,
    http: u16,
    grpc: u16,
    clock: Option<Clock>,
}

/// All processes, and the outside world that is told.
pub struct World {
    roles: BTreeMap<Role, Running>,
    /// Where webhooks end.
    pub sink: WebhookSink,
    postgres: Postgres,
    /// Between the adapter and the feed, and where it listens.
    feed: Option<(u16, Proxy)>,
    /// The log.
    pub log: Log,
    names_stay: bool,
    clocks: bool,
    /// Which role was killed when.
    kills: Vec<(Timestamp, Role)>,
    data: TempDir,
    http: reqwest::Client,
    _turn: OwnedSemaphorePermit,
}

impl World {
    /// Starts everything and puts the district's settings in force.
    pub async fn start(setup: Setup) -> Result<Self> {
        let Setup { log, names_stay, postgres, proxies, clocks, volume_mib } = setup;
        let turn = Arc::clone(&TURN).acquire_owned().await?;
        // Only the first client of a process installs it; the others find it.
        homeroom_chassis::tls::install_provider();
        let data = files::data_directory()?;
        let postgres = Postgres::start(data.path(), postgres, proxies, volume_mib).await?;
        let sink = WebhookSink::start().await?;
        let http = reqwest::Client::builder().no_proxy().timeout(std::time::Duration::from_secs(10)).build()?;
        let (roles, kills) = (BTreeMap::new(), Vec::new());
        let feed = None;
        let mut world = Self { roles, sink, postgres, feed, log, names_stay, clocks, kills, data, http, _turn: turn };
        for role in Role::ALL {
            world.place(role)?;
        }
        if proxies {
            world.put_proxy_before_feed().await?;
        }
        files::write(&world)?;
        let admin = world.admin_url()?;
        world.run(&["migrate"], &[("DATABASE_URL", admin.expose_secret())]).await?;
        let partitions = PARTITIONS.to_string();
        let create = ["topics", "create", "--partitions", &partitions];
        until_done(async || world.run(&create, &[]).await.map(drop)).await?;
        for role in Role::ALL {
            world.start_role(role)?;
        }
        for role in Role::ALL {
            world.wait_ready(role).await?;
        }
        until_done(async || world.configure().await).await?;
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
        let clock = self.clocks.then(|| Clock::new(self.data(), &format!("{}.clock", role.name()))).transpose()?;
        if let Some(clock) = &clock {
            process = clock.of(process);
        }
        self.roles.insert(role, Running { process, http, grpc, clock });
        Ok(())
    }

    async fn put_proxy_before_feed(&mut self) -> Result<()> {
        let server = self.roles.get(&Role::Notification).context("the role has no place in this world")?.grpc;
        let port = free_port()?;
        let proxy = Proxy::start(&Address::Port(port), Address::Port(server), Wire::Http2).await?;
        self.feed = Some((port, proxy));
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

    /// Kills a role with SIGKILL.
    pub fn kill(&mut self, role: Role) -> Result<()> {
        self.kills.push((clock::now(), role));
        self.process(role)?.kill()
    }

    /// Kills a role with SIGKILL and starts it again at once, as a kubelet does.
    pub fn crash(&mut self, role: Role) -> Result<()> {
        let process = self.process(role)?;
        ensure!(process.is_alive(), "{} had ended before it was killed:\n{}", role.name(), process.log_end());
        self.kill(role)?;
        self.start_role(role)
    }

    /// Which role was killed when.
    pub fn kills(&self) -> &[(Timestamp, Role)] {
        &self.kills
    }

    /// Fails when a role has ended on its own.
    pub fn all_alive(&self) -> Result<()> {
        for (role, running) in &self.roles {
            ensure!(running.process.is_alive(), "{} ended:\n{}", role.name(), running.process.log_end());
        }
        Ok(())
    }

    /// All that a role has said in its log.
    pub fn said(&self, role: Role) -> String {
        // The log is not there before the first word.
        std::fs::read_to_string(self.data().join(format!("{}.log", role.name()))).unwrap_or_default()
    }

    /// How often a role has said this in its log.
    pub fn times_said(&self, role: Role, what: &str) -> usize {
        self.said(role).matches(what).count()
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
        let deadline = Instant::now() + PATIENCE;
        while self.is_ready(role).await? {
            ensure!(Instant::now() < deadline, "{} says that it is ready, and cannot be", role.name());
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Whether a role says that it is ready.
    pub async fn is_ready(&self, role: Role) -> Result<bool> {
        let url = format!("{}/readyz", self.url(role)?);
        Ok(self.http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()))
    }

    /// Waits until a role says that it is not ready, and in so many words why.
    pub async fn wait_not_ready_because(&self, role: Role, why: &str) -> Result<()> {
        let url = format!("{}/readyz", self.url(role)?);
        let deadline = Instant::now() + PATIENCE;
        loop {
            // No door is open at first.
            let said = match self.http.get(&url).send().await {
                Ok(answer) => answer.text().await?,
                Err(error) => error.to_string(),
            };
            if said.contains(why) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{} does not say `{why}`: {said}", role.name());
            sleep(POLL).await;
        }
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
        EdFi::connect(&self.edfi_url()?, KEY, SECRET).await
    }

    /// Where the Ed-Fi API is.
    pub fn edfi_url(&self) -> Result<String> {
        Ok(format!("{}/edfi/sis", self.url(Role::Ingestion)?))
    }

    /// The clock of a role, which shows so many seconds more than it is from now on, or less.
    pub fn move_clock(&self, role: Role, seconds: i64) -> Result<()> {
        let running = self.roles.get(&role).context("the role has no place in this world")?;
        running.clock.as_ref().context("the setup has no clocks")?.jump(seconds)
    }

    /// The database's URL for its owner.
    pub fn admin_url(&self) -> Result<SecretString> {
        self.postgres.admin_url()
    }

    /// Its URL for a service, such as `rules`.
    pub fn database_url(&self, schema: &str) -> Result<String> {
        self.postgres.url(schema)
    }

    /// What stands between a service, such as `rules`, and PostgreSQL.
    pub fn proxy(&self, schema: &str) -> Result<&Proxy> {
        self.postgres.proxy(schema)
    }

    /// What stands between the adapter and the feed.
    pub fn feed_proxy(&self) -> Result<&Proxy> {
        self.feed.as_ref().map(|(_, proxy)| proxy).context("the setup has no proxies")
    }

    /// Where the adapter finds the feed.
    fn feed_url(&self) -> Result<String> {
        match &self.feed {
            Some((port, _)) => Ok(format!("http://127.0.0.1:{port}")),
            None => self.grpc(Role::Notification),
        }
    }

    /// PostgreSQL's file system.
    pub fn volume(&self) -> Result<&Volume> {
        self.postgres.volume.as_ref().context("the setup has no volume")
    }

    /// Stops PostgreSQL as `pg_ctl stop -m immediate` does: nothing is written any more, no session is ended in order.
    pub async fn kill_postgres(&mut self) -> Result<()> {
        self.postgres.kill().await
    }

    /// Starts it again on its data.
    pub async fn restart_postgres(&mut self) -> Result<()> {
        self.postgres.restart().await
    }

    /// Starts it again on its data if it has ended by itself, as a supervisor does.
    pub async fn keep_postgres(&mut self) -> Result<()> {
        self.postgres.keep().await
    }

    /// Copies PostgreSQL's files to a folder that is not there yet; it is away for a moment.
    pub async fn back_up_postgres(&mut self, to: &Path) -> Result<()> {
        self.postgres.back_up(to).await
    }

    /// Puts the files of a backup in the place of PostgreSQL's.
    pub async fn restore_postgres(&mut self, from: &Path) -> Result<()> {
        self.postgres.restore(from).await
    }

    /// Makes everything that is stored so much older, as if it had lain since then.
    pub async fn age_postgres(&self, age: std::time::Duration) -> Result<()> {
        self.postgres.age(age).await
    }

    /// Waits until everything acknowledged and decided is in the log, and everything due is told.
    pub async fn wait_told(&self) -> Result<()> {
        let due = "notification.deliveries where state in ('waiting', 'leased')";
        self.postgres.wait_empty(&["ingestion.outbox", "rules.outbox", due]).await
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

    /// Wednesday 2022-04-13, 08:40, and the first rules.
    async fn configure(&self) -> Result<()> {
        self.put("settings", "application/json", files::settings()?).await?;
        self.put("rule-pack", "application/yaml", rule_pack()).await
    }

    /// Puts a document in force.
    pub async fn put(&self, path: &str, kind: &str, body: String) -> Result<()> {
        let request = self.http.put(format!("{}/v1/{path}", self.url(Role::Ingestion)?));
        let request = request.basic_auth(KEY, Some(SECRET)).header("content-type", kind).body(body);
        request.send().await?.error_for_status().with_context(|| path.to_owned())?;
        Ok(())
    }

    /// What a role counts.
    pub async fn metrics(&self, role: Role) -> Result<String> {
        let answer = self.http.get(format!("{}/metrics", self.url(role)?)).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }
}

/// Tries again until it succeeds, as an operator does: a cluster that has just begun may take longer than one attempt waits.
async fn until_done(attempt: impl AsyncFn() -> Result<()>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Err(_) if Instant::now() < deadline => sleep(POLL).await,
            done => return done,
        }
    }
}

/// The first rules without the ten minutes that a same-day alert waits for a correction.
pub fn rule_pack() -> String {
    homeroom_domain::rule::DEFAULT_PACK.replace("settle-seconds: 600", "settle-seconds: 0")
}

impl Drop for World {
    fn drop(&mut self) {
        // Shown only when the test fails.
        for (role, running) in &self.roles {
            eprintln!("the end of the log of {}:\n{}", role.name(), running.process.log_end());
        }
    }
}
