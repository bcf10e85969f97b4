//! Requests to change a document, as the door hands them to the writer.

use std::sync::Arc;

use homeroom_domain::id::{DistrictId, SourceId};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::key::{Key, KeyHash, etag};
use super::table::Resource;

/// The documents of one resource that one source keeps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Collection {
    /// The institution.
    pub(crate) district: DistrictId,
    /// Whose documents they are.
    pub(crate) source: SourceId,
    /// Folder and endpoint, such as `ed-fi/students`.
    pub(crate) resource: Arc<str>,
}

/// A request to change one document.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    /// Where the document is, or will be.
    pub(crate) collection: Collection,
    /// Its resource; none when the standard has no such one.
    pub(crate) resource: Option<&'static Resource>,
    /// What to do.
    pub(crate) action: Action,
    /// What the client has seen.
    pub(crate) condition: Condition,
    /// The request's trace.
    pub(crate) traceparent: Option<String>,
}

/// What to do with a document.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// Create it, or change the one that has this key.
    Upsert(Draft),
    /// Change the one that has this id; its key too when that is allowed.
    Replace(Uuid, Draft, bool),
    /// Delete the one that has this id.
    Delete(Uuid),
}

/// What a document is to say. Made by the request's own task, so that the writer, which all share, has little to compute.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// Finds the document that has the same natural key.
    pub(crate) key_hash: KeyHash,
    /// The id of a new document with this key.
    pub(crate) id: Uuid,
    /// What it says, checked and in one form.
    pub(crate) body: Arc<Map<String, Value>>,
    /// The version that clients will see.
    pub(crate) etag: String,
}

/// What must hold of the document, for the client to mean it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    /// It must be one of these, as `If-Match` says.
    pub(crate) etags: Option<Vec<String>>,
    /// There must be none, as `If-None-Match: *` says.
    pub(crate) absent: bool,
}

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is a new document.
    Created(Uuid, String),
    /// There was one, and it now says what was sent.
    Updated(Uuid, String),
    /// It is gone.
    Deleted,
    /// There is none.
    NotFound,
    /// It is not what the client has seen.
    Stale,
    /// Its key may not be changed.
    KeyFixed,
    /// Another has that key.
    KeyTaken,
}

impl Draft {
    /// A valid body, made ready for the writer.
    pub(crate) fn new(collection: &Collection, resource: Option<&Resource>, body: Map<String, Value>) -> Self {
        let key = Key::of(resource, &body);
        let place = format!("{}\0{}\0{}", collection.district, collection.source, collection.resource);
        Self { key_hash: key.hash(), id: key.document_id(&place), etag: etag(&body), body: Arc::new(body) }
    }
}

impl Condition {
    /// Whether a document of this version is what the client means.
    pub(crate) fn permits(&self, version: &str) -> bool {
        let matches = |etags: &Vec<String>| etags.iter().any(|etag| etag == "*" || etag == version);
        !self.absent && self.etags.as_ref().is_none_or(matches)
    }
}
