//! Migrations, roles and grants.

use homeroom_harness::postgres::{TestDatabase, test_database};
use homeroom_pg::{Database, Error, Migration, RolePasswords, Schema, migrate};
use secrecy::{ExposeSecret, SecretString};
use sqlx::Executor;

use crate::{OTHER, SCHEMA};

/// The first of the sample's migrations only: what an older program knows.
const OLDER: Schema = Schema { name: "sample", migrations: SCHEMA.migrations.split_at(1).0 };

async fn refused(test: &TestDatabase, schema: &Schema) -> Error {
    Database::connect(&test.config(schema), schema).await.unwrap_err()
}

#[tokio::test]
async fn what_is_missing_is_applied_once_even_by_two_at_a_time() {
    let test = test_database(&[]).await;
    let (url, none) = (test.admin_url(), RolePasswords::none());
    let schemas = [SCHEMA, OTHER];
    let (one, two) = tokio::join!(migrate(&url, &schemas, &none), migrate(&url, &schemas, &none));
    assert_eq!(one.unwrap().len() + two.unwrap().len(), 3);
    assert_eq!(migrate(&url, &schemas, &none).await.unwrap(), []);
    test.connect(&SCHEMA).await;
}

#[tokio::test]
async fn a_schema_that_the_program_does_not_know_is_refused_with_both_versions() {
    let empty = test_database(&[]).await;
    migrate(&empty.admin_url(), &[OTHER, Schema { name: "sample", migrations: &[] }], &RolePasswords::none())
        .await
        .unwrap();
    let error = refused(&empty, &SCHEMA).await;
    assert!(matches!(error, Error::SchemaVersion { found: 0, known: 20_260_102_000_000, .. }), "{error:?}");

    let newer = test_database(&[SCHEMA]).await;
    let error = refused(&newer, &OLDER).await;
    assert!(
        matches!(error, Error::SchemaVersion { found: 20_260_102_000_000, known: 20_260_101_000_000, .. }),
        "{error:?}"
    );

    let older = test_database(&[OLDER]).await;
    let error = refused(&older, &SCHEMA).await;
    assert!(
        matches!(error, Error::SchemaVersion { found: 20_260_101_000_000, known: 20_260_102_000_000, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_migration_that_was_changed_after_it_was_applied_is_refused() {
    const CHANGED: Schema = Schema {
        name: "other",
        migrations: &[Migration {
            version: 20_260_101_000_000,
            name: "secrets",
            sql: "create table secrets (word int);",
        }],
    };
    let test = test_database(&[OTHER]).await;
    let error = migrate(&test.admin_url(), &[CHANGED], &RolePasswords::none()).await.unwrap_err();
    assert!(matches!(error, Error::MigrationChanged { schema: "other", version: 20_260_101_000_000 }), "{error:?}");
    assert!(matches!(refused(&test, &CHANGED).await, Error::MigrationChanged { .. }));
}

#[tokio::test]
async fn a_failing_migration_leaves_nothing_of_itself() {
    const BROKEN: Schema = Schema {
        name: "broken",
        migrations: &[Migration { version: 1, name: "half", sql: "create table kept (a int); select 1 / 0;" }],
    };
    let test = test_database(&[]).await;
    let error = migrate(&test.admin_url(), &[BROKEN], &RolePasswords::none()).await.unwrap_err();
    assert!(matches!(error, Error::Migration { schema: "broken", version: 1, .. }), "{error:?}");
    let left: Option<String> =
        sqlx::query_scalar("select to_regclass('broken.kept')::text").fetch_one(&mut test.admin().await).await.unwrap();
    assert_eq!(left, None);
}

#[tokio::test]
async fn a_service_uses_its_own_tables_and_nothing_else() {
    let test = test_database(&[SCHEMA, OTHER]).await;
    let pool = test.connect(&SCHEMA).await.pool().clone();
    pool.execute("insert into counters (value) values (1)").await.unwrap();
    for forbidden in [
        "create table mine (a int)",
        "create table public.mine (a int)",
        "create schema mine",
        "drop table counters",
        "alter table students disable row level security",
        "select * from other.secrets",
        "delete from migration",
        "set role homeroom",
    ] {
        let error = pool.execute(forbidden).await.unwrap_err();
        let code = error.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
        assert_eq!(code.as_deref(), Some("42501"), "{forbidden}: {error}");
    }
}

#[tokio::test]
async fn a_role_is_given_its_password() {
    let test = test_database(&[]).await;
    let passwords = RolePasswords::none().with("other", SecretString::from("it's \\ secret"));
    migrate(&test.admin_url(), &[OTHER], &passwords).await.unwrap();
    let select = "select rolpassword from pg_authid where rolname = 'homeroom_other'";
    let kept: String = sqlx::query_scalar(select).fetch_one(&mut test.admin().await).await.unwrap();
    assert!(kept.starts_with("SCRAM-SHA-256$"));
    assert!(!format!("{passwords:?}").contains("secret\""));
    assert!(test.url("homeroom_other").expose_secret().contains("homeroom_other"));
}
