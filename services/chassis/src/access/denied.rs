//! Why a request is refused, and how each door says so.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use prost::Message;
use tonic::{Code, Status};

use crate::problem::Problem;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No key or token, or one that is wrong or expired: the answer is 401.
    #[error("a valid key or token is needed")]
    Unknown,
    /// A good key without the scope: the answer is 403.
    #[error("the key does not permit this")]
    Forbidden,
    /// A good key that goes faster than it may: the answer is 429.
    #[error("the key goes faster than its limits allow")]
    TooFast {
        /// When it is worth trying again.
        wait: Duration,
    },
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let title = self.to_string();
        match self {
            Self::Unknown => {
                let problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", title)
                    .detail("send `authorization: Basic base64(key:secret)` or `authorization: Bearer <token>`");
                let mut response = problem.into_response();
                for challenge in ["Bearer realm=\"homeroom\"", "Basic realm=\"homeroom\", charset=\"UTF-8\""] {
                    response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                }
                response
            }
            Self::Forbidden => Problem::new(StatusCode::FORBIDDEN, "forbidden", title).into_response(),
            Self::TooFast { wait } => {
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-fast", title).retry_after(wait).into_response()
            }
        }
    }
}

impl From<Denied> for Status {
    fn from(denied: Denied) -> Self {
        let text = denied.to_string();
        match denied {
            Denied::Unknown => Self::unauthenticated(text),
            Denied::Forbidden => Self::permission_denied(text),
            Denied::TooFast { wait } => {
                let details = retry_details(Code::ResourceExhausted, &text, wait);
                Self::with_details(Code::ResourceExhausted, text, details.into())
            }
        }
    }
}

/// `google.rpc.Status`, which a gRPC status's details are an encoding of.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

fn retry_details(code: Code, text: &str, wait: Duration) -> Vec<u8> {
    let retry = RetryInfo { retry_delay: prost_types::Duration::try_from(wait).ok() };
    let detail = prost_types::Any {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
        value: retry.encode_to_vec(),
    };
    RpcStatus { code: code as i32, message: text.to_owned(), details: vec![detail] }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_too_fast_is_told_when_to_come_back() {
        let denied = Denied::TooFast { wait: Duration::from_millis(1500) };
        let response = denied.clone().into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()["retry-after"], "2");
        let status = Status::from(denied);
        assert_eq!(status.code(), Code::ResourceExhausted);
        let details = RpcStatus::decode(status.details()).unwrap();
        let retry = RetryInfo::decode(&*details.details[0].value).unwrap();
        let delay = retry.retry_delay.unwrap();
        assert_eq!((delay.seconds, delay.nanos), (1, 500_000_000));
    }
}
