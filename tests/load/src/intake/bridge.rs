//! The pass-through bridge: a Java program that is not ours, built from its folder and run against the measured broker.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use homeroom_harness::Process;
use homeroom_harness::kafka::free_port;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::machine::{self, Usage};

/// The bridge's topic, with 8 partitions as ours.
pub(super) const TOPIC: &str = "bridge";

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// A running bridge; stopped when dropped.
pub(super) struct Bridge {
    port: u16,
    process: Process,
}

impl Bridge {
    /// Builds it, creates its topic, and starts it with its tuned settings and the linger that it was best with in batches.
    pub(super) async fn start(folder: &Path, data: &Path, bootstrap_servers: &str) -> Result<Self> {
        let build = data.join("bridge");
        let libraries = build.join("libs");
        let mut maven = Command::new("mvn");
        maven.args(["-B", "-q", "-f"]).arg(folder.join("pom.xml")).arg(format!("-Dpeer.build={}", build.display()));
        maven.args(["compile", "dependency:copy-dependencies"]);
        maven.arg(format!("-DoutputDirectory={}", libraries.display()));
        ensure!(maven.status().await.context("`mvn` cannot be run")?.success(), "the bridge cannot be built");
        let classes = format!("{}:{}/*", build.join("classes").display(), libraries.display());
        let port = free_port()?;
        let settings = settings(folder, data, bootstrap_servers, port)?;
        let mut topic = Command::new("java");
        topic.args(["-cp", &classes, "homeroom.peer.Floor", "topic"]).arg(&settings).arg(TOPIC);
        let output = topic.output().await.context("`java` cannot be run")?;
        ensure!(output.status.success(), "no topic for the bridge: {}", String::from_utf8_lossy(&output.stderr));
        let flags = ["-Xms1g", "-Xmx1g", "-XX:+UseParallelGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp"];
        let arguments = flags.into_iter().map(str::to_owned).chain([
            classes,
            "homeroom.peer.Bridge".to_owned(),
            settings.display().to_string(),
        ]);
        let mut process = Process::new(Path::new("java"), arguments, &data.join("bridge.log"));
        process.start()?;
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            ensure!(process.is_alive() && Instant::now() < deadline, "no bridge:\n{}", process.log_end());
            sleep(POLL).await;
        }
        Ok(Self { port, process })
    }

    /// What it has used so far.
    pub(super) fn usage(&self) -> Usage {
        self.process.id().map(machine::usage).unwrap_or_default()
    }

    /// Where it listens.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

/// Its settings, filled in as its own script does.
fn settings(folder: &Path, data: &Path, bootstrap_servers: &str, port: u16) -> Result<PathBuf> {
    let mut text = String::new();
    for name in ["application.properties", "tuned.properties"] {
        let path = folder.join(name);
        let lines = fs::read_to_string(&path).with_context(|| format!("`{}`", path.display()))?;
        writeln!(text, "{lines}")?;
    }
    let text = text
        .replace("127.0.0.1:@PORT@", bootstrap_servers)
        .replace("@HTTP@", &port.to_string())
        .replace("@MGMT@", "0")
        .replace("@LINGER@", "2");
    let path = data.join("bridge.properties");
    fs::write(&path, text)?;
    Ok(path)
}
