//! `homeroom up`: everything on one machine, in one process, with a private PostgreSQL.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use homeroom_bus::Log;
use homeroom_chassis::config::{self, SecretFile};
use homeroom_chassis::server::Doors;
use homeroom_chassis::{Component, TaskGroup, lifecycle, telemetry};
use homeroom_pg::local::{self, LocalCluster, Options};
use homeroom_pg::{RolePasswords, Schema};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use crate::client::Connection;
use crate::failure::BadConfig;
use crate::local::directory::Directory;
use crate::local::first_start::{self, FirstStart, SUMMARY, StartClock};
use crate::local::{keys, teams};
use crate::process::{self, ConfigArgs, SCHEMAS, bind, log};

/// Run everything on this machine: a private PostgreSQL, the services, and, at the first start, a sample district.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Keeps everything there.
    #[arg(long, value_name = "DIR", default_value = "var")]
    data: PathBuf,
    /// HTTP port; 0 takes a free one.
    #[arg(long, value_name = "N", default_value_t = 7700)]
    port: u16,
    /// gRPC port; the one after the HTTP port when left out.
    #[arg(long, value_name = "N")]
    grpc_port: Option<u16>,
    /// The log is the Apache Kafka that `KAFKA_BOOTSTRAP_SERVERS` names, which is also so when only the variable is set.
    #[arg(long)]
    kafka: bool,
    /// Folder of the sample to load at the first start.
    #[arg(long, value_name = "DIR", default_value = "deploy/local/sample/grand-bend")]
    sample: PathBuf,
    /// Start empty.
    #[arg(long, conflicts_with = "sample")]
    no_sample: bool,
    /// What the district's clock shows at the first start: `now`, or a local time, for a sample that lives in its own year.
    #[arg(long, value_name = "TIME", default_value = "2022-04-13T08:40")]
    clock: StartClock,
    /// Stop when standard input closes, so that it ends with whoever started it.
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

/// Enough for one machine; students are spread over them.
const PARTITIONS: i32 = 4;

/// How long the server of a run that was killed may take to stop.
const STOPPING_WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

/// What one run of `up` works with.
struct Machine {
    directory: Arc<Directory>,
    connection: Connection,
    log: log::Config,
    tasks: TaskGroup,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let plan = FirstStart { sample: sample(&args)?, clock: args.clock.clone() };
    let log = log::Config::load(&ConfigArgs::none())?;
    if args.kafka && !log.is_kafka() {
        return Err(BadConfig(
            "--kafka needs KAFKA_BOOTSTRAP_SERVERS; `deploy/local/up --kafka` starts a broker".to_owned(),
        )
        .into());
    }
    let directory = Arc::new(Directory::open(&args.data)?);
    directory.remove(SUMMARY)?;
    refuse_another_log(&directory, &log)?;
    let telemetry = telemetry::init("homeroom", &telemetry_config()?).map_err(|e| process::refusal(&e))?;
    let outcome = on_this_machine(&args, plan, log, directory).await;
    telemetry.flush();
    outcome
}

async fn on_this_machine(args: &Args, plan: FirstStart, log: log::Config, directory: Arc<Directory>) -> Result<()> {
    let (http, grpc) = listen(args).await?;
    let tasks = TaskGroup::default();
    lifecycle::signals(&tasks).context("signals cannot be heard")?;
    if args.until_stdin_closes {
        stop_with_stdin(&tasks);
    }
    let connection = keys::connection(&directory, http.local_addr()?, grpc.local_addr()?)?;
    teams::write_once(&directory, plan.sample.as_deref())?;
    println!("starting PostgreSQL in {}", directory.join("postgres").display());
    let cluster = start_cluster(&directory.join("postgres")).await?;
    let machine = Machine { directory: Arc::clone(&directory), connection, log, tasks };
    let outcome = serve(machine, plan, &cluster, http, grpc).await;
    directory.remove(SUMMARY)?;
    // The services have let go of their connections; the server goes last.
    let stopped = tokio::task::spawn_blocking(move || cluster.stop()).await.context("PostgreSQL was not waited for")?;
    outcome?;
    println!("stopped; the data stays in {}", directory.path().display());
    Ok(stopped?)
}

/// Starts the private cluster. The directory is ours alone, so a server that still runs in it belongs to a run that was killed,
/// and is stopping: it is waited for.
async fn start_cluster(folder: &Path) -> Result<LocalCluster> {
    let began = Instant::now();
    loop {
        match LocalCluster::start(folder, &Options::default()).await {
            Err(local::Error::AlreadyRunning { .. }) if began.elapsed() < STOPPING_WITHIN => sleep(PAUSE).await,
            outcome => return Ok(outcome?),
        }
    }
}

/// Migrates, builds every service, and serves until told to stop; the first start happens beside it, as a client of ours.
async fn serve(
    machine: Machine,
    plan: FirstStart,
    cluster: &LocalCluster,
    http: TcpListener,
    grpc: TcpListener,
) -> Result<()> {
    homeroom_pg::migrate(&cluster.admin_url(), &SCHEMAS, &RolePasswords::none())
        .await
        .context("the database could not be migrated")?;
    machine.directory.write(keys::CONFIG, &config_file(&machine.log, cluster, &machine.directory))?;
    let log = machine.log.open_in(database(cluster, &homeroom_bus::postgres::SCHEMA)).await?;
    log.create_topics(PARTITIONS).await?;
    let components = build(&machine, cluster, &log).await?;
    let Machine { directory, connection, tasks, .. } = machine;
    tasks.spawn("first start", first_start::run(plan, directory, connection, tasks.clone()));
    let doors =
        Doors { http: Some(http), grpc: Some(grpc), descriptors: homeroom_proto::DESCRIPTORS, ..Doors::default() };
    Ok(doors.run(tasks, components).await?)
}

