//! `homeroom sample`: load a sample district, and play the rest of its year.

use std::path::PathBuf;

use anyhow::Result;
use homeroom_domain::date::Date;
use homeroom_proto::wire::risk::GetSummaryRequest;

use super::export::parse_date;
use crate::client::edfi::EdFi;
use crate::client::{ConnectionArgs, grpc};
use crate::sample::{files, load, play};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Sample {
    /// Send a folder's `.jsonl` files through the Ed-Fi API. May be run again: every document is an upsert.
    Load(LoadArgs),
    /// Let the district's days pass, and send each day's marks on its morning.
    Play(PlayArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Folder of files named after Ed-Fi resources, one document per line.
    folder: PathBuf,
    /// Send only marks before this date; the district's own date when left out.
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    marks_before: Option<Date>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PlayArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The folder that was loaded.
    folder: PathBuf,
    /// How many of the district's days pass in a minute.
    #[arg(long, value_name = "N", default_value_t = 10.0, value_parser = parse_pace)]
    days_per_minute: f64,
}

fn parse_pace(text: &str) -> Result<f64, String> {
    let pace: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.01..=10_000.0).contains(&pace) { Ok(pace) } else { Err("must be from 0.01 to 10000".to_owned()) }
}

pub(crate) async fn run(sample: Sample) -> Result<()> {
    match sample {
        Sample::Load(args) => {
            let documents = files::read(&args.folder)?;
            let connection = args.connection.load()?;
            let before = match args.marks_before {
                Some(date) => date,
                None => Date::from_days(
                    grpc::risk(&connection)?.get_summary(GetSummaryRequest {}).await?.into_inner().today,
                )?,
            };
            let edfi = EdFi::connect(&connection).await?;
            load::load(&edfi, load::until(documents, before)).await?.print();
            Ok(())
        }
        Sample::Play(args) => {
            let documents = files::read(&args.folder)?;
            play::play(&args.connection.load()?, documents, args.days_per_minute).await
        }
    }
}
