//! `homeroom risk`: a student's risk, students by school and tier, and what rules have told.

use anyhow::Result;
use homeroom_proto::wire::risk::{GetProgressRequest, GetStudentRequest, GetSummaryRequest, ListStudentsRequest};

use super::student::StudentArgs;
use crate::client::{ConnectionArgs, grpc};
use crate::text::names::SchoolNames;
use crate::text::{preview, rule, student, table};

/// One student, with `list` several, with `rules` what each rule has told.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    question: Option<Question>,
    #[command(flatten)]
    one: One,
}

#[derive(Debug, clap::Subcommand)]
enum Question {
    /// Students by school and tier.
    List(ListArgs),
    /// How many alerts each rule has opened, and which rules fail.
    Rules(WholeArgs),
    /// How many students a move of the date or of reference data still has to reach.
    Progress(WholeArgs),
}

#[derive(Debug, clap::Args)]
struct WholeArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Debug, clap::Args)]
struct One {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    who: StudentArgs,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Only students of this school, by its figures; the district as a whole when left out.
    #[arg(long, value_name = "SCHOOL")]
    school: Option<String>,
    /// 0 below 5% absent, 1 from 5%, 2 from 10%, 3 from 20%.
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..=3))]
    tier: Option<i32>,
    /// At most so many students.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

const PAGE: u32 = 500;

pub(crate) async fn run(args: Args) -> Result<()> {
    match args.question {
        Some(Question::List(args)) => list(args).await,
        Some(Question::Rules(args)) => rules(&args).await,
        Some(Question::Progress(args)) => progress(&args).await,
        None => one(args.one).await,
    }
}

async fn one(args: One) -> Result<()> {
    let connection = args.connection.load()?;
    let key = args.who.key(&connection, "").await?;
    let others = vec!["all".to_owned()];
    let request = GetStudentRequest { student: key.as_bytes().to_vec().into(), others };
    let student = grpc::risk(&connection)?.get_student(request).await?.into_inner();
    let names = SchoolNames::load(&connection).await?;
    print!("{}", student::for_people(&key.to_string(), &student, &names));
    Ok(())
}

async fn progress(args: &WholeArgs) -> Result<()> {
    let connection = args.connection.load()?;
    let progress = grpc::risk(&connection)?.get_progress(GetProgressRequest {}).await?.into_inner();
    print!("{}", preview::progress(&progress));
    Ok(())
}

async fn rules(args: &WholeArgs) -> Result<()> {
    let connection = args.connection.load()?;
    let summary = grpc::risk(&connection)?.get_summary(GetSummaryRequest {}).await?.into_inner();
    print!("{}{}", table::lines(&rule::rows(&summary.rules)), rule::failures(&summary.rules));
    Ok(())
}

async fn list(args: ListArgs) -> Result<()> {
    let connection = args.connection.load()?;
    let mut risk = grpc::risk(&connection)?;
    let mut request = ListStudentsRequest {
        school: args.school.unwrap_or_default(),
        tier: args.tier,
        page_size: PAGE.min(u32::try_from(args.limit).unwrap_or(PAGE)),
        page_token: Vec::new().into(),
    };
    let mut rows = Vec::new();
    loop {
        let page = risk.list_students(request.clone()).await?.into_inner();
        rows.extend(page.measures);
        if page.next_page_token.is_empty() || rows.len() >= args.limit {
            break;
        }
        request.page_token = page.next_page_token;
    }
    rows.truncate(args.limit);
    print!("{}", student::measures(&rows, &SchoolNames::default(), true));
    Ok(())
}
