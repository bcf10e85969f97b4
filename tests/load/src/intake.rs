//! Native batches of JSON, validated, mapped and acknowledged by Kafka.
//!
//! The baseline is a bridge that does nothing but hand the JSON records of a request to a Kafka producer: given with
//! `--peers`, it is measured against the same broker, with the same client, in turns with ours.

mod bridge;
mod records;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::exchange::{self, Answer, Sender, Throughput};
use crate::machine::Usage;
use crate::options::Options;
use crate::report::{Bound, Report};
use crate::world::{KEY, Role, SECRET, World};
use bridge::Bridge;
pub(crate) use records::Mark;

/// What the Strimzi bridge took in batches of 100 on two cores when it was measured last, records a second. It is not part of
/// the run, so this is an order of magnitude and no baseline.
const STRIMZI: f64 = 19_000.0;
/// How long a record may wait for others of its partition.
const LINGER_MS: &str = "5";
/// Different requests.
const BODIES: usize = 64;

/// Native batches of JSON, validated, mapped and acknowledged by Kafka.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Records in a request.
    #[arg(long, default_value_t = 100)]
    batch: usize,
    /// Connections that send at once.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Seconds of each turn that are measured.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Seconds of each turn before that.
    #[arg(long, default_value_t = 4)]
    warm_up: u64,
    /// Turns, of each.
    #[arg(long, default_value_t = 3)]
    turns: usize,
    /// The folder of the peers, in which `http-bridge` is the pass-through bridge.
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,
}

impl Args {
    async fn pound<S: Sender + Clone>(&self, port: u16, sender: &S) -> Result<Throughput> {
        let senders = vec![sender.clone(); self.connections];
        exchange::pound(port, senders, Duration::from_secs(self.warm_up), Duration::from_secs(self.seconds)).await
    }
}

/// Runs it.
pub(crate) async fn run(options: &Options, args: &Args) -> Result<Report> {
    let settings = json!({ "batch": args.batch, "connections": args.connections, "seconds": args.seconds });
    let mut report = Report::begin("intake", settings);
    // As the peer has the linger that it is best with in batches.
    let options = options.clone().with("HOMEROOM_LOG__KAFKA__LINGER_MS", LINGER_MS);
    let mut world = World::start(&options, 8).await?;
    world.start_role(Role::Ingestion).await?;
    let port = port(&world.url(Role::Ingestion)?)?;
    let bridge = match &args.peers {
        Some(peers) => {
            Some(Bridge::start(&peers.join("http-bridge"), world.data(), &world.kafka().bootstrap_servers).await?)
        }
        None => None,
    };
    let (native, pass_through) = (Native::new(args.batch), PassThrough::new(args.batch));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _turn in 0..args.turns {
        let used = || Ok::<_, anyhow::Error>([world.usage(Role::Ingestion)?, world.broker_usage()]);
        let before = used()?;
        let throughput = args.pound(port, &native).await?;
        ours.push(Turn::new(throughput, before, used()?, args));
        if let Some(bridge) = &bridge {
            let before = [bridge.usage(), world.broker_usage()];
            let throughput = args.pound(bridge.port(), &pass_through).await?;
            theirs.push(Turn::new(throughput, before, [bridge.usage(), world.broker_usage()], args));
        }
    }
    world.all_alive()?;
    tell(&mut report, args, ours, theirs);
    Ok(report)
}

/// One turn of one of them: how fast, and the cores that itself and the broker kept busy.
struct Turn {
    throughput: Throughput,
    cores: [f64; 2],
}

impl Turn {
    fn new(throughput: Throughput, before: [Usage; 2], after: [Usage; 2], args: &Args) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "seconds are few")]
        let whole = (args.warm_up + args.seconds) as f64;
        let cores = [0, 1].map(|at| after[at].minus(before[at]).cpu_seconds / whole);
        Self { throughput, cores }
    }

    fn rate(&self) -> f64 {
        self.throughput.rate()
    }

    /// CPU of itself and of the broker for each record, in microseconds: says the same on a busy machine, where rates do not.
    fn microseconds(&self) -> [f64; 2] {
        self.cores.map(|cores| cores * 1_000_000.0 / self.rate())
    }
}

