//! The quarantine: what senders brought and nobody understood, kept where it can be repaired and forgotten.
//!
//! A record may hold names, so it stays in a table of its district; the topic of dead letters gets the reasons and the record's
//! number. Both are one transaction: the letter goes through the outbox. Old rows, and those beyond a bound, are deleted by
//! [`sweep`].

pub(crate) mod sweep;

use std::sync::Arc;

use homeroom_bus::Topic;
use homeroom_chassis::telemetry::trace;
use homeroom_domain::id::DistrictId;
use homeroom_pg::{Database, Districts, Error};
use homeroom_proto::dead_letter::{self, DeadLetter, Excerpt};
use homeroom_proto::key;
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::{ContextV7, Uuid};

use crate::edfi::Backlog;
use crate::intake::{Context, Problem};
use crate::outbox::{self, Entry, Message};

/// Rows that were deleted for their age, or because there were too many.
pub(crate) const DELETED_TOTAL: &str = "homeroom_ingestion_quarantine_deleted_total";

/// Keeps what is not understood. Clones share it.
#[derive(Clone)]
pub(crate) struct Quarantine {
    /// Where the table and the outbox are.
    pub(crate) database: Database,
    /// Counts what is added to the outbox, and knows when it is full.
    pub(crate) backlog: Arc<Backlog>,
}

