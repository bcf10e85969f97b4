//! The keys of records in the topics: they decide the partition, and what compaction keeps.

use std::str;

use bytes::Bytes;
use homeroom_domain::id::{DistrictId, RecordKey, SourceId, StudentKey};
use uuid::Uuid;

use crate::reference::Kind;

/// Of the events of a student: `district/student`.
pub fn events(district: &DistrictId, student: &StudentKey) -> Bytes {
    // Made for every event: without the machinery of formatting it costs a fifth.
    let mut digits = [0; 32];
    let student = Uuid::from_bytes(*student.as_bytes()).simple().encode_lower(&mut digits).as_bytes();
    Bytes::from([district.as_str().as_bytes(), b"/", student].concat())
}

/// Of the alert changes of a student: `district/student`.
pub fn alerts(district: &DistrictId, student: &StudentKey) -> Bytes {
    events(district, student)
}

/// Of a student's profile: `district/student`.
pub fn directory(district: &DistrictId, student: &StudentKey) -> Bytes {
    events(district, student)
}

/// Of a reference record: `district/kind/record`.
pub fn reference(district: &DistrictId, kind: Kind, record: &RecordKey) -> Bytes {
    Bytes::from(format!("{district}/{}/{record}", kind.as_str()))
}

/// Of dead letters: `district/source`, each empty when the record does not say.
pub fn dead_letters(district: Option<&DistrictId>, source: Option<&SourceId>) -> Bytes {
    let district = district.map_or("", DistrictId::as_str);
    let source = source.map_or("", SourceId::as_str);
    Bytes::from(format!("{district}/{source}"))
}

/// Whom a key of events, alerts or profiles is about: a tombstone says it by its key alone.
pub fn parse_student(key: &[u8]) -> Option<(DistrictId, StudentKey)> {
    let (district, student) = str::from_utf8(key).ok()?.split_once('/')?;
    Some((DistrictId::parse(district).ok()?, student.parse().ok()?))
}
