//! `verify` finds what was changed behind the service's back, and asks for a state that has caught up.

use std::sync::Arc;

use homeroom_rules::SCHEMA;

use crate::district::{day, student};
use crate::world::World;

#[tokio::test]
async fn a_row_that_was_tampered_with_is_found() {
    let (world, service) = World::start().await;
    let (ada, bea) = (student("ada"), student("bea"));
    for who in [ada, bea] {
        world.home.attends(who, "1").await;
        world.home.absent(who, day(12)).await;
    }
    world.home.absent(ada, day(3)).await;
    world.exact(&service).await;
    service.stop().await;
    let report = world.verified().await;
    assert_eq!((report.events, report.not_understood, report.students), (7, 0, 2));
    let whose = |who| format!("district = 'home' and student = '\\x{who}'");
    let of_ada = whose(ada);
    let tampered = [
        (
            "ledger",
            format!(
                "update rules.students set ledger = (select ledger from rules.students where {}) where {of_ada}",
                whose(bea)
            ),
        ),
        ("open alerts", format!("update rules.students set episodes = '\\x0100' where {of_ada}")),
        (
            "measures",
            format!(
                "update rules.students set written = (select written from rules.students where {}) where {of_ada}",
                whose(bea)
            ),
        ),
        (
            "rows of measures",
            format!("update rules.measures set absent = absent + 100 where {of_ada} and school = '1'"),
        ),
        ("rows of measures", format!("update rules.measures set tier = 3 where {of_ada} and school = ''")),
        ("rows of measures", format!("delete from rules.measures where {of_ada} and school = '1'")),
        ("rows of schools", format!("delete from rules.student_schools where {of_ada}")),
        ("rows of schools", format!("update rules.student_schools set partition = partition + 1 where {of_ada}")),
        ("what its facts lean on", format!("update rules.students set waiting = not waiting where {of_ada}")),
        ("count of open alerts", format!("update rules.students set open_alerts = 7 where {of_ada}")),
        ("count of marks", format!("update rules.students set marks = 7 where {of_ada}")),
        ("whether anything is said of the student", format!("update rules.students set live = false where {of_ada}")),
        (
            "evaluated before the dates in force",
            format!("update rules.students set evaluated_as_of = evaluated_as_of - 1 where {of_ada}"),
        ),
        ("missing", format!("delete from rules.students where {of_ada}")),
    ];
    for (what, statement) in tampered {
        let mut admin = world.database.admin().await;
        let kept = "create table rules.kept_student as table rules.students; create table rules.kept_measure as table rules.measures;
            create table rules.kept_school as table rules.student_schools;";
        sqlx::raw_sql(kept).execute(&mut admin).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.clone())).execute(&mut admin).await.unwrap();
        let found = world.verified().await.differences;
        let found: Vec<_> = found.iter().map(|difference| (difference.student, difference.what)).collect();
        let mut expected = vec![(Some(ada), what)];
        // Whoever loses open alerts also spoils their count.
        if ["open alerts", "missing"].contains(&what) {
            expected.insert(usize::from(found.first() == expected.first()), (None, "count of open alerts by rule"));
        }
        assert_eq!(found, expected, "{statement}");
        let back = "truncate rules.students, rules.measures, rules.student_schools;
            insert into rules.students table rules.kept_student; insert into rules.measures table rules.kept_measure;
            insert into rules.student_schools table rules.kept_school;
            drop table rules.kept_student, rules.kept_measure, rules.kept_school;";
        sqlx::raw_sql(back).execute(&mut admin).await.unwrap();
    }
    assert!(world.verified().await.differences.is_empty());
}

#[tokio::test]
async fn a_state_that_has_not_caught_up_is_not_verified() {
    let (world, service) = World::start().await;
    world.home.attends(student("ada"), "1").await;
    world.settled(&service).await;
    service.stop().await;
    world.home.school("2").await;
    let refused = homeroom_rules::verify(&world.database.config(&SCHEMA), Arc::new(world.log.clone())).await;
    assert!(refused.unwrap_err().to_string().contains("verify when it has caught up"));
}
