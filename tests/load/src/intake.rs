//! Native batches of JSON, validated, mapped and acknowledged by Kafka.

use anyhow::{Result, bail};

use crate::options::Options;
use crate::report::Report;

/// Native batches of JSON, validated, mapped and acknowledged by Kafka.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) async fn run(_options: &Options, _args: &Args) -> Result<Report> {
    bail!("nothing is measured yet")
}
