//! Partitions change hands under load: processes join, leave, die, and wake up after others took what was theirs.

use std::time::Duration;

use anyhow::{Result, ensure};
use homeroom_chassis::clock;
use homeroom_faults::ownership::TOOK;
use homeroom_faults::{Log, Ownership, Role, Scene, Setup, soak};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

/// Processes without names of their own, so that each one's end is noticed by its session.
fn strangers() -> Setup {
    Setup { names_stay: false, ..Setup::on(Log::on_kafka()) }
}

const FENCED: &str = "another process owns the partition now";

/// How long a partition may have no owner when one process joins or leaves in order: a heartbeat until all have heard, and up to
/// a second until all join again, for Kafka's client library joins at most once a second. Less than a session, with room for a
/// busy machine.
const ONE_MOVE: Duration = Duration::from_millis(2_500);

#[tokio::test(flavor = "multi_thread")]
async fn rules_processes_join_leave_and_are_killed_under_load() -> Result<()> {
    let mut scene = Scene::open("two rules processes", strangers()).await?;
    let joins = clock::now();
    scene.world.place(Role::SecondRules)?;
    scene.world.start_role(Role::SecondRules)?;
    scene.world.wait_said(Role::SecondRules, TOOK, 1).await?;
    scene.some_while().await?;
    scene.recovers("the second has joined", Instant::now()).await?;
    within(ONE_MOVE, unowned(&scene, "the second has joined", joins)?)?;

    let since = Instant::now();
    scene.world.kill(Role::SecondRules)?;
    scene.recovers_from_kill("the second is killed and stays away", since).await?;

    scene.world.start_role(Role::SecondRules)?;
    scene.world.wait_said(Role::SecondRules, TOOK, 2).await?;
    scene.some_while().await?;
    let (since, leaves) = (Instant::now(), clock::now());
    scene.world.process(Role::Rules)?.terminate()?;
    scene.world.wait_ended(Role::Rules).await?;
    scene.recovers("the first has left", since).await?;
    within(ONE_MOVE, unowned(&scene, "the first has left", leaves)?)?;

    scene.world.kill(Role::Rules)?;
    scene.world.start_role(Role::Rules)?;
    scene.world.wait_ready(Role::Rules).await?;
    scene.some_while().await?;
    let since = Instant::now();
    scene.world.crash(Role::Rules)?;
    scene.world.crash(Role::SecondRules)?;
    scene.recovers("both are killed at once and started again", since).await?;
    scene.world.wait_ready(Role::Rules).await?;
    unowned(&scene, "from the first to the last", Timestamp::MIN)?;
    scene.check().await.map(drop)
}

/// Says the longest time for which a partition had no owner since a moment.
fn unowned(scene: &Scene, what: &str, since: Timestamp) -> Result<Duration> {
    let longest = Ownership::read(&scene.world)?.longest(since, clock::now());
    if let Some((partition, time)) = longest {
        println!("{}, {what}: partition {partition} had no owner for {:.2} s", scene.name(), time.as_secs_f64());
    }
    Ok(longest.map(|(_, time)| time).unwrap_or_default())
}

fn within(bound: Duration, longest: Duration) -> Result<()> {
    ensure!(longest <= bound, "a partition had no owner for {longest:?}, more than {bound:?}");
    Ok(())
}

/// The same when many move at once: a move within the second of another costs a second more.
const MANY_MOVES: Duration = Duration::from_secs(12);
/// Joins and leaves, and the longest time between two of them.
const MOVES: usize = 10;
const LONGEST_CALM_MS: u64 = 1_500;

#[tokio::test(flavor = "multi_thread")]
async fn four_rules_processes_join_and_leave_under_load() -> Result<()> {
    let mut scene = Scene::open("four rules processes", strangers()).await?;
    let [_, others @ ..] = Role::RULES;
    let since = clock::now();
    for role in others {
        scene.world.place(role)?;
        scene.world.start_role(role)?;
    }
    for role in others {
        scene.world.wait_said(role, TOOK, 1).await?;
    }
    within(MANY_MOVES, unowned(&scene, "three joined", since)?)?;
    scene.recovers("three have joined", Instant::now()).await?;
    let since = clock::now();
    let mut running = [true; 3];
    for _ in 0..if soak() { MOVES * 10 } else { MOVES } {
        // When the fault happens, and not what anything waits for.
        sleep(Duration::from_millis(scene.dice.below(LONGEST_CALM_MS))).await;
        let which = usize::try_from(scene.dice.below(others.len() as u64))?;
        if running[which] {
            scene.world.process(others[which])?.terminate()?;
            scene.world.wait_ended(others[which]).await?;
            scene.world.process(others[which])?.kill()?;
        } else {
            scene.world.start_role(others[which])?;
        }
        running[which] = !running[which];
    }
    for role in others {
        scene.world.start_role(role)?;
        scene.world.wait_ready(role).await?;
    }
    scene.recovers("after joins and leaves", Instant::now()).await?;
    within(MANY_MOVES, unowned(&scene, "joins and leaves in order", since)?)?;
    let since = Instant::now();
    for role in others {
        scene.world.kill(role)?;
    }
    scene.recovers("three of four are killed and stay away", since).await?;
    for role in others {
        scene.world.start_role(role)?;
    }
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
