//! `homeroom watch`: the feed of alerts, for people or as JSON lines.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use homeroom_proto::wire::notification::{WatchAlertsRequest, WatchAlertsResponse};
use tonic::Code;

use crate::client::{Connection, ConnectionArgs, grpc};
use crate::text::names::SchoolNames;
use crate::text::{alert, duty};

/// Follow the alerts as they open, change, clear and are recalled. Runs until interrupted, and resumes by itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// From the first change kept, instead of from now on.
    #[arg(long)]
    from_start: bool,
    /// Only alerts of this school.
    #[arg(long, value_name = "SCHOOL")]
    school: Option<String>,
    /// One JSON object per line, for scripts.
    #[arg(long)]
    json: bool,
}

const RECONNECT_AFTER: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: Args) -> Result<()> {
    let connection = args.connection.load()?;
    let mut feed = grpc::feed(&connection)?;
    let names = if args.json { SchoolNames::default() } else { names(&connection).await };
    let mut request = WatchAlertsRequest {
        cursor: String::new(),
        from_start: args.from_start,
        school: args.school.unwrap_or_default(),
    };
    if !args.json {
        eprintln!("following the alerts of {}; Ctrl-C ends it", connection.grpc);
    }
    let mut out = std::io::stdout();
    loop {
        match feed.watch_alerts(request.clone()).await {
            Ok(stream) => {
                let mut stream = stream.into_inner();
                while let Ok(Some(response)) = stream.message().await {
                    if writeln!(out, "{}", text(&response, args.json, &names)).is_err() {
                        // Whoever read our lines has seen enough.
                        return Ok(());
                    }
                    request.cursor = response.cursor;
                    request.from_start = false;
                }
            }
            Err(status) if status.code() == Code::OutOfRange && !request.cursor.is_empty() => {
                eprintln!("the server cannot go on from the last change seen ({}); from the start", status.message());
                request.cursor = String::new();
                request.from_start = true;
            }
            Err(status) if status.code() != Code::Unavailable => return Err(status.into()),
            Err(_) => {}
        }
        // The server has left or is not there yet; nothing is missed, since the next stream starts at the cursor.
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

/// The rules service has them. It may be away, or not at this address, or not for this key, and alerts are followed all the same.
async fn names(connection: &Connection) -> SchoolNames {
    SchoolNames::load(connection).await.unwrap_or_else(|error| {
        eprintln!("schools that an alert does not name are shown by their ids: the rules service does not tell their names: {error}");
        SchoolNames::default()
    })
}

fn text(response: &WatchAlertsResponse, json: bool, names: &SchoolNames) -> String {
    match &response.change {
        Some(change) if json => {
            let mut line = alert::to_json(change, &response.teams, &response.cursor);
            line["done"] = duty::done_to_json(&response.done);
            line.to_string()
        }
        Some(change) => alert::for_people(change, &response.teams, &response.done, names),
        None => String::new(),
    }
}
