//! What a batch of requests does to the documents it touches. Pure: requests are decided one after the other against the
//! documents as loaded, so that several requests for one document in one batch come out as if each had been alone, and a
//! refused one changes nothing for its neighbours.

use std::collections::HashMap;
use std::sync::Arc;

use homeroom_domain::id::DistrictId;
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::cascade;
use super::command::{Action, Collection, Command, Draft, Outcome};
use super::key::{KeyHash, key_values};
use super::map::{self, Context};
use super::referral::{self, store::Referral};
use crate::merge::Crosswalk;
use crate::outbox::Entry;
use crate::pseudonym::Pseudonyms;

/// A document as kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub(crate) id: Uuid,
    pub(crate) key_hash: KeyHash,
    pub(crate) body: Arc<Map<String, Value>>,
    pub(crate) etag: String,
    pub(crate) change_version: u64,
    pub(crate) created_version: u64,
    pub(crate) created_at: Timestamp,
}

/// The change versions of one district, as a batch has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Versions {
    /// The one before the next that is reserved for the batch.
    pub(crate) last: u64,
    /// Of documents below it the log may hold a later word.
    pub(crate) unsure_below: u64,
    /// The last change of which students are one.
    pub(crate) merge_version: i64,
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

/// Which students are one, by district; a district that is not there has none.
pub(crate) type Crosswalks = HashMap<DistrictId, Arc<Crosswalk>>;

/// A document whose natural key was changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeyChanged {
    pub(crate) collection: Collection,
    pub(crate) id: Uuid,
    pub(crate) change_version: u64,
    pub(crate) old: Value,
    pub(crate) new: Value,
    /// Whether other documents may refer to it.
    pub(crate) is_referred_to: bool,
}

/// The documents that a batch touches, and what has become of them so far.
pub(crate) struct Batch<'a> {
    pseudonyms: &'a Pseudonyms,
    crosswalks: Crosswalks,
    now: Timestamp,
    documents: HashMap<(Collection, Uuid), Slot>,
    ids: HashMap<(Collection, KeyHash), Uuid>,
    versions: HashMap<DistrictId, Versions>,
    deleted: Vec<Deleted>,
    key_changes: Vec<KeyChanged>,
    outbox: Vec<Entry>,
}

#[derive(Default)]
struct Slot {
    /// The document as it was loaded, when there was one.
    was: Option<Document>,
    document: Option<Document>,
    changed: bool,
}

/// What is to be written.
#[derive(Default)]
pub(crate) struct Writes {
    pub(crate) upserted: Vec<(Collection, Document)>,
    pub(crate) removed: Vec<(Collection, Uuid)>,
    pub(crate) deleted: Vec<Deleted>,
    pub(crate) key_changes: Vec<KeyChanged>,
    pub(crate) outbox: Vec<Entry>,
    /// References that documents have now and had not.
    pub(crate) referred: Vec<Referral>,
    /// Those that they had and have no more.
    pub(crate) unreferred: Vec<Referral>,
}

impl Writes {
    fn note_references(&mut self, collection: &Collection, was: Option<&Document>, is: Option<&Document>) {
        if !referral::may_refer(&collection.resource) {
            return;
        }
        let of = |document: Option<&Document>| {
            document.map(|document| referral::store::of_document(collection, document)).unwrap_or_default()
        };
        let (was, is) = (of(was), of(is));
        self.referred.extend(is.difference(&was).cloned());
        self.unreferred.extend(was.difference(&is).cloned());
    }
}

impl<'a> Batch<'a> {
    /// A batch that finds these documents and has the change versions after the last of these.
    pub(crate) fn new(
        pseudonyms: &'a Pseudonyms,
        crosswalks: Crosswalks,
        now: Timestamp,
        versions: HashMap<DistrictId, Versions>,
        loaded: Vec<(Collection, Document)>,
    ) -> Self {
        let mut batch = Self {
            pseudonyms,
            crosswalks,
            now,
            documents: HashMap::new(),
            ids: HashMap::new(),
            versions,
            deleted: Vec::new(),
            key_changes: Vec::new(),
            outbox: Vec::new(),
        };
        for (collection, document) in loaded {
            batch.ids.insert((collection.clone(), document.key_hash), document.id);
            let slot = Slot { was: Some(document.clone()), document: Some(document.clone()), changed: false };
            batch.documents.insert((collection, document.id), slot);
        }
        batch
    }

    /// Decides one request.
    pub(crate) fn decide(&mut self, command: &Command) -> Outcome {
        let collection = &command.collection;
        match &command.action {
            Action::Upsert(draft) => {
                let id = self.ids.get(&(collection.clone(), draft.key_hash)).copied();
                match id.and_then(|id| self.find(collection, id)).cloned() {
                    Some(document) => self.update(command, &document, draft),
                    None if command.condition.etags.is_some() => Outcome::Stale,
                    None => self.create(command, draft),
                }
            }
            Action::Replace(id, draft, key_may_change) => {
                let Some(document) = self.find(collection, *id).cloned() else { return Outcome::NotFound };
                if document.key_hash != draft.key_hash {
                    if !key_may_change {
                        return Outcome::KeyFixed;
                    }
                    if self.ids.contains_key(&(collection.clone(), draft.key_hash)) {
                        return Outcome::KeyTaken;
                    }
                }
                self.update(command, &document, draft)
            }
            Action::Delete(id) => match self.find(collection, *id).cloned() {
                Some(document) if command.condition.permits(&document.etag) => self.delete(command, &document),
                Some(_) => Outcome::Stale,
                None => Outcome::NotFound,
            },
        }
    }

