//! Signing secrets, and the signature header made with all that are in force.

use std::collections::BTreeMap;

use homeroom_chassis::config::SecretFile;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use standardwebhooks::Webhook;

use crate::channel::Error;

/// The secrets of each endpoint.
pub(super) struct Secrets {
    default: Vec<Webhook>,
    by_endpoint: BTreeMap<String, Vec<Webhook>>,
}

impl Secrets {
    pub(super) fn read(default: &[SecretFile], by_endpoint: &BTreeMap<String, Vec<SecretFile>>) -> Result<Self, Error> {
        let read_all = |files: &[SecretFile]| files.iter().map(read).collect::<Result<Vec<_>, _>>();
        let by_endpoint =
            by_endpoint.iter().map(|(url, files)| Ok((url.clone(), read_all(files)?))).collect::<Result<_, Error>>()?;
        Ok(Self { default: read_all(default)?, by_endpoint })
    }

    /// The value of `webhook-signature`; none when the endpoint has no secret.
    pub(super) fn sign(&self, endpoint: &str, id: &str, at: Timestamp, body: &[u8]) -> Option<String> {
        let secrets = self.by_endpoint.get(endpoint).unwrap_or(&self.default);
        // Our bodies are JSON, and so UTF-8, which is the one thing that signing can fail at.
        let signatures: Vec<String> =
            secrets.iter().filter_map(|secret| secret.sign(id, at.as_second(), body).ok()).collect();
        (!signatures.is_empty()).then(|| signatures.join(" "))
    }
}

fn read(file: &SecretFile) -> Result<Webhook, Error> {
    let secret = file.read()?;
    let wrong = || Error::config("secret-files", format_args!("`{}` holds no `whsec_` secret", file.path().display()));
    if !secret.expose_secret().starts_with("whsec_") {
        return Err(wrong());
    }
    Webhook::new(secret.expose_secret()).map_err(|_| wrong())
}
