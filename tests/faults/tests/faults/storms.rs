//! A storm of marks of past days: those of today are alerts beside it, and no process takes more memory than it may.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use homeroom_faults::sender::Door;
use homeroom_faults::storm::blow;
use homeroom_faults::story::{Story, Told};
use homeroom_faults::{Log, PATIENCE, Role, Scene, Setup, soak};
use homeroom_proto::wire::alert::Kind;
use tokio::time::{Instant, sleep};

/// 200,000 marks in a minute, or a tenth of them at the same rate.
const MARKS: usize = 200_000;
const A_SECOND: usize = MARKS / 60;
/// The students of the storm.
const STUDENTS: usize = 1_000;
/// Students who are absent today, one after the other while it blows.
const TODAY: usize = 60;
const BETWEEN: Duration = Duration::from_millis(100);
/// The longest that a same-day alert may take beside it, on a small machine and without optimisation.
const LATEST: Duration = Duration::from_secs(10);
/// The most that a process may take, in bytes.
const MOST_BYTES: u64 = 400 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_marks_leaves_todays_alerts_first_and_memory_bounded() -> Result<()> {
    let marks = if soak() { MARKS } else { MARKS / 10 };
    let mut scene = Scene::open("a storm of marks", Setup::on(Log::on_kafka())).await?;
    let students = scene.sender.enroll("storm", STUDENTS).await?;
    let today = scene.sender.enroll("today", TODAY).await?;
    scene.some_while().await?;
    let sender = std::sync::Arc::clone(&scene.sender);
    let mut storm = tokio::task::JoinSet::new();
    storm.spawn(async move { blow(&sender, &students, marks, A_SECOND).await });
    let mut slowest = Duration::ZERO;
    let mut most = [0_u64; Role::ALL.len()];
    for student in &today {
        let since = Instant::now();
        scene.sender.mark(student, Door::Native, 1, true).await?;
        scene.feed.wait_for(&student.key, &[Kind::Opened], PATIENCE).await?;
        slowest = slowest.max(since.elapsed());
        for (role, most) in Role::ALL.into_iter().zip(&mut most) {
            *most = scene.world.process(role)?.resident_bytes()?.max(*most);
        }
        sleep(BETWEEN.saturating_sub(since.elapsed())).await;
    }
    let blown = storm.join_next().await.context("the storm")???;
    println!(
        "a storm of marks: {} in {:.1} s; of {TODAY} marks of today the slowest was an alert after {:.2} s",
        blown.marks,
        blown.time.as_secs_f64(),
        slowest.as_secs_f64()
    );
    for (role, bytes) in Role::ALL.into_iter().zip(most) {
        println!("a storm of marks: {} took {} MiB at most", role.name(), bytes / 1024 / 1024);
        ensure!(bytes < MOST_BYTES, "{} took {bytes} bytes", role.name());
    }
    ensure!(slowest < LATEST, "a same-day alert took {slowest:?}");
    let told = |student| Told { student, story: Story::Absent, door: Door::Native };
    scene.also_told(today.into_iter().map(told).collect());
    scene.recovers("the storm is over", Instant::now()).await?;
    scene.check().await.map(drop)
}
