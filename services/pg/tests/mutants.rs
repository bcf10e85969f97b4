//! A fault that is planted in how a transaction says its districts is seen, and nothing is seen without it.
//!
//! Run by itself, since the feature `mutants` opens the faults in everything that is built with it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use homeroom_domain::mutant::{Mutant, plant};
use homeroom_harness::postgres::test_database;
use homeroom_pg::{Config, Database, Districts, Migration, Schema};

const SCHEMA: Schema = Schema {
    name: "sample",
    migrations: &[Migration {
        version: 20_260_101_000_000,
        name: "students",
        sql: "create table students (district text not null);
              alter table students enable row level security;
              alter table students force row level security;
              create policy district_rows on students
                  using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
                  with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));",
    }],
};

/// Puts a row there for each of two districts; of how many others the second one then sees a row.
async fn neighbours_seen() -> i64 {
    // One connection, so that each transaction comes after the other on it.
    let config = Config { max_connections: 1, ..test_database(&[SCHEMA]).await.config(&SCHEMA) };
    let database = Database::connect(&config, &SCHEMA).await.unwrap();
    for district in ["north", "south"] {
        insert(&database, district).await;
    }
    let south = Districts::one(&"south".parse().unwrap());
    let count = database.run("count neighbours", &south, |connection| {
        Box::pin(async move {
            let others = "select count(*) from students where district <> 'south'";
            Ok(sqlx::query_scalar(others).fetch_one(connection).await?)
        })
    });
    count.await.unwrap()
}

async fn insert(database: &Database, district: &'static str) {
    let own = Districts::one(&district.parse().unwrap());
    let insert = database.run("insert student", &own, move |connection| {
        Box::pin(async move {
            sqlx::query("insert into students (district) values ($1)").bind(district).execute(connection).await?;
            Ok(())
        })
    });
    insert.await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_keeps_the_districts_of_the_one_before() {
    assert_eq!(neighbours_seen().await, 0);
    let _planted = plant(Mutant::KeepDistricts);
    assert_eq!(neighbours_seen().await, 1);
}
