//! Answers that say what was wrong, as RFC 9457 problems (`application/problem+json`).

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// What every problem's type begins with; the suffix names the kind.
pub const TYPE_PREFIX: &str = "urn:homeroom:problem:";

/// One refused request, in words its sender can act on. Never holds a student's id, name or free text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// The kind, such as `invalid-record`; [`TYPE_PREFIX`] goes before it.
    pub type_suffix: Cow<'static, str>,
    /// The kind in words, the same for every occurrence.
    pub title: Cow<'static, str>,
    /// This occurrence in words; left out when empty.
    pub detail: String,
    /// The fields at fault.
    pub errors: Vec<FieldProblem>,
    /// When it is worth trying again; sent as whole seconds, rounded up.
    pub retry_after: Option<Duration>,
}

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// Where, as a JSON pointer or column name.
    pub field: String,
    /// What was expected there.
    pub expected: String,
    /// What was wrong, without the value when that may tell of a student.
    pub detail: String,
}

impl Problem {
    /// A problem of this kind without details.
    pub fn new(
        status: StatusCode,
        type_suffix: impl Into<Cow<'static, str>>,
        title: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            type_suffix: type_suffix.into(),
            title: title.into(),
            detail: String::new(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// The same, told in more words.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The same, with one more field at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, expected: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldProblem { field: field.into(), expected: expected.into(), detail: detail.into() });
        self
    }

    /// The same, worth trying again after this long.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldProblem],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let wire = Wire {
            r#type: format!("{TYPE_PREFIX}{}", self.type_suffix),
            title: &self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        };
        let body = serde_json::to_vec(&wire).expect("a struct of texts and numbers always serializes");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_problem_says_which_field_and_when_to_try_again() {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "the log is slow")
            .field("/0/date", "a date", "not a date")
            .retry_after(Duration::from_millis(1200));
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "2");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["type"], "urn:homeroom:problem:busy");
        assert_eq!(body["errors"][0]["field"], "/0/date");
        assert!(body.get("detail").is_none());
    }
}
