//! `POST /v1/events`: records in, one outcome for each.

use std::error::Error;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use homeroom_chassis::access::{Scope, TimedOut};
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
    let allowance = native.access.allowance(&grant);
    let most = allowance.body_bytes(MAX_BODY_BYTES);
    let shape = Shape::of(&head.headers)?;
    let admitted = native.publisher.admit(declared_bytes(&head.headers, most)?).map_err(overloaded)?;
    let body = allowance.within(read(body, most)).await.map_err(too_slow)??;
    let now = clock::now();
    // Held until the records are kept: so they are known to be on their way.
    let merges = native.merges.current();
    let crosswalk = merges.of(&grant.district);
    let sender = Context::new(native.pseudonym(&grant)?, &crosswalk, &grant.source, now);
    let records = shape.records(&head.headers, &body)?;
    native.access.charge(&grant, records.len());
    let arrivals = native.arrivals.take(now, records.len())..;
    let items = records.into_iter().zip(arrivals).map(|(record, arrival)| Item {
        raw: record.raw,
        record: record.submission.and_then(|submission| normalise(&sender.arriving(arrival), &submission)),
    });
    let publish = native.publisher.publish(DOOR, &sender, items.collect(), &admitted);
    let outcomes = allowance.within(Box::pin(publish)).await.map_err(too_long)?;
    Ok(answer::results(&outcomes))
}

/// The most bytes that the body can have, when that is not too much.
fn declared_bytes(headers: &HeaderMap, most: usize) -> Result<usize, Problem> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    match declared {
        Some(bytes) if bytes > most => Err(too_large(most)),
        Some(bytes) => Ok(bytes),
        None => Ok(most),
    }
}

async fn read(body: Body, most: usize) -> Result<Bytes, Problem> {
    to_bytes(body, most).await.map_err(|error| {
        if exceeds_limit(&error) {
            return too_large(most);
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

fn too_large(most: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "the body is too large")
        .detail(format!("at most {most} bytes are taken; send it in parts"))
}

pub(super) fn too_slow(late: TimedOut) -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "the body did not arrive in time")
        .detail(format!("{late}; nothing of it was kept"))
        .retry_after(TimedOut::RETRY_AFTER)
}

/// The records may yet be kept, as when an answer is lost.
fn too_long(late: TimedOut) -> Problem {
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "took-too-long", "the request took too long")
        .detail(format!("{late}; whether its records are kept is not known, so send them again"))
        .retry_after(TimedOut::RETRY_AFTER)
}

fn overloaded(error: Overloaded) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "too many records are on their way to the log")
        .detail(error.to_string())
        .retry_after(Overloaded::RETRY_AFTER)
}
