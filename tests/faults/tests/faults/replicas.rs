//! Three brokers, of which any one may be lost.

use anyhow::{Result, bail};
use homeroom_faults::{Log, Scene, Setup, soak};
use homeroom_harness::BrokerCluster;
use homeroom_harness::broker::BROKERS;
use tokio::time::Instant;

/// Of the load while a broker is cut off.
const STUDENTS: usize = 1_000;
/// Of the load while a broker is down and comes back.
const OF_A_BROKER: usize = 800;

fn cluster(scene: &mut Scene) -> Result<&mut BrokerCluster> {
    match &mut scene.world.log {
        Log::Cluster(cluster) => Ok(cluster),
        _ => bail!("the setup says otherwise"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_three_brokers_is_killed_and_one_is_cut_off() -> Result<()> {
    // With names that stay: a broker that dies with the answer to a join takes the name with it, and the member takes it back.
    let setup = Setup::on(Log::Cluster(BrokerCluster::start().await?));
    let mut scene = Scene::open("three brokers", setup).await?;
    cluster(&mut scene)?.wait_in_sync().await?;
    // Before any is killed, since a start takes long: chance says which, and whether it leads the others.
    for cut in 0..if soak() { BROKERS } else { 1 } {
        cut_off(&mut scene, cut).await?;
    }
    for which in 0..BROKERS {
        // The load goes on while a broker starts: each has students of its own.
        scene.load_again(&format!("of-broker-{}", which + 1), OF_A_BROKER).await?;
        scene.some_while().await?;
        let since = Instant::now();
        cluster(&mut scene)?.broker(which)?.kill()?;
        scene.recovers_from_kill(&format!("broker {} is killed and stays away", which + 1), since).await?;
        // The last stays away: two are enough to check everything with.
        if which + 1 < BROKERS || soak() {
            comes_back(&mut scene, which).await?;
        }
    }
    scene.check().await.map(drop)
}

/// Starts a broker again and waits until it has all that it missed: only then may another be lost.
async fn comes_back(scene: &mut Scene, which: usize) -> Result<()> {
    let since = Instant::now();
    cluster(scene)?.broker(which)?.restart().await?;
    let listens = since.elapsed().as_secs_f64();
    cluster(scene)?.wait_in_sync().await?;
    let (number, in_sync) = (which + 1, since.elapsed().as_secs_f64());
    println!(
        "three brokers: broker {number} listens {listens:.1} s after its start, and is in sync after {in_sync:.1} s"
    );
    Ok(())
}

/// Cuts one broker off, from everybody and from the other brokers alone, and lets it come back.
async fn cut_off(scene: &mut Scene, cut: usize) -> Result<()> {
    let which = usize::try_from(scene.dice.below(BROKERS as u64))?;
    scene.load_again(&format!("of-cut-{cut}"), STUDENTS).await?;
    // Cut off from the other brokers alone, it goes on to take records for a while, and may acknowledge none of them.
    for clients_stay in [false, true] {
        let who = if clients_stay { "the other brokers" } else { "everybody" };
        scene.some_while().await?;
        let since = Instant::now();
        cluster(scene)?.part(which, clients_stay)?;
        scene.recovers(&format!("broker {} is cut off from {who}", which + 1), since).await?;
        let since = Instant::now();
        cluster(scene)?.join();
        scene.recovers("it is back", since).await?;
        cluster(scene)?.wait_in_sync().await?;
    }
    Ok(())
}