fn tell(report: &mut Report, args: &Args, mut ours: Vec<Turn>, mut theirs: Vec<Turn>) {
    ours.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    theirs.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    let middle = ours.len() / 2;
    if let Some(turn) = ours.get_mut(middle) {
        let (rate, [own, broker]) = (turn.rate(), turn.microseconds());
        report.figure("homeroom: records kept", rate, "records/s");
        report.figure("median time to the answer", turn.throughput.quantile(500), "ms");
        report.figure("99th percentile", turn.throughput.quantile(990), "ms");
        report.figure("CPU of ingestion for a record", own, "us");
        report.figure("CPU of the broker for a record", broker, "us");
        report.goal("against the Strimzi bridge as recorded", rate / STRIMZI, Bound::AtLeast(8.0));
        match theirs.get_mut(middle) {
            Some(bridge) => {
                let [own, broker] = bridge.microseconds();
                report.baseline("pass-through bridge", bridge.rate(), "records/s");
                report.baseline("its median time to the answer", bridge.throughput.quantile(500), "ms");
                report.baseline("its CPU for a record", own, "us");
                report.baseline("CPU of the broker for a record of it", broker, "us");
                report.goal("share of the pass-through bridge", rate / bridge.rate(), Bound::AtLeast(0.35));
            }
            None => report.remark("No baseline: give the folder of the peers with --peers."),
        }
    }
    report.remark(format!(
        "The median of {} turns, with a linger of {LINGER_MS} ms where the bridge has 2. The Strimzi bridge is not part of the run: 17,000 to 21,000 records/s in batches of 100 were \
         recorded on two cores.",
        args.turns
    ));
}

/// The port of `http://127.0.0.1:port`.
pub(crate) fn port(url: &str) -> Result<u16> {
    url.rsplit(':').next().and_then(|port| port.parse().ok()).with_context(|| format!("`{url}` has no port"))
}

/// The `authorization` of the world's key.
pub(crate) fn authorization() -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{KEY}:{SECRET}")))
}

/// Prepared requests in turns, shared by all connections. The first answer to each is read; later ones must be the same to the
/// byte, which is as exact and costs nothing.
#[derive(Clone)]
struct Prepared {
    requests: Arc<[Request]>,
    at: usize,
}

struct Request {
    bytes: Vec<u8>,
    /// The answer that was read.
    known: OnceLock<Vec<u8>>,
}

impl Prepared {
    fn new(requests: impl Iterator<Item = Vec<u8>>) -> Self {
        Self { requests: requests.map(|bytes| Request { bytes, known: OnceLock::new() }).collect(), at: 0 }
    }

    fn next(&mut self) -> &[u8] {
        self.at = (self.at + 1) % self.requests.len();
        &self.requests[self.at].bytes
    }

    /// Where the answer that was read is kept.
    fn known(&self) -> &OnceLock<Vec<u8>> {
        &self.requests[self.at].known
    }
}

/// A sender to our door.
#[derive(Clone)]
struct Native {
    prepared: Prepared,
    batch: usize,
}

impl Native {
    fn new(batch: usize) -> Self {
        let authorization = authorization();
        let headers = [("content-type", "application/json"), ("authorization", authorization.as_str())];
        let bodies = Mark::bodies(0, BODIES, batch);
        let requests = bodies.map(|marks| {
            let records: Vec<String> = marks.iter().map(Mark::native).collect();
            exchange::request("POST", "/v1/events", &headers, format!("[{}]", records.join(",")).as_bytes())
        });
        Self { prepared: Prepared::new(requests), batch }
    }
}

impl Sender for Native {
    fn next(&mut self) -> &[u8] {
        self.prepared.next()
    }

    fn kept(&mut self, answer: &Answer<'_>) -> Result<u64> {
        ensure!(answer.status == 200, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
        let known = self.prepared.known();
        if known.get().is_none_or(|known| known != answer.body) {
            let body: Value = serde_json::from_slice(answer.body)?;
            let results = body["results"].as_array().context("no results")?;
            let kept = results.iter().filter(|result| result["outcome"] == "accepted").count();
            ensure!(kept == self.batch, "{kept} of {} records were kept", self.batch);
            // Another connection may have been first.
            known.set(answer.body.to_vec()).ok();
        }
        Ok(self.batch as u64)
    }
}

/// A sender to the bridge.
#[derive(Clone)]
struct PassThrough {
    prepared: Prepared,
    batch: usize,
}

impl PassThrough {
    fn new(batch: usize) -> Self {
        let path = format!("/topics/{}", bridge::TOPIC);
        let headers = [("content-type", "application/vnd.kafka.json.v2+json")];
        let bodies = Mark::bodies(0, BODIES, batch);
        let requests = bodies.map(|marks| {
            let records: Vec<String> = marks.iter().map(Mark::bridged).collect();
            let body = format!("{{\"records\":[{}]}}", records.join(","));
            exchange::request("POST", &path, &headers, body.as_bytes())
        });
        Self { prepared: Prepared::new(requests), batch }
    }
}

impl Sender for PassThrough {
    fn next(&mut self) -> &[u8] {
        self.prepared.next()
    }

    fn kept(&mut self, answer: &Answer<'_>) -> Result<u64> {
        ensure!(answer.status == 200, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
        // Offsets grow, so no two answers are alike; an error would name itself.
        ensure!(!answer.body.windows(10).any(|window| window == b"error_code"), "the bridge did not keep all records");
        Ok(self.batch as u64)
    }
}
