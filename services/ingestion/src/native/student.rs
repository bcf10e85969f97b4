//! `GET /v1/students/{local_id}`: the pseudonym under which events and alerts name a student.

use std::borrow::Cow;

use axum::Json;
use axum::extract::{Path, State};
use homeroom_chassis::access::Scope;
use homeroom_chassis::problem::Problem;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::{Native, Refused};
use crate::intake::field::{Field, Value};

#[derive(Serialize)]
pub(super) struct Answer {
    student_key: String,
}

/// Computed, not looked up: whether the district has such a student is for the risk query to say.
pub(super) async fn get(
    State(native): State<Native>,
    headers: HeaderMap,
    Path(local_id): Path<String>,
) -> Result<Json<Answer>, Refused> {
    let grant = native.access.http(&headers, Scope::Read)?;
    let value = Value::Text(Cow::Owned(local_id));
    let local_id = Field::at("local_id", &value).id().map_err(|problem| {
        Problem::new(StatusCode::BAD_REQUEST, "invalid-id", "the path holds no student's id").field(
            problem.field,
            problem.expected,
            problem.detail,
        )
    })?;
    let student_key = native.pseudonym(&grant)?.student(local_id).to_string();
    Ok(Json(Answer { student_key }))
}
