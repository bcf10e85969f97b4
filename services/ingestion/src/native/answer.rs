//! What a sender is told of its records, in their order.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use homeroom_chassis::problem::Problem;
use http::{HeaderValue, StatusCode, header};
use uuid::Uuid;

use crate::intake::{Outcome, Receipt};

/// How long a log that is away may take to come back.
pub const LOG_RETRY_AFTER: Duration = Duration::from_secs(5);

/// About how long an accepted event's row is.
const ROW_BYTES: usize = 140;

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
    let json = HeaderValue::from_static("application/json");
    let mut response = (status, [(header::CONTENT_TYPE, json)], text(outcomes)).into_response();
    if lost > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, LOG_RETRY_AFTER.as_secs().into());
    }
    response
}

/// The answer's body, written by hand: nearly all of it is ids, which need no quoting and are digits in place at once.
fn text(outcomes: &[Outcome]) -> String {
    let mut text = String::with_capacity(32 + outcomes.len() * ROW_BYTES);
    text.push_str("{\"results\":[");
    for (number, outcome) in outcomes.iter().enumerate() {
        let comma = if number > 0 { "," } else { "" };
        text.extend([comma, "{\"outcome\":\"", outcome.as_str(), "\""]);
        match outcome {
            Outcome::Accepted(Receipt::Event { event_id, student }) => {
                let mut digits = Uuid::encode_buffer();
                let event_id = Uuid::from_bytes(*event_id.as_bytes()).hyphenated().encode_lower(&mut digits);
                text.extend([",\"event_id\":\"", event_id]);
                let student = Uuid::from_bytes(*student.as_bytes()).simple().encode_lower(&mut digits);
                text.extend(["\",\"student_key\":\"", student, "\""]);
            }
            Outcome::Accepted(Receipt::Reference) | Outcome::Retry(None) => {}
            Outcome::Quarantined(problem) | Outcome::Retry(Some(problem)) => {
                text.push_str(",\"problem\":");
                // Three texts always serialize.
                text.push_str(&serde_json::to_string(problem).unwrap_or_default());
            }
        }
        text.push('}');
    }
    text.push_str("]}");
    text
}
