//! What documents come to without the service: bodies in, events and reference records out, by the door's own pure parts. Nothing is
//! stored and nobody is answered, so whoever compares two computations can map a district of any size.

use std::collections::HashMap;

use homeroom_bus::Topic;
use homeroom_domain::event::Event;
use homeroom_domain::id::SourceId;
use homeroom_domain::reference::ReferenceChange;
use homeroom_proto::{dead_letter, event, reference};
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::key::Key;
use super::map::{self, Context};
use super::table::{Resource, table};
use super::{parse, validate};
use crate::merge::Crosswalk;
use crate::pseudonym::Pseudonym;

/// As the configuration has it.
const NESTING: usize = 32;

/// What a document holds.
type Body = Map<String, Value>;

/// Documents of a source as the door would keep them, and the change version of the last of them.
pub struct Documents<'a> {
    pseudonym: &'a Pseudonym,
    source: &'a SourceId,
    /// By endpoint and natural key.
    kept: HashMap<(&'static str, String), Body>,
    revision: u64,
}

/// What a document says.
#[derive(Debug, Clone)]
pub enum Said {
    /// Of a student.
    Event(Event),
    /// Of what students' events refer to.
    Reference(ReferenceChange),
}

/// What the door would not take, or not understand. Tells nothing of what the document holds but the field.
#[derive(Debug, thiserror::Error)]
#[error("a document of `{endpoint}` is refused: {detail}")]
pub struct Refused {
    endpoint: String,
    detail: String,
}

impl<'a> Documents<'a> {
    /// None yet.
    pub fn new(pseudonym: &'a Pseudonym, source: &'a SourceId) -> Self {
        Self { pseudonym, source, kept: HashMap::new(), revision: 0 }
    }

    /// Takes a document as a POST does: it is new, or replaces the one with its natural key.
    pub fn post(&mut self, endpoint: &str, body: &[u8], at: Timestamp) -> Result<Vec<Said>, Refused> {
        let (resource, after) = read(endpoint, body)?;
        let key = (resource.endpoint.as_str(), Key::of(Some(resource), &after).canonical);
        let before = self.kept.remove(&key);
        let said = self.change(resource, (before.as_ref(), Some(&after)), at);
        self.kept.insert(key, after);
        said
    }

    /// Deletes the document that has the natural key of this one. Nothing is said of a document that is not kept.
    pub fn delete(&mut self, endpoint: &str, body: &[u8], at: Timestamp) -> Result<Vec<Said>, Refused> {
        let resource = find(endpoint)?;
        let named = parse::parse(body, NESTING).map_err(|_| refused(endpoint, "it is no JSON object"))?;
        let key = (resource.endpoint.as_str(), Key::of(Some(resource), &named).canonical);
        let before = self.kept.remove(&key);
        self.change(resource, (before.as_ref(), None), at)
    }

    fn change(
        &mut self,
        resource: &'static Resource,
        (before, after): (Option<&Body>, Option<&Body>),
        received_at: Timestamp,
    ) -> Result<Vec<Said>, Refused> {
        self.revision += 1;
        // No student is known as another's.
        let crosswalk = &Crosswalk::default();
        let context = Context {
            pseudonym: self.pseudonym,
            crosswalk,
            source: self.source,
            resource: Some(resource),
            document_id: Uuid::nil(),
            revision: self.revision,
            received_at,
        };
        let unsound = |what: &str| refused(&resource.endpoint, what);
        let mut said = Vec::new();
        for message in map::messages(context, before, after) {
            let value = message.value.as_deref().unwrap_or_default();
            match message.topic {
                Topic::Events => said.push(Said::Event(event::decode(value).map_err(|_| unsound("its event"))?)),
                Topic::Reference => {
                    said.push(Said::Reference(reference::decode(value).map_err(|_| unsound("its reference record"))?));
                }
                Topic::DeadLetters => {
                    let letter = dead_letter::decode(value).map_err(|_| unsound("its dead letter"))?;
                    return Err(unsound(&letter.field));
                }
                Topic::Directory | Topic::Alerts => {}
            }
        }
        Ok(said)
    }
}

fn find(endpoint: &str) -> Result<&'static Resource, Refused> {
    table().find(endpoint).ok_or_else(|| refused(endpoint, "there is no such resource"))
}

/// The resource, and the body in the one form that is kept.
fn read(endpoint: &str, body: &[u8]) -> Result<(&'static Resource, Body), Refused> {
    let resource = find(endpoint)?;
    let parsed = parse::parse(body, NESTING).map_err(|_| refused(endpoint, "it is no JSON object"))?;
    let document = validate::normalise(resource, parsed).map_err(|faults| {
        let fields: Vec<&str> = faults.keys().map(String::as_str).collect();
        refused(endpoint, &fields.join(", "))
    })?;
    Ok((resource, document))
}

fn refused(endpoint: &str, detail: &str) -> Refused {
    Refused { endpoint: endpoint.to_owned(), detail: detail.to_owned() }
}
