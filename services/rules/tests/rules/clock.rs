//! The district's date: it moves forward, and takes every student with it.

use homeroom_domain::alert::AlertChange;
use homeroom_domain::alert::ChangeKind::{Cleared, Escalated, Opened};
use homeroom_domain::date::Date;

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

/// A warning notice that Texas wants within seven days is told of again on the day, whoever owns the partition by then.
#[tokio::test]
async fn a_duty_is_told_of_again_on_its_date_though_the_owner_crashed_before() {
    let (world, service) = World::start().await;
    world.home.rules("id: ours\nversion: 2\nuses: [truancy-texas]\n").await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    for n in 9..=11 {
        world.home.absent(ada, day(n)).await;
    }
    world.exact(&service).await;
    let notice = |change: &AlertChange| change.claim.rule.as_str() == "tx-warning-notice";
    let opened = world.alerts().await.into_iter().find(notice).unwrap();
    let due_on = opened.claim.terms.duties[0].due_on.unwrap();
    assert_eq!(due_on, Date::from_days(day(11).days() + 7).unwrap());
    service.crash().await;
    // The date comes while nobody owns the partition, and more than one look finds it so.
    let behind = (12..40).find(|n| day(*n) >= due_on).unwrap();
    world.home.clock(behind, "07:00").await;
    let service = world.service().await;
    world.exact(&service).await;
    service.crash().await;
    let service = world.service().await;
    world.home.absent(ada, day(8)).await;
    world.exact(&service).await;
    let told = world.alerts().await;
    let due: Vec<_> = told.iter().filter(|change| change.reason.starts_with("due on")).collect();
    assert_eq!(due.len(), 1, "{told:?}");
    assert_eq!((due[0].kind, due[0].number), (Escalated, 2));
    assert!(due[0].reason.starts_with(&format!("due on {due_on}: Notify the parent")), "{}", due[0].reason);
}
