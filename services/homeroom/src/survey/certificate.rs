//! Until when certificates are good that the configuration names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use homeroom_chassis::config::Setting;
use homeroom_chassis::tls;
use jiff::Timestamp;

use super::files;
use crate::process::refusal;

/// Keys whose files hold certificates.
const KEYS: [&str; 4] = [".tls.cert", ".client-ca", "ca-file", "cert-file"];

/// A file of certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The file.
    pub(crate) file: PathBuf,
    /// When the first of its certificates ends; or why that is not known.
    pub(crate) ends: Result<Timestamp, String>,
}

/// Those that the configuration names.
pub(super) fn named(outline: &[(String, Setting)]) -> Vec<Certificate> {
    let named: BTreeSet<PathBuf> = files(outline, &KEYS).map(|(_, path)| path).collect();
    named.into_iter().map(|file| Certificate { ends: first_end(&file), file }).collect()
}

fn first_end(file: &Path) -> Result<Timestamp, String> {
    let end = tls::ends(file).map_err(|error| refusal(&error).to_string())?;
    end.ok_or_else(|| "it does not say when it ends".to_owned())
}
