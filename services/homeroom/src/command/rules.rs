//! `homeroom rules`: the rules service alone, as a cluster runs it.

use anyhow::Result;
use homeroom_rules::Error;

use crate::process::{ConfigArgs, Foundation, Process, complete, refusal};

/// Run the rules service: exact risk state, and the alerts that follow from it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let mut config: homeroom_rules::Config = args.config.load("rules")?;
    complete(&mut config.database)?;
    homeroom_rules::check(&config).map_err(|error| refusal(&error))?;
    let process = Process::load(&args.config)?;
    let build = async |Foundation { log, access, tasks }| {
        homeroom_rules::build(&config, log, access, &tasks).await.map_err(|error| match error {
            Error::Config(_) => refusal(&error).into(),
            other => anyhow::Error::new(other).context("rules cannot start"),
        })
    };
    process.run("homeroom-rules", build).await
}
