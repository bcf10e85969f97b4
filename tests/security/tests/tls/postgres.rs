//! PostgreSQL over TLS, on the real server.

use anyhow::Result;
use homeroom_pg::{Config, Database, Schema};
use homeroom_security::tls::Authority;
use homeroom_security::tls::postgres::{PASSWORD, SecurePostgres};

const SCHEMA: Schema = homeroom_bus::postgres::SCHEMA;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_believed_by_its_certificate_and_believes_by_password_over_tls_alone() -> Result<()> {
    let authority = Authority::new()?;
    let postgres = SecurePostgres::start(&authority, &[SCHEMA]).await?;
    let database = connect(&postgres, PASSWORD, &SecurePostgres::verified(&authority)).await?;
    let encrypted: bool = sqlx::query_scalar("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
        .fetch_one(database.pool())
        .await?;
    assert!(encrypted);

    let stranger = Authority::new()?;
    let refused = [
        ("another authority", PASSWORD, SecurePostgres::verified(&stranger)),
        ("no authority that the system knows", PASSWORD, "sslmode=verify-full".to_owned()),
        ("in the clear", PASSWORD, "sslmode=disable".to_owned()),
        ("a wrong password", "zqanother-password", SecurePostgres::verified(&authority)),
    ];
    for (why, password, parameters) in &refused {
        let error = connect(&postgres, password, parameters).await.expect_err(why);
        let told = format!("{error} {error:?}");
        assert!(!told.contains(password), "{why}: {told}");
    }

    postgres.show(&authority, "elsewhere.example.org").await?;
    connect(&postgres, PASSWORD, &SecurePostgres::verified(&authority)).await.expect_err("another name");
    let any_name = SecurePostgres::verified(&authority).replace("verify-full", "verify-ca");
    connect(&postgres, PASSWORD, &any_name).await?;
    Ok(())
}

/// Its library reads the file with every connection, so that a renewed authority takes no restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_process_believes_the_database_by_the_authority_of_now() -> Result<()> {
    let (authority, stranger) = (Authority::new()?, Authority::new()?);
    let postgres = SecurePostgres::start(&authority, &[SCHEMA]).await?;
    let file = authority.write("mounted.pem", &authority.pem(), 0o644)?;
    let parameters = format!("sslmode=verify-full&sslrootcert={}", file.display());
    let database = connect(&postgres, PASSWORD, &parameters).await?;
    // What is held cannot be had again, so that the next connection is a new one.
    let mut held = vec![database.pool().acquire().await?];
    while database.pool().num_idle() > 0 {
        held.push(database.pool().acquire().await?);
    }
    std::fs::write(&file, stranger.pem())?;
    assert!(database.pool().acquire().await.is_err(), "a new connection believes a stranger's authority");
    sqlx::query("select 1").execute(&mut *held[0]).await?;
    std::fs::write(&file, authority.pem())?;
    held.push(database.pool().acquire().await?);
    Ok(())
}

async fn connect(postgres: &SecurePostgres, password: &str, parameters: &str) -> Result<Database, homeroom_pg::Error> {
    let config =
        Config { connect_timeout_ms: 30_000, ..Config::at(postgres.url(&SCHEMA.role(), password, parameters)) };
    Database::connect(&config, &SCHEMA).await
}
