//! `homeroom verify`: computes everything anew from the log, and compares.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use homeroom_bus::Log;
use homeroom_rules::{Error, Report};
use tokio::time::Instant;

use crate::client::ConnectionArgs;
use crate::failure::Differences;
use crate::process::{ConfigArgs, complete, log};

/// Compute everything anew from the log, and compare with what is kept. Prints each difference, and fails when there is one.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) async fn run(args: Args) -> Result<()> {
    let config = args.config.or(args.connection.config()?);
    let mut rules: homeroom_rules::Config = config.load("rules")?;
    complete(&mut rules.database)?;
    let log = log::Config::load(&config)?.open().await?;
    let report = caught_up(&rules.database, log).await?;
    for difference in &report.differences {
        println!("{difference}");
    }
    println!(
        "{} students computed anew from {} events: {} differences",
        report.students,
        report.events,
        report.differences.len()
    );
    if report.not_understood > 0 {
        println!("{} events could not be understood and have no effect", report.not_understood);
    }
    match u64::try_from(report.differences.len()).unwrap_or(u64::MAX) {
        0 => Ok(()),
        differences => Err(Differences(differences).into()),
    }
}

/// Verifies as soon as the state has caught up with the reference records, which a service that runs does within moments.
async fn caught_up(database: &homeroom_pg::Config, log: Arc<dyn Log>) -> Result<Report> {
    let began = Instant::now();
    loop {
        match homeroom_rules::verify(database, Arc::clone(&log)).await {
            Err(Error::Config(_)) if began.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            outcome => return Ok(outcome?),
        }
    }
}
