//! The layers of the HTTP door: bounds, a span and a measurement per request, problems for what no route answers.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{Method, StatusCode, header};
use http_body_util::Limited;
use tracing::{Instrument, Span, field};

use super::Limits;
use super::body::Impatient;
use crate::problem::Problem;
use crate::telemetry::trace;

/// When a request that took too long may be tried again.
const RETRY_LATER: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy)]
struct Bounds {
    bytes: usize,
    idle: Duration,
    in_all: Duration,
}

/// The router with the door's layers around it.
pub(super) fn layered(router: Router, limits: &Limits) -> Router {
    let bounds = Bounds {
        bytes: limits.body_bytes,
        idle: Duration::from_secs(limits.body_idle_seconds),
        in_all: Duration::from_secs(limits.request_seconds),
    };
    router
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this path takes other methods")
        })
        // Our own bound holds for every reader of a body, axum's only for its extractors.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(bounds, bounded))
        .layer(from_fn(observed))
}

/// Bounds the body in bytes and idle time, and the whole in time.
async fn bounded(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|declared: u64| declared > bounds.bytes as u64) {
        return too_large(bounds.bytes);
    }
    let request = request.map(|body| Body::new(Limited::new(Impatient::new(body, bounds.idle), bounds.bytes)));
    let Ok(response) = tokio::time::timeout(bounds.in_all, next.run(request)).await else { return too_long() };
    let of_extractor = response.status() == StatusCode::PAYLOAD_TOO_LARGE
        && response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if of_extractor { too_large(bounds.bytes) } else { response }
}

/// What became of the request is not known, as when an answer is lost: it may be sent again.
fn too_long() -> Response {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "took-too-long", "the request took too long")
        .retry_after(RETRY_LATER)
        .into_response()
}

fn too_large(bytes: usize) -> Response {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "the body is too large")
        .detail(format!("at most {bytes} bytes are taken; send it in parts"))
        .into_response()
}

/// Gives the request a span that continues the sender's trace, and counts it by the route that it matched, never by its
/// path, which may name a student and has no bounded number of values.
async fn observed(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!(
        "http.request",
        otel.name = %format_args!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = %route,
        http.response.status_code = field::Empty,
        otel.status_code = field::Empty,
    );
    continue_trace(&span, &request);
    let answered = unless_panicking(next.run(request)).instrument(span.clone()).await;
    let response = answered.unwrap_or_else(|| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "defect", "a defect of ours; it was logged").into_response()
    });
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
        span.in_scope(|| tracing::warn!(status = status.as_u16(), "a request could not be answered"));
    }
    let status = status.as_u16().to_string();
    let labels = [("method", method.to_owned()), ("route", route), ("status", status)];
    metrics::histogram!("homeroom_http_request_duration_seconds", &labels).record(started.elapsed());
    response
}

/// The answer, or nothing when making it panicked: the sender is told, and the connection's other requests go on.
pub(super) async fn unless_panicking(answer: impl Future<Output = Response>) -> Option<Response> {
    let answered = AssertUnwindSafe(answer).catch_unwind().await;
    if answered.is_err() {
        // What the panic said is on standard error; it is not repeated, since it may quote the request.
        tracing::error!("answering a request panicked");
    }
    answered.ok()
}

pub(super) fn continue_trace<B>(span: &Span, request: &http::Request<B>) {
    if let Some(sent) = request.headers().get(trace::TRACEPARENT).and_then(|sent| sent.to_str().ok()) {
        trace::continue_from(span, sent);
    }
}

/// The method as a label; a sender could otherwise make any number of them up.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
