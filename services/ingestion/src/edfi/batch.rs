//! What a batch of requests does to the documents it touches. Pure: requests are decided one after the other against the
//! documents as loaded, so that several requests for one document in one batch come out as if each had been alone, and a
//! refused one changes nothing for its neighbours.

use std::collections::HashMap;
use std::sync::Arc;

use homeroom_domain::id::{DistrictId, SourceId};
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::key::{Key, KeyHash, etag, key_values};
use super::map::{self, Context, Message};
use super::table::Resource;
use crate::pseudonym::Pseudonyms;

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

impl Collection {
    /// The id of the document that has this key.
    pub(crate) fn document_id(&self, key: &Key) -> Uuid {
        key.document_id(&format!("{}\0{}\0{}", self.district, self.source, self.resource))
    }
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
    Upsert(Key, Map<String, Value>),
    /// Change the one that has this id; its key too when that is allowed.
    Replace(Uuid, Key, Map<String, Value>, bool),
    /// Delete the one that has this id.
    Delete(Uuid),
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

/// A document as kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub(crate) id: Uuid,
    pub(crate) key_hash: KeyHash,
    pub(crate) body: Map<String, Value>,
    pub(crate) etag: String,
    pub(crate) change_version: u64,
    pub(crate) created_version: u64,
    pub(crate) created_at: Timestamp,
}

/// A document that was deleted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Deleted {
    pub(crate) collection: Collection,
    pub(crate) id: Uuid,
    pub(crate) key_hash: KeyHash,
    pub(crate) change_version: u64,
    pub(crate) key_values: Value,
}

/// A message with what the outbox keeps beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) district: DistrictId,
    pub(crate) message: Message,
    pub(crate) traceparent: Option<String>,
}

/// The documents that a batch touches, and what has become of them so far.
pub(crate) struct Batch<'a> {
    pseudonyms: &'a Pseudonyms,
    now: Timestamp,
    documents: HashMap<(Collection, Uuid), Slot>,
    ids: HashMap<(Collection, KeyHash), Uuid>,
    /// The last change version of each district.
    versions: HashMap<DistrictId, u64>,
    deleted: Vec<Deleted>,
    outbox: Vec<Entry>,
}

#[derive(Default)]
struct Slot {
    was_kept: bool,
    document: Option<Document>,
    changed: bool,
}

/// What is to be written.
#[derive(Default)]
pub(crate) struct Writes {
    pub(crate) versions: Vec<(DistrictId, u64)>,
    pub(crate) upserted: Vec<(Collection, Document)>,
    pub(crate) removed: Vec<(Collection, Uuid)>,
    pub(crate) deleted: Vec<Deleted>,
    pub(crate) outbox: Vec<Entry>,
}

impl<'a> Batch<'a> {
    /// A batch that finds these documents and change versions.
    pub(crate) fn new(
        pseudonyms: &'a Pseudonyms,
        now: Timestamp,
        versions: HashMap<DistrictId, u64>,
        loaded: Vec<(Collection, Document)>,
    ) -> Self {
        let mut batch = Self {
            pseudonyms,
            now,
            documents: HashMap::new(),
            ids: HashMap::new(),
            versions,
            deleted: Vec::new(),
            outbox: Vec::new(),
        };
        for (collection, document) in loaded {
            batch.ids.insert((collection.clone(), document.key_hash), document.id);
            let slot = Slot { was_kept: true, document: Some(document.clone()), changed: false };
            batch.documents.insert((collection, document.id), slot);
        }
        batch
    }

    /// Decides one request.
    pub(crate) fn decide(&mut self, command: &Command) -> Outcome {
        let collection = &command.collection;
        match &command.action {
            Action::Upsert(key, body) => {
                let id = self.ids.get(&(collection.clone(), key.hash())).copied();
                match (id.and_then(|id| self.find(collection, id)).cloned(), id) {
                    (Some(document), _) => self.update(command, &document, key, body),
                    (None, _) if command.condition.etags.is_some() => Outcome::Stale,
                    (None, _) => self.create(command, key, body),
                }
            }
            Action::Replace(id, key, body, key_may_change) => {
                let Some(document) = self.find(collection, *id).cloned() else { return Outcome::NotFound };
                if document.key_hash != key.hash() {
                    if !key_may_change {
                        return Outcome::KeyFixed;
                    }
                    if self.ids.contains_key(&(collection.clone(), key.hash())) {
                        return Outcome::KeyTaken;
                    }
                }
                self.update(command, &document, key, body)
            }
            Action::Delete(id) => match self.find(collection, *id).cloned() {
                Some(document) if command.condition.permits(&document) => self.delete(command, &document),
                Some(_) => Outcome::Stale,
                None => Outcome::NotFound,
            },
        }
    }