    /// What is to be written.
    pub(crate) fn finish(self) -> Writes {
        let (deleted, key_changes, outbox) = (self.deleted, self.key_changes, self.outbox);
        let mut writes = Writes { deleted, key_changes, outbox, ..Writes::default() };
        for ((collection, id), slot) in self.documents {
            if slot.changed {
                writes.note_references(&collection, slot.was.as_ref(), slot.document.as_ref());
            }
            match slot.document {
                Some(document) if slot.changed => writes.upserted.push((collection, document)),
                None if slot.was.is_some() => writes.removed.push((collection, id)),
                _ => {}
            }
        }
        writes
    }

    fn find(&self, collection: &Collection, id: Uuid) -> Option<&Document> {
        self.documents.get(&(collection.clone(), id))?.document.as_ref()
    }

    fn next_version(&mut self, district: &DistrictId) -> u64 {
        let versions = self.versions.entry(district.clone()).or_default();
        versions.last += 1;
        versions.last
    }

    /// Whether the log may hold a later word of the document, since it is from before a restore.
    fn is_unsure(&self, district: &DistrictId, document: &Document) -> bool {
        self.versions.get(district).is_some_and(|versions| document.change_version < versions.unsure_below)
    }

    fn create(&mut self, command: &Command, draft: &Draft) -> Outcome {
        let version = self.next_version(&command.collection.district);
        let mut id = draft.id;
        if self.find(&command.collection, id).is_some() {
            // A document that was made with this key has another now and keeps its id; ours must differ.
            id = Uuid::new_v5(&id, &version.to_be_bytes());
        }
        let document = Document {
            id,
            key_hash: draft.key_hash,
            body: Arc::clone(&draft.body),
            etag: draft.etag.clone(),
            change_version: version,
            created_version: version,
            created_at: self.now,
        };
        self.say(command, version, id, None, Some(&draft.body));
        self.keep(&command.collection, document);
        Outcome::Created(id, draft.etag.clone())
    }

    fn update(&mut self, command: &Command, document: &Document, draft: &Draft) -> Outcome {
        if !command.condition.permits(&document.etag) {
            return Outcome::Stale;
        }
        let outcome = Outcome::Updated(document.id, draft.etag.clone());
        let said = draft.etag == document.etag && draft.key_hash == document.key_hash;
        if said && !self.is_unsure(&command.collection.district, document) {
            // Nothing new was said, so there is nothing to tell.
            return outcome;
        }
        let version = self.next_version(&command.collection.district);
        self.say(command, version, document.id, Some(&document.body), Some(&draft.body));
        self.ids.remove(&(command.collection.clone(), document.key_hash));
        self.note_key(command, document, draft, version);
        let changed = Document {
            id: document.id,
            key_hash: draft.key_hash,
            body: Arc::clone(&draft.body),
            etag: draft.etag.clone(),
            change_version: version,
            created_version: document.created_version,
            created_at: document.created_at,
        };
        self.keep(&command.collection, changed);
        outcome
    }

    /// Remembers what the key was, when it is another now.
    fn note_key(&mut self, command: &Command, document: &Document, draft: &Draft, change_version: u64) {
        let Some(resource) = command.resource.filter(|_| document.key_hash != draft.key_hash) else { return };
        self.key_changes.push(KeyChanged {
            collection: command.collection.clone(),
            id: document.id,
            change_version,
            old: key_values(command.resource, &document.body),
            new: key_values(command.resource, &draft.body),
            is_referred_to: cascade::is_referred_to(resource),
        });
    }

    fn delete(&mut self, command: &Command, document: &Document) -> Outcome {
        let version = self.next_version(&command.collection.district);
        self.say(command, version, document.id, Some(&document.body), None);
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
        document_id: Uuid,
        before: Option<&Map<String, Value>>,
        after: Option<&Map<String, Value>>,
    ) {
        let Collection { district, source, .. } = &command.collection;
        // The door has refused districts without a secret.
        let Some(pseudonym) = self.pseudonyms.find(district) else { return };
        let resource = command.resource;
        let crosswalk = &*self.crosswalks.get(district).cloned().unwrap_or_default();
        let context = Context { pseudonym, crosswalk, source, resource, document_id, revision, received_at: self.now };
        let messages = map::messages(context, before, after);
        self.outbox.extend(messages.into_iter().map(|message| Entry {
            district: district.clone(),
            message,
            traceparent: command.traceparent.clone(),
        }));
    }
}

#[cfg(test)]
mod tests;
