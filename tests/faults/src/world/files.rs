//! What lies in a world's data directory: one configuration for all roles, keys, secrets, and who is told.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

use anyhow::{Context as _, Result};
use homeroom_chassis::access::hash_secret;
use homeroom_chassis::clock;
use homeroom_journeys::{HIGH, MIDDLE, TODAY};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tempfile::TempDir;

use super::{Role, World};

/// The only district.
pub const DISTRICT: &str = "grand-bend";
/// The only key's public part.
pub const KEY: &str = "faults";
/// Its secret part.
pub const SECRET: &str = "homeroom_faults-0123456789abcdef";

pub(super) const CONFIG: &str = "homeroom.toml";
const TIME_ZONE: &str = "America/Chicago";

/// A directory through which PostgreSQL's account may pass, where we are root and it is another.
pub(super) fn data_directory() -> Result<TempDir> {
    let data = tempfile::Builder::new().prefix("homeroom-faults-").tempdir().context("no data directory")?;
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
        (pseudonyms.as_str(), "makes-pseudonyms-0123456789abcdef"),
        ("channel.key", &format!("{KEY}:{SECRET}")),
        ("webhook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("teams.yaml", &teams(&world.sink.url)),
        (CONFIG, &config(world)?),
    ];
    for (name, text) in files {
        let path = world.data().join(name);
        let mut file = fs::File::options().create(true).truncate(true).write(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes()).with_context(|| format!("`{name}`"))?;
    }
    Ok(())
}

/// The two schools are told apart by the end of the address.
fn teams(sink: &str) -> String {
    let team = |school: i64| {
        format!(
            "  - name: School {school}\n    district: {DISTRICT}\n    schools: [\"{school}\"]\n    channels: [{{webhook: \"{sink}/{school}\"}}]\n"
        )
    };
    format!("teams:\n{}{}", team(HIGH), team(MIDDLE))
}

/// A dead process is noticed after 3 seconds and a lost delivery is sent again after 5: the tests wait for both.
fn config(world: &World) -> Result<String> {
    let at = |name: &str| format!("\"{}\"", world.data().join(name).display());
    let database = |schema: &str| world.database_url(schema).map(|url| format!("\"{url}\""));
    let log = match world.log.kafka() {
        Some(config) => kafka_table(&config),
        None => format!("[log]\nkind = \"postgres\"\n[log.database]\nurl = {}\n", database("bus")?),
    };
    Ok(format!(
        "{log}
[access]
keys = {keys}
token-key = {token_key}
[ingestion]
pseudonym-keys = {pseudonyms}
public-url = \"{ingestion}\"
[ingestion.database]
url = {ingestion_url}
[rules.database]
url = {rules_url}
[notification]
routing-file = {teams}
[notification.database]
url = {notification_url}
[notification.retry]
waits-s = [1]
attempts-limit = 100
[channel-webhook]
secret-files = [{secret}]
allow-networks = [\"127.0.0.0/8\"]
timeout-s = 2
[channel-webhook.feed]
endpoint = \"{feed}\"
key-file = {channel_key}
lease-s = 5
",
        keys = at("keys.toml"),
        token_key = at("token.key"),
        pseudonyms = at("pseudonym-keys"),
        ingestion = world.url(Role::Ingestion)?,
        ingestion_url = database("ingestion")?,
        rules_url = database("rules")?,
        teams = at("teams.yaml"),
        notification_url = database("notification")?,
        secret = at("webhook.secret"),
        feed = world.feed_url()?,
        channel_key = at("channel.key"),
    ))
}

fn kafka_table(config: &homeroom_bus::kafka::Config) -> String {
    format!(
        "[log]\nkind = \"kafka\"\n[log.kafka]\nbootstrap-servers = \"{}\"\ntopic-prefix = \"{}\"\nreplication = {}\nsession-timeout-ms = 3000\n",
        config.bootstrap_servers, config.topic_prefix, config.replication
    )
}

/// A clock that shows [`TODAY`] at 08:40.
pub(super) fn settings() -> Result<String> {
    let local: DateTime = format!("{TODAY}T08:40").parse()?;
    let there = TimeZone::get(TIME_ZONE)?.to_timestamp(local)?;
    let offset = there.as_second() - clock::now().as_second();
    Ok(serde_json::json!({ "clock": { "time_zone": TIME_ZONE, "offset_seconds": offset } }).to_string())
}
