//! The real binary, run as a newcomer runs it, and what a client does with it.
//!
//! Each [`Homeroom`] has a data directory, a cluster and ports of its own, so tests run side by side. It is stopped when the
//! value is dropped, on a panic too; and when the test's process is killed, since it lives only while its input is open.

mod alerts;
mod edfi;
pub(crate) mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use homeroom_proto::wire::notification::GetDeliveriesRequest;
use homeroom_proto::wire::notification::alert_feed_client::AlertFeedClient;
use homeroom_proto::wire::risk::risk_query_client::RiskQueryClient;
use homeroom_proto::wire::risk::{GetSummaryRequest, GetSummaryResponse};
use tempfile::TempDir;
use tonic::transport::Endpoint;

pub use alerts::Alerts;
pub(crate) use edfi::http_client;
pub use edfi::{EdFi, Posted};

use crate::guarded::Guarded;

/// A first start makes a cluster and may load a sample; a loaded machine takes its time.
const READY_WITHIN: Duration = Duration::from_mins(4);
const STOPPED_WITHIN: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(20);

/// The binary under test, for those who start one role of it.
pub fn program() -> Result<&'static Path> {
    program::path()
}

/// How to run it.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `host:port` of a Kafka broker; the log is in PostgreSQL without one.
    pub kafka: Option<String>,
    /// The folder of a sample to load.
    pub sample: Option<PathBuf>,
    /// The text of `teams.yaml`; who is told of what.
    pub teams: Option<String>,
    /// More variables of its environment.
    pub environment: Vec<(String, String)>,
    /// Files that are in its data directory before it starts, such as further keys: name and text. Only their owner reads them.
    pub files: Vec<(String, String)>,
}

/// A running Homeroom.
pub struct Homeroom {
    data: TempDir,
    options: Options,
    child: Option<Child>,
    /// The variables of `local.env`.
    variables: BTreeMap<String, String>,
}

impl Homeroom {
    /// Starts it in a new data directory, and returns when it is ready.
    pub fn start(options: Options) -> Result<Self> {
        let data = tempfile::Builder::new().prefix("homeroom-").tempdir().context("no data directory")?;
        make_reachable(data.path())?;
        let mut homeroom = Self { data, options, child: None, variables: BTreeMap::new() };
        if let Some(teams) = &homeroom.options.teams {
            std::fs::write(homeroom.data().join("teams.yaml"), teams).context("teams.yaml")?;
        }
        for (name, text) in &homeroom.options.files {
            let folder = homeroom.data().join(name);
            std::fs::create_dir_all(folder.parent().unwrap_or_else(|| homeroom.data()))?;
            homeroom.secret_file(name, text)?;
        }
        homeroom.resume()?;
        Ok(homeroom)
    }

