//! Ed-Fi's problem documents. Senders match on their wording and their tests compare whole bodies, so each has exactly the
//! members and texts that the standard's own implementations send.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use homeroom_chassis::access::TimedOut;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::parse::Fault;

/// One refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    /// Follows `urn:ed-fi:api:`.
    kind: &'static str,
    title: &'static str,
    detail: String,
    validation_errors: BTreeMap<String, Vec<String>>,
    errors: Vec<String>,
    retry_after_s: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    detail: &'a str,
    r#type: String,
    title: &'a str,
    status: u16,
    correlation_id: Option<&'a str>,
    validation_errors: &'a BTreeMap<String, Vec<String>>,
    errors: &'a [String],
}

const DATA_VALIDATION: &str = "bad-request:data-validation-failed";
const SEE_ERRORS: &str = "The request could not be processed. See 'errors' for details.";

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let (validation_errors, errors) = (BTreeMap::new(), Vec::new());
        Self { status, kind, title, detail, validation_errors, errors, retry_after_s: None }
    }

    fn error(mut self, error: impl Into<String>) -> Self {
        self.errors.push(error.into());
        self
    }

    /// Values that are missing or wrong, by JSON path.
    pub(crate) fn invalid(validation_errors: BTreeMap<String, Vec<String>>) -> Self {
        let detail = "Data validation failed. See 'validationErrors' for details.";
        let problem = Self::new(StatusCode::BAD_REQUEST, DATA_VALIDATION, "Data Validation Failed", detail);
        Self { validation_errors, ..problem }
    }

    /// A body that is no JSON object, or holds what none may.
    pub(crate) fn unreadable(fault: Fault) -> Self {
        let (path, message) = match fault {
            Fault::Empty => return Self::bad_request("A non-empty request body is required."),
            Fault::Syntax(message) => ("$.".to_owned(), message),
            Fault::Place(path, message) => (path, message),
        };
        Self::invalid(BTreeMap::from([(path, vec![message])]))
    }

    /// A request that is wrong apart from its data.
    pub(crate) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "Bad Request", SEE_ERRORS).error(error)
    }

    /// A POST whose body has an id.
    pub(crate) fn id_in_body() -> Self {
        let detail = "The request data was constructed incorrectly.";
        Self::new(StatusCode::BAD_REQUEST, DATA_VALIDATION, "Data Validation Failed", detail).error(
            "Resource identifiers cannot be assigned by the client. The 'id' property should not be included in the request body.",
        )
    }

    /// A PUT that would change the natural key of a resource whose key is fixed.
    pub(crate) fn key_change(resource: &str) -> Self {
        let detail = format!(
            "Identifying values for the {resource} resource cannot be changed. Delete and recreate the resource item instead."
        );
        let kind = "bad-request:data-validation-failed:key-change-not-supported";
        Self::new(StatusCode::BAD_REQUEST, kind, "Key Change Not Supported", detail)
    }

    /// A query parameter that is out of its range.
    pub(crate) fn parameter(error: impl Into<String>) -> Self {
        let detail = "Parameters supplied to the request were invalid.";
        let kind = "bad-request:parameter-validation-failed";
        Self::new(StatusCode::BAD_REQUEST, kind, "Parameter Validation Failed", detail).error(error)
    }

    /// No token, or one that is wrong or expired.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "The caller could not be authenticated.";
        Self::new(StatusCode::UNAUTHORIZED, "security:authentication", "Authentication Failed", detail)
            .error("The access token is missing, wrong or expired.")
    }

    /// A good token that does not permit this.
    pub(crate) fn forbidden(error: impl Into<String>) -> Self {
        let detail = "Access to the resource could not be authorized.";
        Self::new(StatusCode::FORBIDDEN, "security:authorization", "Authorization Denied", detail).error(error)
    }

    /// A document that is not there.
    pub(crate) fn not_found() -> Self {
        let detail = "The specified resource item could not be found.";
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not Found", detail)
    }

    /// An address that means nothing.
    pub(crate) fn no_such_address() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not Found", "The specified data could not be found.")
    }

    /// A method that the address does not take.
    pub(crate) fn method(error: &'static str) -> Self {
        let detail = "The request construction was invalid.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method Not Allowed", detail).error(error)
    }

    /// Another document has the natural key.
    pub(crate) fn key_taken() -> Self {
        let detail = "The identifying value(s) of the item are the same as another item that already exists.";
        Self::new(
            StatusCode::CONFLICT,
            "data-conflict:non-unique-identity",
            "Identifying Values Are Not Unique",
            detail,
        )
    }

    /// The document is not the one that the client has seen.
    pub(crate) fn stale() -> Self {
        let detail = "The item has been modified by another user.";
        Self::new(StatusCode::PRECONDITION_FAILED, "optimistic-lock-failed", "Optimistic Lock Failed", detail).error(
            "The resource item's etag value does not match what was specified in the 'If-Match' request header indicating \
             that it has been modified by another client since it was last retrieved.",
        )
    }

    /// A body too large to take.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "bad-request", "Payload Too Large", SEE_ERRORS)
            .error(format!("The request body may have at most {limit} bytes."))
    }

    /// A body that says it is not JSON.
    pub(crate) fn media_type() -> Self {
        let (kind, title) = ("unsupported-media-type", "Unsupported Media Type");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, kind, title, SEE_ERRORS)
            .error("The request body must be 'application/json'.")
    }

    /// Something that we failed to foresee.
    pub(crate) fn unkeepable() -> Self {
        let detail = "An unexpected problem has occurred. The record was not kept.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "system", "System Error", detail)
            .error("The record cannot be kept because of what it holds.")
    }

    /// A key that sends faster than it may.
    pub(crate) fn too_fast(wait: Duration) -> Self {
        let detail = "The caller sends requests faster than its limits allow.";
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too Many Requests", detail);
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { retry_after_s: Some(u32::try_from(seconds).unwrap_or(u32::MAX)), ..problem }
    }

    /// A body that was not there in the time that the key's limits give.
    pub(crate) fn too_slow(late: TimedOut) -> Self {
        let detail = "The request body did not arrive in time.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "request-timeout", "Request Timeout", detail).late(late)
    }

    /// An answer that was not there in that time. A record may yet be kept, as when an answer is lost.
    pub(crate) fn too_long(late: TimedOut) -> Self {
        let detail = "The request took too long. Whether it was carried out is not known; send it again.";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "gateway-timeout", "Gateway Timeout", detail).late(late)
    }

    fn late(self, TimedOut(time): TimedOut) -> Self {
        let seconds = u32::try_from(TimedOut::RETRY_AFTER.as_secs()).unwrap_or(u32::MAX);
        let problem = self.error(format!("Requests of this key may take {} seconds.", time.as_secs()));
        Self { retry_after_s: Some(seconds), ..problem }
    }

    /// Good, but not now.
    pub(crate) fn busy(error: impl Into<String>, retry_after_s: u32) -> Self {
        let detail = "The request cannot be taken now. Send it again later.";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "service-unavailable", "Service Unavailable", detail);
        Self { retry_after_s: Some(retry_after_s), ..problem.error(error) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let wire = Wire {
            detail: &self.detail,
            r#type: format!("urn:ed-fi:api:{}", self.kind),
            title: self.title,
            status: self.status.as_u16(),
            correlation_id: None,
            validation_errors: &self.validation_errors,
            errors: &self.errors,
        };
        let body = serde_json::to_vec(&wire).expect("a struct of texts and numbers always serializes");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
