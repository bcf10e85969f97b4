//! From mark to alert on a Homeroom that runs already, such as `deploy/local/up`: for the figure in the README.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::open_loop::{self, Pace};
use crate::report::Report;
use crate::target::Target;

/// The school of the sample whose only calendar the run's students follow.
const SCHOOL: &str = "255901001";

/// Measures the time from a mark to its alert on a running Homeroom that holds the Grand Bend sample.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file that `deploy/local/up` writes.
    #[arg(long, default_value = "var/local.env")]
    env_file: PathBuf,
    /// A word that keeps this run's students apart from those of other runs.
    #[arg(long)]
    run: String,
    #[command(flatten)]
    pace: Pace,
}

/// Runs it.
pub(crate) async fn run(args: &Args) -> Result<Report> {
    let target = Target::from_file(&args.env_file, SCHOOL)?;
    println!("enrolling {} students", args.pace.marks());
    let students = target.enroll(&args.run, args.pace.marks(), "2021-08-23").await?;
    target.wait_until_caught_up().await?;
    let mut report = Report::begin("mark-to-alert", json!({ "marks_per_second": args.pace.rate }));
    let run = open_loop::run(args.pace, &target, students).await?;
    run.answered.report(&mut report, "mark accepted");
    run.alerts.report(&mut report, "mark to alert");
    ensure!(run.alerts.missing == 0, "{} marks had no alert", run.alerts.missing);
    Ok(report)
}
