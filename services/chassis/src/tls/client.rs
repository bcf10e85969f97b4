//! A gRPC client's TLS by file: whom it believes, and the certificate that it shows.

use std::convert::Infallible;
use std::path::PathBuf;

use tonic::transport::channel::Change;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::{Error, Followed, certificates, expiry, follow, pem};
use crate::TaskGroup;
use crate::config;

/// The files of a gRPC client's TLS, in PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFiles {
    /// Authorities of the server; the system's when not given.
    pub ca: Option<PathBuf>,
    /// The certificate to show, followed by those that lead to its authority, and its private key, which only its owner may
    /// read; none is shown when not given.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl ClientFiles {
    /// The endpoint with what the files say, made anew when they change: to be taken for each connection. `certificate` is what
    /// metrics call it.
    pub fn follow(
        self,
        certificate: &'static str,
        endpoint: Endpoint,
        tasks: &TaskGroup,
    ) -> Result<Followed<Endpoint>, Error> {
        let identity = self.identity.iter().flat_map(|(cert, key)| [cert, key]);
        let paths = self.ca.iter().chain(identity).cloned().collect();
        follow(certificate, paths, tasks, move || self.put_on(certificate, &endpoint))
    }

    /// A channel for as long as the process lives, for who cannot take an endpoint for each connection: it connects anew, by what the
    /// files say then, whenever they change. Until the group stops; after that it stays as it is.
    pub(crate) fn channel(
        self,
        certificate: &'static str,
        endpoint: Endpoint,
        tasks: &TaskGroup,
    ) -> Result<Channel, Error> {
        let mut followed = self.follow(certificate, endpoint, tasks)?;
        let (channel, endpoints) = Channel::balance_channel(1);
        let stopping = tasks.stopping();
        tasks.spawn("certificates of a channel", async move {
            let renewing = async {
                // There is room once the channel has been used with the endpoint before.
                while let Ok(room) = endpoints.reserve().await {
                    room.send(Change::Insert((), Endpoint::clone(&followed.current())));
                    if !followed.changed().await {
                        break;
                    }
                }
            };
            stopping.run_until_cancelled(renewing).await;
            Ok::<_, Infallible>(())
        });
        Ok(channel)
    }

    fn put_on(&self, certificate: &'static str, endpoint: &Endpoint) -> Result<Endpoint, Error> {
        let mut tls = ClientTlsConfig::new();
        match &self.ca {
            Some(path) => tls = tls.ca_certificate(Certificate::from_pem(pem(path)?)),
            None => tls = tls.with_enabled_roots(),
        }
        let mut ends = None;
        if let Some((cert, key)) = &self.identity {
            ends = expiry::of_chain(&certificates(cert)?);
            tls = tls.identity(Identity::from_pem(pem(cert)?, config::read_private(key)?));
        }
        let endpoint = endpoint.clone().tls_config(tls).map_err(Error::Client)?;
        expiry::publish(certificate, ends);
        Ok(endpoint)
    }
}
