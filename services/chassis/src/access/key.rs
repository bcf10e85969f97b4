//! Keys: read from a file that holds their secrets' hashes only.
//!
//! A secret has 256 random bits, so one round of SHA-256 keeps it as well as a slow hash would, and costs a request nothing.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use figment::Figment;
use figment::providers::{Format, Toml};
use homeroom_domain::id::{DistrictId, SourceId};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::pace::{Limits, Pace};
use super::{Denied, Grant, Scope, Tokens};
use crate::config;

/// The longest key id, in bytes.
const MAX_ID: usize = 64;

/// The longest `authorization` header that is looked at, in bytes.
const MAX_HEADER: usize = 4096;

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read, or a line of it is wrong.
    #[error("keys: {0}")]
    File(#[from] config::Error),
    /// Two keys have the same id.
    #[error("`{}`: key `{id}` is given twice", .path.display())]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The id.
        id: String,
    },
    /// A key that nobody could use.
    #[error("`{}`: key `{id}`: {reason}", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The id.
        id: String,
        /// What is expected.
        reason: &'static str,
    },
    /// The system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    #[serde(default)]
    key: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Line {
    id: String,
    district: DistrictId,
    source: SourceId,
    scopes: Vec<Scope>,
    secret_sha256: String,
    /// The channels whose deliveries it may take; all when not given.
    channels: Option<Vec<String>>,
    #[serde(default)]
    limits: Limits,
}

struct Key {
    grant: Grant,
    secret_sha256: [u8; 32],
    channels: Option<Vec<String>>,
    pace: Arc<Pace>,
}

/// The keys that are known. `Debug` shows only how many.
#[derive(Default)]
pub struct Keys(HashMap<String, Key>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

impl Keys {
    /// Loads a TOML file of `[[key]]` tables with `id`, `district`, `source`, `scopes` and `secret-sha256`, with
    /// [`limits`](Limits) where the default ones do not fit, and with `channels` where the scope `feed` is for an adapter, which
    /// needs no deliveries but those of its channel.
    pub fn load(path: &Path) -> Result<Self, Error> {
        std::fs::File::open(path).map_err(|source| config::Error::Read { path: path.to_owned(), source })?;
        let file: KeyFile =
            Figment::from(Toml::file_exact(path)).extract().map_err(|error| config::wrong_in_file(&error))?;
        let mut keys = HashMap::new();
        for line in file.key {
            let id = line.id.clone();
            let key = key(line).map_err(|reason| Error::Key { path: path.to_owned(), id: id.clone(), reason })?;
            if keys.insert(id.clone(), key).is_some() {
                return Err(Error::Duplicate { path: path.to_owned(), id });
            }
        }
        Ok(Self(keys))
    }

    /// What each key permits, in no order.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.0.values().map(|key| &key.grant)
    }

    /// Whether there is no key, so that nobody could enter.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What an `authorization` header permits at this moment, when that includes `scope`. Not counted against limits.
    pub fn check(&self, header: Option<&str>, tokens: &Tokens, scope: Scope, now: Timestamp) -> Result<Grant, Denied> {
        self.identify(header, tokens, now).ok_or(Denied::Unknown)?.permitting(scope)
    }

    /// Whose an `authorization` header is at this moment.
    pub(super) fn identify(&self, header: Option<&str>, tokens: &Tokens, now: Timestamp) -> Option<Grant> {
        let header = header.filter(|header| header.len() <= MAX_HEADER)?;
        let (scheme, credentials) = header.split_once(' ')?;
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("basic") {
            self.basic(credentials)
        } else if scheme.eq_ignore_ascii_case("bearer") {
            tokens.verify(credentials, now).and_then(|grant| self.still(grant))
        } else {
            None
        }
    }

    /// Lets one request of a known key in: when it is not too fast, and when its grant includes `scope`. Refused requests are
    /// counted too, since they cost us as much.
    pub(super) fn admit(&self, grant: Grant, scope: Scope) -> Result<Grant, Denied> {
        if let Some(pace) = self.pace(&grant.key) {
            let records = if scope == Scope::Ingest { pace.has_records() } else { Ok(()) };
            records.and_then(|()| pace.take_request()).map_err(|wait| Denied::TooFast { wait })?;
        }
        grant.permitting(scope)
    }

    /// The channels whose deliveries a key may take; `None` for all, and none of them for a key that is not known.
    pub(super) fn channels(&self, key: &str) -> Option<&[String]> {
        self.0.get(key).map_or(Some(&[]), |key| key.channels.as_deref())
    }

    pub(super) fn pace(&self, key: &str) -> Option<&Pace> {
        self.0.get(key).map(|key| &*key.pace)
    }

    /// Goes on counting where these other keys are, for each key whose limits are the same there.
    pub(super) fn keep_pace_of(&mut self, before: &Self) {
        for (id, key) in &mut self.0 {
            if let Some(known) = before.0.get(id).filter(|known| known.pace.limits == key.pace.limits) {
                key.pace = Arc::clone(&known.pace);
            }
        }
    }

    /// The grant of a key, when the secret is the key's.
    pub fn authenticate(&self, key: &str, secret: &str) -> Option<Grant> {
        let given = sha256(secret);
        let known = self.0.get(key);
        // An unknown key is compared too, so that the answer's time does not tell which keys exist.
        let expected = known.map_or([0; 32], |key| key.secret_sha256);
        let same = bool::from(given.ct_eq(&expected));
        known.filter(|_| same).map(|key| key.grant.clone())
    }

    fn basic(&self, credentials: &str) -> Option<Grant> {
        let decoded = String::from_utf8(BASE64_STANDARD.decode(credentials).ok()?).ok()?;
        let (key, secret) = decoded.split_once(':')?;
        self.authenticate(key, secret)
    }

    /// What remains of a token's grant: its key must still exist for the same district and source, and permit as much.
    pub(super) fn still(&self, mut grant: Grant) -> Option<Grant> {
        let current = &self.0.get(&grant.key)?.grant;
        if current.district != grant.district || current.source != grant.source {
            return None;
        }
        grant.scopes.retain(|scope| current.scopes.contains(scope));
        Some(grant)
    }

    #[cfg(test)]
    pub(super) fn of(grants: &[(Grant, &str)]) -> Self {
        let key = |grant: &Grant, secret| Key {
            grant: grant.clone(),
            secret_sha256: sha256(secret),
            channels: None,
            pace: Arc::new(Pace::new(Limits::default())),
        };
        Self(grants.iter().map(|(grant, secret)| (grant.key.clone(), key(grant, secret))).collect())
    }
}

