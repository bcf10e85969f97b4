//! Who may do what: keys scoped to a district and source, and the short-lived tokens minted from them.
//!
//! Every request to any door carries `authorization: Basic base64(key:secret)` or `Bearer <token>`; a token is minted from a
//! key (Ed-Fi clients do so) and carries its grant, signed, so that any replica can check it. A token never outlives its
//! key: the key is looked up again, and what it no longer permits the token does not permit either.

mod allowance;
mod denied;
mod key;
mod pace;
mod renew;
mod token;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::{Stream, StreamExt, stream};
use homeroom_domain::id::{DistrictId, SourceId};
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::clock;

pub use allowance::{Allowance, TimedOut};
pub use denied::Denied;
pub use key::{Error, Keys, hash_secret, new_secret};
pub use pace::Limits;
pub use renew::LOOK;
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
    /// Take deliveries, of the channels that the key names or of all, and watch alerts.
    Feed,
    /// Change settings, move a sample district's clock.
    Admin,
}

/// The keys and tokens that a door accepts. Clones share them.
#[derive(Clone)]
pub struct Access {
    shared: Arc<Shared>,
}

struct Shared {
    keys: RwLock<Arc<Keys>>,
    /// Tells that the keys are others now.
    changed: watch::Sender<()>,
    tokens: Tokens,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("keys", &self.keys()).field("tokens", &self.shared.tokens).finish()
    }
}

impl Access {
    /// Access by these.
    pub fn new(keys: Keys, tokens: Tokens) -> Self {
        let keys = RwLock::new(Arc::new(keys));
        Self { shared: Arc::new(Shared { keys, changed: watch::Sender::new(()), tokens }) }
    }

    /// The keys in force.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.shared.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The tokens, for doors that mint them.
    pub fn tokens(&self) -> &Tokens {
        &self.shared.tokens
    }

    /// What the sender of an HTTP request may do, when that includes `scope`.
    pub fn http(&self, headers: &HeaderMap, scope: Scope) -> Result<Grant, Denied> {
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        self.check(header, scope, "http")
    }

    /// What the sender of a gRPC call may do, when that includes `scope`.
    pub fn grpc(&self, metadata: &MetadataMap, scope: Scope) -> Result<Grant, Status> {
        let header = metadata.get("authorization").and_then(|value| value.to_str().ok());
        Ok(self.check(header, scope, "grpc")?)
    }

    /// Whether the sender of a gRPC call has a key that permits one of these; for doors to ask before they read a large message. The
    /// call itself asks with [`grpc`](Self::grpc), which counts it against the key's limit.
    pub fn is_expected(&self, metadata: &MetadataMap, scopes: &[Scope]) -> Result<(), Status> {
        let header = metadata.get("authorization").and_then(|value| value.to_str().ok());
        let known = self.keys().identify(header, &self.shared.tokens, clock::now());
        let permits = |grant: &Grant| scopes.iter().any(|scope| grant.scopes.contains(scope));
        match scopes.first().filter(|_| !known.as_ref().is_some_and(permits)) {
            Some(scope) => self.grpc(metadata, *scope).map(drop),
            None => Ok(()),
        }
    }

    /// What a key and its secret permit, when that includes `scope`; for doors that take them by other ways than the
    /// `authorization` header.
    pub fn login(&self, key: &str, secret: &str, scope: Scope) -> Result<Grant, Denied> {
        let keys = self.keys();
        Self::judge(&keys, keys.authenticate(key, secret), scope, "http", "unknown")
    }

    /// The channels whose deliveries the grant's key may take now; `None` for all.
    pub fn channels(&self, grant: &Grant) -> Option<Vec<String>> {
        self.keys().channels(&grant.key).map(<[String]>::to_vec)
    }

    /// How large this request of the grant's key may be, and how long it may take from now on.
    pub fn allowance(&self, grant: &Grant) -> Allowance {
        self.keys().pace(&grant.key).map(|pace| Allowance::of(&pace.limits)).unwrap_or_default()
    }

    /// Counts records that came in one request against their key's limit; when that is exceeded, its next request is refused.
    pub fn charge(&self, grant: &Grant, records: usize) {
        if let Some(pace) = self.keys().pace(&grant.key) {
            pace.charge_records(records);
        }
    }

    /// The same for a stream, which rather waits: what it has sent before is paid back first, and the sender feels it as flow
    /// control.
    pub async fn pace(&self, grant: &Grant, records: usize) {
        while let Some(Err(wait)) = self.keys().pace(&grant.key).map(pace::Pace::has_records) {
            tokio::time::sleep(wait).await;
        }
        self.charge(grant, records);
    }

    /// The stream until the grant's key is revoked; then it ends, as an unknown key's call does.
    pub fn while_permitted<T, S>(
        &self,
        grant: Grant,
        scope: Scope,
        answers: S,
    ) -> impl Stream<Item = Result<T, Status>> + Send + use<T, S>
    where
        S: Stream<Item = Result<T, Status>> + Send,
        T: Send,
    {
        let revoked = Box::pin(self.clone().revoked(grant, scope));
        stream::unfold((Box::pin(answers), Some(revoked)), async |(mut answers, revoked)| {
            let mut revoked = revoked?;
            tokio::select! {
                biased;
                denied = &mut revoked => Some((Err(denied.into()), (answers, None))),
                answer = answers.next() => answer.map(|answer| (answer, (answers, Some(revoked)))),
            }
        })
    }

    /// Completes when the grant's key is gone, is another's, or does not permit this any longer.
    async fn revoked(self, grant: Grant, scope: Scope) -> Denied {
        let mut changed = self.shared.changed.subscribe();
        loop {
            let permitted = self.keys().still(grant.clone()).ok_or(Denied::Unknown).and_then(|g| g.permitting(scope));
            if let Err(denied) = permitted {
                return denied;
            }
            // We hold its other end.
            changed.changed().await.ok();
        }
    }

    /// Puts other keys in force, for requests from now on and for streams that run. What keys that stay have used of their
    /// limits stays used.
    pub fn replace(&self, mut keys: Keys) {
        let mut current = self.shared.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.keep_pace_of(&current);
        *current = Arc::new(keys);
        drop(current);
        self.shared.changed.send_replace(());
    }

    fn check(&self, header: Option<&str>, scope: Scope, door: &'static str) -> Result<Grant, Denied> {
        let keys = self.keys();
        let known = keys.identify(header, &self.shared.tokens, clock::now());
        Self::judge(&keys, known, scope, door, if header.is_none() { "absent" } else { "unknown" })
    }

    /// Judges, and tells operators of refusals: which door and why, and neither what was sent nor by whom, since a mistyped
    /// header may hold a secret anywhere.
    fn judge(
        keys: &Keys,
        known: Option<Grant>,
        scope: Scope,
        door: &'static str,
        unknown: &'static str,
    ) -> Result<Grant, Denied> {
        let judged = known.ok_or(Denied::Unknown).and_then(|grant| keys.admit(grant, scope));
        if let Err(denied) = &judged {
            let reason = match denied {
                Denied::Unknown => unknown,
                Denied::Forbidden => "forbidden",
                Denied::TooFast { .. } => "too-fast",
            };
            // A loop that is stopped must not fill the log instead.
            if matches!(denied, Denied::TooFast { .. }) {
                tracing::debug!(door, reason, ?scope, "access refused");
            } else {
                tracing::info!(door, reason, ?scope, "access refused");
            }
            metrics::counter!("homeroom_access_refused_total", "door" => door, "reason" => reason).increment(1);
        }
        judged
    }
}

#[cfg(test)]
mod tests;
