//! Two districts with live alerts in one Homeroom: what each is told, what the database's roles see, what errors repeat.

use anyhow::Result;
use homeroom_harness::homeroom::Options;
use homeroom_security::school::{HERON, KESTREL};
use homeroom_security::{Caller, World};

use crate::neighbours::{each_district_gets_only_its_own, settle_in, teams};
use crate::rows::each_role_sees_the_districts_it_names_and_its_own_schema;
use crate::secrets::a_database_password_is_in_no_error;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_districts_share_a_machine_and_nothing_else() -> Result<()> {
    let world = World::start(Options { teams: Some(teams()), ..Options::default() }).await?;
    let ours = settle_in(&world, Caller::Owner, world.homeroom.edfi().await?, &KESTREL).await?;
    let theirs = settle_in(&world, Caller::Neighbour, world.neighbours_edfi().await?, &HERON).await?;
    each_role_sees_the_districts_it_names_and_its_own_schema(&world).await?;
    each_district_gets_only_its_own(&world, &ours, &theirs).await?;
    tokio::task::spawn_blocking(move || a_database_password_is_in_no_error(&world.homeroom)).await?
}
