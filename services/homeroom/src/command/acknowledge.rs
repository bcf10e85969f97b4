//! `homeroom acknowledge`: somebody has taken an alert up.

use anyhow::Result;
use homeroom_proto::wire::notification::AcknowledgeRequest;

use crate::client::{ConnectionArgs, grpc};

/// Say that somebody has taken an open alert up, so that no team is told of it because nobody did.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The alert's id, as the feed and messages have it.
    #[arg(value_name = "ALERT")]
    alert: String,
    /// The change that you have seen: nothing is done when the alert has risen since.
    #[arg(long, value_name = "N")]
    change: Option<u32>,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let connection = args.connection.load()?;
    let request = AcknowledgeRequest { alert_id: args.alert, change_number: args.change };
    let done = grpc::feed(&connection)?.acknowledge(request).await?.into_inner();
    println!("acknowledged as of change {} by key {}", done.change_number, done.acknowledged_by);
    Ok(())
}
