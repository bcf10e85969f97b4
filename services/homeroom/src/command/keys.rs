//! `homeroom keys`: make a key, and look at the file of keys.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use homeroom_chassis::access::{self, Grant, Keys as KeyFile, Scope};
use homeroom_domain::id::{DistrictId, SourceId};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::process::{AccessConfig, ConfigArgs, refusal};
use crate::text::table;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Keys {
    /// Make a key: its secret goes into a file, and what the file of keys is to say is printed.
    New(NewArgs),
    /// Say who has a key and what it permits; fails when the file cannot be used.
    List(ListArgs),
}

/// Make a key. The printed lines are added to `keys.toml`, which running services follow; the secret is given to the sender.
#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// The key's public part.
    #[arg(long)]
    id: String,
    /// The only district that it may see.
    #[arg(long)]
    district: DistrictId,
    /// The source that its records are kept under.
    #[arg(long)]
    source: SourceId,
    /// `ingest`, `read`, `feed` or `admin`; several with commas between them.
    #[arg(long, value_delimiter = ',', required = true, value_parser = scope)]
    scopes: Vec<Scope>,
    /// Where the secret goes; only its owner may read it. It must not be there yet.
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The file; the one of the configuration when left out.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

pub(crate) fn run(keys: &Keys) -> Result<()> {
    match keys {
        Keys::New(args) => new(args),
        Keys::List(args) => list(args),
    }
}

fn scope(word: &str) -> Result<Scope, String> {
    serde_json::from_value(word.into()).map_err(|_| "expected `ingest`, `read`, `feed` or `admin`".to_owned())
}

fn new(args: &NewArgs) -> Result<()> {
    let secret = access::new_secret()?;
    let lines = lines(args, &access::hash_secret(secret.expose_secret()));
    check(&lines)?;
    write_secret(&args.secret_file, secret.expose_secret())
        .with_context(|| format!("`{}` cannot be written", args.secret_file.display()))?;
    print!("{lines}");
    Ok(())
}

fn lines(args: &NewArgs, secret_sha256: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let scopes: Vec<_> = args.scopes.iter().map(name).map(|scope| quoted(&scope)).collect();
    format!(
        "[[key]]\nid = {}\ndistrict = {}\nsource = {}\nscopes = [{}]\nsecret-sha256 = \"{secret_sha256}\"\n",
        quoted(&args.id),
        quoted(args.district.as_str()),
        quoted(args.source.as_str()),
        scopes.join(", ")
    )
}

/// Fails when a service would not take the lines, before a secret is written for them.
fn check(lines: &str) -> Result<()> {
    let mut file = tempfile::NamedTempFile::new().context("a temporary file")?;
    file.write_all(lines.as_bytes()).context("a temporary file")?;
    KeyFile::load(file.path()).map(drop).map_err(|error| refusal(&error).into())
}

fn write_secret(path: &Path, secret: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()
}

fn list(args: &ListArgs) -> Result<()> {
    let path = match &args.keys {
        Some(path) => path.clone(),
        None => args.config.load::<AccessConfig>("access")?.keys().to_owned(),
    };
    let keys = KeyFile::load(&path).map_err(|error| refusal(&error))?;
    let mut grants: Vec<&Grant> = keys.grants().collect();
    grants.sort_by(|one, other| one.key.cmp(&other.key));
    let mut rows = vec![["key", "district", "source", "may"].map(str::to_owned).to_vec()];
    rows.extend(grants.iter().map(|grant| {
        let scopes: Vec<_> = grant.scopes.iter().map(name).collect();
        vec![grant.key.clone(), grant.district.to_string(), grant.source.to_string(), scopes.join(" ")]
    }));
    print!("{}", table::lines(&rows));
    Ok(())
}

/// As the file of keys names it.
fn name(scope: &impl Serialize) -> String {
    // A scope is a word.
    serde_json::to_value(scope).ok().and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(folder: &Path, id: &str) -> NewArgs {
        NewArgs {
            id: id.to_owned(),
            district: DistrictId::parse("springfield").expect("a district"),
            source: SourceId::parse("sis").expect("a source"),
            scopes: vec![Scope::Ingest, Scope::Read],
            secret_file: folder.join("secret"),
        }
    }

    #[test]
    fn a_new_key_is_one_that_doors_accept() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = args(folder.path(), "sis");
        let lines = lines(&args, &access::hash_secret("a secret"));
        let file = folder.path().join("keys.toml");
        std::fs::write(&file, lines).expect("written");
        let grant = KeyFile::load(&file).expect("a file of keys").authenticate("sis", "a secret").expect("known");
        assert_eq!((grant.district.as_str(), grant.scopes.len()), ("springfield", 2));
    }

    #[test]
    fn a_key_that_no_door_would_take_leaves_no_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(new(&args(folder.path(), "with:colon")).is_err());
        assert!(!folder.path().join("secret").exists());
        assert_eq!(scope("write"), Err("expected `ingest`, `read`, `feed` or `admin`".to_owned()));
    }
}
