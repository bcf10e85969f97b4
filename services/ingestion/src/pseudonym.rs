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
use homeroom_domain::id::{DistrictId, RecordKey, SourceId, StudentKey};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// The shortest secret that is taken, in bytes: below it the hash can be searched.
pub const MIN_SECRET_BYTES: usize = 16;

/// The secrets of all districts that this service may take records of.
#[derive(Debug, Clone, Default)]
pub struct Pseudonyms {
    districts: HashMap<DistrictId, Pseudonym>,
}

/// One district's pseudonyms. Its `Debug` shows nothing of the secret.
#[derive(Clone)]
pub struct Pseudonym {
    district: DistrictId,
    keyed: Hmac<Sha256>,
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
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < MIN_SECRET_BYTES {
            return Err(Error::Short { district, bytes: secret.len() });
        }
        // HMAC takes a key of any length.
        let keyed = Hmac::new_from_slice(secret).expect("HMAC takes a key of any length");
        self.districts.insert(district.clone(), Pseudonym { district, keyed });
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

    /// The key of a source's record, by its natural key.
    pub fn record(&self, source: &SourceId, kind: &str, natural_key: &str) -> RecordKey {
        RecordKey::new(self.hash(&["record", self.district.as_str(), source.as_str(), kind, natural_key]))
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

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pseudonym({})", self.district)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

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
