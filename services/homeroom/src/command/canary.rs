//! `homeroom canary`: tells the story of a student who does not exist, every five minutes, and shows whether and how fast it was told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use homeroom_chassis::component::Readiness;
use homeroom_chassis::server::{Doors, Limits};
use homeroom_chassis::{Component, TaskGroup, clock, config, lifecycle, telemetry};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::canary::{self, Canary, REQUEST, Round, default_every, default_within};
use crate::client::{Connection, ConnectionArgs};
use crate::process::{self, ConfigArgs, ServerConfig, bind_if_given};

/// From sending a mark, or its correction, to what it brings about on the feed, by `canary` and `step` (`alert`, `recall`).
const STEP_SECONDS: &str = "homeroom_canary_step_seconds";
/// When a round last ended well, or the process began; seconds since 1970, by `canary`.
const SUCCESS: &str = "homeroom_canary_success_timestamp_seconds";
/// Rounds, by `canary` and `outcome` (`told`, `failed`).
const ROUNDS: &str = "homeroom_canary_rounds_total";

/// Sends a mark of a student who does not exist, waits for its alert, corrects it and waits for the recall: every five minutes, and shows
/// how long it took at /metrics. The key is of a district of the canary's own, whose name ends with `--canary`, with the scopes ingest,
/// feed and admin.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Further districts: files like that of --env-file, one each.
    #[arg(long, value_name = "FILE")]
    also: Vec<PathBuf>,
    /// One round, and its figures on standard output; fails when it does not end well.
    #[arg(long)]
    once: bool,
    /// Seconds between rounds.
    #[arg(long, value_name = "SECONDS", default_value_t = default_every(), value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// Seconds after which an alert, or its recall, counts as not told.
    #[arg(long, value_name = "SECONDS", default_value_t = default_within(), value_parser = clap::value_parser!(u64).range(1..=3_600))]
    within: u64,
    /// Where health and metrics are answered.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Configuration file (TOML) whose table `[canary]` says all of it instead, with `[server]` and `[telemetry]` as services have them.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["env_file", "ca_file", "also", "every", "within", "listen"])]
    config: Option<PathBuf>,
}

/// What is to run, however it was said.
struct Plan {
    connections: Vec<Connection>,
    every: Duration,
    within: Duration,
    server: ServerConfig,
    telemetry: telemetry::Config,
}

impl Args {
    fn plan(self) -> Result<Plan> {
        if self.config.is_none() {
            return self.said();
        }
        let file = ConfigArgs::none().or(self.config);
        let canary: canary::Config = file.load("canary")?;
        Ok(Plan {
            connections: canary.connections()?,
            every: canary.every()?,
            within: canary.within()?,
            server: file.load("server")?,
            telemetry: file.load("telemetry")?,
        })
    }

    /// What the arguments say, and the variables.
    fn said(self) -> Result<Plan> {
        let mut connections = vec![self.connection.load()?];
        for file in &self.also {
            connections.push(Connection::from_file(file)?);
        }
        Ok(Plan {
            connections,
            every: Duration::from_secs(self.every),
            within: Duration::from_secs(self.within),
            server: ServerConfig::of_health(self.listen),
            telemetry: config::load("telemetry", None).map_err(|e| process::refusal(&e))?,
        })
    }
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let once = args.once;
    let Plan { connections, every, within, server, telemetry } = args.plan()?;
    let tasks = TaskGroup::default();
    let canary = |connection| Canary::new(connection, within, &tasks);
    let canaries = connections.into_iter().map(canary).collect::<Result<Vec<_>>>()?;
    if once {
        for canary in &canaries {
            let told = round(canary, 0).await?;
            println!(
                "{}: alert after {} ms, recall after {} ms",
                canary.name(),
                told.alert.as_millis(),
                told.recall.as_millis()
            );
        }
        return Ok(());
    }
    let telemetry = telemetry::init("homeroom-canary", &telemetry).map_err(|e| process::refusal(&e))?;
    let outcome = serve(tasks, canaries, server, every).await;
    telemetry.flush();
    outcome
}

async fn serve(tasks: TaskGroup, canaries: Vec<Canary>, server: ServerConfig, every: Duration) -> Result<()> {
    let health = bind_if_given(Some(server.health_address())).await?;
    lifecycle::signals(&tasks).context("signals cannot be heard")?;
    for canary in canaries {
        tasks.spawn("canary", repeat(canary, every, tasks.stopping()));
    }
    let component = Component {
        name: "canary",
        http: None,
        grpc: None,
        grpc_services: Vec::new(),
        // That Homeroom does not answer is what it is there to see.
        ready: Box::new(|| Readiness::Ready),
    };
    // A mark that is on its way, its withdrawal, and some more.
    let limits = Limits { linger_millis: 0, drain_seconds: 3 * REQUEST.as_secs(), ..Limits::default() };
    let doors = Doors { health, tls: server.tls, limits, ..Doors::default() };
    Ok(doors.run(tasks, vec![component]).await?)
}

async fn repeat(canary: Canary, every: Duration, stopping: CancellationToken) -> Result<(), Infallible> {
    let name = canary.name().to_owned();
    let mut turn = interval(every);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    succeeded(&name);
    // Not from the first student after each restart.
    let mut number = clock::now().as_second().unsigned_abs() / every.as_secs().max(1);
    while stopping.run_until_cancelled(turn.tick()).await.is_some() {
        number += 1;
        let outcome = round(&canary, number).await;
        if outcome.is_err() && stopping.is_cancelled() {
            // It ends early by itself, and has withdrawn its mark; it says nothing of Homeroom.
            break;
        }
        let word = if outcome.is_ok() { "told" } else { "failed" };
        metrics::counter!(ROUNDS, "canary" => name.clone(), "outcome" => word).increment(1);
        match outcome {
            Ok(told) => {
                succeeded(&name);
                for (step, took) in [("alert", told.alert), ("recall", told.recall)] {
                    metrics::histogram!(STEP_SECONDS, "canary" => name.clone(), "step" => step)
                        .record(took.as_secs_f64());
                }
                tracing::info!(
                    canary = name,
                    alert_ms = told.alert.as_millis(),
                    recall_ms = told.recall.as_millis(),
                    "told and taken back"
                );
            }
            Err(error) => tracing::error!(canary = name, error = format!("{error:#}"), "the canary was not told of"),
        }
    }
    Ok(())
}

/// One round. The district is prepared each time, which costs one question: so a canary may begin before the district is there.
async fn round(canary: &Canary, number: u64) -> Result<Round> {
    canary.prepare().await?;
    canary.round(number, clock::now()).await
}

fn succeeded(name: &str) {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit for ages")]
    metrics::gauge!(SUCCESS, "canary" => name.to_owned()).set(clock::now().as_second() as f64);
}
