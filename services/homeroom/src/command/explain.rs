//! `homeroom explain`: one student's figures, to be followed with a pencil; or one alert, derived again.

use anyhow::Result;
use homeroom_domain::date::Date;
use homeroom_domain::measure::Measure;
use homeroom_proto::wire::risk::{ExplainAlertRequest, ExplainStudentRequest, Verdict};

use super::export::{parse_date, parse_measure};
use super::student::StudentArgs;
use crate::client::{Connection, ConnectionArgs, grpc};
use crate::failure::Differences;
use crate::text::explain;
use crate::text::names::SchoolNames;

/// Who, as of when, and since when.
///
/// The page has the facts first, with those that do not count and why; then each measure's arithmetic; then the rules, with what
/// opens each and what would clear it. Only pseudonyms: a key that may read the directory may ask by the district's own id.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    who: StudentArgs,
    /// An alert instead, by its id as `homeroom watch --json` and messages carry it: each change as it was told, whether the log comes
    /// to the same when it is folded again, and before and after of what was corrected since. In a long log it is found quicker, or
    /// at all, when it is said whose it is.
    #[arg(long, value_name = "ID", conflicts_with_all = ["as_of", "since", "measures"])]
    alert: Option<String>,
    /// The last date to include, YYYY-MM-DD; the one in force when left out.
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    as_of: Option<Date>,
    /// Tell what changed since then, and which correction did it: a date (its end), or a time such as 2022-04-12T16:00:00, by the
    /// district's clock.
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Only these measures, by their names in the catalogue; repeat for more.
    #[arg(long = "measure", value_name = "NAME", value_parser = parse_measure)]
    measures: Vec<Measure>,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let connection = args.connection.load()?;
    if let Some(alert_id) = args.alert {
        let student = args.who.find(&connection).await?;
        let student = student.map(|key| key.as_bytes().to_vec().into()).unwrap_or_default();
        return alert(&connection, ExplainAlertRequest { alert_id, student }, args.json).await;
    }
    let key = args.who.key(&connection, ", or which alert: --alert ID").await?;
    let request = ExplainStudentRequest {
        student: key.as_bytes().to_vec().into(),
        as_of: args.as_of.map(Date::days),
        measures: args.measures.iter().map(|measure| measure.name().into_owned()).collect(),
        since: args.since.unwrap_or_default(),
    };
    let told = grpc::explanation(&connection)?.explain_student(request).await?.into_inner();
    if args.json {
        println!("{}", explain::to_json(&told));
    } else {
        print!("{}", explain::for_people(&told, &SchoolNames::load(&connection).await?));
    }
    Ok(())
}

async fn alert(connection: &Connection, request: ExplainAlertRequest, json: bool) -> Result<()> {
    let told = grpc::explanation(connection)?.explain_alert(request).await?.into_inner();
    if json {
        println!("{}", explain::alert_to_json(&told));
    } else {
        print!("{}", explain::alert_for_people(&told, &SchoolNames::load(connection).await?));
    }
    if told.changes.iter().any(|change| change.verdict() == Verdict::Different) {
        return Err(Differences(1).into());
    }
    Ok(())
}
