//! The pure engine on one core, and the bytes of a student.

use anyhow::{Result, bail};

use crate::options::Options;
use crate::report::Report;

/// The pure engine on one core, and the bytes of a student.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) async fn run(_options: &Options, _args: &Args) -> Result<Report> {
    bail!("nothing is measured yet")
}
