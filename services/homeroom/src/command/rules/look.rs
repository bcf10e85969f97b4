//! Rules looked at: what is wrong with them, what is in force, and what others would change.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use homeroom_domain::rule::{Error, Pack};
use homeroom_proto::wire::risk::preview_change_request::Change;
use homeroom_proto::wire::rule::{CheckRequest, DiffRequest, ShowRequest, ShowResponse};

use crate::client::{Connection, ConnectionArgs, grpc};
use crate::command::preview;
use crate::failure::BadConfig;
use crate::text::rules;

/// Check a document. What it says is checked here; whether it can follow on what is in force is asked where Homeroom runs, when
/// an address and a key are given.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// YAML.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// As it applies to students whose home is this school.
    #[arg(long, value_name = "SCHOOL")]
    school: Option<String>,
    /// The document itself, as its author wrote it: to be changed and activated.
    #[arg(long, conflicts_with = "school")]
    document: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct DiffArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// YAML.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Tell too which alerts would open and be taken back.
    #[arg(long)]
    preview: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct PreviewArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// YAML.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// One JSON object, for scripts.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Its id, as alerts and `homeroom rules show` carry it.
    #[arg(value_name = "RULE")]
    rule: String,
    /// As it applies to students whose home is this school.
    #[arg(long, value_name = "SCHOOL")]
    school: Option<String>,
}

pub(super) async fn check(args: CheckArgs) -> Result<()> {
    let document = contents(&args.file)?;
    let file = args.file.display().to_string();
    let pack = Pack::parse(&document).map_err(|error| match error {
        Error::Mistakes(mistakes) => BadConfig(format!("{file} is not sound\n\n{}", mistakes.render(&file))),
        error @ Error::TooLarge(_) => BadConfig(format!("{file}: {error}")),
    })?;
    println!("{} version {}: {} rules, sound", pack.id, pack.version, pack.rules.len());
    let connection = match args.connection.load() {
        Ok(connection) => connection,
        Err(_) if !args.connection.is_given() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let answer = grpc::rules(&connection)?.check(CheckRequest { document }).await?.into_inner();
    match [answer.mistakes, answer.obstacles].concat().as_slice() {
        [] => println!("it can be activated"),
        obstacles => return Err(BadConfig(format!("it cannot be activated: {}", obstacles.join("; "))).into()),
    }
    Ok(())
}

pub(super) async fn show(args: ShowArgs) -> Result<()> {
    let connection = args.connection.load()?;
    let shown = in_force(&connection, args.school).await?;
    if args.document {
        print!("{}", shown.document);
    } else {
        print!("{}", rules::shown(&shown));
    }
    Ok(())
}

pub(super) async fn diff(args: DiffArgs) -> Result<()> {
    let document = contents(&args.file)?;
    let connection = args.connection.load()?;
    let answer = grpc::rules(&connection)?.diff(DiffRequest { document: document.clone() }).await?.into_inner();
    print!("{}", rules::differences(&answer));
    // What cannot be put in force cannot be previewed either.
    if args.preview && answer.obstacles.is_empty() {
        println!();
        preview::tell(&connection, Change::RulePack(document), false).await?;
    }
    Ok(())
}

pub(super) async fn preview(args: PreviewArgs) -> Result<()> {
    let document = contents(&args.file)?;
    preview::tell(&args.connection.load()?, Change::RulePack(document), args.json).await
}

pub(super) async fn explain(args: ExplainArgs) -> Result<()> {
    let shown = in_force(&args.connection.load()?, args.school).await?;
    let rule = shown.rules.iter().find(|rule| rule.rule == args.rule);
    let rule = rule.ok_or_else(|| {
        let known: Vec<_> = shown.rules.iter().map(|rule| rule.rule.as_str()).collect();
        BadConfig(format!("no rule `{}` is in force; there are: {}", args.rule, known.join(", ")))
    })?;
    print!("{}", rules::explained(rule));
    Ok(())
}

async fn in_force(connection: &Connection, school: Option<String>) -> Result<ShowResponse> {
    let request = ShowRequest { school: school.unwrap_or_default() };
    Ok(grpc::rules(connection)?.show(request).await?.into_inner())
}

pub(super) fn contents(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))
}
