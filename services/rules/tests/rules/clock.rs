//! The district's date: it moves forward, and takes every student with it.

use homeroom_domain::alert::ChangeKind::{Cleared, Escalated, Opened};

use crate::district::{day, student};
use crate::world::{World, until};

#[tokio::test]
async fn the_date_moves_and_every_student_with_it() {
    let (mut world, service) = World::start().await;
    service.stop().await;
    world.config.limits.sweep_students = 2;
    let service = world.service().await;
    let names: Vec<String> = (0..7).map(|n| format!("student {n}")).collect();
    for name in &names {
        world.home.attends(student(name), "1").await;
        for n in 10..=16 {
            world.home.absent(student(name), day(n)).await;
        }
    }
    world.exact(&service).await;
    let ada = student("student 0");
    assert_eq!(service.whole(ada).await.streak, 2);
    world.home.clock(13, "17:00").await;
    world.exact(&service).await;
    for name in &names {
        let row = service.whole(student(name)).await;
        assert_eq!((row.streak, row.enrolled, row.unexplained_absence_today), (4, 13_00, true), "{name}");
    }
    world.home.clock(16, "10:00").await;
    world.exact(&service).await;
    assert_eq!(service.whole(ada).await.streak, 6);
    let told = world.told(ada).await;
    let of = |rule: &str| told.iter().filter(|(of, _)| of == rule).map(|(_, kind)| *kind).collect::<Vec<_>>();
    assert_eq!(of("unexplained-absence"), [Opened, Cleared, Opened, Cleared, Opened], "{told:?}");
    assert_eq!(of("absence-streak"), [Opened, Escalated], "{told:?}");
    assert_eq!(of("attendance-tier"), [Opened, Escalated], "{told:?}");
    let summary = service.summary().await.unwrap();
    // The sixteenth is a Monday.
    assert_eq!((summary.today, summary.as_of), (day(16).days(), day(16).days() - 1));
}

/// A clock that is set back waits until it has caught up.
#[tokio::test]
async fn the_date_never_moves_back() {
    let (world, service) = World::start().await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    world.settled(&service).await;
    world.home.clock(3, "10:00").await;
    world.home.absent(ada, day(12)).await;
    until("everything has had its effect", async || {
        service.summary().await.is_ok_and(|summary| summary.events_behind == 0)
    })
    .await;
    world.settled(&service).await;
    let report = world.verified().await;
    assert!(report.differences.is_empty(), "{report:?}");
    assert_eq!(service.whole(ada).await.enrolled, 11_00);
    assert_eq!(world.alerts().await.len(), 1);
}

/// Events go on while a sweep is under way, student by student.
#[tokio::test]
async fn events_and_a_sweep_of_small_steps_do_not_disturb_each_other() {
    let mut world = World::new().await;
    world.config.limits.sweep_students = 2;
    world.config.limits.cached_students = 1;
    let service = world.service().await;
    let names: Vec<String> = (0..25).map(|n| format!("student {n}")).collect();
    for name in &names {
        world.home.attends(student(name), "1").await;
        world.home.absent(student(name), day(12)).await;
    }
    world.settled(&service).await;
    world.home.clock(14, "10:00").await;
    for name in &names {
        world.home.absent(student(name), day(14)).await;
        world.home.unmark(student(name), day(12), "Unexcused Absence").await;
        world.home.calendar_date("1", day(1), if name.ends_with('1') { "Holiday" } else { "Instructional day" }).await;
    }
    world.exact(&service).await;
    for name in &names {
        let row = service.whole(student(name)).await;
        assert_eq!((row.enrolled, row.absent, row.open_alerts), (13_00, 0, 1), "{name}");
    }
}
