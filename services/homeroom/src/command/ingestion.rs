//! `homeroom ingestion`: the ingestion service alone, as a cluster runs it.

use anyhow::{Context as _, Result};

use crate::process::{ConfigArgs, Foundation, Process, complete};

/// Run the ingestion service: foreign records become canonical events.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let mut config: homeroom_ingestion::Config = args.config.load("ingestion")?;
    complete(&mut config.database)?;
    let process = Process::load(&args.config)?;
    let build = async |Foundation { log, access, tasks }| {
        homeroom_ingestion::build(&config, log, access, &tasks).await.context("ingestion cannot start")
    };
    process.run("homeroom-ingestion", build).await
}
