//! `homeroom students`: two ids of one student are merged, or split again.

use std::time::Duration;

use anyhow::Result;

use crate::client::merge::{self, Merge};
use crate::client::{Connection, ConnectionArgs};

/// What to do with students' ids.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Students {
    /// Merge two ids of one student: what any source sent, or sends, of FROM counts for INTO.
    ///
    /// State, measures and alerts come to what they would be had the records always said so. It waits until what was sent before
    /// has been brought over; interrupted, the merge is in force all the same, and goes on.
    Merge(MergeArgs),
    /// Split a student who was merged: what was sent as FROM, before the merge or since, counts for FROM again.
    Split(SplitArgs),
    /// Print which students are merged, or were, newest first, by their keys.
    Merges(ListArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct MergeArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The district's own id of the student who is to be no more.
    from: String,
    /// The district's own id of the student who stays.
    into: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SplitArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The district's own id of the student who was merged into another one.
    from: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// How often is asked how far it is.
const EVERY: Duration = Duration::from_millis(200);

pub(crate) async fn run(students: Students) -> Result<()> {
    match students {
        Students::Merge(args) => {
            let connection = args.connection.load()?;
            let asked = merge::merge(&connection, &args.from, &args.into).await?;
            let moved = wait(&connection, asked).await?;
            println!("{} counts for {}; {} records were brought over", moved.from, moved.into, moved.records);
        }
        Students::Split(args) => {
            let connection = args.connection.load()?;
            let asked = merge::split(&connection, &args.from).await?;
            let moved = wait(&connection, asked).await?;
            println!("{} is apart from {}; {} records were brought back", moved.from, moved.into, moved.records);
        }
        Students::Merges(args) => print(&merge::list(&args.connection.load()?).await?),
    }
    Ok(())
}

/// Waits until the records are where they belong. What keeps them is told once, and may pass.
async fn wait(connection: &Connection, asked: Merge) -> Result<Merge> {
    let mut told = None;
    let mut now = asked;
    while now.state != "moved" {
        if now.state == "set aside" {
            let problem = now.problem.as_deref().unwrap_or("no reason is known");
            anyhow::bail!(
                "the students are {} for what comes from now on; what was sent before stays where it was, since {problem}. \
                 It is tried again every ten minutes, and `homeroom students merges` shows it",
                if now.split_at.is_some() { "two" } else { "one" }
            );
        }
        if let Some(problem) = now.problem.clone().filter(|problem| told.as_ref() != Some(problem)) {
            eprintln!("not yet, and tried again: {problem}");
            told = Some(problem);
        }
        tokio::time::sleep(EVERY).await;
        let list = merge::list(connection).await?;
        let same = |it: &Merge| (&it.from, &it.merged_at, &it.split_at) == (&now.from, &now.merged_at, &now.split_at);
        let Some(found) = list.merges.into_iter().chain(list.splits).find(same) else {
            anyhow::bail!("the students were merged or split otherwise meanwhile");
        };
        now = found;
    }
    Ok(now)
}

fn print(list: &merge::List) {
    for it in list.merges.iter().chain(&list.splits) {
        let (word, at) = match (&it.merged_at, &it.split_at) {
            (_, Some(at)) => ("split from", at),
            (at, None) => ("merged into", at.as_ref().unwrap_or(&it.state)),
        };
        println!("{at}  {} {word} {}  {}, {} records", it.from, it.into, it.state, it.records);
        if let Some(problem) = &it.problem {
            println!("    {problem}");
        }
    }
    println!("{} merged, {} split", list.merges.len(), list.splits.len());
}
