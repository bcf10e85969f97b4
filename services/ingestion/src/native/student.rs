//! `GET /v1/students/{local_id}`: the pseudonym under which events and alerts name a student.

use std::borrow::Cow;

use axum::Json;
use axum::extract::{Path, State};
use homeroom_chassis::access::{Grant, Scope};
use homeroom_chassis::problem::Problem;
use homeroom_domain::id::StudentKey;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::{Native, Refused};
use crate::intake::field::{Field, Value};

#[derive(Serialize)]
pub(super) struct Answer {
    student_key: String,
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
