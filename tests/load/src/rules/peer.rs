//! The same job done by Kafka Streams, on the same broker, in the same run: what an engineer would use instead.
//!
//! Its script builds it, loads its own topic with the same marks and measures it; lines that begin with `RESULT` are its
//! figures. Its alerts differ from ours: it tells each change of a tier and each absence of the day that the stream has
//! reached, where our rules tell of episodes at one date, so it publishes more of them on most streams.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::count;
use crate::report::{Bound, Report};
use crate::workload::Case;
use crate::world::World;

/// The configuration that is ours to beat: exactly once, and tuned.
const TO_BEAT: &str = "eos-tuned-1000";

/// How many seconds it may take in all: to be built, to load its topic, and to run in each of its configurations. A run of
/// them takes half a minute.
const PATIENCE: &str = "360";

/// One of its configurations.
#[derive(Debug)]
pub(super) struct Peer {
    name: String,
    events_per_second: f64,
    exact: bool,
}

/// Builds and measures it. What it builds is kept beside our program, for the next run.
pub(super) fn run(folder: &Path, world: &World, case: Case) -> Result<Vec<Peer>> {
    ensure!(["d", "h", "n"].contains(&case.name), "it knows the cases d, h and n only");
    let script = folder.join("kafka-streams/run.sh");
    ensure!(script.exists(), "`{}` is not there", script.display());
    let (broker, port) = world.own_broker().context("the peer uses our broker: leave --kafka out")?;
    let work = std::env::current_exe()?.with_file_name("peers");
    std::fs::create_dir_all(work.join("broker"))?;
    // Its script starts a broker only when this one does not run.
    std::fs::write(work.join("broker/broker.pid"), broker.to_string())?;
    println!("Kafka Streams is measured");
    // The whole group of its processes ends in time.
    let output = Command::new("timeout")
        .args(["--kill-after=10", PATIENCE])
        .arg(&script)
        .args(["build", "load", "throughput"])
        .env("WORK", &work)
        .env("CASES", case.name)
        .envs([("REPEATS", "1"), ("CONTEXT", "0"), ("CALM", "0")])
        .env("PORT", port.to_string())
        .env("LOCK", work.join("lock"))
        .env("KAFKA_LIBS", &work)
        .output()
        .context("the peer's script cannot be run")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let measured: Vec<Peer> = text.lines().filter_map(parse).collect();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        println!("Kafka Streams ended with {}: {text}{said}", output.status);
        ensure!(!measured.is_empty(), "its script ended with {}", output.status);
    }
    Ok(measured)
}

fn parse(line: &str) -> Option<Peer> {
    let fields = line.strip_prefix("RESULT ")?;
    let field = |name: &str| {
        let pair = |field: &&str| field.split_once('=').is_some_and(|(key, _)| key == name);
        fields.split(' ').find(pair)?.split_once('=').map(|(_, value)| value)
    };
    Some(Peer {
        name: field("name")?.to_owned(),
        events_per_second: field("eps")?.parse().ok()?,
        exact: field("exact")? == "yes",
    })
}

/// Adds its figures.
pub(super) fn report(peers: &[Peer], case: Case, ours: f64, report: &mut Report) {
    for peer in peers {
        report.baseline(format!("Kafka Streams {}", peer.name), peer.events_per_second, "events/s");
        if !peer.exact {
            report.remark(format!("the run of {} was not exact and does not count", peer.name));
        }
    }
    let goal = if case.name == "h" { 1.5 } else { 2.0 };
    if let Some(peer) = peers.iter().find(|peer| peer.name == TO_BEAT && peer.exact) {
        report.goal("times Kafka Streams, tuned", ours / peer.events_per_second, Bound::AtLeast(goal));
    }
    report.remark(format!("Kafka Streams counts {} events of the same stream", count(case.events)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_figures_is_understood() {
        let line = "RESULT case=bench.attendance.d profile=tuned,commit=1000 events=2100000 secs=11.00 eps=190909 name=eos-tuned-1000 exact=yes";
        let peer = parse(line).unwrap();
        assert_eq!((peer.name.as_str(), peer.exact), ("eos-tuned-1000", true));
        assert!((peer.events_per_second - 190_909.0).abs() < 0.1);
        assert!(parse("FAILED tuned").is_none());
    }
}
