//! `homeroom case`: somebody is at work for a student, or no longer.

use anyhow::Result;
use homeroom_proto::wire::notification::{CloseCaseRequest, ListCasesRequest, OpenCaseRequest};

use super::student::StudentArgs;
use crate::client::{ConnectionArgs, grpc};
use crate::text::table;

/// Open or close a student's case, or list those that are open.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Case {
    /// Say that somebody is at work for a student: until the case is closed, no team is told of what rules say may wait for that. What
    /// takes an earlier message back is told all the same.
    Open(Args),
    /// Say that the case is closed: what it held back, and still holds, is told at once, whatever the hour; late news within the hours of
    /// a school day.
    Close(Args),
    /// Print the district's open cases, those opened first first: since when, by which key, and how many messages each holds back.
    List(ListArgs),
}

/// Whose case.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    who: StudentArgs,
}

/// How many cases.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// At most so many cases.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

const PAGE: u32 = 500;

pub(crate) async fn run(case: Case) -> Result<()> {
    match case {
        Case::Open(args) => {
            let connection = args.connection.load()?;
            let student = args.who.key(&connection, "").await?.as_bytes().to_vec().into();
            let done = grpc::feed(&connection)?.open_case(OpenCaseRequest { student }).await?.into_inner();
            println!("the case is open, by key {}", done.opened_by);
        }
        Case::Close(args) => {
            let connection = args.connection.load()?;
            let student = args.who.key(&connection, "").await?.as_bytes().to_vec().into();
            let done = grpc::feed(&connection)?.close_case(CloseCaseRequest { student }).await?.into_inner();
            println!("the case is closed, by key {}", done.closed_by);
        }
        Case::List(args) => list(args).await?,
    }
    Ok(())
}

async fn list(args: ListArgs) -> Result<()> {
    let mut feed = grpc::feed(&args.connection.load()?)?;
    let page_size = PAGE.min(u32::try_from(args.limit).unwrap_or(PAGE)).max(1);
    let mut request = ListCasesRequest { page_size, ..ListCasesRequest::default() };
    let mut cases = Vec::new();
    loop {
        let page = feed.list_cases(request.clone()).await?.into_inner();
        cases.extend(page.cases);
        if page.next_page_token.is_empty() || cases.len() >= args.limit {
            break;
        }
        request.page_token = page.next_page_token;
    }
    cases.truncate(args.limit);
    let mut rows = vec![["student", "open since", "by key", "held back"].map(str::to_owned).to_vec()];
    rows.extend(cases.iter().map(|case| {
        let since = case.opened_at.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![hex::encode(&case.student), since, case.opened_by.clone(), case.held.to_string()]
    }));
    print!("{}", table::lines(&rows));
    Ok(())
}
