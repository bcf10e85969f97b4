//! `homeroom preview`: what would change if the district counted, or its rules told, in another way.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use homeroom_chassis::problem::Problem;
use homeroom_proto::wire::risk::preview_change_request::Change;
use homeroom_proto::wire::risk::preview_change_response::Step;
use homeroom_proto::wire::risk::{Preview, PreviewChangeRequest};

use crate::client::{Connection, ConnectionArgs, grpc};
use crate::failure::BadConfig;
use crate::progress::Progress;
use crate::text::names::SchoolNames;
use crate::text::preview;

/// Show what a change would do to students, tiers and alerts, before it is made. Nothing is changed; Ctrl-C ends it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    change: ChangeArgs,
    /// One JSON object, for scripts.
    #[arg(long)]
    json: bool,
}

/// What would be put in force.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct ChangeArgs {
    /// Attendance calculators, as for `PUT /v1/calculators` (YAML).
    #[arg(long, value_name = "FILE")]
    calculators: Option<PathBuf>,
    /// Settings, as for `PUT /v1/settings` (JSON); what they leave out is the default.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// A rule pack, as for `PUT /v1/rule-pack` (YAML).
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let change = args.change.read()?;
    tell(&args.connection.load()?, change, args.json).await
}

/// Asks what a change would do, with a bar meanwhile, and prints it.
pub(crate) async fn tell(connection: &Connection, change: Change, json: bool) -> Result<()> {
    let request = PreviewChangeRequest { change: Some(change) };
    let mut steps = grpc::risk(connection)?.preview_change(request).await?.into_inner();
    let mut bar: Option<(Progress, i64)> = None;
    while let Some(step) = steps.message().await? {
        match step.step {
            Some(Step::Progress(progress)) if !json => {
                let total = usize::try_from(progress.students).unwrap_or(0);
                let (bar, done) = bar.get_or_insert_with(|| (Progress::new(total), 0));
                bar.many(u64::try_from(progress.students_done - *done).unwrap_or(0));
                *done = progress.students_done;
            }
            Some(Step::Preview(found)) => {
                if let Some((bar, _)) = &bar {
                    bar.finish();
                }
                print!("{}", text(&found, json, &SchoolNames::load(connection).await?));
                return Ok(());
            }
            Some(Step::Progress(_)) | None => {}
        }
    }
    anyhow::bail!("the service ended the preview before it was done; try again")
}

fn text(found: &Preview, json: bool, names: &SchoolNames) -> String {
    if json { format!("{}\n", preview::to_json(found)) } else { preview::for_people(found, names) }
}

impl ChangeArgs {
    fn read(&self) -> Result<Change> {
        match (&self.calculators, &self.settings, &self.rules) {
            (Some(file), ..) => Ok(Change::Calculators(contents(file)?)),
            (_, Some(file), _) => {
                let now = homeroom_chassis::clock::now();
                let settings = homeroom_ingestion::native::document::parse_settings(contents(file)?.as_bytes(), now);
                let settings =
                    settings.map_err(|problem| BadConfig(format!("`{}`: {}", file.display(), refusal(&problem))))?;
                Ok(Change::Settings(homeroom_proto::settings::to_wire(&settings)))
            }
            (.., Some(file)) => Ok(Change::RulePack(contents(file)?)),
            (None, None, None) => Err(BadConfig("say what would change".to_owned()).into()),
        }
    }
}

fn refusal(problem: &Problem) -> String {
    let fields = problem.errors.iter().map(|of| format!("{}: {}, expected {}", of.field, of.detail, of.expected));
    let parts = [problem.title.to_string(), problem.detail.clone()].into_iter().chain(fields);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

fn contents(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))
}
