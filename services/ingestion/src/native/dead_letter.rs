//! `GET /v1/dead-letters`: what the district's senders brought and nobody understood, newest first.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use homeroom_chassis::access::Scope;
use homeroom_chassis::problem::Problem;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Native, Refused, answer};
use crate::quarantine::{self, Kept, Page};

/// The most rows of an answer.
pub(super) const MAX_ROWS: u32 = 1_000;

/// The same when each holds up to 64 KiB of its record.
pub(super) const MAX_ROWS_WITH_RECORDS: u32 = 100;

/// What may be asked.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Question {
    limit: Option<u32>,
    after: Option<Uuid>,
    quarantine_id: Option<Uuid>,
    records: bool,
}

/// The answer.
#[derive(Serialize)]
pub(super) struct Letters {
    dead_letters: Vec<Letter>,
    /// What to ask for as `after`, when there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Uuid>,
}

#[derive(Serialize)]
struct Letter {
    quarantine_id: Uuid,
    source: String,
    door: String,
    field: String,
    expected: String,
    detail: String,
    received_at: Timestamp,
    record_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    /// In place of `record`, when it is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    record_base64: Option<String>,
}

pub(super) async fn list(
    State(native): State<Native>,
    headers: HeaderMap,
    question: Result<Query<Question>, QueryRejection>,
) -> Result<Json<Letters>, Refused> {
    let grant = native.access.http(&headers, Scope::Admin)?;
    let page = question.ok().and_then(|Query(question)| question.page()).ok_or_else(invalid)?;
    let kept = quarantine::list(&native.database, &grant.district, page).await.map_err(unavailable)?;
    if page.records {
        tracing::info!(district = %grant.district, key = grant.key, records = kept.len(), "records in quarantine were read");
    }
    let full = kept.len() == page.limit as usize;
    let next = kept.last().map(|last| last.quarantine_id).filter(|_| full);
    Ok(Json(Letters { dead_letters: kept.into_iter().map(Letter::of).collect(), next }))
}

impl Question {
    /// The rows that are meant; none when there can be no such.
    fn page(&self) -> Option<Page> {
        let most = if self.records { MAX_ROWS_WITH_RECORDS } else { MAX_ROWS };
        let limit = self.limit.unwrap_or(MAX_ROWS_WITH_RECORDS);
        let (from, to) = match (self.quarantine_id, self.after) {
            (Some(id), None) => (id, id),
            (None, Some(after)) => (Uuid::nil(), Uuid::from_u128(after.as_u128().saturating_sub(1))),
            (None, None) => (Uuid::nil(), Uuid::max()),
            (Some(_), Some(_)) => return None,
        };
        (1..=most).contains(&limit).then_some(Page { from, to, limit, records: self.records })
    }
}

impl Letter {
    fn of(kept: Kept) -> Self {
        let (record, record_base64) = match kept.record.map(String::from_utf8) {
            Some(Ok(text)) => (Some(text), None),
            Some(Err(error)) => (None, Some(encoded(error.as_bytes()))),
            None => (None, None),
        };
        Self {
            quarantine_id: kept.quarantine_id,
            source: kept.source,
            door: kept.door,
            field: kept.field,
            expected: kept.expected,
            detail: kept.detail,
            received_at: kept.received_at,
            record_bytes: kept.whole_bytes,
            record,
            record_base64,
        }
    }
}

fn encoded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn invalid() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid-query", "the query cannot be answered").detail(format!(
        "`limit` is from 1 to {MAX_ROWS}, to {MAX_ROWS_WITH_RECORDS} with `records=true`; `after` or `quarantine_id` is a UUID; \
         `records` is true or false"
    ))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unavailable(error: homeroom_pg::Error) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "the quarantine cannot be read");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "database-unavailable", "the quarantine cannot be read now")
        .retry_after(answer::LOG_RETRY_AFTER)
}
