//! Transactions: retried when that is safe, told apart when it is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use homeroom_harness::postgres::{TestDatabase, test_database};
use homeroom_pg::{Database, Districts, Error, Wake};
use sqlx::Executor;
use tokio::sync::watch;

use crate::SCHEMA;

async fn counters(database: &Database) -> i64 {
    sqlx::query_scalar("select count(*) from counters").fetch_one(database.pool()).await.unwrap()
}

/// Inserts a counter; each run of the body first does what `sabotage` says with its number, from 1.
async fn insert(
    database: &Database,
    test: &TestDatabase,
    sabotage: fn(u32) -> Option<&'static str>,
) -> (u32, Result<(), Error>) {
    let runs = Arc::new(AtomicU32::new(0));
    let (counted, test) = (Arc::clone(&runs), test.clone());
    let result = database
        .run("insert counter", &Districts::none(), move |connection| {
            let (runs, test) = (Arc::clone(&counted), test.clone());
            Box::pin(async move {
                let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
                connection.execute("insert into counters (value) values (1)").await?;
                match sabotage(run) {
                    Some("kill") => {
                        let process: i32 =
                            sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut *connection).await?;
                        let kill = sqlx::query("select pg_terminate_backend($1, 5000)").bind(process);
                        kill.execute(&mut test.admin().await).await.unwrap();
                        connection.execute("select 1").await?;
                    }
                    Some(statement) => {
                        connection.execute(statement).await?;
                    }
                    None => {}
                }
                Ok(())
            })
        })
        .await;
    (runs.load(Ordering::SeqCst), result)
}

#[tokio::test]
async fn a_serialization_failure_is_run_again_and_counts_once() {
    let test = test_database(&[SCHEMA]).await;
    let database = test.connect(&SCHEMA).await;
    let fail_twice = |run| (run < 3).then_some("do $$ begin raise sqlstate '40001'; end $$");
    let (runs, result) = insert(&database, &test, fail_twice).await;
    result.unwrap();
    assert_eq!((runs, counters(&database).await), (3, 1));
}

#[tokio::test]
async fn a_connection_lost_before_commit_is_replaced_and_the_body_run_again() {
    let test = test_database(&[SCHEMA]).await;
    let database = test.connect(&SCHEMA).await;
    let (runs, result) = insert(&database, &test, |run| (run == 1).then_some("kill")).await;
    result.unwrap();
    assert_eq!((runs, counters(&database).await), (2, 1));
}

#[tokio::test]
async fn retries_end_after_the_fifth_attempt() {
    let test = test_database(&[SCHEMA]).await;
    let database = test.connect(&SCHEMA).await;
    let (runs, result) = insert(&database, &test, |_| Some("do $$ begin raise sqlstate '40P01'; end $$")).await;
    assert!(result.unwrap_err().is_transient());
    assert_eq!((runs, counters(&database).await), (5, 0));
}

#[tokio::test]
async fn a_mistake_in_a_statement_is_not_run_again() {
    let test = test_database(&[SCHEMA]).await;
    let database = test.connect(&SCHEMA).await;
    let (runs, result) = insert(&database, &test, |_| Some("select * from nowhere")).await;
    let error = result.unwrap_err();
    assert!(error.to_string().contains("insert counter") && !error.is_transient(), "{error}");
    assert_eq!(runs, 1);
}

#[tokio::test]
async fn a_lost_answer_to_commit_is_an_error_of_its_own() {
    let test = test_database(&[SCHEMA]).await;
    // The server ends the connection while it commits, as a crash would.
    let trap = "create function sample.trap() returns trigger language plpgsql security definer as $$
                begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
                create constraint trigger trap after insert on sample.counters
                deferrable initially deferred for each row execute function sample.trap()";
    test.admin().await.execute(trap).await.unwrap();
    let database = test.connect(&SCHEMA).await;
    let (runs, result) = insert(&database, &test, |_| None).await;
    assert!(matches!(result, Err(Error::CommitUnknown { transaction: "insert counter", .. })), "{result:?}");
    assert_eq!(runs, 1);
}

#[tokio::test]
async fn a_lock_held_by_another_ends_in_a_retry_and_not_in_a_wait() {
    let test = test_database(&[SCHEMA]).await;
    let mut config = test.config(&SCHEMA);
    config.lock_timeout_ms = 100;
    let database = Database::connect(&config, &SCHEMA).await.unwrap();
    let mut holder = test.admin().await;
    holder.execute("begin; lock table sample.counters").await.unwrap();
    let (runs, mut seen) = watch::channel(0);
    let none = Districts::none();
    let insert = database.run("insert counter", &none, move |connection| {
        runs.send_modify(|runs| *runs += 1);
        Box::pin(async move {
            connection.execute("insert into counters (value) values (1)").await?;
            Ok(())
        })
    });
    let release = async {
        seen.wait_for(|runs| *runs == 2).await.unwrap();
        holder.execute("commit").await.unwrap();
    };
    let (result, ()) = tokio::join!(insert, release);
    result.unwrap();
    assert_eq!(counters(&database).await, 1);
}

#[tokio::test]
async fn a_session_has_the_limits_and_settings_that_it_should() {
    let test = test_database(&[SCHEMA]).await;
    let database = test.connect(&SCHEMA).await;
    for (setting, value) in [
        ("search_path", "sample"),
        ("jit", "off"),
        ("statement_timeout", "30s"),
        ("lock_timeout", "3s"),
        ("idle_in_transaction_session_timeout", "3s"),
        ("application_name", "homeroom-sample"),
    ] {
        let found: String =
            sqlx::query_scalar("select current_setting($1)").bind(setting).fetch_one(database.pool()).await.unwrap();
        assert_eq!(found, value, "{setting}");
    }
}

#[tokio::test]
async fn a_listener_is_woken_and_a_quiet_one_comes_back_in_time() {
    let test = test_database(&[SCHEMA]).await;
    let database = test.connect(&SCHEMA).await;
    let mut listener = database.listen("news").await.unwrap();
    database.pool().execute("notify news, 'hello'").await.unwrap();
    assert_eq!(listener.wait(Duration::from_secs(10)).await, Wake::Notified("hello".into()));
    let started = Instant::now();
    assert_eq!(listener.wait(Duration::from_millis(50)).await, Wake::Elapsed);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_listener_whose_connection_was_cut_says_that_it_may_have_missed_something() {
    let test = test_database(&[SCHEMA]).await;
    let database = test.connect(&SCHEMA).await;
    let mut listener = database.listen("news").await.unwrap();
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and query ilike 'listen%'";
    test.admin().await.execute(kill).await.unwrap();
    while listener.wait(Duration::from_secs(10)).await != Wake::Reconnected {}
    database.pool().execute("notify news, 'again'").await.unwrap();
    assert_eq!(listener.wait(Duration::from_secs(10)).await, Wake::Notified("again".into()));
}
