//! `homeroom duty`: what an alert asks for, and what of it is done.

use anyhow::Result;
use homeroom_proto::wire::notification::{ListDutiesRequest, RecordDutyDoneRequest};

use crate::client::{ConnectionArgs, grpc};
use crate::text::duty;

/// Show what an alert asks for, or say that it is done.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Duty {
    /// Print what an alert asks for, by when, and who has done what of it.
    List(ListArgs),
    /// Say that a duty of an open alert is done: no team is told any more that it has fallen due.
    Done(DoneArgs),
}

/// Of which alert.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The alert's id, as the feed and messages have it.
    #[arg(value_name = "ALERT")]
    alert: String,
}

/// Which duty.
#[derive(Debug, clap::Args)]
pub(crate) struct DoneArgs {
    #[command(flatten)]
    of: ListArgs,
    /// The duty's number, as `homeroom duty list` prints it.
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    number: u32,
    /// The change that you have seen, when the alert may say its duties in another order since.
    #[arg(long, value_name = "N")]
    change: Option<u32>,
}

pub(crate) async fn run(duty: Duty) -> Result<()> {
    match duty {
        Duty::List(args) => {
            let request = ListDutiesRequest { alert_id: args.alert };
            let listed = grpc::feed(&args.connection.load()?)?.list_duties(request).await?.into_inner();
            print!("{}", duty::for_people(&listed));
        }
        Duty::Done(args) => {
            let request =
                RecordDutyDoneRequest { alert_id: args.of.alert, change_number: args.change, duty: args.number - 1 };
            let done = grpc::feed(&args.of.connection.load()?)?.record_duty_done(request).await?.into_inner();
            println!("done, by key {}", done.done.unwrap_or_default().done_by);
        }
    }
    Ok(())
}
