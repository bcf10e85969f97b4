//! Tokens: a grant and its end, signed with a key that all replicas share.
//!
//! A token is `base64url(JSON) . base64url(HMAC-SHA256)`. There is one algorithm and nothing in a token that could choose
//! another.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use homeroom_domain::id::{DistrictId, SourceId};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{Grant, Scope};

/// How long a token is good for.
pub const LIFETIME: Duration = Duration::from_mins(30);

/// Goes into every signature, so that a signature made with the same key for another purpose is none here.
const PURPOSE: &[u8] = b"homeroom access token v1\0";

/// Mints and verifies tokens. `Debug` does not show the signing key.
pub struct Tokens {
    /// The signature of an empty token, from which each other begins.
    base: Hmac<Sha256>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    key: String,
    district: DistrictId,
    source: SourceId,
    scopes: Vec<Scope>,
    /// Seconds since 1970.
    expires: i64,
}

impl Tokens {
    /// Tokens signed with this key; all replicas need the same.
    pub fn new(signing_key: &SecretString) -> Self {
        let mut base = Hmac::<Sha256>::new_from_slice(signing_key.expose_secret().as_bytes())
            .expect("HMAC takes a key of any length");
        base.update(PURPOSE);
        Self { base }
    }

    /// A token that permits what the grant does, and how long it is good for.
    pub fn mint(&self, grant: &Grant, now: Timestamp) -> (String, Duration) {
        let lifetime = i64::try_from(LIFETIME.as_secs()).expect("half an hour fits");
        let claims = Claims {
            key: grant.key.clone(),
            district: grant.district.clone(),
            source: grant.source.clone(),
            scopes: grant.scopes.clone(),
            expires: now.as_second().saturating_add(lifetime),
        };
        let claims = serde_json::to_vec(&claims).expect("a struct of texts and numbers always serializes");
        let payload = BASE64_URL_SAFE_NO_PAD.encode(claims);
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.signed(&payload).finalize().into_bytes());
        (format!("{payload}.{signature}"), LIFETIME)
    }

    /// The grant of a token that we signed and that has not expired. Whether its key still exists is for
    /// [`Keys::check`](super::Keys::check) to say.
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Grant> {
        let (payload, signature) = token.split_once('.')?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.signed(payload).verify_slice(&signature).ok()?;
        let claims: Claims = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let Claims { key, district, source, scopes, expires } = claims;
        (now.as_second() < expires).then_some(Grant { key, district, source, scopes })
    }

    fn signed(&self, payload: &str) -> Hmac<Sha256> {
        let mut mac = self.base.clone();
        mac.update(payload.as_bytes());
        mac
    }
}
