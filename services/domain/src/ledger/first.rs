//! The first format of stored ledgers: a map of words with their keys. It is read, and no longer written.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{DecodeError, Ledger};
use crate::date::Date;
use crate::event::{self, Change, Enrollment, Fact, Grade, Origin, Scope, SectionMembership, Times};
use crate::id::{RecordKey, Revision, SchoolId, SessionId, SourceId};

/// The first byte of such a ledger.
pub(super) const FORMAT: u8 = 1;

#[derive(Deserialize)]
struct First {
    words: BTreeMap<(SourceId, RecordKey), Word>,
}

#[derive(Deserialize)]
struct Word {
    revision: Revision,
    change: Change<Said>,
}

/// What a record said then.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
enum Said {
    Registration,
    Enrollment(Enrollment),
    SectionMembership(SectionMembership),
    AttendanceMark(Mark),
    Grade(Grade),
}

/// A mark without times.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
struct Mark {
    school: SchoolId,
    date: Date,
    scope: Scope,
    session: Option<SessionId>,
    code: String,
    share: Option<i32>,
}

impl From<Said> for Fact {
    fn from(said: Said) -> Self {
        match said {
            Said::Registration => Self::Registration,
            Said::Enrollment(enrollment) => Self::Enrollment(enrollment),
            Said::SectionMembership(membership) => Self::SectionMembership(membership),
            Said::AttendanceMark(Mark { school, date, scope, session, code, share }) => {
                let times = Times::default();
                Self::AttendanceMark(event::AttendanceMark { school, date, scope, session, code, share, times })
            }
            Said::Grade(grade) => Self::Grade(grade),
        }
    }
}

pub(super) fn decode(body: &[u8]) -> Result<Ledger, DecodeError> {
    let first: First = postcard::from_bytes(body)?;
    let mut ledger = Ledger::default();
    for ((source, key), word) in first.words {
        let change = match word.change {
            Change::Recorded(said) => Change::Recorded(Fact::from(said)),
            Change::Withdrawn => Change::Withdrawn,
        };
        ledger.apply(Origin { source, key, revision: word.revision }, change);
    }
    Ok(ledger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::AttendanceMark;

    #[test]
    fn a_ledger_of_the_first_format_is_read() {
        // Written by the version before: registration with revision 1, and a mark with revision 2.
        let key = RecordKey::new([7; 16]);
        let written = Mark {
            school: SchoolId::parse("9").unwrap(),
            date: Date::parse("2021-09-06").unwrap(),
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
        stored.extend_from_slice(&postcard::to_stdvec(&written).unwrap());
        let ledger = Ledger::decode(&stored).unwrap();
        assert_eq!(ledger.len(), 2);
        assert!(ledger.registered());
        let live: Vec<_> = ledger.marks().collect();
        assert_eq!((live.len(), live[0].key, live[0].revision), (1, key, Revision(2)));
        let Mark { school, date, scope, session, code, share } = written;
        let times = Times::default();
        assert_eq!(live[0].fact, AttendanceMark { school, date, scope, session, code, share, times });
    }
}
