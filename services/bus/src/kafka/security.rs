//! How the connections to a cluster are kept private, and who we are there.

use std::path::PathBuf;

use homeroom_chassis::config::SecretFile;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::config::{Config, ConfigError};

/// TLS to every broker. A broker must show a certificate of its own name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Tls {
    /// The brokers' certificate authorities, PEM; the system's when not given.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and those that lead to its authority, PEM, for a cluster that asks clients for one.
    pub cert_file: Option<PathBuf>,
    /// Its private key, PEM; only its owner may read the file.
    pub key_file: Option<SecretFile>,
    /// Holds the password of the private key, when it has one.
    pub key_password_file: Option<SecretFile>,
}

/// Logging in at every broker.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sasl {
    /// How.
    pub mechanism: Mechanism,
    /// As whom.
    pub user: String,
    /// Holds the password.
    pub password_file: SecretFile,
}

/// How to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// User and password as they are, which TLS hides.
    Plain,
    /// A challenge, hashed with SHA-256.
    ScramSha256,
    /// A challenge, hashed with SHA-512.
    ScramSha512,
}

impl Mechanism {
    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// The library's properties for all of this; what the security file says comes last, and so wins.
pub(super) fn properties(config: &Config) -> Result<Vec<(String, String)>, ConfigError> {
    let mut properties = Properties::default();
    match (&config.tls, &config.sasl) {
        (None, None) => {}
        (Some(tls), None) => {
            properties.set("security.protocol", "ssl");
            properties.tls(tls)?;
        }
        (Some(tls), Some(sasl)) => {
            properties.set("security.protocol", "sasl_ssl");
            properties.tls(tls)?;
            properties.sasl(sasl)?;
        }
        (None, Some(_)) => return Err(ConfigError::SaslWithoutTls),
    }
    if let Some(file) = &config.security_file {
        properties.file(file)?;
    }
    Ok(properties.0)
}

#[derive(Default)]
struct Properties(Vec<(String, String)>);

impl Properties {
    fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.push((key.to_owned(), value.into()));
    }

    fn tls(&mut self, tls: &Tls) -> Result<(), ConfigError> {
        // The library's default, said here because everything hangs on it.
        self.set("ssl.endpoint.identification.algorithm", "https");
        self.set("enable.ssl.certificate.verification", "true");
        if let Some(ca) = &tls.ca_file {
            self.set("ssl.ca.location", ca.display().to_string());
        }
        match (&tls.cert_file, &tls.key_file) {
            (None, None) => {}
            (Some(cert), Some(key)) => {
                self.set("ssl.certificate.location", cert.display().to_string());
                self.set("ssl.key.pem", key.read()?.expose_secret());
            }
            _ => return Err(ConfigError::HalfAPair),
        }
        if let Some(password) = &tls.key_password_file {
            self.set("ssl.key.password", password.read()?.expose_secret());
        }
        Ok(())
    }

    fn sasl(&mut self, sasl: &Sasl) -> Result<(), ConfigError> {
        self.set("sasl.mechanisms", sasl.mechanism.name());
        self.set("sasl.username", &sasl.user);
        self.set("sasl.password", sasl.password_file.read()?.expose_secret());
        Ok(())
    }

    fn file(&mut self, file: &SecretFile) -> Result<(), ConfigError> {
        let path = || file.path().to_owned();
        let text = file.read()?;
        for (index, line) in text.expose_secret().lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                return Err(ConfigError::SecurityLine { path: path(), line: index + 1 });
            };
            let key = key.trim();
            if !["security.", "ssl.", "sasl."].iter().any(|prefix| key.starts_with(prefix)) {
                return Err(ConfigError::NotSecurity { path: path(), key: key.to_owned() });
            }
            self.set(key, value.trim());
        }
        Ok(())
    }
}
