//! Each role killed at points around its commits and acknowledgements, and answers that are lost while the process lives.

use std::time::Duration;

use anyhow::Result;
use homeroom_faults::point::{Moment, Place};
use homeroom_faults::{Log, PATIENCE, Role, Scene, Setup, soak};
use homeroom_harness::Broker;
use homeroom_harness::webhook::Answer;
use tokio::time::Instant;

use Moment::{After, Before};
use Place::{Append, Commit, CommitOf, Settlement};

const EVENTS: &str = "homeroom.events.v1";
const ALERTS: &str = "homeroom.alerts.v1";

/// The transaction that records how attempts ended, by a part of it that no other has.
const SETTLED: Place = CommitOf("notification", "'accepted', clock(), provider from taken");

/// Every effect of a role that others see.
const KILLS: [(Role, Place, Moment); 16] = [
    (Role::Ingestion, Commit("ingestion"), Before),
    (Role::Ingestion, Commit("ingestion"), After),
    (Role::Ingestion, Append(EVENTS), Before),
    (Role::Ingestion, Append(EVENTS), After),
    (Role::Rules, Commit("rules"), Before),
    (Role::Rules, Commit("rules"), After),
    (Role::Rules, Append(ALERTS), Before),
    (Role::Rules, Append(ALERTS), After),
    (Role::Notification, Commit("notification"), Before),
    (Role::Notification, Commit("notification"), After),
    (Role::Notification, SETTLED, Before),
    (Role::Notification, SETTLED, After),
    // Whoever is told hears of it once, whichever of the two dies, and whether the word on it arrived or not.
    (Role::Notification, Settlement, Before),
    (Role::Notification, Settlement, After),
    (Role::Webhook, Settlement, Before),
    (Role::Webhook, Settlement, After),
];

/// Of the load in the second half of a round: a fast program comes to the end of the first ones.
const STUDENTS: usize = 1_000;

/// Answers that do not arrive.
const LOST: [Place; 7] =
    [Commit("ingestion"), Append(EVENTS), Commit("rules"), Append(ALERTS), Commit("notification"), SETTLED, Settlement];

#[tokio::test(flavor = "multi_thread")]
async fn every_role_killed_around_each_commit_and_acknowledgement() -> Result<()> {
    let (broker, proxy) = Broker::start_behind_a_proxy().await?;
    let setup = Setup { proxies: true, ..Setup::on(Log::ProxiedKafka(broker, proxy)) };
    let mut scene = Scene::open("points", setup).await?;
    for round in 0..if soak() { 10 } else { 1 } {
        for (role, place, moment) in KILLS {
            scene.kill_at(role, place, moment).await?;
            scene.world.wait_ready(role).await?;
        }
        scene.load_again(&format!("of-round-{round}"), STUDENTS).await?;
        for place in LOST {
            scene.cut_at(place, After).await?;
        }
        adapter(&mut scene).await?;
    }
    scene.recovers("the last kill", Instant::now()).await?;
    slow(&mut scene).await?;
    scene.check().await.map(drop)
}

/// Kills the adapter before its webhook is answered, and right after.
async fn adapter(scene: &mut Scene) -> Result<()> {
    for answer in [Answer::Hang, Answer::Accept] {
        let more = 1 + usize::try_from(scene.dice.below(4))?;
        scene.world.sink.answer(answer);
        let received = scene.world.sink.requests().len();
        scene.world.sink.wait_for(received + more.min(if answer == Answer::Hang { 1 } else { more }), PATIENCE).await?;
        scene.world.kill(Role::Webhook)?;
        scene.world.sink.answer(Answer::Accept);
        scene.world.start_role(Role::Webhook)?;
        println!("{}: the adapter at a webhook, {answer:?}", scene.name());
    }
    Ok(())
}

/// To and from PostgreSQL each.
const SLOW: Duration = Duration::from_millis(25);

/// A slow PostgreSQL holds everything up, and nothing breaks.
async fn slow(scene: &mut Scene) -> Result<()> {
    for schema in ["ingestion", "rules", "notification"] {
        scene.world.proxy(schema)?.delay(SLOW);
    }
    scene.recovers("while PostgreSQL is slow", Instant::now()).await?;
    scene.some_while().await?;
    for schema in ["ingestion", "rules", "notification"] {
        scene.world.proxy(schema)?.delay(Duration::ZERO);
    }
    scene.recovers("PostgreSQL is as fast as before", Instant::now()).await.map(drop)
}
