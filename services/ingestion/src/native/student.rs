//! `GET /v1/students/{local_id}`: the pseudonym under which events and alerts name a student; and `POST /v1/student-keys`: those of
//! many, whose ids then stand in no address, which whoever is in between may write down.

use std::borrow::Cow;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use homeroom_chassis::access::{Grant, Scope};
use homeroom_chassis::problem::Problem;
use homeroom_domain::id::StudentKey;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::event::too_slow;
use super::merge::too_large;
use super::{Native, Refused, document};
use crate::intake::field::{Field, Value};

#[derive(Serialize)]
pub(super) struct Answer {
    student_key: String,
}

/// The most students that are asked for at once.
pub(super) const MAX_STUDENTS: usize = 1_000;
/// The largest body, bytes: as many ids as long as they may be, each letter escaped, and what stands around them.
const MAX_BODY_BYTES: usize = MAX_STUDENTS * 800;

/// The body of a request for many: the district's own ids.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    local_ids: Vec<String>,
}

/// In the order of the ids; none for what is no student's id.
#[derive(Serialize)]
pub(super) struct Answers {
    student_keys: Vec<Option<String>>,
}

/// Those into whom the students were merged, if so.
pub(super) async fn post(State(native): State<Native>, request: Request) -> Result<Json<Answers>, Refused> {
    let grant = native.access.http(request.headers(), Scope::Read)?;
    let allowance = native.access.allowance(&grant);
    let most = allowance.body_bytes(MAX_BODY_BYTES);
    let body = allowance.within(to_bytes(request.into_body(), most)).await.map_err(too_slow)?;
    let body = body.map_err(|_| too_large(most))?;
    let wanted: Option<Wanted> = serde_json::from_slice(&body).ok();
    let wanted = wanted.filter(|wanted| wanted.local_ids.len() <= MAX_STUDENTS).ok_or_else(|| {
        let expected = format!("a JSON object with `local_ids`, a list of at most {MAX_STUDENTS} students' ids");
        document::invalid().field("$", expected, "is none")
    })?;
    let (pseudonym, merges) = (native.pseudonym(&grant)?, native.merges.current());
    let key = |local_id: String| {
        let value = Value::Text(Cow::Owned(local_id));
        let student = pseudonym.student(Field::at("local_ids", &value).id().ok()?);
        Some(merges.of(&grant.district).resolve(student).to_string())
    };
    Ok(Json(Answers { student_keys: wanted.local_ids.into_iter().map(key).collect() }))
}

/// The one into whom the student was merged, if so. Computed, not looked up: whether the district has such a student is for the risk query to say.
pub(super) async fn get(
    State(native): State<Native>,
    headers: HeaderMap,
    Path(local_id): Path<String>,
) -> Result<Json<Answer>, Refused> {
    let grant = native.access.http(&headers, Scope::Read)?;
    let student = key_of(&native, &grant, local_id)?;
    let student_key = native.merges.current().of(&grant.district).resolve(student).to_string();
    Ok(Json(Answer { student_key }))
}

/// The key of the student whose id a path holds, whoever that student is now.
pub(super) fn key_of(native: &Native, grant: &Grant, local_id: String) -> Result<StudentKey, Refused> {
    let value = Value::Text(Cow::Owned(local_id));
    let local_id = Field::at("local_id", &value).id().map_err(|problem| {
        Problem::new(StatusCode::BAD_REQUEST, "invalid-id", "the path holds no student's id").field(
            problem.field,
            problem.expected,
            problem.detail,
        )
    })?;
    Ok(native.pseudonym(grant)?.student(local_id))
}
