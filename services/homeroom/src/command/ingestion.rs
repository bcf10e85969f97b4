//! `homeroom ingestion`: the ingestion service alone, as a cluster runs it.

use anyhow::Result;
use homeroom_ingestion::Error;

use crate::process::{ConfigArgs, Foundation, Process, complete, refusal};

/// Run the ingestion service: foreign records become canonical events.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let mut config: homeroom_ingestion::Config = args.config.load("ingestion")?;
    complete(&mut config.database)?;
    homeroom_ingestion::check(&config).map_err(|error| refusal(&error))?;
    let process = Process::load(&args.config)?;
    let build = async |Foundation { log, access, tasks }| {
        homeroom_ingestion::build(&config, log, access, &tasks).await.map_err(|error| match error {
            Error::Config(_) | Error::Pseudonym(_) => refusal(&error).into(),
            Error::Database(error) => anyhow::Error::new(error).context("ingestion cannot start"),
        })
    };
    process.run("homeroom-ingestion", build).await
}
