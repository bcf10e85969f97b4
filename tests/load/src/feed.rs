//! Deliveries with acknowledgements on the leased feed.

use anyhow::{Result, bail};

use crate::options::Options;
use crate::report::Report;

/// Deliveries with acknowledgements on the leased feed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) async fn run(_options: &Options, _args: &Args) -> Result<Report> {
    bail!("nothing is measured yet")
}
