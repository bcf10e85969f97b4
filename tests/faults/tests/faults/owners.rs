//! Partitions change hands under load: processes join, leave, die, and wake up after others took what was theirs.

use std::time::Duration;

use anyhow::Result;
use homeroom_faults::{Log, Role, Scene, Setup};
use tokio::time::Instant;

/// Processes without names of their own, so that each one's end is noticed by its session.
fn strangers() -> Setup {
    Setup { names_stay: false, ..Setup::on(Log::on_kafka()) }
}

const TOOK: &str = "took a partition";
const FENCED: &str = "another process owns the partition now";

#[tokio::test(flavor = "multi_thread")]
async fn rules_processes_join_leave_and_are_killed_under_load() -> Result<()> {
    let mut scene = Scene::open("two rules processes", strangers()).await?;
    scene.world.place(Role::SecondRules)?;
    scene.world.start_role(Role::SecondRules)?;
    scene.world.wait_said(Role::SecondRules, TOOK, 1).await?;
    scene.some_while().await?;
    scene.recovers("the second has joined", Instant::now()).await?;

    let since = Instant::now();
    scene.world.process(Role::SecondRules)?.kill()?;
    scene.recovers("the second is killed and stays away", since).await?;

    scene.world.start_role(Role::SecondRules)?;
    scene.world.wait_said(Role::SecondRules, TOOK, 2).await?;
    scene.some_while().await?;
    let since = Instant::now();
    scene.world.process(Role::Rules)?.terminate()?;
    scene.world.wait_ended(Role::Rules).await?;
    scene.recovers("the first has left", since).await?;

    scene.world.process(Role::Rules)?.kill()?;
    scene.world.start_role(Role::Rules)?;
    scene.world.wait_ready(Role::Rules).await?;
    scene.some_while().await?;
    let since = Instant::now();
    scene.world.crash(Role::Rules)?;
    scene.world.crash(Role::SecondRules)?;
    scene.recovers("both are killed at once and started again", since).await?;
    scene.world.wait_ready(Role::Rules).await?;
    scene.check().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rules_process_that_wakes_after_its_session_is_fenced() -> Result<()> {
    let mut scene = Scene::open("a paused rules process", strangers()).await?;
    scene.world.place(Role::SecondRules)?;
    scene.world.start_role(Role::SecondRules)?;
    scene.world.wait_said(Role::SecondRules, TOOK, 1).await?;
    for paused in [Role::Rules, Role::SecondRules] {
        scene.some_while().await?;
        let since = Instant::now();
        scene.world.process(paused)?.pause()?;
        // Alerts on students of every partition: the other process has taken all.
        scene.recovers(&format!("{} sleeps", paused.name()), since).await?;
        let since = Instant::now();
        scene.world.process(paused)?.wake()?;
        scene.recovers(&format!("{} is awake again", paused.name()), since).await?;
        let fenced = scene.world.times_said(paused, FENCED);
        println!("a paused rules process: {} was refused a commit on {fenced} partitions", paused.name());
    }
    scene.world.wait_ready(Role::Rules).await?;
    scene.check().await.map(drop)
}

/// Longer than a lease of five seconds and a session of three.
const PAUSE: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_process_and_an_adapter_that_were_paused_go_on() -> Result<()> {
    let mut scene = Scene::open("paused tellers", strangers()).await?;
    for paused in [Role::Webhook, Role::Notification] {
        scene.some_while().await?;
        scene.world.process(paused)?.pause()?;
        // This is how long the fault lasts, and not what anything waits for.
        tokio::time::sleep(PAUSE).await;
        let since = Instant::now();
        scene.world.process(paused)?.wake()?;
        scene.recovers(&format!("{} is awake again", paused.name()), since).await?;
    }
    scene.check().await.map(drop)
}
