//! A real Apache Kafka of one test's own, which may be killed and started again on its data.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use homeroom_bus::kafka::Config;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::kafka::{free_port, workspace};
use crate::process::Process;

/// How long a broker may take to be ready, its download on a fresh machine included.
const READY: Duration = Duration::from_mins(5);
const POLL: Duration = Duration::from_millis(50);

/// A broker; stopped, and its data removed, when dropped.
#[derive(Debug)]
pub struct Broker {
    process: Process,
    port: u16,
    _directory: TempDir,
}

impl Broker {
    /// Starts one and waits until it listens.
    pub async fn start() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("homeroom-broker-").tempdir()?;
        let (port, controller) = (free_port()?, free_port()?);
        let data = directory.path().join("kafka").display().to_string();
        let arguments = [data, port.to_string(), controller.to_string()];
        let process =
            Process::new(&workspace().join("deploy/local/kafka"), arguments, &directory.path().join("broker.log"));
        let mut broker = Self { process, port, _directory: directory };
        broker.restart().await?;
        Ok(broker)
    }

    /// A configuration of a client.
    pub fn config(&self) -> Config {
        Config { bootstrap_servers: format!("127.0.0.1:{}", self.port), ..Config::default() }
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Result<u32> {
        self.process.id()
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Starts it again after [`Self::kill`], and waits until it listens.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.start()?;
        let deadline = Instant::now() + READY;
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            ensure!(self.process.is_alive(), "the broker ended:\n{}", self.process.log_end());
            ensure!(Instant::now() < deadline, "the broker was not ready in {READY:?}:\n{}", self.process.log_end());
            sleep(POLL).await;
        }
        Ok(())
    }
}
