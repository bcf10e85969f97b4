//! What lies in a world's data directory: one configuration for all roles, keys and secrets.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

use anyhow::{Context as _, Result};
use homeroom_chassis::access::hash_secret;
use tempfile::TempDir;

use super::World;

/// The only district.
pub(crate) const DISTRICT: &str = "load";
/// The only key's public part.
pub(crate) const KEY: &str = "load";
/// Its secret part.
pub(crate) const SECRET: &str = "homeroom_load-0123456789abcdef01";

pub(super) const CONFIG: &str = "homeroom.toml";

/// A directory through which PostgreSQL's account may pass, where we are root and it is another.
pub(super) fn data_directory() -> Result<TempDir> {
    let data = tempfile::Builder::new().prefix("homeroom-load-").tempdir().context("no data directory")?;
    fs::set_permissions(data.path(), fs::Permissions::from_mode(0o711))?;
    Ok(data)
}

/// Writes everything that the roles read.
pub(super) fn write(world: &World) -> Result<()> {
    let scopes = "[\"ingest\", \"read\", \"feed\", \"admin\"]";
    let key = format!(
        "[[key]]\nid = \"{KEY}\"\ndistrict = \"{DISTRICT}\"\nsource = \"sis\"\nscopes = {scopes}\nsecret-sha256 = \"{}\"\n",
        hash_secret(SECRET)
    );
    fs::create_dir_all(world.data().join("pseudonym-keys"))?;
    let pseudonyms = format!("pseudonym-keys/{DISTRICT}.key");
    let files = [
        ("keys.toml", key.as_str()),
        ("token.key", "signs-tokens-0123456789abcdef0123"),
        (pseudonyms.as_str(), "by-content:makes-pseudonyms-0123456789abcdef"),
        ("channel.key", &format!("{KEY}:{SECRET}")),
        (
            "teams.yaml",
            &format!(
                "teams:\n  - name: Team\n    district: {DISTRICT}\n    schools: [\"*\"]\n    channels: [{{webhook: \"http://127.0.0.1:9/\"}}]\n"
            ),
        ),
        (CONFIG, &config(world)),
    ];
    for (name, text) in files {
        let path = world.data().join(name);
        let mut file = fs::File::options().create(true).truncate(true).write(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes()).with_context(|| format!("`{name}`"))?;
    }
    Ok(())
}

fn config(world: &World) -> String {
    let at = |name: &str| format!("\"{}\"", world.data().join(name).display());
    format!(
        "[log]
kind = \"kafka\"
[log.kafka]
bootstrap-servers = \"{servers}\"
topic-prefix = \"{prefix}\"
[access]
keys = {keys}
token-key = {token_key}
[ingestion]
pseudonym-keys = {pseudonyms}
[ingestion.database]
url = \"{ingestion_url}\"
[rules.database]
url = \"{rules_url}\"
max-connections = 16
[notification]
routing-file = {teams}
[notification.database]
url = \"{notification_url}\"
",
        servers = world.kafka().bootstrap_servers,
        prefix = world.kafka().topic_prefix,
        keys = at("keys.toml"),
        token_key = at("token.key"),
        pseudonyms = at("pseudonym-keys"),
        ingestion_url = world.database_url("ingestion"),
        rules_url = world.database_url("rules"),
        teams = at("teams.yaml"),
        notification_url = world.database_url("notification"),
    )
}
