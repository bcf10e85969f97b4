//! `homeroom rules replay`: what rules would have told over past dates, and what came of it.

mod group;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use homeroom_domain::date::Date;
use homeroom_proto::wire::risk::ReplayPackRequest;
use homeroom_proto::wire::risk::replay_pack_response::Step;
use homeroom_replay::Outcome;
use homeroom_replay::text::{self, Names};
use homeroom_replay::{Report, wire};

use super::export::parse_date;
use crate::client::{Connection, ConnectionArgs, grpc};
use crate::failure::BadConfig;
use crate::progress::Progress;
use crate::text::names::SchoolNames;
use group::Groups;

/// Try rules on past dates: whom they would have flagged, how many alerts they would have made, and what came of those students.
///
/// Records count as they stand today, corrections included: it is told in hindsight. Nothing is changed; Ctrl-C ends it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The pack: a file, or the id of a shipped one; the one in force when left out.
    #[arg(long, value_name = "FILE|ID")]
    pack: Option<String>,
    /// Another pack, to set beside it.
    #[arg(long, value_name = "FILE|ID")]
    compare: Option<String>,
    /// The first date, YYYY-MM-DD; 1 July before the last when left out.
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    from: Option<Date>,
    /// The last date, of the same school year; the last that is complete when left out.
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    to: Option<Date>,
    /// What the rules are held against: `chronic`, `failed-course` or `off-track`.
    #[arg(long, value_name = "OUTCOME", value_parser = parse_outcome)]
    outcome: Option<Outcome>,
    /// How many alerts a school's team can take on in a week.
    #[arg(long, value_name = "ALERTS")]
    budget: Option<u32>,
    /// Groups of students to look at apart: comma-separated values with a heading, the district's own id of a student first, then a
    /// column for each way to group; at most 200 groups, and a million cells that say one. Each id is sent to the service that takes
    /// the district's records in, at `HOMEROOM_URL`, to learn the student's key; the groups' names stay on this machine, and nothing is
    /// kept.
    #[arg(long, value_name = "FILE")]
    subgroups: Option<PathBuf>,
    /// How the report is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Also write the report as a page that prints.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Also write the chart.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// How the report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// A row for each rule and group.
    Csv,
    /// One object.
    Json,
}

fn parse_outcome(name: &str) -> Result<Outcome, String> {
    Outcome::find(name).ok_or_else(|| "not one of chronic, failed-course, off-track".to_owned())
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let connection = args.connection.load()?;
    let pack = args.pack.as_deref().map(contents).transpose()?.unwrap_or_default();
    let compare = args.compare.as_deref().map(contents).transpose()?.unwrap_or_default();
    let groups = match &args.subgroups {
        Some(file) => group::read(file)?.resolve(&connection).await?,
        None => Groups::default(),
    };
    let request = ReplayPackRequest {
        pack,
        compare,
        from: args.from.map(Date::days),
        to: args.to.map(Date::days),
        outcome: args.outcome.map(Outcome::name).unwrap_or_default().to_owned(),
        budget: args.budget,
        groups: groups.on_the_wire(),
    };
    let report = ask(&connection, request).await?;
    let schools = SchoolNames::load(&connection).await?;
    let names = Names { groups: groups.names(), schools: school_names(&report, &schools) };
    if let Some(file) = &args.html {
        write(file, &text::page::page(&report, &names))?;
    }
    if let Some(file) = &args.svg {
        write(file, &text::chart::chart(&report))?;
    }
    match args.format {
        Format::Table => print!("{}", text::table::table(&report, &names)),
        Format::Csv => print!("{}", text::csv::csv(&report, &names)),
        Format::Json => println!("{}", text::json::json(&report, &names)),
    }
    Ok(())
}

fn school_names(report: &Report, names: &SchoolNames) -> BTreeMap<String, String> {
    report.schools().map(|school| (school.to_string(), names.name(school.as_str()).to_owned())).collect()
}

async fn ask(connection: &Connection, request: ReplayPackRequest) -> Result<Report> {
    let mut steps = grpc::replay(connection)?.replay_pack(request).await?.into_inner();
    let mut bar: Option<(Progress, i64)> = None;
    while let Some(step) = steps.message().await? {
        match step.step {
            Some(Step::Progress(progress)) => {
                let total = usize::try_from(progress.students).unwrap_or(0);
                let (bar, done) = bar.get_or_insert_with(|| (Progress::new(total), 0));
                bar.many(u64::try_from(progress.students_done - *done).unwrap_or(0));
                *done = progress.students_done;
            }
            Some(Step::Report(report)) => {
                if let Some((bar, _)) = &bar {
                    bar.finish();
                }
                return Ok(wire::from_wire(report)?);
            }
            None => {}
        }
    }
    anyhow::bail!("the service ended the replay before it was done; try again")
}

/// The text of a pack: of a file, else of the shipped pack with that id.
fn contents(name: &str) -> Result<String> {
    if !Path::new(name).exists()
        && let Some(shipped) = homeroom_domain::rule::find_shipped(name)
    {
        return Ok(shipped.to_owned());
    }
    let read = std::fs::read_to_string(name);
    read.map_err(|error| {
        BadConfig(format!("`{name}` is neither a file that can be read nor a shipped pack: {error}")).into()
    })
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("`{}` cannot be written", file.display()))
}
