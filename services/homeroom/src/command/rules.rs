//! `homeroom rules`: the rules service alone, as a cluster runs it; with a word behind it, the rules themselves.

mod life;
mod look;

use anyhow::Result;
use homeroom_rules::Error;

use super::replay;
use crate::process::{ConfigArgs, Foundation, Process, complete, refusal};

/// Run the rules service: exact risk state, and the alerts that follow from it. With a word behind it: check, show and change the
/// district's rules.
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
    /// Say whether a document of rules is sound, and whether it can follow on those in force.
    Check(look::CheckArgs),
    /// Show what is in force, and where each line of it is said.
    Show(look::ShowArgs),
    /// Tell what a document would change, rule by rule.
    Diff(look::DiffArgs),
    /// Tell which alerts a document would open and take back, before it is put in force.
    Preview(look::PreviewArgs),
    /// Tell what one rule of those in force means, what it looks at, and where its numbers come from.
    Explain(look::ExplainArgs),
    /// Put a document of rules in force.
    Activate(life::ActivateArgs),
    /// Put the text of an earlier version in force again, under a new version.
    Rollback(life::RollbackArgs),
    /// Tell what was in force when, by whom and why.
    History(life::HistoryArgs),
    /// Try rules on past dates: whom they would have flagged, and what came of those students.
    Replay(replay::Args),
}

pub(crate) async fn run(args: Args) -> Result<()> {
    match args.word {
        None => serve(&args.config).await,
        Some(Word::Check(args)) => look::check(args).await,
        Some(Word::Show(args)) => look::show(args).await,
        Some(Word::Diff(args)) => look::diff(args).await,
        Some(Word::Preview(args)) => look::preview(args).await,
        Some(Word::Explain(args)) => look::explain(args).await,
        Some(Word::Activate(args)) => life::activate(args).await,
        Some(Word::Rollback(args)) => life::rollback(args).await,
        Some(Word::History(args)) => life::history(args).await,
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
