//! `homeroom backup`: whether a database that was restored is complete, and belongs to the log.

use std::time::Duration;

use anyhow::Result;
use homeroom_bus::Topic;
use tokio::time::timeout;

use super::doctor;
use crate::finding::Finding;
use crate::process::{ConfigArgs, complete, log};
use crate::survey::{Asked, Facts, Limits, Places, behind, consistent, judge};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Backup {
    /// Say whether a restored database is complete and belongs to the log, and what to do before anything is started on it.
    Check(Args),
}

/// Look at a database that was restored from a backup, before anything runs on it: whether every schema is there, whether the log
/// reaches what the tables have, how much is folded again, whether each district's pseudonym key is there, and what was not published.
/// With `--verify` everything is computed anew from the log and compared, as far as the tables have come. Changes nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    places: Places,
    /// Also compute everything anew from the log, up to where the tables are. Takes as long as `homeroom verify`.
    #[arg(long)]
    verify: bool,
    /// Print one JSON object for programs.
    #[arg(long)]
    json: bool,
}

/// The longest that `--verify` may take: a million students' years take minutes.
const VERIFY: Duration = Duration::from_hours(6);

pub(crate) async fn run(backup: Backup) -> Result<()> {
    let Backup::Check(args) = backup;
    let facts = Box::pin(args.places.look()).await?;
    let mut found = judge(&facts, Limits { quiet_hours: i64::MAX / 3_600 }, homeroom_chassis::clock::now());
    // What was waiting when the backup was made, or is quiet because nothing runs, says nothing of the backup.
    found.retain(|finding| {
        ["database of", "PostgreSQL", "log", "topic"].iter().any(|it| finding.subject.starts_with(it))
    });
    found.extend(pseudonyms(&facts));
    found.extend(positions(&facts));
    if args.verify {
        found.push(verified(args.places.config()?).await?);
    }
    doctor::tell(&found, args.json)
}

/// Without its key a district's records would be of other students.
fn pseudonyms(facts: &Facts) -> Vec<Finding> {
    let subject = "pseudonym keys";
    let Some(survey) = facts.ingestion.answer() else { return Vec::new() };
    let keys = match &facts.pseudonyms {
        Asked::Answered(keys) => keys,
        Asked::NotConfigured(why) => return vec![Finding::not_checked(subject, why)],
        Asked::Failed(_) => {
            let next = "bring the keys back from where secrets are kept: they are not in a database's backup";
            return vec![Finding::problem(subject, "they cannot be read", next)];
        }
    };
    let missing: Vec<_> = survey.districts.iter().filter(|it| !keys.contains(&it.district)).collect();
    if missing.is_empty() {
        return vec![Finding::ok(subject, format!("each of {} districts has its own", survey.districts.len()))];
    }
    let next = "bring `DISTRICT.key` back exactly as it was; a new key would make every student another one";
    missing
        .into_iter()
        .map(|it| Finding::problem(subject, format!("district {} has none here", it.district), next))
        .collect()
}

/// Whether the log reaches what the tables have, and how far it is ahead.
fn positions(facts: &Facts) -> Vec<Finding> {
    let Some(log) = facts.log.answer() else { return Vec::new() };
    let mut found = Vec::new();
    if let Some(rules) = facts.rules.answer() {
        let positions: Vec<_> = rules.partitions.iter().map(|it| (it.partition, it.next_offset)).collect();
        let says = |ahead| format!("the log has {ahead} events more; they are folded when the rules service starts");
        found.extend(position("state", &positions, log, Topic::Events, says));
    }
    if let Some(notification) = facts.notification.answer() {
        let positions: Vec<_> = notification.inbox.iter().map(|it| (it.partition, it.next_offset)).collect();
        let says = |ahead| format!("the log has {ahead} alert changes more; they are planned when notification starts");
        found.extend(position("deliveries", &positions, log, Topic::Alerts, says));
        let ahead = behind(&positions, log, Topic::Alerts).unwrap_or(0);
        let marked = notification.inbox.iter().any(|it| it.told_below > it.next_offset);
        if ahead > 0 && !marked {
            let next = "run `homeroom restored` once, before anything starts; if nothing was restored, this is a service that is behind";
            let says = "the lost database may have told of changes that this one does not know";
            found.push(Finding::warning("what was told", says, next));
        } else {
            found.push(Finding::ok("what was told", "nothing is unknown, or `homeroom restored` has said so"));
        }
    }
    let waiting: i64 = facts.ingestion.answer().map_or(0, |it| it.districts.iter().map(|it| it.outbox_rows).sum());
    found.push(Finding::ok("outbox", format!("{waiting} accepted records are published again when ingestion starts")));
    found
}

fn position(
    subject: &str,
    positions: &[(i32, i64)],
    log: &crate::survey::LogFacts,
    topic: Topic,
    says: impl Fn(i64) -> String,
) -> Option<Finding> {
    let ends = log.ends.get(&topic)?.as_ref().ok()?;
    Some(match consistent(positions, ends) {
        Ok(()) => Finding::ok(subject, says(behind(positions, log, topic)?)),
        Err(problem) => {
            let next = "this log is not the one that the backup was made beside, or has lost records: start nothing";
            Finding::problem(subject, format!("{topic}: {problem}"), next)
        }
    })
}

/// Whether everything computed anew is what the tables have.
async fn verified(config: ConfigArgs) -> Result<Finding> {
    let subject = "verify";
    let mut rules: homeroom_rules::Config = config.load("rules")?;
    complete(&mut rules.database)?;
    let log = log::Config::load(&config)?.open().await?;
    Ok(match timeout(VERIFY, homeroom_rules::verify(&rules.database, log)).await {
        Err(_) => Finding::warning(subject, "it took too long", "run `homeroom verify` by itself"),
        Ok(Err(homeroom_rules::Error::Config(problem))) => {
            Finding::not_checked(subject, format!("{problem}: run `homeroom verify` when the services have caught up"))
        }
        Ok(Err(error)) => return Err(error.into()),
        Ok(Ok(report)) if report.differences.is_empty() => {
            Finding::ok(subject, format!("{} students, no difference", report.students))
        }
        Ok(Ok(report)) => {
            let says = format!("{} differences in {} students", report.differences.len(), report.students);
            Finding::problem(
                subject,
                says,
                "`homeroom verify` names them; keep this database aside and restore an earlier backup",
            )
        }
    })
}
