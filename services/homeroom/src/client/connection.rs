//! Where a running Homeroom is, and the key to it: from the environment or from a file that a script can source too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homeroom_chassis::{config, tls};
use secrecy::{ExposeSecret as _, SecretString};

use crate::failure::BadConfig;
use crate::process::refusal;

/// How a command finds a running Homeroom. The secret is never an argument: the process list shows those to everybody.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ConnectionArgs {
    /// File with `HOMEROOM_URL`, `HOMEROOM_EDFI_URL`, `HOMEROOM_GRPC`, `HOMEROOM_KEY` and `HOMEROOM_SECRET`, as `homeroom up`
    /// writes it (DIR/local.env); without it they come from the environment.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Certificate authorities of Homeroom, PEM; `HOMEROOM_CA_FILE` when left out, else the system's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// Where a running Homeroom is, and the key to it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// Of the HTTP API, such as `http://127.0.0.1:7700`.
    pub(crate) url: String,
    /// Of the Ed-Fi API of one connection.
    pub(crate) edfi_url: String,
    /// Of the gRPC API.
    pub(crate) grpc: String,
    /// The key's public part.
    pub(crate) key: String,
    /// Its secret part.
    pub(crate) secret: SecretString,
    /// Configuration of the services themselves, on the machine where they run: for commands that read database and log.
    pub(crate) config: Option<PathBuf>,
    /// Certificate authorities of Homeroom, PEM; the system's when not given.
    pub(crate) ca_file: Option<PathBuf>,
}

impl ConnectionArgs {
    /// The services' configuration that the file names, when one is given.
    pub(crate) fn config(&self) -> Result<Option<PathBuf>, BadConfig> {
        match &self.env_file {
            Some(file) => Connection::from_file(file).map(|connection| connection.config),
            None => Ok(None),
        }
    }

    /// Whether the command line says anything of it.
    pub(crate) const fn is_given(&self) -> bool {
        self.env_file.is_some() || self.ca_file.is_some()
    }

    /// Reads the variables.
    pub(crate) fn load(&self) -> Result<Connection, BadConfig> {
        let mut connection = match &self.env_file {
            Some(file) => Connection::from_file(file),
            None => Connection::from_variables(&|name| config::env(name).map_err(|e| BadConfig(e.to_string()))),
        }?;
        if let Some(file) = &self.ca_file {
            connection.ca_file = Some(file.clone());
        }
        Ok(connection)
    }
}

impl Connection {
    /// Reads them from a file of `NAME=value` lines.
    pub(crate) fn from_file(file: &Path) -> Result<Self, BadConfig> {
        let text = std::fs::read_to_string(file).map_err(|e| BadConfig(format!("`{}`: {e}", file.display())))?;
        let variables = parse(&text);
        Self::from_variables(&|name| Ok(variables.get(name).filter(|value| !value.is_empty()).cloned()))
    }

    fn from_variables(variable: &dyn Fn(&str) -> Result<Option<String>, BadConfig>) -> Result<Self, BadConfig> {
        let get = |name: &str| {
            variable(name)?.ok_or_else(|| {
                BadConfig(format!("{name} is not set; give the `local.env` of the data directory with --env-file"))
            })
        };
        Ok(Self {
            url: get("HOMEROOM_URL")?.trim_end_matches('/').to_owned(),
            edfi_url: get("HOMEROOM_EDFI_URL")?.trim_end_matches('/').to_owned(),
            grpc: get("HOMEROOM_GRPC")?,
            key: get("HOMEROOM_KEY")?,
            secret: SecretString::from(get("HOMEROOM_SECRET")?),
            config: variable("HOMEROOM_CONFIG")?.map(PathBuf::from),
            ca_file: variable("HOMEROOM_CA_FILE")?.map(PathBuf::from),
        })
    }

    /// The file's text, for [`Self::from_file`] and for a shell.
    pub(crate) fn to_file(&self) -> String {
        let line = |name: &str, file: &Option<PathBuf>| {
            file.as_ref().map(|file| format!("{name}='{}'\n", file.display())).unwrap_or_default()
        };
        format!(
            "HOMEROOM_URL={}\nHOMEROOM_EDFI_URL={}\nHOMEROOM_GRPC={}\nHOMEROOM_KEY={}\nHOMEROOM_SECRET={}\n{}{}",
            self.url,
            self.edfi_url,
            self.grpc,
            self.key,
            self.secret.expose_secret(),
            line("HOMEROOM_CONFIG", &self.config),
            line("HOMEROOM_CA_FILE", &self.ca_file),
        )
    }

    /// The certificates of [`Self::ca_file`], PEM.
    pub(crate) fn authorities(&self) -> Result<Option<Vec<u8>>, BadConfig> {
        let Some(file) = &self.ca_file else { return Ok(None) };
        tls::pem(file).map(Some).map_err(|e| refusal(&e))
    }

    /// The value of an `authorization` header.
    pub(crate) fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.key, self.secret.expose_secret())))
    }
}

/// `NAME=value` lines, as a shell would read them when no value needs quoting; `export ` and one pair of quotes are taken off.
fn parse(text: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (name, value) = line.trim().trim_start_matches("export ").split_once('=')?;
        Some((name.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned()))
    };
    text.lines().filter(|l| !l.trim_start().starts_with('#')).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_reads_back_what_it_writes() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let written = Connection {
            url: "http://127.0.0.1:7700".to_owned(),
            edfi_url: "http://127.0.0.1:7700/edfi/grand-bend".to_owned(),
            grpc: "http://127.0.0.1:7701".to_owned(),
            key: "local".to_owned(),
            secret: SecretString::from("5ec8e7".to_owned()),
            config: Some(PathBuf::from("/data dir/homeroom.toml")),
            ca_file: Some(PathBuf::from("/data dir/ca.pem")),
        };
        std::fs::write(file.path(), written.to_file()).expect("written");
        let read = Connection::from_file(file.path()).expect("complete");
        assert_eq!(read.to_file(), written.to_file());
        assert!(!format!("{read:?}").contains("5ec8e7"), "the secret is hidden");
    }

    #[test]
    fn what_is_missing_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "export HOMEROOM_URL='http://h'\n# HOMEROOM_GRPC=x\n").expect("written");
        let refusal = Connection::from_file(file.path()).expect_err("incomplete");
        assert!(refusal.to_string().contains("HOMEROOM_EDFI_URL"), "{refusal}");
    }
}
