//! `POST /v1/events`: records in, one outcome for each.

use std::error::Error;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use homeroom_chassis::access::Scope;
use homeroom_chassis::clock;
use homeroom_chassis::problem::Problem;
use http::{HeaderMap, StatusCode, header};
use http_body_util::LengthLimitError;

use super::body::{MAX_BODY_BYTES, Shape};
use super::{Native, Refused, answer};
use crate::intake::publisher::Item;
use crate::intake::{Context, Overloaded, normalise};

/// The door's name in metrics.
const DOOR: &str = "http";

/// Keeps what the request submits.
pub(super) async fn post(State(native): State<Native>, request: Request) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let grant = native.access.http(&head.headers, Scope::Ingest)?;
    let shape = Shape::of(&head.headers)?;
    let admitted = native.publisher.admit(declared_bytes(&head.headers)?).map_err(overloaded)?;
    let body = read(body).await?;
    let now = clock::now();
    let sender = Context::new(native.pseudonym(&grant)?, &grant.source, now);
    let records = shape.records(&head.headers, &body)?;
    native.access.charge(&grant, records.len());
    let arrivals = native.arrivals.take(now, records.len())..;
    let items = records.into_iter().zip(arrivals).map(|(record, arrival)| Item {
        raw: record.raw,
        record: record.submission.and_then(|submission| normalise(&sender.arriving(arrival), &submission)),
    });
    let outcomes = native.publisher.publish(DOOR, &sender, items.collect(), &admitted).await;
    Ok(answer::results(&outcomes))
}

/// The most bytes that the body can have.
fn declared_bytes(headers: &HeaderMap) -> Result<usize, Problem> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    match declared {
        Some(bytes) if bytes > MAX_BODY_BYTES => Err(too_large()),
        Some(bytes) => Ok(bytes),
        None => Ok(MAX_BODY_BYTES),
    }
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    to_bytes(body, MAX_BODY_BYTES).await.map_err(|error| {
        if exceeds_limit(&error) {
            return too_large();
        }
        Problem::new(StatusCode::BAD_REQUEST, "truncated-body", "the body did not arrive whole")
            .detail("nothing of it was kept; send it again")
    })
}

fn exceeds_limit(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "the body is too large")
        .detail(format!("at most {MAX_BODY_BYTES} bytes are taken; send it in parts"))
}

fn overloaded(error: Overloaded) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "too many records are on their way to the log")
        .detail(error.to_string())
        .retry_after(Overloaded::RETRY_AFTER)
}