async fn build(machine: &Machine, cluster: &LocalCluster, log: &Arc<dyn Log>) -> Result<Vec<Component>> {
    let directory = &machine.directory;
    let access = process::access(&directory.join(keys::FILE), &SecretFile::new(directory.join(keys::TOKEN_KEY)))?;
    process::follow(&access, directory.join(keys::FILE), &machine.tasks);
    let ingestion = homeroom_ingestion::Config {
        database: database(cluster, &homeroom_ingestion::SCHEMA),
        pseudonym_keys: directory.join(keys::PSEUDONYM_KEYS),
        public_url: Some(machine.connection.url.clone()),
        ..homeroom_ingestion::Config::default()
    };
    let rules = homeroom_rules::Config {
        database: database(cluster, &homeroom_rules::SCHEMA),
        ..homeroom_rules::Config::default()
    };
    let notification = homeroom_notification::Config {
        database: database(cluster, &homeroom_notification::SCHEMA),
        routing_file: Some(directory.join(teams::FILE)),
        ..homeroom_notification::Config::default()
    };
    let tasks = &machine.tasks;
    Ok(vec![
        homeroom_ingestion::build(&ingestion, Arc::clone(log), access.clone(), tasks)
            .await
            .context("ingestion cannot start")?,
        homeroom_rules::build(&rules, Arc::clone(log), access.clone(), tasks).await.context("rules cannot start")?,
        homeroom_notification::build(&notification, Arc::clone(log), access, tasks)
            .await
            .context("notification cannot start")?,
    ])
}

/// The database as the schema's own role sees it.
fn database(cluster: &LocalCluster, schema: &Schema) -> homeroom_pg::Config {
    homeroom_pg::Config::at(cluster.url(&schema.role(), homeroom_pg::local::DATABASE))
}

/// For commands that read database and log themselves, such as `homeroom verify`.
fn config_file(log: &log::Config, cluster: &LocalCluster, directory: &Directory) -> String {
    let url = |schema: &Schema| cluster.url(&schema.role(), homeroom_pg::local::DATABASE).expose_secret().to_owned();
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let path = |name: &str| quoted(&directory.join(name).display().to_string());
    let log = log.to_toml(&url(&homeroom_bus::postgres::SCHEMA));
    let access = format!("\n[access]\nkeys = {}\ntoken-key = {}\n", path(keys::FILE), path(keys::TOKEN_KEY));
    let ingestion = format!("\n[ingestion]\npseudonym-keys = {}\n", path(keys::PSEUDONYM_KEYS));
    let databases = [&homeroom_ingestion::SCHEMA, &homeroom_rules::SCHEMA, &homeroom_notification::SCHEMA]
        .map(|schema| format!("\n[{}.database]\nurl = {}\n", schema.name, quoted(&url(schema))));
    [log, access, ingestion].into_iter().chain(databases).collect()
}

async fn listen(args: &Args) -> Result<(TcpListener, TcpListener)> {
    let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let hint = || "another program listens there: give another --port, or 0 for a free one".to_owned();
    let next = if args.port == 0 { 0 } else { args.port.saturating_add(1) };
    let http = bind(at(args.port)).await.with_context(hint)?;
    let grpc = bind(at(args.grpc_port.unwrap_or(next))).await.with_context(hint)?;
    Ok((http, grpc))
}

fn sample(args: &Args) -> Result<Option<PathBuf>, BadConfig> {
    if args.no_sample {
        return Ok(None);
    }
    let unreadable = |e| {
        BadConfig(format!(
            "sample `{}`: {e}; give its folder with --sample, or start empty with --no-sample",
            args.sample.display()
        ))
    };
    args.sample.canonicalize().map(Some).map_err(unreadable)
}

/// A data directory belongs to one log for ever: the state in it says how far into that log it has read.
fn refuse_another_log(directory: &Directory, log: &log::Config) -> Result<()> {
    let kind = log.name();
    match directory.read("log")? {
        Some(before) if before != kind => {
            let path = directory.path().display();
            Err(BadConfig(format!("`{path}` holds the state of a log in {before}, not in {kind}: give another --data"))
                .into())
        }
        Some(_) => Ok(()),
        None => directory.write("log", kind),
    }
}

/// Warnings only, since this terminal is a person's, unless the environment says otherwise.
fn telemetry_config() -> Result<telemetry::Config, BadConfig> {
    let mut config: telemetry::Config = config::load("telemetry", None).map_err(|e| process::refusal(&e))?;
    if config::env("HOMEROOM_TELEMETRY__LOG_FILTER").map_err(|e| process::refusal(&e))?.is_none() {
        "warn".clone_into(&mut config.log_filter);
    }
    Ok(config)
}

/// Reads standard input to its end on a thread of its own, since such a read cannot be cancelled.
fn stop_with_stdin(tasks: &TaskGroup) {
    let tasks = tasks.clone();
    std::thread::spawn(move || {
        if let Err(error) = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()) {
            tracing::warn!(%error, "standard input broke");
        }
        // Whichever it was, whoever held the other end is gone.
        tasks.stop();
    });
}
