//! `homeroom notification`: the notification service alone, as a cluster runs it.

use anyhow::{Context as _, Result};

use crate::process::{ConfigArgs, Foundation, Process, complete};

/// Run the notification service: the right adult is told, and told again when it was wrong.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let mut config: homeroom_notification::Config = args.config.load("notification")?;
    complete(&mut config.database)?;
    let process = Process::load(&args.config)?;
    let build = async |Foundation { log, access, tasks }| {
        homeroom_notification::build(&config, log, access, &tasks).await.context("notification cannot start")
    };
    process.run("homeroom-notification", build).await
}
