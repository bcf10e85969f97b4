//! `POST`, `GET` and `DELETE` of `/v1/students/merges`: two ids of one student are merged, or split again.
//!
//! A student need not be known: an id may be merged before its first record comes, and who is known is the rules service's to say.

use std::borrow::Cow;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use homeroom_chassis::access::Scope;
use homeroom_chassis::problem::Problem;
use homeroom_domain::id::StudentKey;
use homeroom_pg::Districts;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::too_slow;
use super::student::key_of;
use super::{Native, Refused, document};
use crate::intake::field::{Field, Value};
use crate::merge::{self, Merge, Refusal, Split};

/// The largest body, bytes: two ids.
const MAX_BODY_BYTES: usize = 4 * 1024;

/// The body of a request to merge: the district's own ids.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    from: String,
    into: String,
}

/// Two students that are, or were, one, and how far what was sent before has been brought over.
#[derive(Serialize)]
pub(super) struct Answer {
    from: String,
    into: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split_at: Option<Timestamp>,
    state: &'static str,
    records: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// The newest of each.
#[derive(Serialize)]
pub(super) struct List {
    merges: Vec<Answer>,
    splits: Vec<Answer>,
}

pub(super) async fn post(State(native): State<Native>, request: Request) -> Result<Json<Answer>, Refused> {
    let grant = native.access.http(request.headers(), Scope::Admin)?;
    let allowance = native.access.allowance(&grant);
    let most = allowance.body_bytes(MAX_BODY_BYTES);
    let body = allowance.within(to_bytes(request.into_body(), most)).await.map_err(too_slow)?;
    let body = body.map_err(|_| too_large(most))?;
    let wanted: Wanted = serde_json::from_slice(&body).map_err(|_| {
        document::invalid().field("$", "a JSON object with `from` and `into`, two students' ids", "is none")
    })?;
    let pseudonym = native.pseudonym(&grant)?;
    let from = pseudonym.student(&id("$.from", wanted.from)?);
    let into = pseudonym.student(&id("$.into", wanted.into)?);
    let merged = merge::merge(&native.database, &grant.district, from, into).await.map_err(unavailable)?;
    let merged = merged.map_err(refused)?;
    tracing::info!(district = %grant.district, key = grant.key, "two students were merged");
    learn(&native).await;
    Ok(Json(merged.into()))
}

pub(super) async fn delete(
    State(native): State<Native>,
    headers: HeaderMap,
    Path(local_id): Path<String>,
) -> Result<Json<Answer>, Refused> {
    let grant = native.access.http(&headers, Scope::Admin)?;
    let from = key_of(&native, &grant, local_id)?;
    let split = merge::split(&native.database, &grant.district, from).await.map_err(unavailable)?;
    let split =
        split.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "not-merged", "the student was never merged"))?;
    tracing::info!(district = %grant.district, key = grant.key, "two students were split");
    learn(&native).await;
    Ok(Json(split.into()))
}

pub(super) async fn list(State(native): State<Native>, headers: HeaderMap) -> Result<Json<List>, Refused> {
    let grant = native.access.http(&headers, Scope::Admin)?;
    let (merges, splits) = merge::list(&native.database, &grant.district).await.map_err(unavailable)?;
    Ok(Json(List {
        merges: merges.into_iter().map(Answer::from).collect(),
        splits: splits.into_iter().map(Answer::from).collect(),
    }))
}

/// What this process is sent next goes by the change at once. The others, and this one if it fails here, are told of it.
async fn learn(native: &Native) {
    let districts = Districts::of(native.pseudonyms.districts());
    if let Err(error) = native.merges.refresh(&native.database, &districts).await {
        tracing::warn!(error = %error, "what is merged cannot be read; trying again soon");
    }
}

impl From<Merge> for Answer {
    fn from(it: Merge) -> Self {
        Self { merged_at: Some(it.merged_at), ..Self::new(it.from, it.into, it.state) }
    }
}

impl From<Split> for Answer {
    fn from(it: Split) -> Self {
        Self { split_at: Some(it.split_at), ..Self::new(it.from, it.into, it.state) }
    }
}

impl Answer {
    fn new(from: StudentKey, into: StudentKey, state: merge::State) -> Self {
        Self {
            from: from.to_string(),
            into: into.to_string(),
            merged_at: None,
            split_at: None,
            state: match (state.is_moved, state.is_set_aside) {
                (true, _) => "moved",
                (_, true) => "set aside",
                _ => "moving",
            },
            records: state.records,
            problem: state.problem,
        }
    }
}

fn id(path: &'static str, sent: String) -> Result<String, Problem> {
    let value = Value::Text(Cow::Owned(sent));
    let id = Field::at(path, &value).id().map(str::to_owned);
    id.map_err(|problem| document::invalid().field(problem.field, problem.expected, problem.detail))
}

fn refused(refusal: Refusal) -> Problem {
    let (kind, title) = match refusal {
        Refusal::Same => ("same-student", "a student cannot be merged into itself"),
        Refusal::MergedElsewhere => ("merged-elsewhere", "the student is merged into another one"),
        Refusal::Cycle => ("merge-cycle", "the students are merged the other way round"),
        Refusal::TooMany => ("too-many-merges", "no more students can be merged"),
    };
    let status = if refusal == Refusal::Same { StatusCode::BAD_REQUEST } else { StatusCode::CONFLICT };
    Problem::new(status, kind, title).detail(refusal.to_string())
}

pub(super) fn too_large(most: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "the body is too large, or did not arrive whole")
        .detail(format!("at most {most} bytes are taken"))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unavailable(error: homeroom_pg::Error) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "what is merged cannot be read or kept");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "database-unavailable", "what is merged cannot be read or kept now")
        .retry_after(super::answer::LOG_RETRY_AFTER)
}
