//! One district never sees another: by key, and by row-level security behind it.

use homeroom_pg::Districts;
use homeroom_proto::wire::risk as wire;
use homeroom_rules::SCHEMA;
use tonic::Code;

use crate::district::{District, day, student};
use crate::world::World;

#[tokio::test]
async fn a_key_of_another_district_finds_nothing() {
    let (world, service) = World::start().await;
    let other = District::new("other", &world.log);
    other.open().await;
    let (ada, bea) = (student("ada"), student("bea"));
    world.home.attends(ada, "1").await;
    world.home.absent(ada, day(12)).await;
    other.attends(bea, "1").await;
    let stranger = service.asked_by("other");
    world.settled(&service).await;
    world.exact(&stranger).await;
    assert_eq!(stranger.student(ada).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(service.student(bea).await.unwrap_err().code(), Code::NotFound);
    assert!(stranger.student(bea).await.is_ok());
    let keys = |rows: Vec<wire::Measures>| rows.into_iter().map(|row| row.student.to_vec()).collect::<Vec<_>>();
    assert_eq!(keys(stranger.export(None).await), vec![bea.as_bytes().to_vec(); 2]);
    let request = stranger.request(wire::ListStudentsRequest::default());
    let listed = stranger.client().list_students(request).await.unwrap().into_inner().measures;
    assert_eq!(keys(listed), [bea.as_bytes().to_vec()]);
    let summary = stranger.summary().await.unwrap();
    assert_eq!((summary.students, summary.open_alerts), (1, 0));
    assert_eq!(service.asked_by("nobody").student(ada).await.unwrap_err().code(), Code::Unauthenticated);
}

/// The same key for the same student in two districts: two students.
#[tokio::test]
async fn the_same_student_key_in_two_districts_is_two_students() {
    let (world, service) = World::start().await;
    let other = District::new("other", &world.log);
    other.open().await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    other.attends(ada, "1").await;
    other.absent(ada, day(12)).await;
    world.settled(&service).await;
    world.exact(&service.asked_by("other")).await;
    assert!(!service.whole(ada).await.unexplained_absence_today);
    assert!(service.asked_by("other").whole(ada).await.unexplained_absence_today);
}

#[tokio::test]
async fn every_table_with_a_district_hides_the_rows_of_others() {
    let (world, service) = World::start().await;
    world.home.attends(student("ada"), "1").await;
    world.settled(&service).await;
    homeroom_harness::assert_row_level_security(&world.database.admin_url()).await;
    let database = world.database.connect(&SCHEMA).await;
    let other = District::new("other", &world.log).id;
    for (districts, expected) in
        [(Districts::none(), 0), (Districts::one(&other), 0), (Districts::one(&world.home.id), 1)]
    {
        for table in ["students", "measures", "student_schools", "district_dates"] {
            let rows: i64 = database
                .run("test.count", &districts, move |tx| {
                    Box::pin(async move {
                        let select = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
                        Ok(sqlx::query_scalar(select).fetch_one(tx).await?)
                    })
                })
                .await
                .unwrap();
            assert_eq!(rows.min(1), expected, "{table} as {districts:?}");
        }
    }
}
