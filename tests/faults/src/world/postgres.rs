//! The world's PostgreSQL: how its services reach it, and what is done to it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use homeroom_harness::proxy::{Address, Wire};
use homeroom_harness::{Proxy, Volume};
use homeroom_pg::local::{ADMIN, DATABASE, LocalCluster, Options};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::{PATIENCE, POLL};

/// The schemas of the services.
pub(super) const SCHEMAS: [&str; 3] = ["ingestion", "rules", "notification"];
const SOCKET: &str = ".s.PGSQL.5432";

/// A cluster that may be stopped, and proxies before it.
pub(super) struct Postgres {
    cluster: Option<LocalCluster>,
    directory: PathBuf,
    options: Options,
    /// By schema.
    proxies: BTreeMap<&'static str, (PathBuf, Proxy)>,
    pub(super) volume: Option<Volume>,
}

impl Postgres {
    pub(super) async fn start(
        data: &Path,
        settings: Vec<(String, String)>,
        through_proxies: bool,
        volume_mib: Option<u32>,
    ) -> Result<Self> {
        let directory = data.join("postgres");
        let volume = volume_mib.map(|mib| Volume::mount(&directory, mib)).transpose()?;
        let options = Options { volatile: true, remove_when_stopped: false, settings };
        let cluster = LocalCluster::start(&directory, &options).await?;
        let mut proxies = BTreeMap::new();
        if through_proxies {
            let url: PgConnectOptions = cluster.admin_url().expose_secret().parse()?;
            let server = url.get_socket().context("PostgreSQL has no socket")?.join(SOCKET);
            for schema in SCHEMAS {
                let place = data.join(format!("to-{schema}"));
                std::fs::create_dir(&place)?;
                std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o700))?;
                let listen = Address::Socket(place.join(SOCKET));
                let proxy = Proxy::start(&listen, Address::Socket(server.clone()), Wire::Postgres).await?;
                proxies.insert(schema, (place, proxy));
            }
        }
        Ok(Self { cluster: Some(cluster), directory, options, proxies, volume })
    }

    fn cluster(&self) -> Result<&LocalCluster> {
        self.cluster.as_ref().context("PostgreSQL does not run")
    }

    pub(super) fn admin_url(&self) -> Result<SecretString> {
        Ok(self.cluster()?.url(ADMIN, DATABASE))
    }

    pub(super) fn url(&self, schema: &str) -> Result<String> {
        let role = format!("homeroom_{schema}");
        let Some((place, _)) = self.proxies.get(schema) else {
            return Ok(self.cluster()?.url(&role, DATABASE).expose_secret().to_owned());
        };
        let options = PgConnectOptions::new_without_pgpass().socket(place).username(&role).database(DATABASE);
        Ok(options.to_url_lossy().to_string())
    }

    pub(super) fn proxy(&self, schema: &str) -> Result<&Proxy> {
        self.proxies.get(schema).map(|(_, proxy)| proxy).context("the setup has no proxies")
    }

    pub(super) fn process(&self) -> Result<u32> {
        self.cluster()?.process().context("PostgreSQL has no process")
    }

    fn is_running(&mut self) -> bool {
        self.cluster.as_mut().is_some_and(LocalCluster::is_running)
    }

    /// Starts it again if it has ended by itself. When its disk was full it may still be about to end, so either is waited for: that
    /// it writes again, and that it has ended.
    pub(super) async fn keep(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.is_running() {
            if timeout(PATIENCE, self.checkpoint()).await?.is_ok() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "PostgreSQL neither writes nor ends");
            sleep(POLL).await;
        }
        self.restart().await
    }

    async fn checkpoint(&self) -> Result<()> {
        let mut database = PgConnection::connect(self.admin_url()?.expose_secret()).await?;
        sqlx::query("checkpoint").execute(&mut database).await?;
        Ok(())
    }

    pub(super) async fn kill(&mut self) -> Result<()> {
        let process = self.process()?.to_string();
        let cluster = self.cluster.take().context("PostgreSQL does not run")?;
        let status = Command::new("kill").args(["-s", "QUIT", &process]).status().await?;
        ensure!(status.success(), "SIGQUIT did not reach PostgreSQL");
        tokio::task::spawn_blocking(move || drop(cluster)).await?;
        Ok(())
    }

    pub(super) async fn restart(&mut self) -> Result<()> {
        // What is left of one that ended by itself is waited for.
        if let Some(cluster) = self.cluster.take() {
            tokio::task::spawn_blocking(move || drop(cluster)).await?;
        }
        self.cluster = Some(LocalCluster::start(&self.directory, &self.options).await?);
        Ok(())
    }

    /// Stops it in order, copies its files, and starts it again.
    pub(super) async fn back_up(&mut self, to: &Path) -> Result<()> {
        self.stop().await?;
        copy(&self.directory.join("data"), to).await?;
        self.restart().await
    }

    /// Stops it in order, puts the files of a backup in the place of its own, and starts it again.
    pub(super) async fn restore(&mut self, from: &Path) -> Result<()> {
        self.stop().await?;
        tokio::fs::remove_dir_all(self.directory.join("data")).await?;
        copy(from, &self.directory.join("data")).await?;
        self.restart().await
    }

    /// Makes everything that the services store so much older, as if it had lain since then.
    pub(super) async fn age(&self, age: Duration) -> Result<()> {
        let mut database = PgConnection::connect(self.admin_url()?.expose_secret()).await?;
        let moments = "select format('update %I.%I set %I = %I - interval ''1 second'' * $1',
                                     c.table_schema, c.table_name, c.column_name, c.column_name)
                       from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
                       where c.data_type = 'timestamp with time zone' and t.table_type = 'BASE TABLE'
                         and c.table_schema = any($1)";
        let updates: Vec<String> =
            sqlx::query_scalar(moments).bind(SCHEMAS.as_slice()).fetch_all(&mut database).await?;
        ensure!(!updates.is_empty(), "nothing that is stored has a time");
        for update in updates {
            sqlx::query(AssertSqlSafe(update)).bind(age.as_secs_f64()).execute(&mut database).await?;
        }
        Ok(())
    }

    /// Waits until tables, or the rows of them that are meant, are empty.
    pub(super) async fn wait_empty(&self, tables: &[&str]) -> Result<()> {
        let mut database = PgConnection::connect(self.admin_url()?.expose_secret()).await?;
        let deadline = Instant::now() + PATIENCE;
        for table in tables {
            let some = format!("select exists (select from {table})");
            while sqlx::query_scalar::<_, bool>(AssertSqlSafe(some.clone())).fetch_one(&mut database).await? {
                ensure!(Instant::now() < deadline, "`{table}` does not get empty");
                sleep(POLL).await;
            }
        }
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        let cluster = self.cluster.take().context("PostgreSQL does not run")?;
        tokio::task::spawn_blocking(move || cluster.stop()).await?.context("PostgreSQL does not stop")
    }
}

/// With owners and modes, which PostgreSQL insists on.
async fn copy(from: &Path, to: &Path) -> Result<()> {
    let output = Command::new("cp").arg("-a").arg(from).arg(to).output().await?;
    ensure!(output.status.success(), "the files are not copied: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