    /// Starts it again on its data, after [`Self::stop`] or [`Self::kill`].
    pub fn resume(&mut self) -> Result<()> {
        let summary = self.data().join("summary.txt");
        if summary.exists() {
            std::fs::remove_file(&summary).context("the summary of the run before")?;
        }
        let log =
            std::fs::File::options().create(true).append(true).open(self.log()).context("the log cannot be written")?;
        let mut command = Command::new(program::path()?);
        command.args(["up", "--port", "0", "--until-stdin-closes", "--data"]).arg(self.data());
        match &self.options.sample {
            Some(sample) => command.arg("--sample").arg(sample),
            None => command.arg("--no-sample"),
        };
        command.env_remove("KAFKA_BOOTSTRAP_SERVERS").envs(self.options.environment.iter().cloned());
        if let Some(servers) = &self.options.kafka {
            command.env("KAFKA_BOOTSTRAP_SERVERS", servers);
        }
        let child = command
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("it cannot be started")?;
        self.child = Some(child);
        let deadline = Instant::now() + READY_WITHIN;
        while !summary.exists() {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                bail!("it ended ({status}) before it was ready:\n{}", self.log_end());
            }
            if Instant::now() > deadline {
                bail!("it was not ready in {READY_WITHIN:?}:\n{}", self.log_end());
            }
            std::thread::sleep(POLL);
        }
        self.variables = read_variables(&self.data().join("local.env"))?;
        Ok(())
    }

    /// Stops it as Ctrl-C does, and waits; fails when it does not end well in time.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        drop(child.stdin.take());
        let deadline = Instant::now() + STOPPED_WITHIN;
        loop {
            match child.try_wait().context("it cannot be waited for")? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("it ended badly ({status}):\n{}", self.log_end()),
                None if Instant::now() < deadline => std::thread::sleep(POLL),
                None => {
                    child.kill().context("it cannot be killed")?;
                    child.wait().context("it cannot be waited for")?;
                    bail!("it did not stop in {STOPPED_WITHIN:?}:\n{}", self.log_end());
                }
            }
        }
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().context("it cannot be killed")?;
            child.wait().context("it cannot be waited for")?;
        }
        Ok(())
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The address of its HTTP API.
    pub fn url(&self) -> &str {
        self.variable("HOMEROOM_URL")
    }

    /// The address of its Ed-Fi API.
    pub fn edfi_url(&self) -> &str {
        self.variable("HOMEROOM_EDFI_URL")
    }

    /// The address of its gRPC API.
    pub fn grpc(&self) -> &str {
        self.variable("HOMEROOM_GRPC")
    }

    /// The key's public part.
    pub fn key(&self) -> &str {
        self.variable("HOMEROOM_KEY")
    }

    /// The key's secret part.
    pub fn secret(&self) -> &str {
        self.variable("HOMEROOM_SECRET")
    }

    fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// An Ed-Fi client of it.
    pub async fn edfi(&self) -> Result<EdFi> {
        EdFi::connect(self.edfi_url(), self.key(), self.secret()).await
    }

    /// An Ed-Fi client of a connection with another key than the machine's own.
    pub async fn edfi_as(&self, connection: &str, key: &str, secret: &str) -> Result<EdFi> {
        EdFi::connect(&format!("{}/edfi/{connection}", self.url()), key, secret).await
    }

    /// Its alerts, from the first one kept.
    pub async fn alerts(&self) -> Result<Alerts> {
        Alerts::follow(self.grpc(), self.key(), self.secret()).await
    }

    /// The alerts of another key's district.
    pub async fn alerts_as(&self, key: &str, secret: &str) -> Result<Alerts> {
        Alerts::follow(self.grpc(), key, secret).await
    }

    /// The district's counts.
    pub async fn summary(&self) -> Result<GetSummaryResponse> {
        let channel = Endpoint::from_shared(self.grpc().to_owned())?.connect().await.context("gRPC")?;
        let mut request = tonic::Request::new(GetSummaryRequest {});
        request.metadata_mut().insert("authorization", alerts::basic(self.key(), self.secret())?);
        Ok(RiskQueryClient::new(channel).get_summary(request).await?.into_inner())
    }

    /// Moves its clock forward to a local time of the district, such as 2022-04-14T08:40:00.
    pub async fn advance_clock(&self, local: &str) -> Result<()> {
        let request =
            http_client()?.post(format!("{}/v1/clock", self.url())).basic_auth(self.key(), Some(self.secret()));
        let body = serde_json::json!({ "now": local }).to_string();
        let request = request.header("content-type", "application/json").body(body);
        request.send().await?.error_for_status().context("the clock does not move")?;
        Ok(())
    }

    /// How many deliveries another key's district has, of those that the feed tells of.
    pub async fn deliveries_as(&self, key: &str, secret: &str) -> Result<usize> {
        let channel = Endpoint::from_shared(self.grpc().to_owned())?.connect().await.context("gRPC")?;
        let mut request = tonic::Request::new(GetDeliveriesRequest::default());
        request.metadata_mut().insert("authorization", alerts::basic(key, secret)?);
        Ok(AlertFeedClient::new(channel).get_deliveries(request).await?.into_inner().deliveries.len())
    }

    /// Runs another command of the binary against it, such as `verify`; its output when it succeeds.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(program::path()?)
            .args(arguments)
            .envs(&self.variables)
            .output()
            .context("the command cannot be run")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!(
                "`homeroom {}` ended with {}: {text}{}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(text)
    }

    /// Runs an adapter, such as `webhook`, until the value is dropped. Of its configuration all but the feed is given.
    pub fn channel(&self, name: &str, settings: &str) -> Result<Guarded> {
        let feed = format!(
            "[channel-{name}.feed]\nendpoint = \"{}\"\nkey-file = \"{}\"\n",
            self.grpc(),
            self.data().join("channel.key").display()
        );
        let file = self.data().join(format!("channel-{name}.toml"));
        std::fs::write(&file, format!("[channel-{name}]\n{settings}\n{feed}"))
            .context("the adapter's configuration")?;
        let log = self.data().join(format!("channel-{name}.log"));
        let arguments = ["channel".as_ref(), name.as_ref(), "--config".as_ref(), file.as_os_str()];
        Guarded::spawn(program::path()?, arguments, &log).context("the adapter cannot be started")
    }

    /// A file in the data directory that only its owner may read, as secrets must be.
    pub fn secret_file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.data().join(name);
        write_private(&path, text)?;
        Ok(path)
    }

    /// Where it logs.
    pub fn log(&self) -> PathBuf {
        self.data().join("test.log")
    }

    fn log_end(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Homeroom {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("{error:#}");
        }
        // Shown only when the test fails.
        eprintln!("the end of its log:\n{}", self.log_end());
        for channel in ["webhook", "mail"] {
            if let Ok(log) = std::fs::read_to_string(self.data().join(format!("channel-{channel}.log"))) {
                eprintln!("the adapter's log:\n{log}");
            }
        }
    }
}

/// Where we are root, PostgreSQL runs as another user, who must pass through this directory.
pub(crate) fn make_reachable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o711)).context("the data directory's mode")
}

fn read_variables(file: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("`{}`", file.display()))?;
    let pair =
        |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()));
    Ok(text.lines().filter_map(pair).collect())
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::File::options().create_new(true).write(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).with_context(|| format!("`{}`", path.display()))
}
