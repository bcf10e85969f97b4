//! What stands for what in a generated world.

use homeroom_domain::date::Date;
use homeroom_domain::event::Origin;
use homeroom_domain::id::{RecordKey, Revision, SchoolId, SchoolYear, SourceId};
use uuid::Uuid;

/// The school year of all worlds: 2021-2022.
pub const YEAR: SchoolYear = SchoolYear(2022);

/// Monday, 2021-09-06.
const FIRST_DAY: i32 = 18_876;

/// So many days after the first Monday.
///
/// # Panics
///
/// When that leads out of the years that dates can hold, which no world does.
pub fn date(offset: i32) -> Date {
    Date::from_days(FIRST_DAY + offset).expect("a generated world lasts a few years at most")
}

/// The id that stands for a name: its FNV-1a hash, which thousands of generated worlds can afford.
pub fn id<T: From<Uuid>>(name: &str) -> T {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = name.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    });
    Uuid::from_u128(hash).into()
}

/// A school by its id.
///
/// # Panics
///
/// When that is no id.
pub fn school(name: &str) -> SchoolId {
    SchoolId::parse(name).expect("names of generated schools are ids")
}

/// A descriptor as Ed-Fi writes it.
pub fn code(value: &str) -> String {
    format!("uri://ed-fi.org/SomeDescriptor#{value}")
}

/// A word of the only source on one of its records. As senders' keys do or do not, that of a `mark 0` ends with its date, so
/// that a ledger need not keep it.
///
/// # Panics
///
/// Never: `sis` is an id.
pub fn origin(key: &str, revision: u64) -> Origin {
    let source = SourceId::parse("sis").expect("`sis` is an id");
    let dated = key.rsplit_once(" on ").filter(|(stem, _)| stem.starts_with("mark 0"));
    let dated = dated.and_then(|(stem, offset)| Some((stem, offset.parse().ok()?)));
    let key = match dated {
        Some((stem, offset)) => {
            let mut bytes = *id::<RecordKey>(stem).as_bytes();
            bytes[12..].copy_from_slice(&date(offset).days().to_be_bytes());
            RecordKey::new(bytes)
        }
        None => id(key),
    };
    Origin { source, key, revision: Revision(revision) }
}

/// The same record of a student of this number: no two students have a record in common, as no two have a key.
#[must_use]
pub fn of_student(origin: Origin, student: usize) -> Origin {
    let mut key = *origin.key.as_bytes();
    // Few, so the others are 0; a date may stand in the last four.
    for (to, from) in key.iter_mut().zip(student.to_le_bytes()) {
        *to ^= from;
    }
    Origin { key: RecordKey::new(key), ..origin }
}
