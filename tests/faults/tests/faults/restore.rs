//! PostgreSQL as it was some time ago, with the log and the outside world ahead of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use homeroom_faults::checker::Copies;
use homeroom_faults::sender::{Door, Student};
use homeroom_faults::story::{Story, Told};
use homeroom_faults::{Feed, Log, PATIENCE, Role, Scene, Setup};
use homeroom_proto::wire::alert::Kind;
use tokio::time::Instant;

/// Students with each history.
const EACH: usize = 8;
/// How old the backup is: leases, what was due and what expires are as far behind as the log is ahead.
const AN_HOUR: Duration = Duration::from_hours(1);
/// Students of a load.
const STUDENTS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_restored_from_a_backup_is_rebuilt_and_alerts_nobody_twice() -> Result<()> {
    let mut scene = Scene::open("a restored database", Setup::on(Log::on_kafka())).await?;
    // What was told after the backup is not recorded any more, and may be told again, with its key.
    scene.allowed.copies = Copies::MayRepeat;
    let stands = scene.sender.enroll("stands", EACH).await?;
    let lost = scene.sender.enroll("lost", EACH).await?;
    let before = scene.sender.enroll("corrected-before", EACH).await?;
    let after = scene.sender.enroll("corrected-after", EACH).await?;
    let lost_after = scene.sender.enroll("lost-corrected-after", EACH).await?;
    let untold = scene.sender.enroll("lost-correction-untold", EACH).await?;
    scene.some_while().await?;
    for students in [&stands, &before, &after] {
        absent(&scene, students).await?;
    }
    scene.rest().await?;
    let backup = scene.world.data().join("backup");
    scene.world.back_up_postgres(&backup).await?;

    scene.load_again("after-the-backup", STUDENTS).await?;
    for students in [&lost, &lost_after, &untold] {
        absent(&scene, students).await?;
    }
    take_back(&scene, &before).await?;
    scene.some_while().await?;
    scene.rest().await?;
    // What is promised is of what had left the outboxes and was told: see `ARCHITECTURE.md`.
    scene.world.wait_told().await?;
    // Nobody carries messages any more: these are taken back in the log, and not told of it when the database is lost.
    scene.world.kill(Role::Webhook)?;
    take_back(&scene, &untold).await?;

    let since = Instant::now();
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Webhook) {
        scene.world.kill(role)?;
    }
    scene.world.restore_postgres(&backup).await?;
    scene.world.age_postgres(AN_HOUR).await?;
    scene.world.run(&["restored"], &[]).await?;
    for role in Role::ALL {
        scene.world.start_role(role)?;
    }
    // A cursor of before is of another order of the same changes: whoever follows begins again.
    scene.feed = Arc::new(Feed::follow(&scene.world)?);
    scene.recovers("everything was restored and started", since).await?;
    for students in [&after, &lost_after] {
        take_back(&scene, students).await?;
    }
    scene.load_again("after-the-restore", STUDENTS).await?;
    scene.some_while().await?;
    let told = |story: Story| move |student: Student| Told { student, story, door: Door::Native };
    for students in [stands, lost] {
        scene.also_told(students.into_iter().map(told(Story::Absent)).collect());
    }
    for students in [before, after, lost_after, untold] {
        scene.also_told(students.into_iter().map(told(Story::CorrectedLate)).collect());
    }
    scene.check().await.map(drop)
}

async fn absent(scene: &Scene, students: &[Student]) -> Result<()> {
    scene.sender.mark_all(students).await?;
    for student in students {
        scene.feed.wait_for(&student.key, &[Kind::Opened], PATIENCE).await?;
    }
    Ok(())
}

async fn take_back(scene: &Scene, students: &[Student]) -> Result<()> {
    for student in students {
        scene.sender.mark(student, Door::Native, 2, false).await?;
        scene.feed.wait_for(&student.key, &[Kind::Opened, Kind::Recalled], PATIENCE).await?;
    }
    Ok(())
}
