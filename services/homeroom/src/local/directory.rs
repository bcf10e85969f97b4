//! The data directory of one machine's Homeroom: who uses it, what lies where, and its secrets.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use secrecy::{ExposeSecret as _, SecretString};

use crate::failure::BadConfig;

/// An open data directory: nobody else runs Homeroom on it while this lives.
pub(crate) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Makes the directory when it is missing, and takes it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        // Not 0700: where we are root, the private cluster runs as another user and must reach its own folder inside.
        make(path, 0o711)?;
        let path = path.canonicalize().with_context(|| format!("`{}`", path.display()))?;
        let file = path.join("up.lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&file)
            .with_context(|| format!("`{}`", file.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(BadConfig(format!(
                "another `homeroom up` runs on `{}`; stop it, or give another --data",
                path.display()
            ))
            .into()),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("`{}` cannot be locked", file.display()))
            }
        }
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file or folder in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A folder in it that only its owner enters, made when missing.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.join(name);
        make(&path, 0o700)?;
        Ok(path)
    }

    /// A secret kept in it: 32 random bytes in hexadecimal, made at the first start.
    pub(crate) fn secret(&self, name: &str) -> Result<SecretString> {
        self.secret_marked(name, "")
    }

    /// The same; one that is made now begins with a word that says how it is used.
    pub(crate) fn secret_marked(&self, name: &str, mark: &str) -> Result<SecretString> {
        if let Some(secret) = self.read(name)? {
            return Ok(SecretString::from(secret));
        }
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
        let secret = SecretString::from(format!("{mark}{}", hex::encode(bytes)));
        self.write(name, secret.expose_secret())?;
        Ok(secret)
    }

    /// What a small file in it says; none when it is not there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>> {
        let path = self.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim_end().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("`{}` cannot be read", path.display())),
        }
    }

    /// Deletes a file in it, if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let path = self.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("`{}`", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Writes a small file that only its owner may read; whole or not at all.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.join(name);
        let unwritable = || format!("`{}` cannot be written", path.display());
        let folder = path.parent().unwrap_or(&self.path);
        // Temporary files are made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder).with_context(unwritable)?;
        file.write_all(text.trim_end().as_bytes()).with_context(unwritable)?;
        file.write_all(b"\n").with_context(unwritable)?;
        file.as_file().sync_all().with_context(unwritable)?;
        file.persist(&path).with_context(unwritable)?;
        Ok(())
    }
}

fn make(path: &Path, mode: u32) -> Result<()> {
    let outcome = std::fs::DirBuilder::new().recursive(true).mode(mode).create(path);
    outcome.with_context(|| format!("`{}` cannot be made", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_directory_has_one_user_at_a_time() {
        let data = tempfile::tempdir().expect("a folder");
        let first = Directory::open(data.path()).expect("free");
        let refusal = Directory::open(data.path()).err().expect("taken");
        assert!(refusal.is::<BadConfig>(), "{refusal}");
        drop(first);
        assert!(Directory::open(data.path()).is_ok(), "free again");
    }

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_reads_it() {
        let data = tempfile::tempdir().expect("a folder");
        let directory = Directory::open(data.path()).expect("free");
        let first = directory.secret("token.key").expect("made");
        assert_eq!(first.expose_secret(), directory.secret("token.key").expect("read").expose_secret());
        assert_eq!(first.expose_secret().len(), 64);
        let mode = std::fs::metadata(directory.join("token.key")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
