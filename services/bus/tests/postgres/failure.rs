//! A full queue, a lost answer, a lost connection.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use homeroom_bus::postgres::{Config, PostgresLog, SCHEMA};
use homeroom_bus::{Error, Log as _, Offset, Partition, Topic};
use sqlx::Executor;

use crate::{DEADLINE, database, open, record};

#[tokio::test]
async fn appends_beyond_the_bound_are_refused_and_those_within_are_kept() {
    let test = database().await;
    let log = open(&test, &Config { buffer_kib: 40, ..Config::default() }).await;
    let mut holder = test.admin().await;
    holder.execute("begin; lock table bus.partitions").await.unwrap();
    // 10 KiB each, so four have room; the writer waits for the lock with the first of them.
    let value = "x".repeat(10_000);
    let mut appends: FuturesUnordered<_> =
        (0..20).map(|_| log.append(Topic::Events, vec![record("key", Some(&value))])).collect();
    for _ in 0..16 {
        let answer = appends.next().await.unwrap().remove(0);
        assert!(matches!(answer, Err(Error::Full)), "{answer:?}");
    }
    holder.execute("commit").await.unwrap();
    while let Some(answers) = appends.next().await {
        assert!(answers[0].is_ok(), "{answers:?}");
    }
    let ends = log.end_offsets(Topic::Events).await.unwrap();
    assert_eq!(ends.iter().map(|end| end.0).sum::<i64>(), 4);
    // There is room again.
    assert!(log.append(Topic::Events, vec![record("key", Some(&value))]).await[0].is_ok());
}

/// Makes the server end the connection while it commits records, as a crash would.
async fn cut_commits(test: &homeroom_harness::TestDatabase) {
    let trap = "create function public.cut() returns trigger language plpgsql security definer as $$
                begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
                create constraint trigger cut after insert on bus.records
                deferrable initially deferred for each row execute function public.cut()";
    test.admin().await.execute(trap).await.unwrap();
}

#[tokio::test]
async fn an_append_whose_commit_was_cut_is_answered_with_what_became_of_it() {
    let test = database().await;
    let log = open(&test, &Config::default()).await;
    cut_commits(&test).await;
    let answer = log.append(Topic::Events, vec![record("key", Some("value"))]).await.remove(0);
    // The server says that it was rolled back, so the caller may send it again.
    assert!(matches!(&answer, Err(Error::Unavailable(why)) if why.contains("rolled back")), "{answer:?}");
    test.admin().await.execute("drop trigger cut on bus.records").await.unwrap();
    let place = log.append(Topic::Events, vec![record("key", Some("value"))]).await.remove(0).unwrap();
    assert_eq!(place.offset, Offset(0));
}

#[tokio::test]
async fn readers_and_writers_go_on_after_every_connection_was_cut() {
    let test = database().await;
    let (one, two) = (open(&test, &Config::default()).await, open(&test, &Config::default()).await);
    let mut tail = one.tail(Topic::Reference, Partition(0), Offset(0)).await.unwrap();
    assert!(tail.next(1, Duration::ZERO).await.unwrap().is_empty());
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()";
    for round in 0..3 {
        test.admin().await.execute(cut).await.unwrap();
        let place = two.append(Topic::Reference, vec![record("key", Some("value"))]).await.remove(0).unwrap();
        assert_eq!(place.offset, Offset(round));
        assert_eq!(tail.next(1, DEADLINE).await.unwrap()[0].offset, Offset(round));
    }
}

#[tokio::test]
async fn small_appends_of_many_callers_share_commits() {
    let test = database().await;
    let log = open(&test, &Config::default()).await;
    let answers = join_all((0..1_000).map(|number| {
        let log = &log;
        async move { log.append(Topic::Events, vec![record(&number.to_string(), Some("value"))]).await.remove(0) }
    }))
    .await;
    assert!(answers.iter().all(Result::is_ok));
    let commits: i64 = sqlx::query_scalar("select count(distinct xmin::text) from bus.records")
        .fetch_one(&mut test.admin().await)
        .await
        .unwrap();
    assert!(commits < 100, "{commits} commits for 1000 appends");
}

#[tokio::test]
async fn an_append_to_more_partitions_than_a_notification_can_name_is_kept_and_wakes_readers() {
    let test = database().await;
    let (one, two) = (wide(&test).await, wide(&test).await);
    let mut tail = one.tail(Topic::Events, Partition(0), Offset(0)).await.unwrap();
    let records = (0..20_000).map(|number| record(&number.to_string(), Some("value"))).collect();
    let (read, answers) = tokio::join!(tail.next(1, DEADLINE), two.append(Topic::Events, records));
    assert!(answers.iter().all(Result::is_ok), "{:?}", answers[0]);
    assert_eq!(read.unwrap()[0].offset, Offset(0));
}

/// A log whose topics have so many partitions that their numbers take more than 8,000 bytes.
async fn wide(test: &homeroom_harness::TestDatabase) -> PostgresLog {
    let log = PostgresLog::open(test.connect(&SCHEMA).await, &Config::default()).await.unwrap();
    log.create_topics(3_000).await.unwrap();
    log
}
