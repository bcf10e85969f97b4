//! `homeroom rules`: the rules service alone, as a cluster runs it; with a word behind it, the rules themselves.

use anyhow::Result;
use homeroom_rules::Error;

use super::replay;
use crate::process::{ConfigArgs, Foundation, Process, complete, refusal};

/// Run the rules service: exact risk state, and the alerts that follow from it. With a word behind it: look at rules.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    word: Option<Word>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    /// Try rules on past dates: whom they would have flagged, and what came of those students.
    Replay(replay::Args),
}

pub(crate) async fn run(args: Args) -> Result<()> {
    match args.word {
        None => serve(&args.config).await,
        Some(Word::Replay(args)) => replay::run(args).await,
    }
}

async fn serve(args: &ConfigArgs) -> Result<()> {
    let mut config: homeroom_rules::Config = args.load("rules")?;
    complete(&mut config.database)?;
    homeroom_rules::check(&config).map_err(|error| refusal(&error))?;
    let process = Process::load(args)?;
    let build = async |Foundation { log, access, tasks }| {
        homeroom_rules::build(&config, log, access, &tasks).await.map_err(|error| match error {
            Error::Config(_) => refusal(&error).into(),
            other => anyhow::Error::new(other).context("rules cannot start"),
        })
    };
    process.run("homeroom-rules", build).await
}
