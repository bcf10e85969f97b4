//! Plays the rest of a sample's year: day after day its clock moves to the morning, and that day's marks arrive.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use homeroom_domain::date::Date;
use jiff::civil::{DateTime, Time, time};
use tokio::time::{Instant, sleep_until};

use super::files::Document;
use super::load;
use crate::client::Connection;
use crate::client::edfi::EdFi;
use crate::client::{admin, grpc};

/// When a school's marks of the day arrive.
const MORNING: Time = time(9, 0, 0, 0);
/// After the day's close, so that the last day counts.
const EVENING: Time = time(17, 0, 0, 0);

/// Plays from the district's date to the last mark; days that have none pass too.
pub(crate) async fn play(connection: &Connection, documents: Vec<Document>, days_per_minute: f64) -> Result<()> {
    let edfi = EdFi::connect(connection).await?;
    let mut risk = grpc::risk(connection)?;
    let summary = risk.get_summary(homeroom_proto::wire::risk::GetSummaryRequest {}).await?.into_inner();
    let today = Date::from_days(summary.today)?;
    let mut days = by_day(documents, today);
    let Some(last) = days.keys().next_back().copied() else {
        println!("no mark of {today} or later is left: the year has been played");
        return Ok(());
    };
    let pace = Duration::from_secs_f64(60.0 / days_per_minute);
    let mut day = today;
    let mut next = Instant::now();
    while day <= last {
        sleep_until(next).await;
        next += pace;
        advance(connection, day, MORNING).await?;
        let marks = days.remove(&day).unwrap_or_default();
        let sent = load::send_marks(&edfi, marks).await?;
        println!("{}  {:>3} marks", day.to_civil().strftime("%a %Y-%m-%d"), sent.taken);
        for refusal in &sent.refusals {
            println!("  not taken: {refusal}");
        }
        day = day.next();
    }
    sleep_until(next).await;
    advance(connection, last, EVENING).await?;
    println!("the sample's year is over; its clock goes on at the real pace");
    Ok(())
}

async fn advance(connection: &Connection, day: Date, at: Time) -> Result<()> {
    let target: DateTime = day.to_civil().to_datetime(at);
    admin::advance_clock(connection, target).await.map(drop)
}

/// The marks of each day from a date on.
fn by_day(documents: Vec<Document>, from: Date) -> BTreeMap<Date, Vec<Document>> {
    let mut days: BTreeMap<Date, Vec<Document>> = BTreeMap::new();
    for document in documents {
        if let Some(on) = document.marked_on.filter(|on| *on >= from) {
            days.entry(on).or_default().push(document);
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_still_to_come_are_played() {
        let mark = |on: &str| Document { resource: "r".to_owned(), body: String::new(), marked_on: Date::parse(on) };
        let other = Document { resource: "r".to_owned(), body: String::new(), marked_on: None };
        let days = by_day(
            vec![mark("2022-04-12"), mark("2022-04-14"), other, mark("2022-04-13")],
            Date::parse("2022-04-13").expect("a date"),
        );
        assert_eq!(days.keys().map(ToString::to_string).collect::<Vec<_>>(), ["2022-04-13", "2022-04-14"]);
    }
}
