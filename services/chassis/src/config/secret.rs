//! Secrets come from files, so that no argument, variable or log ever holds one.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

use super::Error;

/// The most bytes that a secret may have; a longer file is surely the wrong one.
const MAX_BYTES: u64 = 64 * 1024;

/// Where a secret is kept. Only the path is shown in `Debug`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretFile(PathBuf);

impl SecretFile {
    /// A secret in this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The secret, without the line's end. Refuses an empty file and one that others can read.
    pub fn read(&self) -> Result<SecretString, Error> {
        let text = read_private(&self.0)?;
        let secret = text.trim_end_matches(['\n', '\r']);
        if secret.is_empty() {
            return Err(Error::EmptySecret { path: self.0.clone() });
        }
        Ok(SecretString::from(secret))
    }
}

/// Reads a text file that only its owner may read.
pub(crate) fn read_private(path: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    check_mode(path, &metadata)?;
    if metadata.len() > MAX_BYTES {
        return Err(unreadable(std::io::Error::other(format!("more than {MAX_BYTES} bytes"))));
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Refuses a file that others may read. The group may when the file belongs to another user: a mounted Kubernetes secret
/// is root's, and reaches a process that is not root only through its group.
#[cfg(unix)]
fn check_mode(path: &Path, metadata: &std::fs::Metadata) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;

    // The owner of our entry under /proc is who we are; where there is no /proc, take the stricter rule.
    let ours = std::fs::metadata("/proc/self").map_or(true, |process| process.uid() == metadata.uid());
    let forbidden = if ours { 0o077 } else { 0o027 };
    let mode = metadata.mode() & 0o777;
    if mode & forbidden == 0 { Ok(()) } else { Err(Error::Exposed { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &std::fs::Metadata) -> Result<(), Error> {
    Ok(())
}
