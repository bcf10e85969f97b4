//! From mark to alert: how long after its scheduled moment a mark's alert is on the feed, at a steady rate.
//!
//! An open loop: marks are sent when they are due, whether or not earlier ones were answered, and a late sender counts against
//! us (no coordinated omission). Each mark is an unexplained absence today of a student of its own, so each opens one alert.

mod measure;
mod target;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Parser;
use measure::Latencies;
use target::Target;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Measures the time from a mark to its alert on a running Homeroom that holds the Grand Bend sample.
#[derive(Debug, Parser)]
struct Arguments {
    /// The file that `deploy/local/up` writes.
    #[arg(long, default_value = "var/local.env")]
    env_file: std::path::PathBuf,
    /// Marks a second.
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Seconds before that.
    #[arg(long, default_value_t = 5)]
    warm_up: u32,
    /// A word that keeps this run's students apart from those of other runs.
    #[arg(long)]
    run: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let arguments = Arguments::parse();
    let target = Target::from_file(&arguments.env_file)?;
    let marks = arguments.rate * (arguments.warm_up + arguments.seconds);
    println!("enrolling {marks} students");
    let students = target.enroll(&arguments.run, marks).await?;
    target.wait_until_caught_up().await?;
    let alerts = target.watch().await?;
    println!("sending {} marks a second for {} s", arguments.rate, arguments.warm_up + arguments.seconds);
    let latencies = run(&arguments, target, students, alerts).await?;
    println!("{latencies}");
    println!("{}", latencies.json(arguments.rate));
    ensure!(latencies.missing == 0, "{} marks had no alert", latencies.missing);
    Ok(())
}

/// Marks that may be on their way at once; beyond, the machine cannot keep the rate and the run is no measurement.
const MOST_IN_FLIGHT: usize = 1_000;
/// How long after the last mark its alert is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

async fn run(
    arguments: &Arguments,
    target: Target,
    students: Vec<(String, String)>,
    mut alerts: mpsc::Receiver<(String, Instant)>,
) -> anyhow::Result<Latencies> {
    let today = target.today().await?;
    let interval = Duration::from_secs(1) / arguments.rate;
    let first = Instant::now() + Duration::from_millis(200);
    let mut due: HashMap<String, Instant> = HashMap::new();
    let mut sends = JoinSet::new();
    for (at, (local, key)) in (0_u32..).zip(students) {
        let moment = first + interval * at;
        if at >= arguments.rate * arguments.warm_up {
            due.insert(key, moment);
        }
        ensure!(sends.len() < MOST_IN_FLIGHT, "the services do not keep up with the rate");
        tokio::time::sleep_until(moment).await;
        let (target, today) = (target.clone(), today.clone());
        sends.spawn(async move { target.mark(&local, &today).await });
        while let Some(done) = sends.try_join_next() {
            done.context("a sender panicked")??;
        }
    }
    while let Some(done) = sends.join_next().await {
        done.context("a sender panicked")??;
    }
    let deadline = Instant::now() + PATIENCE;
    let mut latencies = Latencies::default();
    while !due.is_empty() {
        let Ok(Some((student, arrived))) = tokio::time::timeout_at(deadline, alerts.recv()).await else { break };
        if let Some(moment) = due.remove(&student) {
            latencies.record(arrived.saturating_duration_since(moment));
        }
    }
    latencies.missing = due.len();
    latencies.sort();
    Ok(latencies)
}