fn key(line: Line) -> Result<Key, &'static str> {
    let printable = |c: char| c.is_ascii_graphic() && c != ':';
    if line.id.is_empty() || line.id.len() > MAX_ID || !line.id.chars().all(printable) {
        return Err("expected an id of 1 to 64 visible ASCII characters without `:`");
    }
    if line.scopes.is_empty() {
        return Err("expected at least one scope");
    }
    let names = |channels: &Vec<String>| !channels.is_empty() && channels.iter().all(|name| !name.trim().is_empty());
    if !line.channels.as_ref().is_none_or(names) {
        return Err("expected `channels` to name at least one, or not to be there");
    }
    if line.channels.is_some() && !line.scopes.contains(&Scope::Feed) {
        return Err("expected the scope `feed` where `channels` are named");
    }
    let mut secret_sha256 = [0; 32];
    hex::decode_to_slice(&line.secret_sha256, &mut secret_sha256)
        .map_err(|_| "expected `secret-sha256` to be 64 hexadecimal digits")?;
    let grant = Grant { key: line.id, district: line.district, source: line.source, scopes: line.scopes };
    Ok(Key { grant, secret_sha256, channels: line.channels, pace: Arc::new(Pace::new(line.limits)) })
}

fn sha256(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// A new secret of 256 random bits, with a prefix by which secret scanners know it.
pub fn new_secret() -> Result<SecretString, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(SecretString::from(format!("homeroom_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))))
}

/// What the key file says of a secret: its SHA-256 in hexadecimal.
pub fn hash_secret(secret: &str) -> String {
    hex::encode(sha256(secret))
}
