//! Names: `homeroom.directory.v1.StudentProfile`, typed.

use std::fmt;

use bytes::Bytes;
use homeroom_domain::id::{DistrictId, Revision, StudentKey};
use prost::Message as _;

use crate::decode::{At, DecodeError};
use crate::scalar::key;
use crate::wire::directory as wire;

/// A student, as people call them. Its `Debug` shows no name.
#[derive(Clone, PartialEq, Eq)]
pub struct StudentProfile {
    /// The institution.
    pub district: DistrictId,
    /// The pseudonymous key that events carry.
    pub student: StudentKey,
    /// The district's own id of the student.
    pub local_id: String,
    /// Empty when not known.
    pub first_name: String,
    /// Empty when not known.
    pub last_name: String,
    /// Empty when not known.
    pub preferred_name: String,
    /// Grows with each word of the source.
    pub revision: Revision,
    /// The student that this one is, when two ids of one student were merged: whoever shows people shows that one alone.
    pub same_as: Option<StudentKey>,
}

impl fmt::Debug for StudentProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StudentProfile")
            .field("district", &self.district)
            .field("student", &self.student)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// The profile as the topic's bytes.
pub fn encode(profile: &StudentProfile) -> Bytes {
    let message = wire::StudentProfile {
        district: profile.district.as_str().to_owned(),
        student: key(profile.student.as_bytes()),
        local_id: profile.local_id.clone(),
        first_name: profile.first_name.clone(),
        last_name: profile.last_name.clone(),
        preferred_name: profile.preferred_name.clone(),
        revision: profile.revision.0,
        same_as: profile.same_as.map(|student| key(student.as_bytes())),
    };
    Bytes::from(message.encode_to_vec())
}

/// The profile in the topic's bytes.
pub fn decode(bytes: &[u8]) -> Result<StudentProfile, DecodeError> {
    const PROFILE: &str = "StudentProfile";
    let message = wire::StudentProfile::decode(bytes).at(PROFILE, "")?;
    Ok(StudentProfile {
        district: DistrictId::parse(&message.district).at(PROFILE, "district")?,
        student: StudentKey::from_slice(&message.student).at(PROFILE, "student")?,
        local_id: message.local_id,
        first_name: message.first_name,
        last_name: message.last_name,
        preferred_name: message.preferred_name,
        revision: Revision(message.revision),
        same_as: message.same_as.as_deref().map(StudentKey::from_slice).transpose().at(PROFILE, "same_as")?,
    })
}