/// Why records were not kept in quarantine.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The outbox takes no more, or the database did not answer lately.
    #[error("{0}")]
    Busy(&'static str),
    /// The transaction failed.
    #[error("the quarantine cannot be written")]
    Database(#[from] Error),
}

/// The records of one request, column by column, and their letters.
#[derive(Default)]
struct Rows {
    district: String,
    source: String,
    door: &'static str,
    received_at: String,
    ids: Vec<Uuid>,
    records: Vec<Vec<u8>>,
    whole_bytes: Vec<i64>,
    fields: Vec<String>,
    expected: Vec<String>,
    details: Vec<String>,
    letters: Vec<Entry>,
}

impl Quarantine {
    /// Keeps the records of one request, each with what is wrong with it, all or none.
    pub(crate) async fn keep(
        &self,
        door: &'static str,
        sender: &Context<'_>,
        records: &[(&[u8], &Problem)],
    ) -> Result<(), Refusal> {
        if records.is_empty() {
            return Ok(());
        }
        if let Some(reason) = self.backlog.refusal() {
            return Err(Refusal::Busy(reason));
        }
        if !self.backlog.is_measured() {
            return Err(Refusal::Busy("The database does not answer."));
        }
        let rows = Arc::new(Rows::of(door, sender, records));
        let districts = Districts::one(sender.pseudonym.district());
        self.database
            .run("ingestion.quarantine.keep", &districts, |connection| {
                let rows = Arc::clone(&rows);
                Box::pin(async move {
                    rows.insert(connection).await?;
                    outbox::append_quietly(connection, &rows.letters).await
                })
            })
            .await?;
        self.backlog.appended(records.len());
        Ok(())
    }
}

impl Rows {
    fn of(door: &'static str, sender: &Context<'_>, records: &[(&[u8], &Problem)]) -> Self {
        let mut rows = Self {
            district: sender.pseudonym.district().to_string(),
            source: sender.source.to_string(),
            door,
            received_at: sender.received_at.to_string(),
            ..Self::default()
        };
        let traceparent = trace::current_traceparent();
        // Its ids grow within the request too.
        let context = ContextV7::new();
        let seconds = u64::try_from(sender.received_at.as_second()).unwrap_or(0);
        let nanoseconds = u32::try_from(sender.received_at.subsec_nanosecond()).unwrap_or(0);
        for (record, problem) in records {
            let id = Uuid::new_v7(uuid::Timestamp::from_unix(&context, seconds, nanoseconds));
            let excerpt = Excerpt::of(record);
            rows.ids.push(id);
            rows.whole_bytes.push(excerpt.whole_bytes().cast_signed());
            rows.records.push(excerpt.bytes().to_vec());
            rows.fields.push(problem.field.to_string());
            rows.expected.push(problem.expected.to_string());
            rows.details.push(problem.detail.to_string());
            rows.letters.push(letter(sender, id, excerpt.whole_bytes(), problem, traceparent.clone()));
        }
        rows
    }

    async fn insert(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let sql = "insert into quarantine (quarantine_id, district, source, door, record, whole_bytes, field, expected, detail, received_at) \
                   select id, $1, $2, $3, record, whole_bytes, field, expected, detail, $4::text::timestamptz \
                   from unnest($5::uuid[], $6::bytea[], $7::bigint[], $8::text[], $9::text[], $10::text[]) \
                       w (id, record, whole_bytes, field, expected, detail)";
        sqlx::query(sql)
            .bind(&self.district)
            .bind(&self.source)
            .bind(self.door)
            .bind(&self.received_at)
            .bind(&self.ids)
            .bind(&self.records)
            .bind(&self.whole_bytes)
            .bind(&self.fields)
            .bind(&self.expected)
            .bind(&self.details)
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// The letter of a record: all but the record.
fn letter(sender: &Context<'_>, id: Uuid, whole_bytes: u64, problem: &Problem, traceparent: Option<String>) -> Entry {
    let district = sender.pseudonym.district();
    let letter = DeadLetter {
        district: Some(district.clone()),
        source: Some(sender.source.clone()),
        position: None,
        record: Excerpt::omitted(whole_bytes),
        field: problem.field.to_string(),
        expected: problem.expected.to_string(),
        detail: problem.detail.to_string(),
        received_at: sender.received_at,
        quarantine_id: Some(id),
    };
    let message = Message {
        topic: Topic::DeadLetters,
        key: key::dead_letters(Some(district), Some(sender.source)),
        value: Some(dead_letter::encode(&letter)),
    };
    Entry { district: district.clone(), message, traceparent }
}

/// Which rows are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// The lowest id.
    pub(crate) from: Uuid,
    /// The highest id.
    pub(crate) to: Uuid,
    /// The most rows.
    pub(crate) limit: u32,
    /// Whether the records themselves are wanted.
    pub(crate) records: bool,
}

/// A record in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) quarantine_id: Uuid,
    pub(crate) source: String,
    pub(crate) door: String,
    pub(crate) field: String,
    pub(crate) expected: String,
    pub(crate) detail: String,
    pub(crate) received_at: Timestamp,
    pub(crate) whole_bytes: u64,
    /// None when it was not asked for.
    pub(crate) record: Option<Vec<u8>>,
}

/// A district's records in quarantine, newest first.
pub(crate) async fn list(database: &Database, district: &DistrictId, page: Page) -> Result<Vec<Kept>, Error> {
    let name = district.to_string();
    database
        .run("ingestion.quarantine.list", &Districts::one(district), move |connection| {
            let name = name.clone();
            Box::pin(async move {
                let sql = "select quarantine_id, source, door, field, expected, detail, \
                               (extract(epoch from received_at) * 1000000)::bigint, whole_bytes, case when $5 then record end \
                           from quarantine where district = $1 and quarantine_id between $2 and $3 \
                           order by quarantine_id desc limit $4";
                let rows = sqlx::query(sql)
                    .bind(name)
                    .bind(page.from)
                    .bind(page.to)
                    .bind(i64::from(page.limit))
                    .bind(page.records)
                    .fetch_all(connection)
                    .await?;
                rows.iter().map(kept).collect()
            })
        })
        .await
}

fn kept(row: &PgRow) -> Result<Kept, Error> {
    let problem = || "out of range".to_owned();
    Ok(Kept {
        quarantine_id: row.try_get(0)?,
        source: row.try_get(1)?,
        door: row.try_get(2)?,
        field: row.try_get(3)?,
        expected: row.try_get(4)?,
        detail: row.try_get(5)?,
        received_at: Timestamp::from_microsecond(row.try_get(6)?).map_err(|_| Error::Row {
            table: "quarantine",
            column: "received_at",
            problem: problem(),
        })?,
        whole_bytes: row.try_get::<i64, _>(7)?.cast_unsigned(),
        record: row.try_get(8)?,
    })
}
