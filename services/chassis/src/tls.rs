//! TLS by file: certificate, key, and the authority of clients that must show one. rustls with ring.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde::Deserialize;

use crate::config;

/// The files of a server's TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TlsFiles {
    /// The certificate, followed by those that lead to its authority.
    pub cert: PathBuf,
    /// The certificate's private key; only its owner may read the file.
    pub key: PathBuf,
    /// Authorities of clients: when given, a client must show a certificate of one of them.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] config::Error),
    /// A file is not PEM of the expected kind.
    #[error("`{}` holds no {expected} in PEM", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Such as `certificate`.
        expected: &'static str,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// A client authority's certificate cannot be used.
    #[error("`{}` holds a certificate that cannot be an authority of clients", .path.display())]
    ClientCa {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Certificate and key do not belong together, or are of a kind that is not known.
    #[error("certificate `{}` and key `{}` cannot be used", .cert.display(), .key.display())]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
}

/// The certificates that a client showed and that were verified; an extension of each of its requests.
#[derive(Debug, Clone)]
pub struct ClientCertificates(pub Arc<[CertificateDer<'static>]>);

/// Makes ring the process's provider of cryptography, which clients that name none (reqwest) look for. Calling it again is
/// harmless.
pub fn install_provider() {
    // It fails only when one is installed already, and then that one serves.
    drop(rustls::crypto::ring::default_provider().install_default());
}

impl TlsFiles {
    /// Reads the files. `protocol` is what is spoken inside: `http/1.1` or `h2`.
    pub(crate) fn server_config(&self, protocol: &[u8]) -> Result<Arc<ServerConfig>, Error> {
        let certificates = certificates(&self.cert)?;
        let key = config::read_private(&self.key)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|source| Error::Pem {
            path: self.key.clone(),
            expected: "private key",
            source,
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3");
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let refused = |source| Error::ClientCa { path: path.clone(), source };
                let roots = Arc::new(roots(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .build()
                    .map_err(|error| refused(Box::new(error)))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(certificates, key).map_err(|source| Error::Pair {
            cert: self.cert.clone(),
            key: self.key.clone(),
            source,
        })?;
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let wrong = |source| Error::Pem { path: path.to_owned(), expected: "certificate", source };
    let text = std::fs::read(path).map_err(|source| config::Error::Read { path: path.to_owned(), source })?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(wrong)?;
    if found.is_empty() { Err(wrong(rustls::pki_types::pem::Error::NoItemsFound)) } else { Ok(found) }
}

fn roots(path: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| Error::ClientCa { path: path.to_owned(), source: Box::new(error) })?;
    }
    Ok(roots)
}
