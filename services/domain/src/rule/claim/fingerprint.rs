//! Which facts a proof cited, in a few bytes: of each open alert it is asked, whenever records are corrected, whether they are those
//! that were told.

use std::fmt::{self, Write as _};
use std::hash::Hasher as _;

use fnv::FnvHasher;
use serde::{Deserialize, Serialize};

use crate::alert::CitedFact;
use crate::date::Date;

/// Of the facts that were cited, in their order, and of how many were left off. It does not depend on their revisions: a record that
/// says the same again changes nothing. Kept with what is stored, so it must come out the same in all versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn of(facts: &[CitedFact], left_off: u32) -> Self {
        let mut taking = Taking::default();
        for fact in facts {
            let said = Self::said(fact.school.as_str(), fact.origin.source.as_str(), &fact.what);
            taking.take(fact.date, fact.origin.key.as_bytes(), said);
        }
        taking.end(left_off)
    }

    /// Of what facts may have in common: school, source, and what they are.
    pub(crate) fn said(school: &str, source: &str, what: impl fmt::Display) -> u64 {
        let mut texts = Texts::default();
        texts.take(school);
        texts.take(source);
        texts.take(what);
        texts.0.finish()
    }
}

/// Texts being taken in, each ended by a byte that none of them has, so that none reads on into the next.
#[derive(Default)]
struct Texts(FnvHasher);

impl Texts {
    fn take(&mut self, text: impl fmt::Display) {
        // What takes the pieces in never fails.
        write!(self, "{text}").unwrap_or_default();
        self.0.write_u8(0xff);
    }
}

impl fmt::Write for Texts {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0.write(piece.as_bytes());
        Ok(())
    }
}

/// A fingerprint being taken.
#[derive(Default)]
pub(crate) struct Taking(FnvHasher);

impl Taking {
    /// The next fact.
    pub(crate) fn take(&mut self, date: Date, key: &[u8; 16], said: u64) {
        self.0.write(&date.days().to_le_bytes());
        self.0.write(key);
        self.0.write(&said.to_le_bytes());
    }

    pub(crate) fn end(mut self, left_off: u32) -> Fingerprint {
        self.0.write(&left_off.to_le_bytes());
        Fingerprint(self.0.finish())
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Origin;
    use crate::id::{RecordKey, Revision, SchoolId, SourceId};

    use super::*;

    fn fact(what: &str, revision: u64) -> CitedFact {
        CitedFact {
            date: Date::parse("2021-09-06").unwrap(),
            school: SchoolId::parse("s1").unwrap(),
            what: what.into(),
            code: "U".into(),
            origin: Origin {
                source: SourceId::parse("sis").unwrap(),
                key: RecordKey::new([7; 16]),
                revision: Revision(revision),
            },
        }
    }

    #[test]
    fn it_is_the_same_in_all_versions() {
        assert_eq!(
            Fingerprint::of(&[fact("unexcused absence, whole day", 1)], 2),
            Fingerprint(7_150_394_458_539_880_204)
        );
    }

    #[test]
    fn another_fact_has_another_and_another_revision_has_not() {
        let of = |facts: &[CitedFact], left_off| Fingerprint::of(facts, left_off);
        let told = of(&[fact("excused absence, whole day", 1)], 0);
        assert_eq!(told, of(&[fact("excused absence, whole day", 2)], 0));
        assert_ne!(told, of(&[fact("unexcused absence, whole day", 1)], 0));
        assert_ne!(told, of(&[fact("excused absence, whole day", 1)], 1));
        assert_ne!(told, of(&[], 1));
    }
}
