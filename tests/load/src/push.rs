//! Events pushed over gRPC.

use anyhow::{Result, bail};

use crate::options::Options;
use crate::report::Report;

/// Events pushed over gRPC.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) async fn run(_options: &Options, _args: &Args) -> Result<Report> {
    bail!("nothing is measured yet")
}
