//! How far a sweep has come, as who asks is shown it.

use homeroom_domain::counting;
use homeroom_proto::wire::risk as wire;
use sqlx::PgConnection;

use crate::district::{day, student};
use crate::world::{Service, World, until};

/// Of school 1; at school 2 there are ten.
const STUDENTS: usize = 40;

fn name(n: usize) -> String {
    format!("student {n}")
}

async fn progress(service: &Service) -> wire::GetProgressResponse {
    let request = service.request(wire::GetProgressRequest {});
    service.client().get_progress(request).await.unwrap().into_inner()
}

/// A district of forty at school 1, and ten at school 2.
async fn populated(sweep_students: i64) -> (World, Service) {
    let mut world = World::new().await;
    world.config.limits.sweep_students = sweep_students;
    world.home.school("2").await;
    world.home.calendar("2", 60).await;
    for n in 0..STUDENTS {
        world.home.attends(student(&name(n)), "1").await;
    }
    for n in 0..10 {
        world.home.attends(student(&format!("other {n}")), "2").await;
    }
    let service = world.service().await;
    world.settled(&service).await;
    (world, service)
}

/// Holds one student's row, so that the sweep that comes to it stands still.
struct Held(PgConnection);

impl Held {
    /// The student in the middle of those of a school.
    async fn new(world: &World) -> Self {
        let mut admin = world.database.admin().await;
        sqlx::raw_sql("begin").execute(&mut admin).await.unwrap();
        sqlx::query(
            "select student from rules.students where student = (
                 select student from rules.student_schools where school = '1' order by student offset 20 limit 1)
             for update",
        )
        .execute(&mut admin)
        .await
        .unwrap();
        Self(admin)
    }

    async fn let_go(mut self) {
        sqlx::raw_sql("rollback").execute(&mut self.0).await.unwrap();
    }
}

#[tokio::test]
async fn progress_of_a_sweep_is_shown_and_a_crash_in_the_middle_loses_none_of_it() {
    let (world, service) = populated(4).await;
    assert_eq!(progress(&service).await, wire::GetProgressResponse::default(), "everything is in force for everyone");
    let held = Held::new(&world).await;
    world.home.calendar_date("1", day(1), "Holiday").await;
    until("the sweep has come to the student who is held", async || {
        let shown = progress(&service).await;
        shown.students_concerned == 40 && shown.students_done > 0 && shown.students_behind > 0
    })
    .await;
    service.crash().await;
    held.let_go().await;
    let next = world.service().await;
    world.exact(&next).await;
    assert_eq!(progress(&next).await, wire::GetProgressResponse::default());
    for n in 0..STUDENTS {
        assert_eq!(next.whole(student(&name(n))).await.enrolled, 10_00, "{n}");
    }
    assert_eq!(next.whole(student("other 0")).await.enrolled, 11_00);
}

/// Neither a date nor a reference record moves: the rows are as a version left them that took another date for a holiday.
#[tokio::test]
async fn a_version_that_counts_otherwise_reaches_everyone_and_a_crash_in_the_middle_loses_none_of_it() {
    let (world, service) = populated(4).await;
    world.home.calendar_date("1", day(1), "Holiday").await;
    world.settled(&service).await;
    let keep = "create table rules.older_students as table rules.students; create table rules.older_measures as table rules.measures";
    world.execute(keep).await;
    world.home.calendar_date("1", day(1), "Instructional day").await;
    world.settled(&service).await;
    service.crash().await;
    world
        .execute(
            "update rules.students s set written = o.written, counting = 0
             from rules.older_students o where o.district = s.district and o.student = s.student;
             delete from rules.measures;
             insert into rules.measures table rules.older_measures;
             update rules.partitions set counting = 0;
             drop table rules.older_students, rules.older_measures",
        )
        .await;
    let held = Held::new(&world).await;
    let service = world.service().await;
    until("the sweep has come to the student who is held", async || {
        let shown = progress(&service).await;
        shown.students_concerned == 50 && shown.students_done > 0 && shown.students_behind > 0
    })
    .await;
    service.crash().await;
    held.let_go().await;
    let next = world.service().await;
    world.exact(&next).await;
    assert_eq!(progress(&next).await, wire::GetProgressResponse::default());
    for n in 0..STUDENTS {
        assert_eq!(next.whole(student(&name(n))).await.enrolled, 11_00, "{n}");
    }
}

/// The version before goes on beside a new one that has counted everyone already, and takes partitions back.
#[tokio::test]
async fn a_partition_that_goes_back_to_an_older_way_of_counting_is_not_said_to_be_counted_by_the_newer_one() {
    let (world, service) = World::start().await;
    world.home.attends(student("ada"), "1").await;
    world.settled(&service).await;
    service.crash().await;
    world.execute("update rules.partitions set counting = counting + 1").await;
    let older = world.service().await;
    world.settled(&older).await;
    until("every partition says how its owner counts", async || {
        world.count("select max(counting)::bigint from rules.partitions").await == i64::from(counting::VERSION)
    })
    .await;
}
