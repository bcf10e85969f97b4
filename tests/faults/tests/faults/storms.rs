//! A storm of marks of past days: those of today are alerts beside it, and no process takes more memory than it may.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use homeroom_faults::sender::{Door, Student};
use homeroom_faults::storm::{Latencies, blow};
use homeroom_faults::story::{Story, Told};
use homeroom_faults::{Log, PATIENCE, Role, Scene, Setup, checker, soak};
use homeroom_proto::wire::alert::Kind;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// 200,000 marks in a minute, or a tenth of them at the same rate.
const MARKS: usize = 200_000;
const A_SECOND: usize = MARKS / 60;
const IN_SHORT: usize = 10;
/// The students of the storm.
const STUDENTS: usize = 1_000;
/// Students who are absent today, one after the other while it blows.
const TODAY: usize = 600;
const BETWEEN: Duration = Duration::from_millis(100);
/// The longest that a same-day alert may take beside it, on a small machine and without optimisation.
const LATEST: Duration = Duration::from_secs(10);
/// The most that a process may take, in bytes.
const MOST_BYTES: u64 = 400 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_marks_leaves_todays_alerts_first_and_memory_bounded() -> Result<()> {
    let share = if soak() { 1 } else { IN_SHORT };
    let mut scene = Scene::open("a storm of marks", Setup::on(Log::on_kafka())).await?;
    let students = scene.sender.enroll("storm", STUDENTS).await?;
    let today = scene.sender.enroll("today", TODAY / share).await?;
    scene.some_while().await?;
    let sender = Arc::clone(&scene.sender);
    let mut storm = JoinSet::new();
    storm.spawn(async move { blow(&sender, &students, MARKS / share, A_SECOND).await });
    let beside = beside(&mut scene, &today).await?;
    let blown = storm.join_next().await.context("the storm")???;
    let since = Instant::now();
    checker::caught_up(&scene.world).await?;
    println!("a storm of marks: {} in {:.1} s", blown.marks, blown.time.as_secs_f64());
    println!("a storm of marks: a mark of today was an alert after {}", beside.alerts);
    println!("a storm of marks: its requests were acknowledged after {}", blown.acknowledged);
    let (behind, late) = (beside.most_behind, since.elapsed().as_secs_f64());
    println!("a storm of marks: at most {behind} events were not counted yet, none {late:.1} s after the last");
    for (role, bytes) in Role::ALL.into_iter().zip(beside.most_bytes) {
        println!("a storm of marks: {} took {} MiB at most", role.name(), bytes / 1024 / 1024);
        ensure!(bytes < MOST_BYTES, "{} took {bytes} bytes", role.name());
    }
    let slowest = beside.alerts.longest().unwrap_or_default();
    ensure!(slowest < LATEST, "a same-day alert took {slowest:?}");
    let told = |student| Told { student, story: Story::Absent, door: Door::Native };
    scene.also_told(today.into_iter().map(told).collect());
    scene.recovers("the storm is over", Instant::now()).await?;
    scene.check().await.map(drop)
}

/// What was seen beside the storm.
#[derive(Default)]
struct Beside {
    alerts: Latencies,
    most_behind: i64,
    most_bytes: [u64; Role::ALL.len()],
}

/// Marks students absent today, one after the other, and looks around after each.
async fn beside(scene: &mut Scene, today: &[Student]) -> Result<Beside> {
    let mut beside = Beside::default();
    for student in today {
        let since = Instant::now();
        scene.sender.mark(student, Door::Native, 1, true).await?;
        scene.feed.wait_for(&student.key, &[Kind::Opened], PATIENCE).await?;
        beside.alerts.add(since.elapsed());
        beside.most_behind = beside.most_behind.max(checker::events_behind(&scene.world).await?);
        for (role, most) in Role::ALL.into_iter().zip(&mut beside.most_bytes) {
            *most = scene.world.process(role)?.resident_bytes()?.max(*most);
        }
        sleep(BETWEEN.saturating_sub(since.elapsed())).await;
    }
    Ok(beside)
}
