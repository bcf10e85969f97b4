//! Where PostgreSQL's programs are. Debian keeps the server's out of PATH, one directory for each version.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Error;

const DEBIAN: &str = "/usr/lib/postgresql";

/// The two programs needed, of one version.
#[derive(Debug, Clone)]
pub(super) struct Binaries {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
}

impl Binaries {
    /// The newest, or those that can read data of this major version.
    pub(super) fn find(version: Option<&str>) -> Result<Self, Error> {
        candidates()
            .into_iter()
            .map(|directory| Self { initdb: directory.join("initdb"), postgres: directory.join("postgres") })
            .filter(|found| found.initdb.is_file() && found.postgres.is_file())
            .find(|found| version.is_none_or(|wanted| major(&found.postgres).as_deref() == Some(wanted)))
            .ok_or_else(|| Error::NotInstalled { version: version.map(str::to_owned) })
    }
}

/// Directories in order of preference: PATH as the person set it, then Debian's, newest first.
fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<(u32, PathBuf)> = std::fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    debian.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    std::env::split_paths(&path).chain(debian.into_iter().map(|(_, directory)| directory)).collect()
}

/// `postgres (PostgreSQL) 15.18 (Debian ...)` is 15.
fn major(postgres: &Path) -> Option<String> {
    let output = Command::new(postgres).arg("-V").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split(' ').nth(2)?;
    version.split(['.', '\n']).next().map(str::to_owned)
}
