//! Who may do what: keys scoped to a district and source, and the short-lived tokens minted from them.
//!
//! Every request to any door carries `authorization: Basic base64(key:secret)` or `Bearer <token>`; a token is minted from a
//! key (Ed-Fi clients do so) and carries its grant, signed, so that any replica can check it.

use homeroom_domain::id::{DistrictId, SourceId};

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

/// One permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