    /// What is to be written.
    pub(crate) fn finish(self) -> Writes {
        let mut writes = Writes { deleted: self.deleted, outbox: self.outbox, ..Writes::default() };
        for ((collection, id), slot) in self.documents {
            match slot.document {
                Some(document) if slot.changed => writes.upserted.push((collection, document)),
                None if slot.was_kept => writes.removed.push((collection, id)),
                _ => {}
            }
        }
        writes.versions = self.versions.into_iter().collect();
        writes
    }

    fn find(&self, collection: &Collection, id: Uuid) -> Option<&Document> {
        self.documents.get(&(collection.clone(), id))?.document.as_ref()
    }

    fn next_version(&mut self, district: &DistrictId) -> u64 {
        let version = self.versions.entry(district.clone()).or_default();
        *version += 1;
        *version
    }

    fn create(&mut self, command: &Command, key: &Key, body: &Map<String, Value>) -> Outcome {
        let version = self.next_version(&command.collection.district);
        let mut id = command.collection.document_id(key);
        if self.find(&command.collection, id).is_some() {
            // A document that was made with this key has another now and keeps its id; ours must differ.
            id = Uuid::new_v5(&id, &version.to_be_bytes());
        }
        let document = Document {
            id,
            key_hash: key.hash(),
            body: body.clone(),
            etag: etag(body),
            change_version: version,
            created_version: version,
            created_at: self.now,
        };
        let outcome = Outcome::Created(document.id, document.etag.clone());
        self.say(command, version, None, Some(body));
        self.keep(&command.collection, document);
        outcome
    }

    fn update(&mut self, command: &Command, document: &Document, key: &Key, body: &Map<String, Value>) -> Outcome {
        if !command.condition.permits(document) {
            return Outcome::Stale;
        }
        let etag = etag(body);
        let outcome = Outcome::Updated(document.id, etag.clone());
        if etag == document.etag && document.key_hash == key.hash() {
            // Nothing new was said, so there is nothing to tell.
            return outcome;
        }
        let version = self.next_version(&command.collection.district);
        self.say(command, version, Some(&document.body), Some(body));
        self.ids.remove(&(command.collection.clone(), document.key_hash));
        let changed = Document {
            id: document.id,
            key_hash: key.hash(),
            body: body.clone(),
            etag,
            change_version: version,
            created_version: document.created_version,
            created_at: document.created_at,
        };
        self.keep(&command.collection, changed);
        outcome
    }

    fn delete(&mut self, command: &Command, document: &Document) -> Outcome {
        let version = self.next_version(&command.collection.district);
        self.say(command, version, Some(&document.body), None);
        self.ids.remove(&(command.collection.clone(), document.key_hash));
        self.deleted.push(Deleted {
            collection: command.collection.clone(),
            id: document.id,
            key_hash: document.key_hash,
            change_version: version,
            key_values: key_values(command.resource, &document.body),
        });
        let slot = self.documents.entry((command.collection.clone(), document.id)).or_default();
        (slot.document, slot.changed) = (None, true);
        Outcome::Deleted
    }

    fn keep(&mut self, collection: &Collection, document: Document) {
        self.ids.insert((collection.clone(), document.key_hash), document.id);
        let slot = self.documents.entry((collection.clone(), document.id)).or_default();
        (slot.document, slot.changed) = (Some(document), true);
    }

    fn say(
        &mut self,
        command: &Command,
        revision: u64,
        before: Option<&Map<String, Value>>,
        after: Option<&Map<String, Value>>,
    ) {
        let Collection { district, source, .. } = &command.collection;
        // The door has refused districts without a secret.
        let Some(pseudonym) = self.pseudonyms.find(district) else { return };
        let context = Context { pseudonym, source, resource: command.resource, revision, received_at: self.now };
        let messages = map::messages(context, before, after);
        self.outbox.extend(messages.into_iter().map(|message| Entry {
            district: district.clone(),
            message,
            traceparent: command.traceparent.clone(),
        }));
    }
}

impl Condition {
    fn permits(&self, document: &Document) -> bool {
        let matches = |etags: &Vec<String>| etags.iter().any(|etag| etag == "*" || *etag == document.etag);
        !self.absent && self.etags.as_ref().is_none_or(matches)
    }
}

#[cfg(test)]
mod tests;
