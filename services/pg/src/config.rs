//! Where the database is, and how long its answers may take.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use crate::error::Error;

/// How a service reaches its database. Every time has a limit, because a service that waits for ever looks healthy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// `postgresql://role:password@host:port/database`, or `postgresql:///database?host=/socket/directory&user=role`.
    #[serde(deserialize_with = "secret")]
    pub url: Option<SecretString>,
    /// A file that holds the URL, as a mounted secret does; used when `url` is not given.
    pub url_file: Option<PathBuf>,
    /// The most connections of this process and schema. A listener has one more of its own.
    pub max_connections: u32,
    /// How long to wait for a connection, a free one or a new one.
    pub connect_timeout_ms: u64,
    /// The longest statement.
    pub statement_timeout_ms: u64,
    /// The longest wait for another transaction's lock; the transaction is then tried again.
    pub lock_timeout_ms: u64,
    /// How long a transaction may do nothing: a paused process must not keep others from its partitions.
    pub idle_in_transaction_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            max_connections: 8,
            connect_timeout_ms: 5_000,
            statement_timeout_ms: 30_000,
            lock_timeout_ms: 3_000,
            idle_in_transaction_timeout_ms: 3_000,
        }
    }
}

impl Config {
    /// The defaults with this URL.
    pub fn at(url: SecretString) -> Self {
        Self { url: Some(url), ..Self::default() }
    }

    /// The URL, read from its file when it is not given.
    pub fn load_url(&self) -> Result<SecretString, Error> {
        match (&self.url, &self.url_file) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(file)) => std::fs::read_to_string(file)
                .map(|text| SecretString::from(text.trim()))
                .map_err(|error| Error::Config(format!("`{}` cannot be read: {error}", file.display()))),
            (None, None) => Err(Error::Config("neither `url` nor `url-file` is given".into())),
        }
    }

    /// The wait for a connection.
    pub(crate) const fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_in_the_debug_text() {
        let config = Config::at(SecretString::from("postgresql://homeroom_rules:hunter2@localhost/homeroom"));
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_missing_address_says_what_to_give() {
        let error = Config::default().load_url().unwrap_err();
        assert!(error.to_string().contains("url-file"), "{error}");
    }
}
