//! Rules put in force, taken back, and what was in force before.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use homeroom_proto::wire::rule::{ActivateRequest, Activation, HistoryRequest, RollbackRequest};

use super::look::contents;
use crate::client::{ConnectionArgs, grpc};
use crate::text::rules;

/// Put a document in force, for the whole district at one point of the log. Alerts that it no longer supports are amended, cleared
/// or recalled, as each rule says.
#[derive(Debug, clap::Args)]
pub(super) struct ActivateArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// YAML; its version is above every version before, and so is that of each rule that it changes.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    why: WhyArgs,
}

/// Put an earlier text in force again. It takes the next version, and each rule that it changes back a new one.
#[derive(Debug, clap::Args)]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The version whose text it is, as `homeroom rules history` tells.
    #[arg(value_name = "VERSION")]
    version: u32,
    #[command(flatten)]
    why: WhyArgs,
}

#[derive(Debug, clap::Args)]
struct WhyArgs {
    /// Why, for those who look it up. It must not name a student.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only if this version is in force (0 for none): somebody else may have changed it meanwhile.
    #[arg(long, value_name = "VERSION")]
    expect: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(super) struct HistoryArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// At most so many, the newest.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// One JSON object a line, for scripts.
    #[arg(long)]
    json: bool,
}

pub(super) async fn activate(args: ActivateArgs) -> Result<()> {
    let document = contents(&args.file)?;
    let connection = args.connection.load()?;
    let WhyArgs { reason, expect: expected_version } = args.why;
    let request = ActivateRequest { document, reason, expected_version };
    let answer = grpc::rules(&connection)?.activate(request).await?.into_inner();
    tell(&answer.activation.context("the answer does not say what is in force")?);
    Ok(())
}

pub(super) async fn rollback(args: RollbackArgs) -> Result<()> {
    let connection = args.connection.load()?;
    let WhyArgs { reason, expect: expected_version } = args.why;
    let request = RollbackRequest { version: args.version, reason, expected_version };
    let answer = grpc::rules(&connection)?.rollback(request).await?.into_inner();
    tell(&answer.activation.context("the answer does not say what is in force")?);
    Ok(())
}

fn tell(activation: &Activation) {
    println!("in force: {}", rules::activation(activation));
    println!("`homeroom risk progress` tells how many students it still has to reach");
}

pub(super) async fn history(args: HistoryArgs) -> Result<()> {
    let connection = args.connection.load()?;
    let request = HistoryRequest { limit: args.limit, before: 0 };
    let answer = grpc::rules(&connection)?.history(request).await?.into_inner();
    if answer.activations.is_empty() && !args.json {
        println!("nothing was put in force since this is kept");
    }
    for activation in &answer.activations {
        let line =
            if args.json { rules::activation_to_json(activation).to_string() } else { rules::activation(activation) };
        println!("{line}");
    }
    Ok(())
}
