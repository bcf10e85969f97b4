//! The secrets of one machine's Homeroom, made at the first start: an API key, what signs tokens, what makes pseudonyms.

use std::net::SocketAddr;

use anyhow::Result;
use homeroom_chassis::access::hash_secret;
use homeroom_ingestion::pseudonym::BY_CONTENT;
use secrecy::ExposeSecret as _;

use super::directory::Directory;
use super::lines_to_paste;
use crate::client::Connection;

/// The only district of one machine.
pub(crate) const DISTRICT: &str = "grand-bend";
/// Where its records come from, and the name of its Ed-Fi connection.
pub(crate) const SOURCE: &str = "sis";
/// The API key's public part.
const KEY: &str = "local";
/// The API key's secret part.
const SECRET: &str = "api-secret";
/// The keys that doors accept.
pub(crate) const FILE: &str = "keys.toml";
/// Further keys in the same form, for senders and readers that the machine's owner lets in; none when it is missing.
const MORE: &str = "more-keys.toml";
/// Requests and records a second of the machine's own key: there is nobody else whom it could starve.
const UNBOUNDED: u32 = 1_000_000_000;
/// What signs tokens.
pub(crate) const TOKEN_KEY: &str = "token.key";
/// A district that no people have, for `homeroom canary`.
const CANARY_DISTRICT: &str = "grand-bend--canary";
/// The public part of its key, and its source.
const CANARY: &str = "canary";
/// The secret part of its key.
const CANARY_SECRET: &str = "canary-secret";
/// How the canary finds this Homeroom.
const CANARY_ENV_FILE: &str = "canary.env";
/// What makes pseudonyms, a file per district.
pub(crate) const PSEUDONYM_KEYS: &str = "pseudonym-keys";
/// How commands reach database and log.
pub(crate) const CONFIG: &str = "homeroom.toml";
/// What scripts source.
pub(crate) const ENV_FILE: &str = "local.env";
/// Key and secret as channel adapters read them.
const CHANNEL_KEY: &str = "channel.key";
/// What curl reads with `-K`.
pub(crate) const CURL_CONFIG: &str = "curl.conf";

/// Makes what is missing, and writes down how to reach this Homeroom.
pub(crate) fn connection(directory: &Directory, http: SocketAddr, grpc: SocketAddr) -> Result<Connection> {
    directory.folder(PSEUDONYM_KEYS)?;
    for district in [DISTRICT, CANARY_DISTRICT] {
        directory.secret_marked(&format!("{PSEUDONYM_KEYS}/{district}.key"), BY_CONTENT)?;
    }
    directory.secret(TOKEN_KEY)?;
    let secret = directory.secret(SECRET)?;
    directory.write(CHANNEL_KEY, &format!("{KEY}:{}", secret.expose_secret()))?;
    let canary = directory.secret(CANARY_SECRET)?;
    let more = directory.read(MORE)?.unwrap_or_default();
    let keys = key_file(&hash_secret(secret.expose_secret())) + &canary_key(&hash_secret(canary.expose_secret()));
    directory.write(FILE, &format!("{keys}\n{more}"))?;
    let connection = Connection {
        url: format!("http://{http}"),
        edfi_url: format!("http://{http}/edfi/{SOURCE}"),
        grpc: format!("http://{grpc}"),
        key: KEY.to_owned(),
        secret,
        config: Some(directory.join(CONFIG)),
        ca_file: None,
    };
    directory.write(ENV_FILE, &connection.to_file())?;
    let canary = Connection { key: CANARY.to_owned(), secret: canary, config: None, ..connection.clone() };
    directory.write(CANARY_ENV_FILE, &canary.to_file())?;
    directory.write(CURL_CONFIG, &lines_to_paste::curl_config(&connection))?;
    Ok(connection)
}

fn key_file(secret_sha256: &str) -> String {
    format!(
        "[[key]]\nid = \"{KEY}\"\ndistrict = \"{DISTRICT}\"\nsource = \"{SOURCE}\"\nscopes = [\"ingest\", \"read\", \"feed\", \
         \"admin\"]\nsecret-sha256 = \"{secret_sha256}\"\nlimits = {{ requests-per-second = {UNBOUNDED}, records-per-second = \
         {UNBOUNDED} }}\n"
    )
}

fn canary_key(secret_sha256: &str) -> String {
    format!(
        "[[key]]\nid = \"{CANARY}\"\ndistrict = \"{CANARY_DISTRICT}\"\nsource = \"{CANARY}\"\nscopes = [\"ingest\", \"feed\", \
         \"admin\"]\nsecret-sha256 = \"{secret_sha256}\"\n"
    )
}

#[cfg(test)]
mod tests {
    use homeroom_chassis::access::Keys;

    use super::*;

    #[test]
    fn the_key_written_down_is_one_that_doors_accept() {
        let data = tempfile::tempdir().expect("a folder");
        let directory = Directory::open(data.path()).expect("free");
        let address = SocketAddr::from(([127, 0, 0, 1], 7700));
        let connection = connection(&directory, address, address).expect("written");
        let keys = Keys::load(&directory.join(FILE)).expect("a key file");
        let grant = keys.authenticate(&connection.key, connection.secret.expose_secret()).expect("known");
        assert_eq!((grant.district.as_str(), grant.source.as_str(), grant.scopes.len()), (DISTRICT, SOURCE, 4));
        let read = Connection::from_file(&directory.join(ENV_FILE)).expect("complete");
        assert_eq!(read.edfi_url, "http://127.0.0.1:7700/edfi/sis");
    }
}
