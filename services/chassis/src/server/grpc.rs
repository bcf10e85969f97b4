//! The layers of the gRPC door: reflection, the caller's deadline, a span and a measurement per call.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::HeaderMap;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::service::Routes;
use tonic::{Code, Status};
use tracing::{Instrument, field};

use super::body::{End, Watched};
use super::http::{continue_trace, unless_panicking};
use super::{Error, Limits};

/// The methods that calls are counted by; any other is counted as `unknown`, since a sender could make any number up.
type Methods = Arc<HashSet<String>>;

/// The routes with reflection and the door's layers around them.
pub(super) fn layered(rpcs: Routes, descriptors: &'static [u8], limits: &Limits) -> Result<Router, Error> {
    let methods = Arc::new(methods(descriptors)?);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(descriptors)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| Error::Descriptors(error.to_string()))?;
    let router = rpcs.add_service(reflection).into_axum_router();
    let longest = Duration::from_secs(limits.request_seconds);
    Ok(router.layer(from_fn_with_state(longest, timed)).layer(from_fn_with_state(methods, observed)))
}

fn methods(descriptors: &[u8]) -> Result<HashSet<String>, Error> {
    let mut methods = HashSet::new();
    for set in [descriptors, tonic_health::pb::FILE_DESCRIPTOR_SET] {
        let set = FileDescriptorSet::decode(set).map_err(|error| Error::Descriptors(error.to_string()))?;
        for file in &set.file {
            for service in &file.service {
                let path = |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
                methods.extend(service.method.iter().map(|method| path(method.name())));
            }
        }
    }
    Ok(methods)
}

/// Ends a call whose caller no longer waits for the answer, or that takes longer than any may. Streams that have begun to
/// answer are not ended.
async fn timed(State(longest): State<Duration>, request: Request, next: Next) -> Response {
    let asked = request.headers().get("grpc-timeout").and_then(|value| timeout(value.to_str().ok()?));
    let patience = asked.map_or(longest, |asked| asked.min(longest));
    match tokio::time::timeout(patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Status::deadline_exceeded("the deadline has passed").into_http(),
    }
}

/// Parses `<1 to 8 digits><unit>`.
fn timeout(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let digits = text.strip_suffix(unit)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(amount * 3600),
        'M' => Duration::from_secs(amount * 60),
        'S' => Duration::from_secs(amount),
        'm' => Duration::from_millis(amount),
        'u' => Duration::from_micros(amount),
        'n' => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// Gives the call a span that continues the sender's trace, and counts it when its stream ends.
async fn observed(State(methods): State<Methods>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = methods.get(request.uri().path()).map_or_else(|| "unknown".to_owned(), Clone::clone);
    let span = tracing::info_span!(
        "grpc.call",
        otel.name = %method.trim_start_matches('/'),
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.method = %method,
        rpc.grpc.status_code = field::Empty,
        otel.status_code = field::Empty,
    );
    continue_trace(&span, &request);
    let answered = unless_panicking(next.run(request)).instrument(span.clone()).await;
    let response = answered.unwrap_or_else(|| Status::internal("a defect of ours; it was logged").into_http());
    let at_once = status(response.headers());
    let ended = move |end: End<'_>| {
        let code = match end {
            End::Whole(trailers) => trailers.and_then(status).or(at_once).unwrap_or(Code::Unknown),
            End::Broken => at_once.unwrap_or(Code::Cancelled),
        };
        span.record("rpc.grpc.status_code", code as i32);
        if matches!(code, Code::Unknown | Code::Internal | Code::DataLoss | Code::Unavailable) {
            span.record("otel.status_code", "ERROR");
        }
        let labels = [("method", method), ("status", format!("{code:?}"))];
        metrics::histogram!("homeroom_grpc_request_duration_seconds", &labels).record(started.elapsed());
    };
    response.map(|body| Body::new(Watched::new(body, ended)))
}

fn status(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|code| Code::from_bytes(code.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_read_as_grpc_writes_it() {
        assert_eq!(timeout("15S"), Some(Duration::from_secs(15)));
        assert_eq!(timeout("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for wrong in ["", "S", "1", "999999999S", "1x", "-1S", "1µ"] {
            assert_eq!(timeout(wrong), None, "{wrong}");
        }
    }
}
