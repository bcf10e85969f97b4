//! Ids. Each is its own type, parsed once at the edge and never taken for another.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing was given.
    #[error("{kind} is empty")]
    Empty {
        /// Which id was being parsed.
        kind: &'static str,
    },
    /// Longer than [`MAX_LENGTH`].
    #[error("{kind} has {length} bytes, at most {MAX_LENGTH} are allowed")]
    TooLong {
        /// Which id was being parsed.
        kind: &'static str,
        /// Bytes given.
        length: usize,
    },
    /// A character that is not allowed there.
    #[error("{kind} holds {character:?}, which is not allowed")]
    Character {
        /// Which id was being parsed.
        kind: &'static str,
        /// The first such character.
        character: char,
    },
    /// Not the 16 bytes of a key or UUID.
    #[error("{kind} is not 16 bytes")]
    NotSixteenBytes {
        /// Which id was being parsed.
        kind: &'static str,
    },
}

/// The longest text id, in bytes. Ed-Fi's identifiers have at most 60 characters.
pub const MAX_LENGTH: usize = 120;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the text, which is trimmed of nothing: blanks around it are an error.
            pub fn parse(text: &str) -> Result<Self, Error> {
                if text.is_empty() {
                    return Err(Error::Empty { kind: $kind });
                }
                if text.len() > MAX_LENGTH {
                    return Err(Error::TooLong { kind: $kind, length: text.len() });
                }
                let allowed: fn(char) -> bool = $allowed;
                if let Some(character) = text.chars().find(|&c| !allowed(c)) {
                    return Err(Error::Character { kind: $kind, character });
                }
                Ok(Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        /// So that a map of ids is asked by text.
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self, Error> {
                Self::parse(&text)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                (*id.0).to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($kind, " `{}`"), self.0)
            }
        }
    };
}

fn slug(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

fn printable(c: char) -> bool {
    !c.is_control() && !c.is_whitespace() && c != '/'
}

text_id!(
    /// The institution that owns the data; outermost key of everything. Lower-case letters, digits and hyphens.
    DistrictId, "district id", slug
);
text_id!(
    /// A feed of records: one connection of one system of a district. Lower-case letters, digits and hyphens.
    SourceId, "source id", slug
);
text_id!(
    /// A school, by the district's own id, since people know it by that.
    SchoolId, "school id", printable
);
text_id!(
    /// A rule, as its pack names it. Lower-case letters, digits and hyphens.
    RuleId, "rule id", slug
);

impl DistrictId {
    /// Whether it is no district of people but one that a canary has beside it, such as `springfield--canary` beside `springfield`: what
    /// opens there is nobody's to be told of.
    pub fn is_canary(&self) -> bool {
        self.0.ends_with("--canary")
    }
}

macro_rules! key_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id with these bytes.
            pub const fn new(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The id with these bytes, when they are 16.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
                bytes.try_into().map(Self).map_err(|_| Error::NotSixteenBytes { kind: $kind })
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid.into_bytes())
            }
        }

        impl FromStr for $name {
            type Err = Error;
            /// Parses 32 hexadecimal digits, with or without hyphens.
            fn from_str(text: &str) -> Result<Self, Error> {
                Uuid::try_parse(text).map(Self::from).map_err(|_| Error::NotSixteenBytes { kind: $kind })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Uuid::from_bytes(self.0).simple(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($kind, " `{}`"), self)
            }
        }
    };
}

key_id!(
    /// A student's pseudonym: a hash of the district's own id, keyed by the district's secret.
    StudentKey, "student key"
);
key_id!(
    /// A source record's natural key, hashed with the district's secret, since it may hold a student's id.
    RecordKey, "record key"
);
key_id!(
    /// A calendar of a school and year.
    CalendarId, "calendar id"
);
key_id!(
    /// A session (term) of a school and year.
    SessionId, "session id"
);
key_id!(
    /// A grading period of a school and year.
    GradingPeriodId, "grading period id"
);
key_id!(
    /// A course of a district or school.
    CourseId, "course id"
);
key_id!(
    /// A course offered in a session.
    CourseOfferingId, "course offering id"
);
key_id!(
    /// A section (class) of a course offering.
    SectionId, "section id"
);
key_id!(
    /// A class period of a school: a place in its bell schedules.
    ClassPeriodId, "class period id"
);
key_id!(
    /// An incident at a school.
    IncidentId, "incident id"
);
key_id!(
    /// An assignment in a gradebook.
    AssignmentId, "assignment id"
);
key_id!(
    /// A group that students belong to, such as an activity; or, as a pseudonym, a person.
    GroupId, "group id"
);
key_id!(
    /// One accepted word of a source; derived, so that a repeat has the same id.
    EventId, "event id"
);
key_id!(
    /// One episode of one rule for one student; derived, so that it is the same however often it is computed.
    AlertId, "alert id"
);

/// The school year, named by the calendar year in which it ends: 2022 is 2021-2022.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SchoolYear(pub i32);

impl fmt::Display for SchoolYear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Grows with each word of a source on one natural key: the highest wins, and of equals the later in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Revision(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_refuses_what_would_confuse_a_key() {
        assert_eq!(DistrictId::parse(""), Err(Error::Empty { kind: "district id" }));
        assert_eq!(DistrictId::parse("Grand Bend"), Err(Error::Character { kind: "district id", character: 'G' }));
        assert!(SchoolId::parse(" 12").is_err());
        assert!(SchoolId::parse("12/13").is_err());
        assert!(SchoolId::parse("255901001").is_ok());
    }

    #[test]
    fn a_key_reads_back_what_it_prints() {
        let key = StudentKey::new([7; 16]);
        assert_eq!(key.to_string().parse(), Ok(key));
    }
}
