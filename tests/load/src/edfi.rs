//! Ed-Fi documents, one in a request, committed.

use anyhow::{Result, bail};

use crate::options::Options;
use crate::report::Report;

/// Ed-Fi documents, one in a request, committed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) async fn run(_options: &Options, _args: &Args) -> Result<Report> {
    bail!("nothing is measured yet")
}
