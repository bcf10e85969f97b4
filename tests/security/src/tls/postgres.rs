//! A real PostgreSQL that takes connections over the network only with TLS and a password.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use homeroom_pg::local::{ADMIN, DATABASE, LocalCluster, Options};
use homeroom_pg::{RolePasswords, Schema, migrate};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;

use super::{Authority, Pair};

/// The password of every role.
pub const PASSWORD: &str = "zqpostgres-password-0123456789";

/// How long a change of its settings may take to be in force.
const IN_FORCE: Duration = Duration::from_secs(20);

/// Who may come: everybody on this machine by the socket, others with TLS and their password alone.
const RULES: &str = "local all all trust\nhostssl all all 127.0.0.0/8 scram-sha-256\n";

/// A running server.
pub struct SecurePostgres {
    cluster: LocalCluster,
    /// Where it listens: an address of its own, since its port is always the same.
    pub host: String,
    _folder: TempDir,
}

impl SecurePostgres {
    /// Starts one, migrated to these schemas, with a certificate for its address.
    pub async fn start(authority: &Authority, schemas: &[Schema]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("homeroom-secure-pg-").tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        let rules = folder.path().join("rules.conf");
        fs::write(&rules, RULES)?;
        fs::set_permissions(&rules, fs::Permissions::from_mode(0o644))?;
        let chance = Uuid::new_v4();
        let [a, b, c, ..] = chance.as_bytes();
        let host = format!("127.{}.{}.{}", a | 1, b, c.clamp(&1, &254));
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let settings = vec![set("listen_addresses", &host), set("hba_file", &rules.display().to_string())];
        let options = Options { volatile: true, settings, ..Options::default() };
        let cluster = LocalCluster::start(&folder.path().join("postgres"), &options).await?;
        let postgres = Self { cluster, host, _folder: folder };
        let alter = format!("alter role {ADMIN} password '{PASSWORD}'");
        sqlx::query(AssertSqlSafe(alter)).execute(&mut postgres.admin().await?).await?;
        let mut passwords = RolePasswords::none();
        for schema in schemas {
            passwords = passwords.with(schema.name, PASSWORD.into());
        }
        migrate(&postgres.cluster.admin_url(), schemas, &passwords).await?;
        postgres.show(authority, &postgres.host).await?;
        Ok(postgres)
    }

    /// Shows a certificate of the authority for this name from now on.
    pub async fn show(&self, authority: &Authority, name: &str) -> Result<()> {
        let label = format!("postgres-{name}");
        let Pair { cert, key } = authority.give(&label, name)?;
        // The server's account must own its key.
        let owner = fs::metadata(self.cluster.path().join("data"))?;
        chown(&key, Some(owner.uid()), Some(owner.gid()))?;
        let mut admin = self.admin().await?;
        for (setting, value) in [("ssl_cert_file", text(&cert)), ("ssl_key_file", text(&key)), ("ssl", "on".to_owned())]
        {
            let alter = format!("alter system set {setting} = '{value}'");
            sqlx::query(AssertSqlSafe(alter)).execute(&mut admin).await?;
        }
        sqlx::query("select pg_reload_conf()").execute(&mut admin).await?;
        let began = Instant::now();
        // Each connection is served with what was in force when it came.
        while self.shown().await? != text(&cert) {
            ensure!(began.elapsed() < IN_FORCE, "the certificate is not in force");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// The URL of a role over the network, with these parameters.
    pub fn url(&self, role: &str, password: &str, parameters: &str) -> SecretString {
        format!("postgresql://{role}:{password}@{}/{DATABASE}?{parameters}", self.host).into()
    }

    /// The parameters of a client that trusts the authority, and wants the server's own name in its certificate.
    pub fn verified(authority: &Authority) -> String {
        format!("sslmode=verify-full&sslrootcert={}", text(&authority.ca()))
    }

    /// The owner of everything, by the socket.
    pub async fn admin(&self) -> Result<PgConnection> {
        let options: PgConnectOptions = self.cluster.admin_url().expose_secret().parse()?;
        PgConnection::connect_with(&options).await.context("the socket")
    }

    async fn shown(&self) -> Result<String> {
        let mut fresh = self.admin().await?;
        Ok(sqlx::query_scalar("select current_setting('ssl_cert_file')").fetch_one(&mut fresh).await?)
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
