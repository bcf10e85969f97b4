//! `homeroom simulate`: a believable district of any size from a seed.

use std::path::PathBuf;

use anyhow::Result;
use homeroom_simulate::{Day, District};
use jiff::civil::Date;

use crate::client::ConnectionArgs;
use crate::failure::{BadConfig, NotTaken};
use crate::simulate::resume::Resume;
use crate::simulate::{files, live, made};

/// Make a believable district of any size from a seed: into files, or live through the Ed-Fi API.
///
/// Schools, calendars with snow days, classes, students with families, staff, enrollments that change, attendance and its
/// corrections, grades, gradebooks, behavior, activities and mentors, as Ed-Fi documents (Data Standard 5.2) in the order of the
/// days on which they are sent. All names are invented. The same seed gives the same bytes everywhere.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// How many students, from 100 to 1,000,000.
    #[arg(long, value_name = "N")]
    students: u32,
    /// Another seed is another district.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The calendar year in which the school year ends: 2025 is 2024-2025.
    #[arg(long, value_name = "YEAR", default_value_t = 2025)]
    year: i16,
    /// The last day that is sent or written; the school year's end when left out.
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
    /// Write JSON lines into this folder, one folder a day and in it one file a resource, and send nothing.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["count", "speed", "resume"])]
    out: Option<PathBuf>,
    /// Only make it, and say how much it is and how fast it came.
    #[arg(long, conflicts_with_all = ["speed", "resume"])]
    count: bool,
    /// Seconds of the district in a second when sending: 86400 sends a day each second. As fast as it is taken when left out.
    #[arg(long, value_name = "X", value_parser = parse_speed)]
    speed: Option<f64>,
    /// Keep in this file how far it has been sent, and go on from there.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (1.0..=100_000_000.0).contains(&speed) { Ok(speed) } else { Err("must be from 1 to 100000000".to_owned()) }
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let district = District::new(args.students, args.seed, args.year).map_err(|e| BadConfig(e.to_string()))?;
    let until = last_day(&district, args.until)?;
    if let Some(folder) = &args.out {
        tokio::task::block_in_place(|| files::write(&district, until, folder))?.print(&district);
        return Ok(());
    }
    if args.count {
        tokio::task::block_in_place(|| made::all(&district, until, |_| Ok(())))?.print(&district);
        return Ok(());
    }
    let connection = args.connection.load()?;
    println!("sending {} students through {}", district.students(), connection.edfi_url);
    let plan = live::Plan { until, speed: args.speed, resume: Resume::new(args.resume, args.seed) };
    let sent = live::send(&connection, &district, &plan).await?;
    sent.print();
    if sent.refused > 0 { Err(NotTaken(sent.refused).into()) } else { Ok(()) }
}

fn last_day(district: &District, until: Option<Date>) -> Result<Day, BadConfig> {
    let Some(date) = until else { return Ok(district.closing()) };
    let day = district.day(date).filter(|day| *day >= district.opening());
    day.map(|day| day.min(district.closing())).ok_or_else(|| {
        let (first, last) = (district.date(district.opening()), district.date(district.closing()));
        BadConfig(format!("{date} is not a day from {first} to {last}"))
    })
}
