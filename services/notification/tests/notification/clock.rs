//! A process whose clock is wrong, or that was paused, does no harm: leases and due times are the database's.

use homeroom_domain::alert::ChangeKind::Opened;
use homeroom_proto::wire::notification as pb;

use crate::adapter::Adapter;
use crate::world::{World, run_clock};

/// Ten minutes are longer than any lease here: if a process went by its own clock, it would end another's leases at once, or
/// hold back for ten minutes what is due.
#[tokio::test]
async fn a_process_ten_minutes_off_neither_loses_nor_doubles_a_delivery() {
    for ahead_s in [-600, 600] {
        let world = World::start().await;
        run_clock(&world.database, ahead_s).await;
        // Decided by a process whose clock is that of ours, and so off by as much.
        let mut change = world.change(1, 1, Opened);
        change.changed_at = homeroom_chassis::clock::now();
        world.publish(&change).await;
        let mut adapter = Adapter::open(&world, "mail", 1).await;
        let delivery = adapter.one().await;
        // Another process sweeps meanwhile, hands out what is next, and leaves the lease alone.
        let other = world.another().await;
        let mut others = Adapter::open(&other, "mail", 10).await;
        for alert in 2..=5 {
            let mut change = world.change(alert, 1, Opened);
            change.changed_at = homeroom_chassis::clock::now();
            world.publish(&change).await;
        }
        for delivery in others.take(4).await {
            others.accept(&delivery).await;
        }
        adapter.accept(&delivery).await;
        assert_eq!(world.count("attempts where outcome = 'accepted'").await, 5, "{ahead_s}");
        assert_eq!(world.count("attempts").await, 5, "{ahead_s}");
    }
}

#[tokio::test]
async fn a_lease_that_has_ended_is_over_whatever_the_adapter_and_its_process_think() {
    let world = World::start().await;
    let mut adapter = world.adapter().await;
    world.publish(&world.change(1, 1, Opened)).await;
    let delivery = adapter.one().await;
    world.pass(61).await;
    world.until_states(&[(1, "waiting")]).await;
    let retry = crate::adapter::retry();
    assert_eq!(adapter.settle(&delivery, retry).await, pb::Standing::Stale);
}
