//! Where the time of the machine's cores goes, which all parts of a world share.

use anyhow::Result;

use crate::machine;
use crate::world::{Role, World};

/// Seconds of CPU that each part has used.
pub(crate) struct Spent(Vec<(&'static str, f64)>);

impl Spent {
    /// From the beginning until now.
    pub(crate) fn so_far(world: &World) -> Result<Self> {
        let parts = [
            ("ingestion", world.usage(Role::Ingestion)?),
            ("rules", world.usage(Role::Rules)?),
            ("notification", world.usage(Role::Notification)?),
            ("PostgreSQL, all", world.postgres_usage()),
            ("PostgreSQL, rules", world.postgres_usage_of(Role::Rules)),
            ("PostgreSQL, notification", world.postgres_usage_of(Role::Notification)),
            ("the broker", world.broker_usage()),
            ("this program", machine::usage_of_this()),
        ];
        Ok(Self(parts.into_iter().map(|(name, usage)| (name, usage.cpu_seconds)).collect()))
    }

    /// What was used since an earlier moment.
    pub(crate) fn since(&self, before: &Self) -> impl Iterator<Item = (&'static str, f64)> {
        self.0.iter().zip(&before.0).map(|((name, after), (_, before))| (*name, after - before))
    }
}
