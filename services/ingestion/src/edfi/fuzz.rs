//! The pure parts of the Ed-Fi door, as [`crate::fuzz`] sees them.

use bytes::Bytes;
use homeroom_bus::Topic;
use homeroom_domain::id::SourceId;
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::map::{self, Context};
use super::parse::{self, Fault};
use super::table::table;
use super::{key, validate};
use crate::merge::Crosswalk;
use crate::pseudonym::Pseudonym;

/// As the configuration has it.
const NESTING: usize = 32;

/// The document that a body is, when it is good; what is said of one that is not is told.
pub(crate) fn document(resource: &str, body: &[u8], told: &dyn Fn(&str)) -> Option<Map<String, Value>> {
    let resource = table().find(resource)?;
    let parsed = match parse::parse(body, NESTING) {
        Ok(parsed) => parsed,
        Err(Fault::Empty) => return None,
        Err(Fault::Syntax(words) | Fault::Place(_, words)) => {
            told(&words);
            return None;
        }
    };
    let document = match validate::normalise(resource, parsed) {
        Ok(document) => document,
        Err(faults) => {
            faults.values().flatten().for_each(|words| told(words));
            return None;
        }
    };
    assert_eq!(validate::normalise(resource, document.clone()).as_ref(), Ok(&document), "what is in form stays so");
    assert_eq!(key::etag(&document), key::etag(&document));
    Some(document)
}

/// The messages of a change.
pub(crate) fn messages(
    resource: &str,
    pseudonym: &Pseudonym,
    source: &SourceId,
    before: Option<&Map<String, Value>>,
    after: Option<&Map<String, Value>>,
) -> Vec<(Topic, Option<Bytes>)> {
    let resource = table().find(resource);
    let (document_id, received_at) = (Uuid::nil(), Timestamp::constant(1_649_869_200, 0));
    let crosswalk = &Crosswalk::default();
    let context = Context { pseudonym, crosswalk, source, resource, document_id, revision: 7, received_at };
    map::messages(context, before, after).into_iter().map(|message| (message.topic, message.value)).collect()
}
