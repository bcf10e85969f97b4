//! Nothing is broken here but what the check looks at: a check that is always green proves nothing.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use homeroom_faults::checker::Allowed;
use homeroom_faults::sender::Door;
use homeroom_faults::story::{Story, Told};
use homeroom_faults::{Log, Scene, Setup};
use secrecy::ExposeSecret as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// How long a story that never happened may take: nothing is on its way any more.
const SHORT: Duration = Duration::from_millis(200);

/// Something that is broken, and in which words the check says just that.
#[derive(Clone, Copy)]
struct Broken {
    what: &'static str,
    seen_as: &'static str,
}

/// Breaks something that is stored, and mends it.
const STORED: [(Broken, &str, &str); 4] = [
    (
        Broken { what: "a ledger that lost its last records", seen_as: " ends with " },
        "create table planted as select student, ledger from rules.students;
         update rules.students s set ledger = e.ledger from (select ledger from planted order by length(ledger) limit 1) e",
        "update rules.students s set ledger = p.ledger from planted p where p.student = s.student; drop table planted",
    ),
    (
        Broken { what: "a delivery that came and is cancelled", seen_as: "came, and its delivery is Cancelled" },
        "update notification.deliveries set state = 'cancelled' where state = 'accepted'",
        "update notification.deliveries set state = 'accepted' where state = 'cancelled' and attempts > 0",
    ),
    (
        Broken { what: "a delivery of which nothing is recorded", seen_as: "came with a key that is no delivery of it" },
        "create table planted as select * from notification.deliveries where state = 'accepted';
         delete from notification.deliveries where state = 'accepted'",
        "insert into notification.deliveries select * from planted; drop table planted",
    ),
    (
        Broken { what: "an alert change that is not stored any more", seen_as: "read again" },
        // All but the last, with which the feed has been read.
        "create table planted as select * from notification.alert_changes
         where sequence < (select max(sequence) from notification.alert_changes);
         delete from notification.alert_changes where sequence in (select sequence from planted)",
        "insert into notification.alert_changes select * from planted; drop table planted",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_check_sees_what_is_broken_on_purpose() -> Result<()> {
    let mut scene = Scene::open("planted", Setup::on(Log::Postgres)).await?;
    scene.some_while().await?;
    scene.some_while().await?;
    scene.rest().await?;
    scene.world.wait_told().await?;
    let whole = scene.told().to_vec();
    scene.holds(&whole, scene.allowed).await?;
    let allowed = Allowed { patience: SHORT, ..scene.allowed };

    let never_sent =
        scene.probes()?.into_iter().map(|student| Told { student, story: Story::Absent, door: Door::Native });
    let lost = Broken { what: "an acknowledged mark that is lost", seen_as: "Absent by Native of " };
    sees(lost, &scene, &[whole.clone(), never_sent.collect()].concat(), allowed).await?;
    let alerted = scene.feed.changes().first().context("nothing was told")?.student.clone();
    let untold: Vec<Told> = whole.iter().filter(|told| told.student.key != alerted).cloned().collect();
    let phantom = Broken { what: "an alert that nothing gave cause for", seen_as: "of whom nothing was said" };
    sees(phantom, &scene, &untold, allowed).await?;
    let other: Vec<Told> = whole.iter().map(|told| Told { story: opposite(told.story), ..told.clone() }).collect();
    let kept = Broken { what: "a recall that did not come", seen_as: "CorrectedLate by " };
    sees(kept, &scene, &other, allowed).await?;

    let mut database = PgConnection::connect(scene.world.admin_url()?.expose_secret()).await?;
    for (broken, break_it, mend_it) in STORED {
        sqlx::raw_sql(AssertSqlSafe(break_it)).execute(&mut database).await?;
        sees(broken, &scene, &whole, allowed).await?;
        sqlx::raw_sql(AssertSqlSafe(mend_it)).execute(&mut database).await?;
    }
    scene.holds(&whole, scene.allowed).await?;
    say_again(&scene).await?;
    let copied = Broken { what: "a second copy that no unknown explains", seen_as: "came 2 times without an unknown" };
    sees(copied, &scene, &whole, allowed).await
}

/// Sends the first webhook again, as its sender would.
async fn say_again(scene: &Scene) -> Result<()> {
    let word = scene.world.sink.requests().into_iter().next().context("nobody was told of anything")?;
    let key = word.headers.get("webhook-id").context("a webhook without an id")?.clone();
    let server = scene.world.sink.url.strip_suffix("/hook").context("the sink is elsewhere")?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let again = client.post(format!("{server}{}", word.uri)).header("webhook-id", key).body(word.body);
    again.send().await?.error_for_status().map(drop).context("the copy")
}

fn opposite(story: Story) -> Story {
    if story.ends_absent() { Story::CorrectedLate } else { Story::Absent }
}

async fn sees(broken: Broken, scene: &Scene, told: &[Told], allowed: Allowed) -> Result<()> {
    let Broken { what, seen_as } = broken;
    let Err(error) = scene.holds(told, allowed).await else { bail!("the check does not see {what}") };
    let error = format!("{error:#}");
    ensure!(error.contains(seen_as), "the check fails beside {what}, for another reason: {error}");
    println!("{}: {what} is seen: {:.200}", scene.name(), error.replace('\n', " "));
    Ok(())
}
