//! Pseudonyms: keyed hashes that stand for a student or a source record outside this service.
//!
//! Each district has a secret of its own, in a file `<district>.key`. Without it nobody can tell which student a key means, nor
//! whether two districts have the same student. Whoever loses it loses the link between old events and new records: it is kept
//! as carefully as the data.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use homeroom_chassis::config::SecretFile;
use homeroom_domain::date::Date;
use homeroom_domain::event::Fact;
use homeroom_domain::id::{DistrictId, GroupId, RecordKey, SourceId, StudentKey};
use homeroom_domain::ledger::derived_key;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use uuid::Uuid;

/// The shortest secret that is taken, in bytes: below it the hash can be searched.
pub const MIN_SECRET_BYTES: usize = 16;

/// The secrets of all districts that this service may take records of.
#[derive(Debug, Clone, Default)]
pub struct Pseudonyms {
    districts: HashMap<DistrictId, Pseudonym>,
}

/// A secret that begins with this makes keys by date: where a record's natural key holds a date, its key ends with that date, and
/// a student's ledger then takes no space for it. The keys of one district are made in one way for ever, since a correction
/// finds its record by its key; so a district goes on as it began.
pub const BY_DATE: &str = "by-date:";

/// As [`BY_DATE`], and those of a student's other Ed-Fi documents are made of a hash that they share and of what each says
/// (see [`derived_key`]), so that a ledger keeps the hash once. Districts that begin now begin with this.
pub const BY_CONTENT: &str = "by-content:";

/// How a district's keys are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Making {
    Whole,
    ByDate,
    ByContent,
}

impl Making {
    /// The mark that a secret begins with, and what it means.
    fn of(secret: &str) -> (&'static str, Self) {
        let known = [(BY_DATE, Self::ByDate), (BY_CONTENT, Self::ByContent)];
        known.into_iter().find(|(mark, _)| secret.starts_with(mark)).unwrap_or(("", Self::Whole))
    }
}

/// One district's pseudonyms. Its `Debug` shows nothing of the secret.
#[derive(Clone)]
pub struct Pseudonym {
    district: DistrictId,
    keyed: Hmac<Sha256>,
    making: Making,
}

/// Why the secrets cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory cannot be read.
    #[error("pseudonym keys in `{}` cannot be read", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A secret's file is unreadable, empty, or readable by others.
    #[error("a pseudonym key cannot be used")]
    Secret(#[from] homeroom_chassis::config::Error),
    /// A file `<name>.key` whose name is no district id.
    #[error("pseudonym key `{}` is not named for a district", .path.display())]
    District {
        /// The file.
        path: PathBuf,
        /// What is wrong with its name.
        source: homeroom_domain::id::Error,
    },
    /// A secret that is too short.
    #[error("the pseudonym key of {district:?} has {bytes} bytes, at least {MIN_SECRET_BYTES} are needed")]
    Short {
        /// Whose it is.
        district: DistrictId,
        /// Its length.
        bytes: usize,
    },
}

impl Pseudonyms {
    /// Loads `<district>.key` of each district in the directory; line ends at the end of a file are not part of its secret.
    pub fn load(directory: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Directory { path: directory.to_owned(), source };
        let mut pseudonyms = Self::default();
        for entry in std::fs::read_dir(directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_none_or(|extension| extension != "key") {
                continue;
            }
            let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let district = DistrictId::parse(name).map_err(|source| Error::District { path: path.clone(), source })?;
            pseudonyms.add(district, &SecretFile::new(path).read()?)?;
        }
        Ok(pseudonyms)
    }

    /// Adds a district's secret, or replaces it.
    pub fn add(&mut self, district: DistrictId, secret: &SecretString) -> Result<(), Error> {
        let secret = secret.expose_secret();
        let (mark, making) = Making::of(secret);
        let secret = secret.as_bytes();
        if secret.len() < MIN_SECRET_BYTES + mark.len() {
            return Err(Error::Short { district, bytes: secret.len() });
        }
        // HMAC takes a key of any length.
        let keyed = Hmac::new_from_slice(secret).expect("HMAC takes a key of any length");
        self.districts.insert(district.clone(), Pseudonym { district, keyed, making });
        Ok(())
    }

    /// A district's pseudonyms; none when it has no secret here, and so none of its records can be taken.
    pub fn find(&self, district: &DistrictId) -> Option<&Pseudonym> {
        self.districts.get(district)
    }

