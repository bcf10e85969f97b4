//! What the service says to a probe.

use homeroom_chassis::component::Readiness;
use tokio::time::{Duration, Instant, sleep};

use crate::world::{SOON, World};

async fn until_ready(world: &World) {
    let deadline = Instant::now() + SOON;
    while !matches!((world.ready)(), Readiness::Ready) {
        assert!(Instant::now() < deadline, "the service does not get ready");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_service_is_not_ready_while_its_database_is_away() {
    let world = World::start().await;
    until_ready(&world).await;
    let mut admin = world.database.admin().await;
    let away = "do $$ begin execute format('revoke connect on database %I from public, homeroom_notification', current_database()); end $$";
    sqlx::raw_sql(away).execute(&mut admin).await.unwrap();
    let end = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()";
    // Again and again: a connection that was being made at the first time is not ended by it.
    let deadline = Instant::now() + SOON;
    while matches!((world.ready)(), Readiness::Ready) {
        assert!(Instant::now() < deadline, "the service stays ready");
        sqlx::raw_sql(end).execute(&mut admin).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    let back = "do $$ begin execute format('grant connect on database %I to public', current_database()); end $$";
    sqlx::raw_sql(back).execute(&mut admin).await.unwrap();
    until_ready(&world).await;
}
