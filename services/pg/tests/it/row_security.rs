//! One district never sees another.

use homeroom_harness::postgres::{assert_row_level_security, test_database};
use homeroom_pg::{Database, Districts, Error};
use sqlx::{Connection, Executor};

use crate::SCHEMA;

fn district(id: &str) -> Districts {
    Districts::one(&id.parse().unwrap())
}

async fn insert(database: &Database, districts: &Districts, district: &'static str) -> Result<(), Error> {
    database
        .run("insert student", districts, move |connection| {
            Box::pin(async move {
                let insert = "insert into students (district, name_key) values ($1, 'k')";
                sqlx::query(insert).bind(district).execute(connection).await?;
                Ok(())
            })
        })
        .await
}

async fn seen(database: &Database, districts: &Districts) -> Vec<String> {
    database
        .run("list students", districts, |connection| {
            Box::pin(async move {
                Ok(sqlx::query_scalar("select district from students order by 1").fetch_all(connection).await?)
            })
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_query_sees_the_districts_that_it_names_and_no_others() {
    let database = test_database(&[SCHEMA]).await.connect(&SCHEMA).await;
    insert(&database, &district("north"), "north").await.unwrap();
    insert(&database, &district("south"), "south").await.unwrap();
    assert_eq!(seen(&database, &district("north")).await, ["north"]);
    let both = [&"north".parse().unwrap(), &"south".parse().unwrap()];
    assert_eq!(seen(&database, &Districts::of(both)).await, ["north", "south"]);
    assert_eq!(Districts::of(both.into_iter().cycle().take(20_000)), Districts::of(both), "once, however many rows");
    assert_eq!(seen(&database, &Districts::none()).await, [""; 0]);
}

#[tokio::test]
async fn a_query_outside_any_transaction_sees_nothing() {
    let database = test_database(&[SCHEMA]).await.connect(&SCHEMA).await;
    insert(&database, &district("north"), "north").await.unwrap();
    let rows: i64 = sqlx::query_scalar("select count(*) from students").fetch_one(database.pool()).await.unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_row_of_another_district_cannot_be_written() {
    let database = test_database(&[SCHEMA]).await.connect(&SCHEMA).await;
    let error = insert(&database, &district("north"), "south").await.unwrap_err();
    let Error::Statement { transaction, source } = &error else { panic!("{error:?}") };
    assert_eq!(*transaction, "insert student");
    assert!(source.to_string().contains("row-level security"), "{source}");
    assert!(!error.is_transient() && !error.is_unique_violation());
}

#[tokio::test]
async fn a_second_row_with_the_same_key_is_told_apart_from_other_failures() {
    let database = test_database(&[SCHEMA]).await.connect(&SCHEMA).await;
    insert(&database, &district("north"), "north").await.unwrap();
    let error = insert(&database, &district("north"), "north").await.unwrap_err();
    assert!(error.is_unique_violation());
    assert_eq!(error.unique_constraint(), Some("students_pkey"));
}

#[tokio::test]
async fn a_table_that_forgets_its_policy_is_found() {
    let test = test_database(&[SCHEMA]).await;
    assert_row_level_security(&test.admin_url()).await;
    let mut admin = test.admin().await;
    admin.execute("create table sample.careless (district text)").await.unwrap();
    admin.close().await.unwrap();
    let url = test.admin_url();
    let mut verdict = tokio::task::JoinSet::new();
    verdict.spawn(async move { assert_row_level_security(&url).await });
    assert!(verdict.join_next().await.unwrap().unwrap_err().is_panic());
}
