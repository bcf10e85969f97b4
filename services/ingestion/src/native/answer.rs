//! What a sender is told of its records, in their order.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use homeroom_chassis::problem::Problem;
use http::{StatusCode, header};
use serde::Serialize;
use uuid::Uuid;

use crate::intake::{self, Outcome, Receipt};

/// How long a log that is away may take to come back.
pub const LOG_RETRY_AFTER: Duration = Duration::from_secs(5);

#[derive(Serialize)]
struct Results<'a> {
    results: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    student_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a intake::Problem>,
}

/// 200 when all records are accepted, 503 when none is kept because the log, or the quarantine, does not take them, else 207.
pub fn results(outcomes: &[Outcome]) -> Response {
    let lost = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Retry(_))).count();
    if lost > 0 && lost == outcomes.len() {
        let understood = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Retry(None)));
        let (kind, title) = if understood {
            ("log-unavailable", "the log does not take records now")
        } else {
            ("quarantine-unavailable", "records that are not understood cannot be kept now")
        };
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, title)
            .detail("nothing of the request was kept; send it again")
            .retry_after(LOG_RETRY_AFTER)
            .into_response();
    }
    let accepted = outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted(_)));
    let status = if accepted { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    let body = Json(Results { results: outcomes.iter().map(row).collect() });
    let mut response = (status, body).into_response();
    if lost > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, LOG_RETRY_AFTER.as_secs().into());
    }
    response
}

fn row(outcome: &Outcome) -> Row<'_> {
    let mut row = Row { outcome: outcome.as_str(), event_id: None, student_key: None, problem: None };
    match outcome {
        Outcome::Accepted(Receipt::Event { event_id, student }) => {
            row.event_id = Some(Uuid::from_bytes(*event_id.as_bytes()));
            row.student_key = Some(student.to_string());
        }
        Outcome::Accepted(Receipt::Reference) => {}
        Outcome::Quarantined(problem) => row.problem = Some(problem),
        Outcome::Retry(problem) => row.problem = problem.as_ref(),
    }
    row
}
