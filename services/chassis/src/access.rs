//! Who may do what: keys scoped to a district and source, and the short-lived tokens minted from them.
//!
//! Every request to any door carries `authorization: Basic base64(key:secret)` or `Bearer <token>`; a token is minted from a
//! key (Ed-Fi clients do so) and carries its grant, signed, so that any replica can check it. A token never outlives its
//! key: the key is looked up again, and what it no longer permits the token does not permit either.

mod key;
mod token;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use homeroom_domain::id::{DistrictId, SourceId};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use tonic::metadata::MetadataMap;

use crate::clock;
use crate::problem::Problem;

pub use key::{Error, Keys, hash_secret, new_secret};
pub use token::{LIFETIME, Tokens};

/// What a key or token permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The key's public part.
    pub key: String,
    /// The only district that it may see.
    pub district: DistrictId,
    /// The source that its records are kept under.
    pub source: SourceId,
    /// What it may do there.
    pub scopes: Vec<Scope>,
}

impl Grant {
    /// The grant itself when it permits this.
    pub fn permitting(self, scope: Scope) -> Result<Self, Denied> {
        if self.scopes.contains(&scope) { Ok(self) } else { Err(Denied::Forbidden) }
    }
}

/// One permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Send records, and read back one's own documents.
    Ingest,
    /// Ask for risk state.
    Read,
    /// Take deliveries and watch alerts.
    Feed,
    /// Change settings, move a sample district's clock.
    Admin,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No key or token, or one that is wrong or expired: the answer is 401.
    #[error("a valid key or token is needed")]
    Unknown,
    /// A good key without the scope: the answer is 403.
    #[error("the key does not permit this")]
    Forbidden,
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown => {
                let problem =
                    Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "a valid key or token is needed")
                        .detail("send `authorization: Basic base64(key:secret)` or `authorization: Bearer <token>`");
                let mut response = problem.into_response();
                for challenge in ["Bearer realm=\"homeroom\"", "Basic realm=\"homeroom\", charset=\"UTF-8\""] {
                    response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                }
                response
            }
            Self::Forbidden => {
                Problem::new(StatusCode::FORBIDDEN, "forbidden", "the key does not permit this").into_response()
            }
        }
    }
}

impl From<Denied> for tonic::Status {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unknown => Self::unauthenticated(denied.to_string()),
            Denied::Forbidden => Self::permission_denied(denied.to_string()),
        }
    }
}

/// The keys and tokens that a door accepts. Clones share them.
#[derive(Debug, Clone)]
pub struct Access {
    keys: Arc<Keys>,
    tokens: Arc<Tokens>,
}

impl Access {
    /// Access by these.
    pub fn new(keys: Keys, tokens: Tokens) -> Self {
        Self { keys: Arc::new(keys), tokens: Arc::new(tokens) }
    }

    /// The keys, for doors that take key and secret by other ways than the `authorization` header.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The tokens, for doors that mint them.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// What the sender of an HTTP request may do, when that includes `scope`.
    pub fn http(&self, headers: &HeaderMap, scope: Scope) -> Result<Grant, Denied> {
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        self.check(header, scope, "http")
    }

    /// What the sender of a gRPC call may do, when that includes `scope`.
    pub fn grpc(&self, metadata: &MetadataMap, scope: Scope) -> Result<Grant, tonic::Status> {
        let header = metadata.get("authorization").and_then(|value| value.to_str().ok());
        Ok(self.check(header, scope, "grpc")?)
    }

    /// Checks, and tells operators of refusals: which door and why, and neither what was sent nor by whom, since a mistyped
    /// header may hold a secret anywhere.
    fn check(&self, header: Option<&str>, scope: Scope, door: &'static str) -> Result<Grant, Denied> {
        let checked = self.keys.check(header, &self.tokens, scope, clock::now());
        if let Err(denied) = &checked {
            let reason = match denied {
                Denied::Unknown if header.is_none() => "absent",
                Denied::Unknown => "unknown",
                Denied::Forbidden => "forbidden",
            };
            tracing::info!(door, reason, ?scope, "access refused");
            metrics::counter!("homeroom_access_refused_total", "door" => door, "reason" => reason).increment(1);
        }
        checked
    }
}

#[cfg(test)]
mod tests;