    /// The districts that have a secret.
    pub fn districts(&self) -> impl Iterator<Item = &DistrictId> {
        self.districts.keys()
    }
}

impl Pseudonym {
    /// The district whose secret this is.
    pub fn district(&self) -> &DistrictId {
        &self.district
    }

    /// The key of a student, by the district's own id.
    pub fn student(&self, local_id: &str) -> StudentKey {
        StudentKey::new(self.hash(&["student", self.district.as_str(), local_id]))
    }

    /// What stands for a person, or whatever else a student is tied to, by the sender's id.
    pub fn person(&self, local_id: &str) -> GroupId {
        GroupId::new(self.hash(&["person", self.district.as_str(), local_id]))
    }

    /// The id of what events refer to that stands for no person, and whose number in the sender's system would tell of one: such
    /// numbers are few, and could all be tried were there no secret in it. By its canonical key, the same for every record and fact
    /// that names it.
    pub fn reference(&self, kind: &str, canonical_key: &str) -> Uuid {
        Uuid::from_bytes(self.hash(&["reference", self.district.as_str(), kind, canonical_key]))
    }

    /// The key of a source's record, by its natural key.
    pub fn record(&self, source: &SourceId, kind: &str, natural_key: &str) -> RecordKey {
        let (district, source) = (self.district.as_str(), source.as_str());
        let Some((before, date, after)) = first_date(natural_key).filter(|_| self.making != Making::Whole) else {
            return RecordKey::new(self.hash(&["record", district, source, kind, natural_key]));
        };
        let mut key = self.hash(&["record by date", district, source, kind, before, after]);
        key[12..].copy_from_slice(&date.days().to_be_bytes());
        RecordKey::new(key)
    }

    /// The key of a student's record that is an Ed-Fi document, by its natural key and by what it says.
    pub fn document(&self, source: &SourceId, kind: &str, natural_key: &str, local_id: &str, fact: &Fact) -> RecordKey {
        // A grade's natural key holds the date on which the student joined the section, which the grade does not say.
        // All that are dates, since the name of a grading period may be one.
        let more = match fact {
            Fact::Grade(_) => {
                let dates = natural_key.split('\u{1f}').filter(|part| Date::parse(part).is_some());
                dates.collect::<Vec<_>>().join("\u{1f}")
            }
            _ => String::new(),
        };
        let stem = || self.hash(&["record by content", self.district.as_str(), source.as_str(), local_id, &more]);
        let derived = (self.making == Making::ByContent).then(|| derived_key(stem(), fact)).flatten();
        derived.unwrap_or_else(|| self.record(source, kind, natural_key))
    }

    fn hash(&self, parts: &[&str]) -> [u8; 16] {
        let mut keyed = self.keyed.clone();
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                keyed.update(&[0]);
            }
            keyed.update(part.as_bytes());
        }
        let hash: [u8; 32] = keyed.finalize().into_bytes().into();
        let mut first = [0; 16];
        first.copy_from_slice(&hash[..16]);
        first
    }
}

