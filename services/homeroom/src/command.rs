//! The commands, one per file.

mod acknowledge;
mod backup;
mod canary;
mod case;
mod channel;
mod dead_letters;
pub(crate) mod doctor;
mod duty;
mod explain;
mod export;
mod ingestion;
mod keys;
mod migrate;
mod notification;
mod preview;
mod replay;
mod restored;
mod risk;
mod rules;
mod sample;
mod simulate;
mod student;
mod students;
mod support_bundle;
mod topics;
mod up;
mod verify;
mod watch;

use anyhow::Result;

/// Homeroom turns what happens in a classroom into help for a student on the same day.
#[derive(Debug, clap::Parser)]
#[command(name = "homeroom", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run everything on this machine.
    Up(up::Args),
    /// Run the ingestion service: foreign records become canonical events.
    Ingestion(ingestion::Args),
    /// Run the rules service: exact risk state, and the alerts that follow from it.
    Rules(rules::Args),
    /// Run the notification service: the right adult is told, and told again when it was wrong.
    Notification(notification::Args),
    /// Run an adapter that takes deliveries to a channel.
    #[command(subcommand)]
    Channel(channel::Channel),
    /// Tell the story of a student who does not exist, again and again, and show how fast it is told.
    Canary(canary::Args),
    /// Bring the database to the schema that this version knows.
    Migrate(migrate::Args),
    /// Say that the database was restored from a backup.
    Restored(restored::Args),
    /// Create or check the log's topics.
    #[command(subcommand)]
    Topics(topics::Topics),
    /// Follow the alerts.
    Watch(watch::Args),
    /// Say that somebody has taken an alert up.
    Acknowledge(acknowledge::Args),
    /// Show what an alert asks for, or say that it is done: what is done is not told when it falls due.
    #[command(subcommand)]
    Duty(duty::Duty),
    /// Open or close a student's case, or list those that are open: while one is, alerts that may wait for it are not told.
    #[command(subcommand)]
    Case(case::Case),
    /// Ask for a student's risk, or for students by school and tier.
    Risk(risk::Args),
    /// Show what another way of counting, or other rules, would change, before it is done.
    Preview(preview::Args),
    /// Show what a student's figures are made of: facts, arithmetic, rules, and what changed since an earlier date.
    Explain(explain::Args),
    /// Compute everything anew from the log, and compare.
    Verify(verify::Args),
    /// Say how a running system is, and what to do next.
    Doctor(doctor::Args),
    /// Pack what somebody needs who helps from afar, without secrets or personal data.
    SupportBundle(support_bundle::Args),
    /// Look at a database that was restored from a backup.
    #[command(subcommand)]
    Backup(backup::Backup),
    /// Make keys, and say who has one.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Print what could not be understood or used, with the reason: the quarantine.
    #[command(visible_alias = "quarantine")]
    DeadLetters(dead_letters::Args),
    /// Write out what a spreadsheet can read.
    #[command(subcommand)]
    Export(export::Export),
    /// Load a sample district, or play the rest of its year.
    #[command(subcommand)]
    Sample(sample::Sample),
    /// Merge two ids of one student, or split them again.
    #[command(subcommand)]
    Students(students::Students),
    /// Make a believable district of any size from a seed: into files, or live through the Ed-Fi API.
    Simulate(simulate::Args),
}

impl Cli {
    /// Runs the command until it is done.
    pub(crate) async fn run(self) -> Result<()> {
        match self.command {
            Command::Up(args) => Box::pin(up::run(args)).await,
            Command::Ingestion(args) => ingestion::run(args).await,
            Command::Rules(args) => rules::run(args).await,
            Command::Notification(args) => notification::run(args).await,
            Command::Channel(channel) => channel::run(channel).await,
            Command::Canary(args) => canary::run(args).await,
            Command::Migrate(args) => migrate::run(args).await,
            Command::Restored(args) => restored::run(args).await,
            Command::Topics(topics) => topics::run(topics).await,
            Command::Watch(args) => watch::run(args).await,
            Command::Acknowledge(args) => acknowledge::run(args).await,
            Command::Duty(duty) => duty::run(duty).await,
            Command::Case(case) => case::run(case).await,
            Command::Risk(args) => risk::run(args).await,
            Command::Preview(args) => preview::run(args).await,
            Command::Explain(args) => explain::run(args).await,
            Command::Verify(args) => verify::run(args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::SupportBundle(args) => support_bundle::run(args).await,
            Command::Backup(backup) => backup::run(backup).await,
            Command::Keys(keys) => keys::run(&keys),
            Command::DeadLetters(args) => dead_letters::run(args).await,
            Command::Export(export) => export::run(export).await,
            Command::Sample(sample) => sample::run(sample).await,
            Command::Students(students) => students::run(students).await,
            Command::Simulate(args) => simulate::run(args).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
