//! A school day on which marks come in: ingestion, rules and notification run, each in a process of its own, and a school
//! with its calendar is in force.

use anyhow::Result;
use homeroom_chassis::clock;
use tonic::transport::Channel;

use crate::options::Options;
use crate::target::{Doors, Target};
use crate::topic;
use crate::workload::Case;
use crate::workload::canonical::District;
use crate::world::{KEY, Role, SECRET, World};

/// The only school, with one calendar.
pub(crate) const SCHOOL: &str = "sch-0000";
/// The first of its instructional days; unless another is asked for, the twelfth is today. An absence of today is less than a tenth of
/// twelve days, so that it opens one alert: with ten it opened a second one, of much missed, which is not what is measured here.
pub(crate) const FIRST_DAY: &str = "2025-08-25";
/// Days before today: of these, and of no other, what is marked opens no alert of today.
pub(crate) const EARLIER_DAYS: [&str; 11] = [
    "2025-08-25",
    "2025-08-26",
    "2025-08-27",
    "2025-08-28",
    "2025-08-29",
    "2025-09-01",
    "2025-09-02",
    "2025-09-03",
    "2025-09-04",
    "2025-09-05",
    "2025-09-08",
];
/// With today.
const DAYS: u64 = 12;

/// Everything that runs, and a client of it.
pub(crate) struct SchoolDay {
    pub(crate) world: World,
    pub(crate) target: Target,
}

impl SchoolDay {
    /// Starts everything.
    pub(crate) async fn start(options: &Options, partitions: u32) -> Result<Self> {
        Self::start_on(options, partitions, DAYS).await
    }

    /// Starts everything on another instructional day of the year, counted from one.
    pub(crate) async fn start_on(options: &Options, partitions: u32, day: u64) -> Result<Self> {
        let mut world = World::start(options, partitions).await?;
        let district = District::new(Case::sized(1, day))?;
        topic::append_reference(&*world.log()?, &district.reference(clock::now())?).await?;
        for role in [Role::Ingestion, Role::Rules, Role::Notification] {
            world.start_role(role).await?;
        }
        let grpc = |role| -> Result<Channel> { Ok(Channel::from_shared(world.grpc(role)?)?.connect_lazy()) };
        let (rules, notification) = (grpc(Role::Rules)?, grpc(Role::Notification)?);
        let doors = Doors { ingestion: world.url(Role::Ingestion)?, rules, notification };
        let target = Target::new(doors, KEY, SECRET, SCHOOL)?;
        Ok(Self { world, target })
    }
}
