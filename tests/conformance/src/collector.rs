//! Rotel, an OpenTelemetry collector that others run: it takes in what it is sent, and hands it on in its own batches.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use homeroom_harness::Process;
use homeroom_harness::kafka::free_port;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::python;

const VERSION: &str = "0.0.1a15";
/// How long it may take to listen.
const READY: Duration = Duration::from_secs(30);

/// A running one; stopped when dropped.
#[derive(Debug)]
pub struct Rotel {
    /// Where to send: `http://127.0.0.1:port`.
    pub url: String,
    _process: Process,
    _directory: TempDir,
}

impl Rotel {
    /// Starts one that hands everything on to another collector, and waits until it listens.
    pub async fn start(to: &str) -> Result<Self> {
        let agent = tokio::task::spawn_blocking(agent).await??;
        let directory = tempfile::Builder::new().prefix("homeroom-rotel-").tempdir()?;
        let [log, pid] = ["log", "pid"].map(|name| directory.path().join(name));
        let [grpc, http] = [free_port()?, free_port()?].map(|port| format!("127.0.0.1:{port}"));
        let pid = pid.display().to_string();
        let arguments = ["start", "--otlp-grpc-endpoint", &grpc, "--otlp-http-endpoint", &http, "--pid-file", &pid];
        let on = ["--exporter", "otlp", "--otlp-exporter-endpoint", to];
        let mut process = Process::new(&agent, arguments.into_iter().chain(on), &log);
        process.start()?;
        let deadline = Instant::now() + READY;
        while TcpStream::connect(&grpc).await.is_err() {
            ensure!(Instant::now() < deadline, "no collector: {}", fs::read_to_string(&log).unwrap_or_default());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { url: format!("http://{grpc}"), _process: process, _directory: directory })
    }
}

/// The program itself, which its Python package only carries.
fn agent() -> Result<PathBuf> {
    let programs = python::programs("rotel", VERSION)?;
    let libraries = programs.parent().unwrap_or(Path::new(".")).join("lib");
    let mut versions = fs::read_dir(&libraries).with_context(|| libraries.display().to_string())?.flatten();
    let carried = versions.find_map(|version| {
        let agent = version.path().join("site-packages/rotel/rotel-agent");
        agent.exists().then_some(agent)
    });
    carried.with_context(|| format!("no rotel-agent below {}", libraries.display()))
}
