//! Whether the service says that it can work.

use std::sync::Arc;

use homeroom_chassis::TaskGroup;
use homeroom_chassis::component::Readiness;
use homeroom_rules::build;

use crate::refusal::{Way, cut};
use crate::world::{World, access, until};

#[tokio::test]
async fn it_is_ready_while_its_database_answers_and_it_is_in_its_group() {
    let mut world = World::new().await;
    let way = Way::open(&mut world).await;
    let tasks = TaskGroup::default();
    let component = build(&world.config, Arc::new(world.log.clone()), access(), &tasks).await.unwrap();
    let ready = || matches!((component.ready)(), Readiness::Ready);
    let because = |why: &str| matches!((component.ready)(), Readiness::NotReady(problem) if problem.contains(why));
    until("it is ready", async || ready()).await;
    way.close(&world).await;
    until("it misses the database", async || {
        cut(&world).await;
        because("database")
    })
    .await;
    way.reopen();
    until("it is ready again", async || ready()).await;
    tasks.stop();
    tasks.drained().await;
    assert!(because("left its group"));
    assert_eq!(tasks.failure(), None);
}
