//! `homeroom support-bundle`: what somebody needs who helps from afar, without secrets or personal data.

use std::io;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use homeroom_chassis::clock;

use crate::bundle;
use crate::survey::{Limits, Places, judge};

/// Pack what somebody needs who helps from afar into one file: what `homeroom doctor` finds, versions, the configuration with
/// secrets and unknown texts left out, how far the log and the services are, how large tables are, and metrics. Neither names nor
/// ids nor records are in it. Look through it before you send it: it is a `.tar.gz` of texts.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    places: Places,
    /// Where to write it; it must not be there yet. `-` for standard output, since a pod has nowhere to write and nothing to copy with.
    #[arg(long, value_name = "FILE", default_value = "homeroom-support.tar.gz")]
    out: PathBuf,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let facts = Box::pin(args.places.look()).await?;
    let now = clock::now();
    let found = judge(&facts, Limits { quiet_hours: 72 }, now);
    let files = bundle::files(&facts, &found)?;
    for file in &files {
        eprintln!("{} ({} bytes)", file.name, file.text.len());
    }
    let out = args.out.display().to_string();
    let written = if out == "-" {
        bundle::archive::pack(io::stdout().lock(), &files, now).map(drop)
    } else {
        bundle::archive::write(&args.out, &files, now)
    };
    written.with_context(|| format!("`{out}` cannot be written"))?;
    eprintln!("{} is written; look through it before you send it", if out == "-" { "the bundle" } else { &out });
    Ok(())
}
