//! A real Apache Kafka of one test's own, which may be killed and started again on its data; one broker, or three.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use homeroom_bus::kafka::Config;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::MetadataTopic;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::kafka::{free_port, workspace};
use crate::process::Process;
use crate::proxy::{Address, Proxy, Wire};

/// How long a broker may take to be ready, its download on a fresh machine included.
const READY: Duration = Duration::from_mins(5);
/// How long the brokers may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

/// A broker that was killed may register again only when its session before has ended; tests kill it and wait for it.
pub const SESSION: &str = "broker.session.timeout.ms=2000\nbroker.heartbeat.interval.ms=500";

/// A broker; stopped, and its data removed, when dropped.
#[derive(Debug)]
pub struct Broker {
    process: Process,
    /// Where it listens.
    port: u16,
    /// Where clients are sent.
    advertised: u16,
    directory: TempDir,
}

impl Broker {
    /// Starts one and waits until it listens.
    pub async fn start() -> Result<Self> {
        let mut broker = Self::place()?;
        broker.restart().await?;
        Ok(broker)
    }

    /// Starts one that is as quick as in production: with the memory, and the compiler, that tests spare.
    pub async fn start_for_figures() -> Result<Self> {
        let mut broker = Self::place()?;
        broker.process = broker.process.variable("JAVA_TOOL_OPTIONS", "-XX:MaxHeapSize=1g");
        broker.restart().await?;
        Ok(broker)
    }

    /// One that does not run yet, so that something can be put where its data will be: see [`Self::data`].
    pub fn place() -> Result<Self> {
        let port = free_port()?;
        Self::with(port, free_port()?, port, &cluster_id(), &[])
    }

    /// Starts one behind a proxy, to which all clients are sent.
    pub async fn start_behind_a_proxy() -> Result<(Self, Proxy)> {
        let (port, advertised) = (free_port()?, free_port()?);
        let proxy = Proxy::start(&Address::Port(advertised), Address::Port(port), Wire::Kafka).await?;
        let properties = [format!("advertised.listeners=PLAINTEXT://127.0.0.1:{advertised}")];
        let mut broker = Self::with(port, free_port()?, advertised, &cluster_id(), &properties)?;
        broker.restart().await?;
        Ok((broker, proxy))
    }

    fn with(port: u16, controller: u16, advertised: u16, cluster: &str, properties: &[String]) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("homeroom-broker-").tempdir()?;
        let text = |name: &str| directory.path().join(name).display().to_string();
        fs::write(text("settings"), [SESSION, properties.join("\n").as_str()].join("\n"))?;
        let mut arguments =
            vec!["--settings".to_owned(), text("settings"), "--cluster-id".to_owned(), cluster.to_owned()];
        arguments.extend([text("kafka"), port.to_string(), controller.to_string()]);
        let log = directory.path().join("broker.log");
        let process = Process::new(&workspace().join("deploy/local/kafka"), arguments, &log)
            // Three of them on a small machine must not take its memory, nor its cores for code better than a test needs.
            .variable("JAVA_TOOL_OPTIONS", "-XX:MaxHeapSize=384m -XX:TieredStopAtLevel=1");
        Ok(Self { process, port, advertised, directory })
    }

    /// A configuration of a client.
    pub fn config(&self) -> Config {
        Config { bootstrap_servers: format!("127.0.0.1:{}", self.advertised), ..Config::default() }
    }

    /// Where its records are.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("kafka/data")
    }

    /// Whether it runs.
    pub fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Result<u32> {
        self.process.id()
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Stops it where it is: it answers nothing, and its connections stay.
    pub fn pause(&self) -> Result<()> {
        self.process.pause()
    }

    /// Lets it go on.
    pub fn wake(&self) -> Result<()> {
        self.process.wake()
    }

    /// Starts it again after [`Self::kill`], and waits until it listens.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.start()?;
        self.wait().await
    }

    async fn wait(&self) -> Result<()> {
        let deadline = Instant::now() + READY;
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            ensure!(self.process.is_alive(), "the broker ended:\n{}", self.process.log_end());
            ensure!(Instant::now() < deadline, "the broker was not ready in {READY:?}:\n{}", self.process.log_end());
            sleep(POLL).await;
        }
        Ok(())
    }
}

