//! PostgreSQL for tests: one cluster per test process, and a database of its own for each test, cloned from a template.
//!
//! The cluster stops, and its directory goes, when the test process ends, however it ends: see [`LocalCluster`].

use std::collections::BTreeSet;

use homeroom_pg::local::{ADMIN, Options};
use homeroom_pg::{Config, Database, LocalCluster, RolePasswords, Schema, migrate};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

static CLUSTER: OnceCell<LocalCluster> = OnceCell::const_new();
/// Names of the templates made so far; held while one is made or cloned, because a template must have no connection.
static TEMPLATES: Mutex<BTreeSet<String>> = Mutex::const_new(BTreeSet::new());

/// The cluster of this test process, started by the first who asks.
pub async fn cluster() -> &'static LocalCluster {
    CLUSTER
        .get_or_init(|| async {
            let directory = std::env::temp_dir().join(format!("homeroom-test-{}", Uuid::new_v4().simple()));
            let options = Options {
                volatile: true,
                remove_when_stopped: true,
                // Every test has pools of its own.
                settings: vec![("max_connections".into(), "400".into()), ("shared_buffers".into(), "64MB".into())],
            };
            LocalCluster::start(&directory, &options).await.expect("PostgreSQL starts")
        })
        .await
}

/// A migrated database of one test.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    cluster: &'static LocalCluster,
    name: String,
}

/// A database with these schemas, that nobody else has.
pub async fn test_database(schemas: &[Schema]) -> TestDatabase {
    let cluster = cluster().await;
    let template = template_name(schemas);
    let name = format!("test_{}", Uuid::new_v4().simple());
    let mut templates = TEMPLATES.lock().await;
    if !templates.contains(&template) {
        run(&cluster.admin_url(), &format!("create database {template}")).await;
        migrate(&cluster.url(ADMIN, &template), schemas, &RolePasswords::none()).await.expect("migrations apply");
        templates.insert(template.clone());
    }
    // Copying files is quicker than writing a small template to the log, and a test's database needs no log.
    run(&cluster.admin_url(), &format!("create database {name} template {template} strategy file_copy")).await;
    TestDatabase { cluster, name }
}

impl TestDatabase {
    /// Its URL for a role, such as `homeroom_rules`.
    pub fn url(&self, role: &str) -> SecretString {
        self.cluster.url(role, &self.name)
    }

    /// Its URL for the owner of everything, whom no policy binds.
    pub fn admin_url(&self) -> SecretString {
        self.url(ADMIN)
    }

    /// A configuration for a service's schema.
    pub fn config(&self, schema: &Schema) -> Config {
        Config::at(self.url(&schema.role()))
    }

    /// Connects as a service does.
    pub async fn connect(&self, schema: &Schema) -> Database {
        Database::connect(&self.config(schema), schema).await.expect("the database can be connected to")
    }

    /// A connection as the owner of everything, to look behind the scenes.
    pub async fn admin(&self) -> PgConnection {
        connect(&self.admin_url()).await
    }
}

/// Fails unless every table with a `district` column forces row-level security and has a policy, whatever its schema.
pub async fn assert_row_level_security(admin_url: &SecretString) {
    let select = "
        select c.oid::regclass::text as name, c.relrowsecurity and c.relforcerowsecurity as forced,
               exists (select from pg_policy p where p.polrelid = c.oid and p.polqual is not null
                       and (p.polwithcheck is not null or p.polcmd in ('r', 'd'))) as has_policy
        from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relkind in ('r', 'p') and a.attname = 'district' and not a.attisdropped
        order by 1";
    let rows = sqlx::query(select).fetch_all(&mut connect(admin_url).await).await.expect("the catalogue can be read");
    let open: Vec<String> = rows
        .iter()
        .filter(|row| !(row.get::<bool, _>("forced") && row.get::<bool, _>("has_policy")))
        .map(|row| row.get("name"))
        .collect();
    assert!(open.is_empty(), "tables with a district but without forced row-level security: {}", open.join(", "));
}

/// The same schemas at the same versions share a template.
fn template_name(schemas: &[Schema]) -> String {
    let mut parts: Vec<String> =
        schemas.iter().map(|schema| format!("{}_{}", schema.name, schema.migrations.len())).collect();
    parts.sort();
    // PostgreSQL cuts a name at 63 bytes; seven schemas of ours fit.
    format!("template_{}", parts.join("_"))
}

async fn connect(url: &SecretString) -> PgConnection {
    let options: PgConnectOptions = url.expose_secret().parse().expect("the URL is ours");
    PgConnection::connect_with(&options).await.expect("the cluster takes connections")
}

/// Runs a statement made of names of ours.
async fn run(url: &SecretString, statement: &str) {
    let mut connection = connect(url).await;
    sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.expect("the statement succeeds");
    connection.close().await.expect("the connection closes");
}
