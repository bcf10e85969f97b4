//! Alert changes in order of commit.

use std::collections::BTreeMap;

use homeroom_domain::id::DistrictId;
use homeroom_pg::{Districts, Error};
use uuid::Uuid;

use super::duty::Done;
use super::{Store, bad_row, count, moment};
use crate::plan::DutyKey;

/// A change and its place in its district.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    /// Dense and in order of commit: who has seen it has seen all before it.
    pub(crate) sequence: i64,
    /// Of its commit, random: another life of the database gives the same sequences other tags. None of old changes.
    pub(crate) tag: Option<Uuid>,
    /// As published.
    pub(crate) message: Vec<u8>,
    /// Whom it went, or will go, to.
    pub(crate) teams: Vec<String>,
    /// What of the alert is done by now.
    pub(crate) done: BTreeMap<DutyKey, Done>,
}

/// How far a district's changes go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The sequence of the last change, 0 when there is none.
    pub(crate) last: i64,
    /// The highest sequence of a change that is no longer kept: a cursor before it has missed something.
    pub(crate) forgotten: i64,
}

/// Changes, and how far the district's went when they were read.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) changes: Vec<Watched>,
    pub(crate) position: Position,
}

impl Store {
    /// How far the changes of a district go, and the tag of the change with a sequence.
    pub(crate) async fn position(
        &self,
        district: &DistrictId,
        sequence: i64,
    ) -> Result<(Position, Option<Uuid>), Error> {
        self.database
            .run("find-feed-position", &Districts::one(district), |connection| {
                let district = district.clone();
                Box::pin(async move {
                    let row: Option<(i64, i64, Option<Uuid>)> = sqlx::query_as(
                        "select last_sequence, forgotten_sequence, (select tag from alert_changes c
                             where c.district = p.district and c.sequence = $2)
                         from feed_positions p where district = $1",
                    )
                    .bind(district.as_str())
                    .bind(sequence)
                    .fetch_optional(connection)
                    .await?;
                    let (last, forgotten, tag) = row.unwrap_or_default();
                    Ok((Position { last, forgotten }, tag))
                })
            })
            .await
    }

    /// How far the changes of these districts go.
    pub(crate) async fn positions(
        &self,
        districts: impl IntoIterator<Item = &DistrictId>,
    ) -> Result<Vec<(DistrictId, Position)>, Error> {
        let districts = Districts::of(districts);
        let rows: Vec<(String, i64, i64)> = self
            .database
            .run("find-feed-positions", &districts, |connection| {
                Box::pin(async move {
                    // Row-level security keeps out all others.
                    let select = "select district, last_sequence, forgotten_sequence from feed_positions";
                    Ok(sqlx::query_as(select).fetch_all(connection).await?)
                })
            })
            .await?;
        let read = |(name, last, forgotten): (String, i64, i64)| {
            let district = DistrictId::parse(&name).map_err(|e| bad_row("feed_positions", "district", &e))?;
            Ok((district, Position { last, forgotten }))
        };
        rows.into_iter().map(read).collect()
    }

    /// The changes after a sequence, of one school or of all, at most `most`.
    pub(crate) async fn changes_after(
        &self,
        district: &DistrictId,
        school: &str,
        after: i64,
        most: u32,
    ) -> Result<Page, Error> {
        self.database
            .run("list-alert-changes", &Districts::one(district), |connection| {
                let (district, school) = (district.clone(), school.to_owned());
                Box::pin(async move {
                    // One statement and so one moment: what is forgotten meanwhile is either here or in the position.
                    let rows: Vec<Row> = sqlx::query_as(
                        "select p.last_sequence, p.forgotten_sequence, c.sequence, c.tag, c.message, c.teams, c.done
                         from feed_positions p left join lateral (
                             select sequence, tag, message, teams, (
                                 select json_agg(json_build_array(d.what, d.occurrence, d.done_by, microseconds(d.done_at)))::text
                                 from duties_done d where d.alert_id = a.alert_id) as done
                             from alert_changes a
                             where district = p.district and sequence > $2 and ($3 = '' or school = $3)
                             order by sequence limit $4) c on true
                         where p.district = $1 order by c.sequence",
                    )
                    .bind(district.as_str())
                    .bind(after)
                    .bind(school)
                    .bind(i64::from(most))
                    .fetch_all(connection)
                    .await?;
                    page(rows)
                })
            })
            .await
    }
}

type Row = (i64, i64, Option<i64>, Option<Uuid>, Option<Vec<u8>>, Option<Vec<String>>, Option<String>);

fn page(rows: Vec<Row>) -> Result<Page, Error> {
    let position = rows.first().map_or_else(Position::default, |&(last, forgotten, ..)| Position { last, forgotten });
    let mut changes = Vec::with_capacity(rows.len());
    for (_, _, sequence, tag, message, teams, done) in rows {
        if let (Some(sequence), Some(message), Some(teams)) = (sequence, message, teams) {
            let done = done.as_deref().map(parse_done).transpose()?.unwrap_or_default();
            changes.push(Watched { sequence, tag, message, teams, done });
        }
    }
    Ok(Page { changes, position })
}

/// Parses what the query aggregates.
fn parse_done(json: &str) -> Result<BTreeMap<DutyKey, Done>, Error> {
    const TABLE: &str = "duties_done";
    let rows: Vec<(String, i32, String, i64)> =
        serde_json::from_str(json).map_err(|error| bad_row(TABLE, "what", &error))?;
    let read = |(what, occurrence, by, at): (String, i32, String, i64)| {
        let key = DutyKey { what, occurrence: count(TABLE, "occurrence", occurrence)? };
        Ok((key, Done { by, at: moment(TABLE, "done_at", at)? }))
    };
    rows.into_iter().map(read).collect()
}
