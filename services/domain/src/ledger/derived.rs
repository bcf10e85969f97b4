//! Record keys that follow from what their records say.
//!
//! A key is a hash, and hashes do not pack: kept whole, those of eight grades take more than a year of marks. So ingestion may
//! make a key of two parts: a *stem*, hashed with the district's secret of source and student, and what the record says of its
//! natural key, folded into sixteen bytes without any secret (it stands in the event beside the key). A ledger then keeps the
//! stem once, and each key is put together when it is read. Marks have a way of their own (see `layout`).

use super::word::{self, Said};
use crate::event::Fact;
use crate::id::RecordKey;

/// The key of a record that says this, of a stem; none when keys of such records do not follow from what they say.
///
/// A natural key may say more than the fact does: then the stem is to be hashed of that, too. Keys were stored, and corrections
/// find their records by them, so what this gives must never change.
pub fn derived_key(stem: [u8; 16], fact: &Fact) -> Option<RecordKey> {
    let said = word::said(fact).filter(|said| !matches!(said, Said::Further(_)))?;
    Some(RecordKey::new(apart(stem, &said)))
}

/// A key without what its record says, or the key from both: the same twice gives what was there.
pub(super) fn apart(key: [u8; 16], said: &Said<'_>) -> [u8; 16] {
    (u128::from_be_bytes(key) ^ folded(said)).to_be_bytes()
}

/// What a record says of its natural key: two of a student that differ in it are folded into different numbers. The ids are
/// hashes; a date stands in the last bytes, alone.
fn folded(said: &Said<'_>) -> u128 {
    let date = |date: crate::date::Date| u128::from(date.days().cast_unsigned());
    match said {
        // Keys of what few students have are kept whole.
        Said::Registration | Said::Further(_) => 0,
        Said::Enrollment(spell) => scattered(spell.school) << 32 ^ date(spell.entry_on),
        Said::Membership(membership) => id(membership.section.as_bytes()) ^ date(membership.begin_on),
        // Turned, since a section and a period could have been given the same bytes, which would leave nothing of both.
        Said::Grade(grade) => {
            let period = id(grade.grading_period.as_bytes()).rotate_left(40);
            id(grade.section.as_bytes()) ^ period ^ scattered(grade.grade_type)
        }
    }
}

fn id(bytes: &[u8; 16]) -> u128 {
    u128::from_be_bytes(*bytes)
}

/// A hash of a text whatever its case, as Ed-Fi compares descriptors. It is computed for each word whenever a ledger is read, so
/// it takes eight bytes at a time; nobody gains by two texts with one hash but a district that would confuse its own records.
fn scattered(text: &[u8]) -> u128 {
    const FACTOR: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;
    let mut hash = text.len() as u128;
    for part in text.chunks(8) {
        let mut eight = [0; 8];
        for (to, from) in eight.iter_mut().zip(part) {
            *to = from.to_ascii_lowercase();
        }
        hash = (hash ^ u128::from(u64::from_le_bytes(eight))).wrapping_mul(FACTOR);
        hash ^= hash >> 67;
    }
    hash
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::date::Date;
    use crate::event::{AttendanceMark, Enrollment, Grade, Scope, SectionMembership};
    use crate::id::{GradingPeriodId, SchoolId, SectionId};

    const STEM: [u8; 16] = [7; 16];

    fn id_of(number: u8) -> [u8; 16] {
        std::array::from_fn(|at| if at == 0 { number } else { 0 })
    }

    fn date(day: i32) -> Date {
        Date::from_days(18_800 + day).unwrap()
    }

    fn enrollment(school: &str, day: i32) -> Fact {
        Fact::Enrollment(Enrollment {
            school: SchoolId::parse(school).unwrap(),
            entry_on: date(day),
            exit_on: None,
            calendar: None,
            primary_school: true,
            grade_level: String::new(),
            exit_type: String::new(),
        })
    }

    fn grade(section: u8, period: u8, grade_type: &str) -> Fact {
        Fact::Grade(Grade {
            section: SectionId::new(id_of(section)),
            grading_period: GradingPeriodId::new(id_of(period)),
            grade_type: grade_type.to_owned(),
            numeric: Some(6_300),
            letter: None,
        })
    }

    #[test]
    fn records_with_different_natural_keys_have_different_keys() {
        let member = |section, day| {
            Fact::SectionMembership(SectionMembership {
                section: SectionId::new(id_of(section)),
                begin_on: date(day),
                end_on: None,
            })
        };
        let facts = [
            Fact::Registration,
            enrollment("9", 0),
            enrollment("9", 1),
            enrollment("10", 0),
            enrollment("255901001", 0),
            enrollment("255901002", 0),
            member(1, 0),
            member(1, 1),
            member(2, 0),
            grade(1, 2, "Final"),
            grade(2, 1, "Final"),
            grade(1, 1, "Final"),
            grade(1, 2, "Semester"),
            grade(1, 2, "uri://ed-fi.org/GradeTypeDescriptor#Semester"),
        ];
        let keys: BTreeSet<_> = facts.iter().map(|fact| derived_key(STEM, fact).unwrap()).collect();
        assert_eq!(keys.len(), facts.len());
    }

    #[test]
    fn what_a_correction_may_change_is_not_in_the_key() {
        let Fact::Grade(one) = grade(1, 2, "Final") else { panic!("a grade") };
        let other = Fact::Grade(Grade { numeric: None, letter: Some("B".to_owned()), ..one.clone() });
        let same_code = Fact::Grade(Grade { grade_type: "FINAL".to_owned(), ..one.clone() });
        let keys = [Fact::Grade(one), other, same_code].map(|fact| derived_key(STEM, &fact).unwrap());
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn keys_are_what_they_were() {
        let hex = |fact: &Fact| derived_key(STEM, fact).unwrap().to_string();
        assert_eq!(hex(&Fact::Registration), "07070707070707070707070707070707");
        assert_eq!(hex(&enrollment("255901001", 0)), "24dce5b0425c069584ea200007074e77");
        assert_eq!(hex(&grade(1, 2, "Final")), "a6a712009bc496d19eb5e4572774fc92");
    }

    #[test]
    fn marks_have_keys_of_their_own() {
        let mark = Fact::AttendanceMark(AttendanceMark {
            school: SchoolId::parse("9").unwrap(),
            date: date(0),
            scope: Scope::Day,
            session: None,
            code: "Tardy".to_owned(),
            share: None,
            times: crate::event::Times::default(),
        });
        assert_eq!(derived_key(STEM, &mark), None);
    }
}