/// Ours rather than one that Kafka makes, which would start another virtual machine. Its bytes are sixteen, the first of which is
/// no letter that looks like an option.
fn cluster_id() -> String {
    let mut bytes = uuid::Uuid::new_v4().into_bytes();
    bytes[0] &= 0x7f;
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The brokers of a [`BrokerCluster`].
pub const BROKERS: usize = 3;

/// Three brokers that keep each record thrice. Everybody reaches each of them through its proxies: clients and the other
/// brokers by one, the controllers by another.
pub struct BrokerCluster {
    brokers: Vec<Broker>,
    proxies: Vec<[Proxy; 2]>,
}

impl BrokerCluster {
    /// Starts all three and waits until they listen.
    pub async fn start() -> Result<Self> {
        let id = cluster_id();
        let mut proxies = Vec::new();
        let mut places = Vec::new();
        for _ in 0..BROKERS {
            let [port, advertised, controller, vote] = [free_port()?, free_port()?, free_port()?, free_port()?];
            let clients = Proxy::start(&Address::Port(advertised), Address::Port(port), Wire::Any).await?;
            let controllers = Proxy::start(&Address::Port(vote), Address::Port(controller), Wire::Any).await?;
            proxies.push([clients, controllers]);
            places.push([port, advertised, controller, vote]);
        }
        let voters: Vec<String> =
            places.iter().enumerate().map(|(at, [.., vote])| format!("{}@127.0.0.1:{vote}", at + 1)).collect();
        let mut brokers = Vec::new();
        for (at, [port, advertised, controller, vote]) in places.into_iter().enumerate() {
            let properties = [
                format!("node.id={}", at + 1),
                format!("controller.quorum.voters={}", voters.join(",")),
                format!("advertised.listeners=PLAINTEXT://127.0.0.1:{advertised},CONTROLLER://127.0.0.1:{vote}"),
                "offsets.topic.replication.factor=3".to_owned(),
                // A replica that is away is given up in seconds, so that two are enough to go on with.
                "replica.lag.time.max.ms=3000".to_owned(),
                // Controllers that share a small machine with a build must not take each other for dead.
                "controller.quorum.fetch.timeout.ms=3000".to_owned(),
                "initial.broker.registration.timeout.ms=240000".to_owned(),
            ];
            brokers.push(Broker::with(port, controller, advertised, &id, &properties)?);
        }
        // All first: none is ready without a second.
        for broker in &mut brokers {
            broker.process.start()?;
        }
        for broker in &brokers {
            broker.wait().await?;
        }
        Ok(Self { brokers, proxies })
    }

    /// A configuration of a client: all three, and each record kept thrice.
    pub fn config(&self) -> Config {
        let servers: Vec<_> = self.brokers.iter().map(|broker| format!("127.0.0.1:{}", broker.advertised)).collect();
        Config { bootstrap_servers: servers.join(","), replication: 3, ..Config::default() }
    }

    /// One of them, from 0.
    pub fn broker(&mut self, which: usize) -> Result<&mut Broker> {
        self.brokers.get_mut(which).context("there are three")
    }

    /// Waits until all three have every record of every topic.
    pub async fn wait_in_sync(&self) -> Result<()> {
        let servers = self.config().bootstrap_servers;
        tokio::task::spawn_blocking(move || await_in_sync(&servers)).await?
    }

    /// Cuts a broker off: from the other brokers and, unless `clients_stay`, from everybody.
    pub fn part(&self, which: usize, clients_stay: bool) -> Result<()> {
        let id = |broker: &Broker| broker.process.id();
        let alone = id(self.brokers.get(which).context("there are three")?)?;
        let others: Vec<u32> = self
            .brokers
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != which)
            .map(|(_, it)| id(it))
            .collect::<Result<_>>()?;
        for (at, proxies) in self.proxies.iter().enumerate() {
            for proxy in proxies {
                match at == which {
                    true if clients_stay => proxy.close_to(&others),
                    true => proxy.close(),
                    false => proxy.close_to(&[alone]),
                }
            }
        }
        Ok(())
    }

    /// Ends what [`Self::part`] began.
    pub fn join(&self) {
        self.proxies.iter().flatten().for_each(Proxy::open);
    }
}

fn await_in_sync(servers: &str) -> Result<()> {
    let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", servers).create()?;
    let deadline = Instant::now() + READY;
    loop {
        // Asked again while a broker is on its way.
        if let Ok(cluster) = client.fetch_metadata(None, ANSWER) {
            let partitions = || cluster.topics().iter().flat_map(MetadataTopic::partitions);
            if partitions().all(|it| it.isr().len() == it.replicas().len()) {
                return Ok(());
            }
        }
        ensure!(Instant::now() < deadline, "the brokers did not come in sync in {READY:?}");
        std::thread::sleep(POLL);
    }
}
