//! What was claimed for an adapter and never left the process was not given to it.

use homeroom_domain::alert::AlertChange;
use homeroom_domain::alert::ChangeKind::{Opened, Recalled};
use homeroom_proto::wire::notification as pb;
use pb::stream_response::Frame as Out;
use tokio::time::timeout;

use crate::adapter::{Adapter, hello};
use crate::world::{SOON, TEAM, World};

/// More than the transport takes from us for a peer that does not read.
const ALERTS: u8 = 100;

/// A word of some 200 kB.
fn long(mut change: AlertChange) -> AlertChange {
    change.claim.title = "x".repeat(100_000).into();
    change
}

#[tokio::test]
async fn a_recall_does_not_reach_whom_the_opening_never_left_for() {
    let world = World::start_with(TEAM, |config| config.feed.slow_peer_s = 1).await;
    for alert in 1..=ALERTS {
        world.publish(&long(world.change(alert, 1, Opened))).await;
    }
    world.until_count("deliveries where state = 'waiting'", ALERTS.into()).await;
    let hello = pb::Hello { max_outstanding_bytes: 64 * 1024 * 1024, ..hello("mail", 1_000) };
    let silent = Adapter::connect(&world, "feed", hello).await.unwrap();
    world.until_count("deliveries where state = 'leased'", ALERTS.into()).await;
    // It does not read, and is cut. Some frames have left and may have been read; the others never did.
    let given_back = async {
        let mut waiting = 0;
        while waiting == 0 {
            waiting = world.count("deliveries where state = 'waiting'").await;
        }
        waiting
    };
    let given_back = timeout(SOON, given_back).await.expect("what did not leave is given back");
    assert_eq!(world.count("deliveries where state = 'waiting' and (attempts > 0 or maybe_sent)").await, 0);
    let left = i64::from(ALERTS) - given_back;
    assert!(left > 0, "something leaves before the peer stops reading");
    assert_eq!(world.count("deliveries where attempts > 0").await, left);

    for alert in 1..=ALERTS {
        world.publish(&world.change(alert, 2, Recalled)).await;
    }
    world.until_count("alerts where last_number = 2", ALERTS.into()).await;
    assert_eq!(
        world.count("deliveries where change_number = 2").await,
        left,
        "only what may have been heard is recalled"
    );
    assert_eq!(world.count("deliveries where state = 'cancelled'").await, given_back);
    drop(silent);
}

#[tokio::test]
async fn what_is_given_back_goes_to_another_adapter_as_if_it_were_new() {
    let world = World::start_with(TEAM, |config| config.feed.slow_peer_s = 1).await;
    for alert in 1..=ALERTS {
        world.publish(&long(world.change(alert, 1, Opened))).await;
    }
    // What comes later is not claimed while the adapter does not read.
    world.until_count("deliveries where state = 'waiting'", ALERTS.into()).await;
    let hello = pb::Hello { max_outstanding_bytes: 64 * 1024 * 1024, ..hello("mail", 1_000) };
    let silent = Adapter::connect(&world, "feed", hello).await.unwrap();
    world.until_count("deliveries where state = 'leased'", ALERTS.into()).await;
    let Some(Out::Deliveries(given)) = world.adapter().await.next().await.unwrap() else { panic!("no deliveries") };
    for delivery in given.deliveries {
        assert_eq!((delivery.attempt, delivery.maybe_sent_before), (1, false));
    }
    drop(silent);
}
