//! `homeroom doctor`: how a running system is, and what to do next.

use anyhow::Result;
use homeroom_chassis::clock;
use serde_json::json;

use crate::failure::Problems;
use crate::finding::{self, Finding, Level};
use crate::survey::{Limits, Places, judge};

/// Say how a running system is: what answers, which schema it has, what lags or waits, which source is quiet, which certificate ends;
/// and what to do next. Run it where a service's configuration is; what that does not name is not looked at. Ends with 1 when there
/// is a problem, and takes less than a minute whatever does not answer.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    places: Places,
    /// A source is quiet when it was silent for so many hours; the default is longer than a weekend.
    #[arg(long, value_name = "HOURS", default_value_t = 72, value_parser = clap::value_parser!(i64).range(0..=10_000))]
    quiet_hours: i64,
    /// Print one JSON object for programs.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let facts = Box::pin(args.places.look()).await?;
    let found = judge(&facts, Limits { quiet_hours: args.quiet_hours }, clock::now());
    tell(&found, args.json)
}

/// Prints what was found, and fails when there is a problem.
pub(crate) fn tell(found: &[Finding], as_json: bool) -> Result<()> {
    if as_json {
        println!("{}", json(found));
    } else {
        print!("{}", finding::text(found));
    }
    match finding::count(found, Level::Problem) {
        0 => Ok(()),
        problems => Err(Problems(problems).into()),
    }
}

/// For programs.
pub(crate) fn json(found: &[Finding]) -> serde_json::Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "at": clock::now().to_string(),
        "problems": finding::count(found, Level::Problem),
        "warnings": finding::count(found, Level::Warning),
        "findings": found,
    })
}
