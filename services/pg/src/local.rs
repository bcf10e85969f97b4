//! A private PostgreSQL cluster for one machine, in a directory of ours: made on first use, reached by a unix socket only, and
//! stopped with the process that started it, however that one ends.
//!
//! ```text
//! DIR/data           the cluster (initdb)
//! DIR/socket         its socket, when the path is short enough for the kernel; else a private directory under /tmp
//! DIR/postgres.log   what the server says
//! DIR/elsewhere      a link to where all this is, when the server's account cannot reach DIR
//! ```
//!
//! A small shell stands between us and the server: it holds the reading end of a pipe whose writing end only we have. When
//! we stop, crash or are killed, the pipe closes and the shell stops the server with a fast shutdown. (A parent-death
//! signal would do the same, but fires when the *thread* that started the child ends, which a runtime's threads do.)

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ExitStatus};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use account::Account;
use binaries::Binaries;
use directory::Directory;

mod account;
mod binaries;
mod directory;
mod keeper;

/// The cluster's superuser, who owns every table.
pub const ADMIN: &str = "homeroom";
/// The database that is made.
pub const DATABASE: &str = "homeroom";

/// A server that is ready takes about half a second to start, and longer after a crash, when it reads its log again.
const START_DEADLINE: Duration = Duration::from_mins(1);
/// A fast shutdown writes what is in memory.
const STOP_DEADLINE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// How to run it.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// For tests: nothing is forced to disk, so a crash of the machine may lose everything. A crash of the server does not.
    pub volatile: bool,
    /// For tests: the directory is emptied when the server has stopped, and deleted where the server's account may.
    pub remove_when_stopped: bool,
    /// More settings, such as `("shared_buffers", "1GB")`; they win over ours.
    pub settings: Vec<(String, String)>,
}

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// PostgreSQL is not installed, or not the version that made the data.
    #[error("no `initdb` and `postgres`{} on PATH or in /usr/lib/postgresql: install postgresql", version.as_ref().map(|v| format!(" of version {v}")).unwrap_or_default())]
    NotInstalled {
        /// The version that the data needs.
        version: Option<String>,
    },
    /// The server refuses to run as root and there is no other account for it.
    #[error("no account to run PostgreSQL as: {0}")]
    Account(String),
    /// Another server has the directory.
    #[error("a PostgreSQL server (process {process}) already runs in `{}`: stop it, or choose another directory", directory.display())]
    AlreadyRunning {
        /// The directory.
        directory: PathBuf,
        /// The server's process id.
        process: u32,
    },
    /// A file or directory could not be made or read.
    #[error("`{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program could not be run or failed.
    #[error("`{program}` failed: {output}")]
    Program {
        /// Which.
        program: String,
        /// The end of what it said.
        output: String,
    },
    /// The server did not become ready in time.
    #[error("PostgreSQL in `{}` was not ready after {} seconds: {output}", directory.display(), START_DEADLINE.as_secs())]
    NotReady {
        /// The directory.
        directory: PathBuf,
        /// The end of its log.
        output: String,
    },
    /// The server runs, but its database could not be made.
    #[error("the database could not be made")]
    Database(#[source] sqlx::Error),
}

/// A running cluster. It is stopped when this is dropped.
#[derive(Debug)]
pub struct LocalCluster {
    directory: Directory,
    keeper: Child,
    /// Closed to stop the server.
    lifeline: Option<ChildStdin>,
}

impl LocalCluster {
    /// Starts the cluster of a directory, making both when they are missing. Returns when the server takes connections and
    /// has the database [`DATABASE`].
    pub async fn start(directory: &Path, options: &Options) -> Result<Self, Error> {
        let (place, wanted) = (directory.to_owned(), options.clone());
        let cluster = tokio::task::spawn_blocking(move || Self::start_blocking(&place, &wanted))
            .await
            .map_err(|error| Error::Program { program: "start".into(), output: error.to_string() })??;
        cluster.create_database().await.map_err(Error::Database)?;
        Ok(cluster)
    }

    fn start_blocking(directory: &Path, options: &Options) -> Result<Self, Error> {
        let account = Account::for_server()?;
        let directory = Directory::prepare(directory, &account)?;
        directory.refuse_second_server()?;
        let binaries = Binaries::find(directory.version().as_deref())?;
        if directory.version().is_none() {
            keeper::initialize(&directory, &binaries, &account, options)?;
        }
        let keeper = keeper::spawn(&directory, &binaries, &account, options)?;
        let mut cluster = Self { directory, keeper, lifeline: None };
        cluster.lifeline = cluster.keeper.stdin.take();
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// The URL for a role, without a password: who may open the socket is known already.
    pub fn url(&self, role: &str, database: &str) -> SecretString {
        let options =
            PgConnectOptions::new_without_pgpass().socket(&self.directory.socket).username(role).database(database);
        SecretString::from(sqlx::ConnectOptions::to_url_lossy(&options).to_string())
    }

    /// The URL of the owner of everything, for migrations.
    pub fn admin_url(&self) -> SecretString {
        self.url(ADMIN, DATABASE)
    }

    /// The process id of the server, to tell people; stopping is for [`Self::stop`].
    pub fn process(&self) -> Option<u32> {
        self.directory.server().map(|server| server.process)
    }

    /// Where its data, log and socket are.
    pub fn path(&self) -> &Path {
        &self.directory.root
    }

    /// Whether the server still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.keeper.try_wait(), Ok(None))
    }

    /// Stops the server, open connections included, and waits for it.
    pub fn stop(mut self) -> Result<(), Error> {
        match self.stop_and_wait() {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(_) => Err(Error::Program { program: "postgres".into(), output: self.directory.log_end() }),
            Err(source) => Err(Error::File { path: self.directory.root.clone(), source }),
        }
    }

    fn stop_and_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        drop(self.lifeline.take());
        let deadline = Instant::now() + STOP_DEADLINE;
        loop {
            match self.keeper.try_wait()? {
                None if Instant::now() < deadline => std::thread::sleep(PAUSE),
                status => {
                    self.directory.remove_runtime();
                    return Ok(status);
                }
            }
        }
    }

    fn wait_until_ready(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + START_DEADLINE;
        while !self.directory.server().is_some_and(|server| server.ready) {
            if !self.is_running() {
                return Err(Error::Program { program: "postgres".into(), output: self.directory.log_end() });
            }
            if Instant::now() > deadline {
                return Err(Error::NotReady {
                    directory: self.directory.root.clone(),
                    output: self.directory.log_end(),
                });
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    async fn create_database(&self) -> Result<(), sqlx::Error> {
        let options: PgConnectOptions = self.url(ADMIN, "postgres").expose_secret().parse()?;
        let mut connection = PgConnection::connect_with(&options).await?;
        let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = 'homeroom')")
            .fetch_one(&mut connection)
            .await?;
        if !exists {
            sqlx::query("create database homeroom").execute(&mut connection).await?;
            // So that a service's role sees its own database and nothing else.
            sqlx::query("revoke connect on database postgres from public").execute(&mut connection).await?;
        }
        connection.close().await
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        if let Err(error) = self.stop_and_wait() {
            tracing::warn!(%error, "PostgreSQL could not be waited for");
        }
    }
}
