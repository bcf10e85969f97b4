//! TLS by file: certificate, key, and the authority of clients that must show one. rustls with ring.
//!
//! Who is who: [`TlsFiles`] is a server's side and [`ClientFiles`] a gRPC client's; `follow` makes either anew when its files
//! change; `expiry` tells when a certificate ends.

mod client;
mod expiry;
mod follow;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde::Deserialize;

use crate::TaskGroup;
use crate::config;

pub use client::ClientFiles;
pub use expiry::{ends, tell as tell_expiry};
pub use follow::{Followed, LOOK, follow};

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
    /// A client's files cannot be used together.
    #[error("the files of the client's TLS cannot be used")]
    Client(#[source] tonic::transport::Error),
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

/// What a server's files offer, for each protocol that is spoken inside.
#[derive(Debug)]
pub(crate) struct Offered {
    /// To clients that speak HTTP/1.1.
    pub(crate) http1: Arc<ServerConfig>,
    /// To clients that speak HTTP/2.
    pub(crate) http2: Arc<ServerConfig>,
}

impl TlsFiles {
    /// The same certificate, and nobody has to show one.
    pub(crate) fn for_everybody(&self) -> Self {
        Self { client_ca: None, ..self.clone() }
    }

    /// Reads the files, and again when they change: connections that are made from then on have the new ones. `certificate` is
    /// what metrics call it.
    pub(crate) fn follow(&self, certificate: &'static str, tasks: &TaskGroup) -> Result<Followed<Offered>, Error> {
        let files = self.clone();
        let paths = [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()];
        let paths = paths.into_iter().flatten().cloned().collect();
        follow(certificate, paths, tasks, move || files.offer(certificate))
    }

    /// Reads the files.
    pub(crate) fn offer(&self, certificate: &'static str) -> Result<Offered, Error> {
        let certificates = certificates(&self.cert)?;
        let key = private_key(&self.key)?;
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
        let ends = expiry::of_chain(&certificates);
        let config = builder.with_single_cert(certificates, key).map_err(|source| Error::Pair {
            cert: self.cert.clone(),
            key: self.key.clone(),
            source,
        })?;
        expiry::publish(certificate, ends);
        // Sessions that may be resumed are kept with the configuration, so that none outlives the files that it was begun with.
        let speaking = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            Arc::new(config)
        };
        Ok(Offered { http1: speaking(b"http/1.1"), http2: speaking(b"h2") })
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let text = config::read_private(path)?;
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|source| Error::Pem {
        path: path.to_owned(),
        expected: "private key",
        source,
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let wrong = |source| Error::Pem { path: path.to_owned(), expected: "certificate", source };
    let text = std::fs::read(path).map_err(|source| config::Error::Read { path: path.to_owned(), source })?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(wrong)?;
    if found.is_empty() { Err(wrong(rustls::pki_types::pem::Error::NoItemsFound)) } else { Ok(found) }
}

/// A file of certificates as it is, in PEM. Refuses one that holds none, which libraries pass over, to trust nobody then.
pub fn pem(path: &Path) -> Result<Vec<u8>, Error> {
    certificates(path)?;
    Ok(std::fs::read(path).map_err(|source| config::Error::Read { path: path.to_owned(), source })?)
}

fn roots(path: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| Error::ClientCa { path: path.to_owned(), source: Box::new(error) })?;
    }
    Ok(roots)
}
