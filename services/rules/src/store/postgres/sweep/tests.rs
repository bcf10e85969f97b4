//! What a sweep's statements read, as PostgreSQL tells it.

use homeroom_harness::TestDatabase;
use sqlx::{AssertSqlSafe, PgConnection};

use super::*;
use crate::SCHEMA;

/// Some thousand students of two partitions and forty schools, of whom one in a thousand waits.
async fn database() -> (TestDatabase, PgConnection) {
    let database = homeroom_harness::test_database(&[SCHEMA]).await;
    let mut admin = database.admin().await;
    let fill = "
        set search_path = rules;
        insert into students (district, student, partition, ledger, episodes, written, included_offset, evaluated_today,
                              evaluated_as_of, evaluated_reference, waiting, marks, open_alerts)
        select 'home', decode(md5(n::text), 'hex'), n / 40 % 2, '', '', '', 0, 1, 1, 5, n % 1000 = 0, 0, 0
        from generate_series(1, 8000) n;
        insert into student_schools (district, school, partition, student)
        select 'home', (n % 40)::text, n / 40 % 2, decode(md5(n::text), 'hex') from generate_series(1, 8000) n;
        analyze students;
        analyze student_schools;
        set plan_cache_mode = force_generic_plan;";
    sqlx::raw_sql(fill).execute(&mut admin).await.unwrap();
    // As the service, whom the policies of the tables bind.
    let service = format!("set role {}; set homeroom.districts = 'home'", SCHEMA.role());
    sqlx::raw_sql(AssertSqlSafe(service)).execute(&mut admin).await.unwrap();
    (database, admin)
}

/// The plan of a prepared statement, with the rows that each step gave; none of it is of figures that change.
async fn plan(admin: &mut PgConnection, types: &str, statement: &str, values: &str) -> String {
    let explain = "explain (analyze, costs off, timing off, summary off)";
    sqlx::raw_sql(AssertSqlSafe(format!("prepare sweep ({types}) as {statement}"))).execute(&mut *admin).await.unwrap();
    let lines =
        sqlx::raw_sql(AssertSqlSafe(format!("{explain} execute sweep ({values})"))).fetch_all(admin).await.unwrap();
    lines.iter().map(|line| line.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_record_that_concerns_who_waits_reads_nobody_else() {
    let (_database, mut admin) = database().await;
    let plan = plan(&mut admin, "int, text, bytea, bigint, bigint", WAITING, "0, 'home', '', 9, 500").await;
    assert!(plan.contains("student_by_waiting") && plan.contains("rows=4 "), "{plan}");
    assert!(!plan.contains("Seq Scan") && !plan.contains("Removed"), "{plan}");
}

#[tokio::test]
async fn a_record_of_one_school_reads_its_students_and_who_waits() {
    let (_database, mut admin) = database().await;
    let types = "int, text, bytea, bigint, bigint, text[]";
    let plan = plan(&mut admin, types, OF_SCHOOLS, "0, 'home', '', 9, 500, '{4}'").await;
    // A hundred of the school are of this partition, and four of it wait.
    assert!(plan.contains("student_by_waiting") && plan.contains("student_schools_pkey"), "{plan}");
    assert!(
        plan.contains("rows=104 ") && !plan.contains("rows=200 ") && !plan.contains("Seq Scan on students"),
        "{plan}"
    );
}

#[tokio::test]
async fn who_was_written_by_a_version_that_says_no_partition_is_found_too() {
    let (_database, mut admin) = database().await;
    sqlx::raw_sql("update rules.student_schools set partition = -1 where school = '4'")
        .execute(&mut admin)
        .await
        .unwrap();
    let types = "int, text, bytea, bigint, bigint, text[]";
    let plan = plan(&mut admin, types, OF_SCHOOLS, "0, 'home', '', 9, 500, '{4}'").await;
    assert!(plan.starts_with("Limit (actual rows=104 "), "{plan}");
}

#[tokio::test]
async fn an_upgrade_says_of_which_partition_the_students_of_a_school_are() {
    let database = homeroom_harness::test_database(&[SCHEMA]).await;
    let mut admin = database.admin().await;
    let migration = SCHEMA.migrations.iter().find(|migration| migration.name == "school-partitions").unwrap();
    let before = "set search_path = rules;
        alter table student_schools drop column partition, add primary key (district, school, student);
        insert into students (district, student, partition, ledger, episodes, written, included_offset, waiting, marks, open_alerts)
        select 'home', decode(md5(n::text), 'hex'), n, '', '', '', 0, false, 0, 0 from generate_series(1, 3) n;
        insert into student_schools (district, school, student) select district, 'school', student from students;";
    sqlx::raw_sql(before).execute(&mut admin).await.unwrap();
    sqlx::raw_sql(migration.sql).execute(&mut admin).await.unwrap();
    let same = "select count(*) from students join student_schools using (district, partition, student)";
    assert_eq!(sqlx::query_scalar::<_, i64>(same).fetch_one(&mut admin).await.unwrap(), 3);
}

#[tokio::test]
async fn a_date_that_moves_writes_no_index() {
    let (_database, mut admin) = database().await;
    sqlx::raw_sql("begin").execute(&mut admin).await.unwrap();
    // Few of each page, so that all find room there.
    let moved = "update rules.students set evaluated_today = 2, evaluated_as_of = 2, evaluated_reference = 6
                 where included_offset = 0 and get_byte(student, 0) < 16";
    let moved = sqlx::query(moved).execute(&mut admin).await.unwrap().rows_affected();
    let in_place = "select pg_stat_get_xact_tuples_hot_updated('rules.students'::regclass)";
    let in_place: i64 = sqlx::query_scalar(in_place).fetch_one(&mut admin).await.unwrap();
    assert!(moved > 400 && u64::try_from(in_place) == Ok(moved), "{in_place} of {moved} rows");
}

#[tokio::test]
async fn whoever_an_earlier_version_could_not_evaluate_is_found_by_the_index() {
    let database = homeroom_harness::test_database(&[SCHEMA]).await;
    let mut admin = database.admin().await;
    let migration = SCHEMA.migrations.iter().find(|migration| migration.name == "waiting").unwrap();
    let before = "set search_path = rules; drop index student_by_waiting;
        insert into students (district, student, partition, ledger, episodes, written, included_offset, waiting, marks, open_alerts)
        values ('home', 'a', 0, '', '', '', 0, false, 0, 0);";
    sqlx::raw_sql(before).execute(&mut admin).await.unwrap();
    sqlx::raw_sql(migration.sql).execute(&mut admin).await.unwrap();
    let waiting: bool = sqlx::query_scalar("select waiting from students").fetch_one(&mut admin).await.unwrap();
    assert!(waiting);
}
