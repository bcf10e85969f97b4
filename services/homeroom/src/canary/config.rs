//! The table `[canary]` of a configuration file: where a cluster's Homeroom is, and the keys of the canaries that watch it.

use std::path::PathBuf;
use std::time::Duration;

use homeroom_chassis::config::SecretFile;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::client::Connection;
use crate::failure::BadConfig;
use crate::process::refusal;

/// Which canaries a process runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    /// Of the HTTP API, such as `https://homeroom.example.org`.
    url: String,
    /// Of an address at which the feed is answered.
    grpc: String,
    /// Certificate authorities of both, PEM; the system's when not given.
    #[serde(default)]
    ca_file: Option<PathBuf>,
    /// Each holds `key:secret` of one district's canary.
    key_files: Vec<SecretFile>,
    /// Seconds between rounds, 1 to 86,400.
    #[serde(default = "default_every")]
    every_s: u64,
    /// Seconds after which an alert, or its recall, counts as not told, 1 to 3,600.
    #[serde(default = "default_within")]
    within_s: u64,
}

pub(crate) const fn default_every() -> u64 {
    300
}

pub(crate) const fn default_within() -> u64 {
    60
}

impl Config {
    /// The time between rounds.
    pub(crate) fn every(&self) -> Result<Duration, BadConfig> {
        seconds("every-s", self.every_s, 86_400)
    }

    /// The time after which an alert counts as not told.
    pub(crate) fn within(&self) -> Result<Duration, BadConfig> {
        seconds("within-s", self.within_s, 3_600)
    }

    /// A connection for each key.
    pub(crate) fn connections(&self) -> Result<Vec<Connection>, BadConfig> {
        if self.key_files.is_empty() {
            return Err(BadConfig("canary.key-files names none: no canary would sing".to_owned()));
        }
        self.key_files.iter().map(|file| self.connection(file)).collect()
    }

    fn connection(&self, file: &SecretFile) -> Result<Connection, BadConfig> {
        let held = file.read().map_err(|e| refusal(&e))?;
        let (key, secret) = held
            .expose_secret()
            .trim()
            .split_once(':')
            .ok_or_else(|| BadConfig("a file of canary.key-files does not hold `key:secret`".to_owned()))?;
        let url = self.url.trim_end_matches('/').to_owned();
        Ok(Connection {
            edfi_url: format!("{url}/edfi/canary"),
            url,
            grpc: self.grpc.clone(),
            key: key.to_owned(),
            secret: SecretString::from(secret.to_owned()),
            config: None,
            ca_file: self.ca_file.clone(),
        })
    }
}

fn seconds(key: &str, given: u64, most: u64) -> Result<Duration, BadConfig> {
    match given {
        1.. if given <= most => Ok(Duration::from_secs(given)),
        _ => Err(BadConfig(format!("canary.{key} is 1 to {most}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;

    fn config(file: &Path, more: Value) -> Config {
        let mut table = json!({ "url": "https://h/", "grpc": "https://g", "key-files": [file] });
        let Value::Object(more) = more else { panic!("a table") };
        table.as_object_mut().expect("a table").extend(more);
        serde_json::from_value(table).expect("sound")
    }

    #[test]
    fn each_file_of_a_key_is_a_canary() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "springfield-canary:5ec8e7\n").expect("written");
        let config = config(file.path(), json!({}));
        let [canary] = &config.connections().expect("sound")[..] else { panic!("one file is one canary") };
        assert_eq!((canary.url.as_str(), canary.key.as_str()), ("https://h", "springfield-canary"));
        assert_eq!(canary.secret.expose_secret(), "5ec8e7");
        std::fs::write(file.path(), "5ec8e7").expect("written");
        let refused = config.connections().expect_err("no key").0;
        assert!(!refused.contains("5ec8e7"), "{refused}");
    }

    #[test]
    fn a_pace_that_cannot_be_kept_is_refused() {
        let file = Path::new("/none");
        assert_eq!(config(file, json!({})).every().expect("the default"), Duration::from_mins(5));
        assert!(config(file, json!({ "every-s": 0 })).every().is_err());
        assert!(config(file, json!({ "within-s": 3_601 })).within().is_err());
    }
}
