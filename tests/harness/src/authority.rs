//! A certificate authority of a test's own.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

/// Where every server of a test is, and what its certificate says.
pub const HERE: &str = "127.0.0.1";

/// Gives certificates. Its files go with it.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// A certificate and its key, as files.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate, PEM.
    pub cert: PathBuf,
    /// The key, PEM, for its owner only.
    pub key: PathBuf,
}

impl Authority {
    /// A new one, that nobody trusts yet.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new([])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "an authority of a test");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let folder = tempfile::Builder::new().prefix("homeroom-tls-").tempdir()?;
        // The accounts of servers pass through it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        let authority = Self { issuer, folder };
        authority.write("ca.pem", &authority.pem(), 0o644)?;
        Ok(authority)
    }

    /// The file that clients trust.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Its certificate, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a name or address, in files that `label` names; they replace those of one that was given before.
    pub fn give(&self, label: &str, name: &str) -> Result<Pair> {
        let mut params = CertificateParams::new([name.to_owned()])?;
        let key = KeyPair::generate()?;
        params.distinguished_name.push(DnType::CommonName, label);
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Pair {
            cert: self.write(&format!("{label}.cert.pem"), &certificate.pem(), 0o644)?,
            key: self.write(&format!("{label}.key.pem"), &key.serialize_pem(), 0o600)?,
        })
    }

    /// A secret, as a file.
    pub fn secret(&self, label: &str, text: &str) -> Result<PathBuf> {
        self.write(&format!("{label}.secret"), text, 0o600)
    }

    /// A file beside the certificates.
    pub fn write(&self, name: &str, text: &str, mode: u32) -> Result<PathBuf> {
        write(&self.folder.path().join(name), text, mode)
    }
}

fn write(path: &Path, text: &str, mode: u32) -> Result<PathBuf> {
    fs::write(path, text).with_context(|| format!("`{}`", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(path.to_owned())
}
