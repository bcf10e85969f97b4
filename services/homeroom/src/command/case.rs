//! `homeroom case`: somebody is at work for a student, or no longer.

use anyhow::Result;
use homeroom_domain::id::StudentKey;
use homeroom_proto::wire::notification::{CloseCaseRequest, OpenCaseRequest};

use super::risk::Who;
use crate::client::{ConnectionArgs, grpc};

/// Open or close a student's case.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Case {
    /// Say that somebody is at work for a student: until the case is closed, no team is told of what rules say may wait for that. What
    /// takes an earlier message back is told all the same.
    Open(Args),
    /// Say that the case is closed: what it held back, and still holds, is told at once, whatever the hour; late news within the hours of
    /// a school day.
    Close(Args),
}

/// Whose case.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The student's key, as alerts carry it.
    #[arg(value_name = "STUDENT", conflicts_with = "local_id")]
    student: Option<StudentKey>,
    /// The district's own id of the student.
    #[arg(long, value_name = "ID")]
    local_id: Option<String>,
}

pub(crate) async fn run(case: Case) -> Result<()> {
    let (Case::Open(args) | Case::Close(args)) = &case;
    let connection = args.connection.load()?;
    let who = Who { student: args.student, local_id: args.local_id.as_deref() };
    let student = who.key(&connection, "STUDENT or --local-id ID").await?.as_bytes().to_vec().into();
    let mut feed = grpc::feed(&connection)?;
    match case {
        Case::Open(_) => {
            let done = feed.open_case(OpenCaseRequest { student }).await?.into_inner();
            println!("the case is open, by key {}", done.opened_by);
        }
        Case::Close(_) => {
            let done = feed.close_case(CloseCaseRequest { student }).await?.into_inner();
            println!("the case is closed, by key {}", done.closed_by);
        }
    }
    Ok(())
}