/// The first date in a text, `YYYY-MM-DD`, and what stands before and after it.
fn first_date(text: &str) -> Option<(&str, Date, &str)> {
    const LENGTH: usize = 10;
    let mut starts = (0..text.len().saturating_sub(LENGTH - 1)).filter(|&at| text.as_bytes()[at].is_ascii_digit());
    starts.find_map(|at| {
        let date = Date::parse(text.get(at..at + LENGTH)?)?;
        Some((text.get(..at)?, date, text.get(at + LENGTH..)?))
    })
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pseudonym({})", self.district)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use homeroom_domain::event::Grade;
    use homeroom_domain::id::{GradingPeriodId, SectionId};

    use super::*;

    fn pseudonyms() -> Pseudonyms {
        let mut pseudonyms = Pseudonyms::default();
        for (district, secret) in [("grand-bend", "one secret of the tests"), ("other", "another secret of tests")] {
            pseudonyms.add(DistrictId::parse(district).unwrap(), &SecretString::from(secret)).unwrap();
        }
        pseudonyms
    }

    #[test]
    fn a_student_has_one_key_per_district_and_it_is_not_the_id() {
        let pseudonyms = pseudonyms();
        let here = pseudonyms.find(&DistrictId::parse("grand-bend").unwrap()).unwrap();
        let there = pseudonyms.find(&DistrictId::parse("other").unwrap()).unwrap();
        assert_eq!(here.student("604822"), here.student("604822"));
        assert_ne!(here.student("604822"), here.student("604823"));
        assert_ne!(here.student("604822"), there.student("604822"));
        assert!(!format!("{here:?}").contains("secret"));
    }

    #[test]
    fn records_of_two_sources_or_kinds_never_share_a_key() {
        let pseudonyms = pseudonyms();
        let here = pseudonyms.find(&DistrictId::parse("grand-bend").unwrap()).unwrap();
        let (sis, lms) = (SourceId::parse("sis").unwrap(), SourceId::parse("lms").unwrap());
        assert_ne!(here.record(&sis, "grades", "k"), here.record(&lms, "grades", "k"));
        assert_ne!(here.record(&sis, "grades", "k"), here.record(&sis, "marks", "k"));
    }

    #[test]
    fn keys_by_date_end_with_it_and_are_otherwise_those_of_many_records() {
        let mut pseudonyms = Pseudonyms::default();
        let district = DistrictId::parse("grand-bend").unwrap();
        pseudonyms.add(district.clone(), &SecretString::from("by-date:one secret of the tests")).unwrap();
        let (here, sis) = (pseudonyms.find(&district).unwrap(), SourceId::parse("sis").unwrap());
        let key = |natural_key: &str| *here.record(&sis, "marks", natural_key).as_bytes();
        let (monday, tuesday) = (key("Absent|2021-09-06|9|604822"), key("Absent|2021-09-07|9|604822"));
        assert_eq!(monday[..12], tuesday[..12]);
        assert_eq!(monday[12..], Date::parse("2021-09-06").unwrap().days().to_be_bytes());
        for other in ["Tardy|2021-09-06|9|604822", "Absent|2021-09-069|604822", "2021-09-06", "Absent|é2021-09-06", "x"]
        {
            assert_ne!(key(other)[..12], monday[..12], "{other}");
        }
        let before = self::pseudonyms();
        let before = before.find(&district).unwrap().record(&sis, "marks", "Absent|2021-09-06|9|604822");
        assert_ne!(before.as_bytes()[12..], monday[12..], "a district goes on as it began");
    }

    #[test]
    fn keys_by_content_differ_by_student_source_and_whatever_a_natural_key_holds() {
        let mut pseudonyms = Pseudonyms::default();
        let district = DistrictId::parse("grand-bend").unwrap();
        pseudonyms.add(district.clone(), &SecretString::from("by-content:one secret of the tests")).unwrap();
        let here = pseudonyms.find(&district).unwrap();
        let (sis, lms) = (SourceId::parse("sis").unwrap(), SourceId::parse("lms").unwrap());
        let grade = |begin_on: &str, section: u8, source: &SourceId, local_id: &str| {
            let natural_key = ["final", "604822", begin_on, "9"].join("\u{1f}");
            let fact = Fact::Grade(Grade {
                section: SectionId::new([section; 16]),
                grading_period: GradingPeriodId::new([3; 16]),
                grade_type: "Final".to_owned(),
                numeric: Some(9_000),
                letter: None,
            });
            here.document(source, "grades", &natural_key, local_id, &fact)
        };
        let keys = [
            grade("2021-09-06", 1, &sis, "604822"),
            grade("2021-09-07", 1, &sis, "604822"),
            grade("2021-09-06", 2, &sis, "604822"),
            grade("2021-09-06", 1, &lms, "604822"),
            grade("2021-09-06", 1, &sis, "604823"),
            here.document(&sis, "students", "604822", "604822", &Fact::Registration),
            here.record(&sis, "students", "604822"),
        ];
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), keys.len());
        let monday = *here.record(&sis, "marks", "Absent|2021-09-06|9|604822").as_bytes();
        assert_eq!(monday[12..], Date::parse("2021-09-06").unwrap().days().to_be_bytes());
    }

    #[test]
    fn a_directory_of_secrets_is_loaded_and_a_short_one_refused() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, secret: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, secret).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        };
        write("grand-bend.key", "one secret of the tests\n");
        let loaded = Pseudonyms::load(directory.path()).unwrap();
        let district = DistrictId::parse("grand-bend").unwrap();
        assert_eq!(loaded.find(&district).unwrap().student("1"), pseudonyms().find(&district).unwrap().student("1"));
        write("tiny.key", "short");
        assert!(matches!(Pseudonyms::load(directory.path()), Err(Error::Short { bytes: 5, .. })));
    }
}
