//! The first format of stored ledgers: a map of words with their keys. It is read, and no longer written.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{DecodeError, Ledger};
use crate::event::{Change, Fact, Origin};
use crate::id::{RecordKey, Revision, SourceId};

/// The first byte of such a ledger.
pub(super) const FORMAT: u8 = 1;

#[derive(Deserialize)]
struct First {
    words: BTreeMap<(SourceId, RecordKey), Word>,
}

#[derive(Deserialize)]
struct Word {
    revision: Revision,
    change: Change<Fact>,
}

pub(super) fn decode(body: &[u8]) -> Result<Ledger, DecodeError> {
    let first: First = postcard::from_bytes(body)?;
    let mut ledger = Ledger::default();
    for ((source, key), word) in first.words {
        ledger.apply(Origin { source, key, revision: word.revision }, word.change);
    }
    Ok(ledger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::AttendanceMark;
    use crate::event::Scope;
    use crate::id::SchoolId;

    #[test]
    fn a_ledger_of_the_first_format_is_read() {
        // Written by the version before: registration with revision 1, and a mark with revision 2.
        let key = RecordKey::new([7; 16]);
        let mark = AttendanceMark {
            school: SchoolId::parse("9").unwrap(),
            date: crate::date::Date::parse("2021-09-06").unwrap(),
            scope: Scope::Day,
            session: None,
            code: "tardy".to_owned(),
            share: Some(50),
        };
        let mut stored = vec![1, 2];
        stored.extend_from_slice(b"\x03sis");
        stored.extend_from_slice(&[3; 16]);
        stored.extend_from_slice(&[1, 0, 0]);
        stored.extend_from_slice(b"\x03sis");
        stored.extend_from_slice(&[7; 16]);
        stored.extend_from_slice(&[2, 0, 3]);
        stored.extend_from_slice(&postcard::to_stdvec(&mark).unwrap());
        let ledger = Ledger::decode(&stored).unwrap();
        assert_eq!(ledger.len(), 2);
        assert!(ledger.registered());
        let live: Vec<_> = ledger.marks().collect();
        assert_eq!((live.len(), live[0].key, live[0].revision), (1, key, Revision(2)));
        assert_eq!(live[0].fact, mark);
    }
}
