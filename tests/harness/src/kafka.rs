//! A real Apache Kafka, one for the whole test run: `tests/run` starts it and says where it is in `HOMEROOM_TEST_KAFKA`.
//! Without that, each test process starts its own with the same script. Tests keep apart by a prefix before their topics.

use std::fs::{self, File};
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use homeroom_bus::kafka::Config;

/// How long a broker may take to be ready, its download on a fresh machine included.
const READY: Duration = Duration::from_mins(5);
/// What its log says then.
const READY_LINE: &str = "Kafka Server started";

/// A running broker.
#[derive(Debug)]
pub struct Kafka {
    /// Where clients find it, as `host:port`.
    pub bootstrap: String,
    /// Ours, if it is: it stops when its input closes, which this process keeps open.
    _broker: Option<Child>,
}

impl Kafka {
    /// A configuration under which no other test's topics are seen.
    pub fn config(&self) -> Config {
        Config {
            bootstrap_servers: self.bootstrap.clone(),
            topic_prefix: format!("t{}.", uuid::Uuid::new_v4().simple()),
            ..Config::default()
        }
    }
}

/// The broker of this test run. Blocks until it is ready; panics when it cannot be started, with the end of its log.
pub fn kafka() -> &'static Kafka {
    static KAFKA: OnceLock<Kafka> = OnceLock::new();
    KAFKA.get_or_init(|| {
        if let Some(bootstrap) = given() {
            return Kafka { bootstrap, _broker: None };
        }
        start().expect("Apache Kafka starts")
    })
}

#[expect(clippy::disallowed_methods, reason = "the harness is not configured by a file; tests/run speaks to it so")]
fn given() -> Option<String> {
    std::env::var("HOMEROOM_TEST_KAFKA").ok().filter(|address| !address.is_empty())
}

fn start() -> anyhow::Result<Kafka> {
    let directory =
        tempfile::Builder::new().prefix("homeroom-kafka-").tempdir().context("a directory for Kafka")?.keep();
    let (port, controller) = (free_port()?, free_port()?);
    // Beside the directory, which the script removes with all its content.
    let log = directory.with_extension("log");
    let output = File::create(&log).with_context(|| format!("create `{}`", log.display()))?;
    let broker = Command::new(workspace().join("deploy/local/kafka"))
        .arg("--for-tests")
        .arg(&directory)
        .args([port.to_string(), controller.to_string()])
        .stdin(Stdio::piped())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .context("run deploy/local/kafka")?;
    let broker = await_ready(broker, &log)?;
    fs::remove_file(&log).context("remove the log of a broker that runs")?;
    Ok(Kafka { bootstrap: format!("127.0.0.1:{port}"), _broker: Some(broker) })
}

fn await_ready(mut broker: Child, log: &Path) -> anyhow::Result<Child> {
    let deadline = Instant::now() + READY;
    loop {
        let words = fs::read_to_string(log).unwrap_or_default();
        if words.contains(READY_LINE) {
            return Ok(broker);
        }
        if let Some(status) = broker.try_wait()? {
            bail!("the broker ended ({status}):\n{words}");
        }
        if Instant::now() > deadline {
            drop(broker.stdin.take());
            bail!("the broker was not ready in {READY:?}:\n{words}");
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Where ports are taken from: below those that the kernel gives to connections, any of which could take one between our look
/// and the start of the program that is to listen there.
const PORTS: Range<u16> = 10_000..32_000;

/// A port of 127.0.0.1 that nobody listens on now, and that was given to nobody before.
pub fn free_port() -> anyhow::Result<u16> {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    for _ in 0..count {
        // Each process begins elsewhere.
        let at = std::process::id().wrapping_mul(7_919).wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % count;
        let port = PORTS.start + u16::try_from(at)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("there is no free port in {PORTS:?}")
}

/// The root of the checkout.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
