//! Who owned which partition when: read from what the rules processes said of it, and from when they were killed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::Timestamp;

use crate::world::{Role, World};

/// Said by a process that has a partition from now on.
pub const TOOK: &str = "took a partition";
const GAVE: &str = "gave a partition up";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happening {
    Took,
    /// Gave it up, or was killed.
    Lost,
}

/// How long partitions had no owner.
#[derive(Debug, Default)]
pub struct Ownership {
    /// Each time, with its partition and when it began.
    pub unowned: Vec<(Timestamp, i32, Duration)>,
}

impl Ownership {
    /// Of all rules processes so far.
    pub fn read(world: &World) -> Result<Self> {
        let mut by_partition: BTreeMap<i32, Vec<(Timestamp, Role, Happening)>> = BTreeMap::new();
        for role in Role::RULES {
            for line in world.said(role).lines() {
                let happening = match line {
                    line if line.contains(TOOK) => Happening::Took,
                    line if line.contains(GAVE) => Happening::Lost,
                    _ => continue,
                };
                let at = line.split_whitespace().next().unwrap_or_default().parse()?;
                by_partition.entry(partition(line)?).or_default().push((at, role, happening));
            }
        }
        let mut ownership = Self::default();
        for (number, mut happenings) in by_partition {
            happenings.extend(world.kills().iter().map(|&(at, role)| (at, role, Happening::Lost)));
            happenings.sort_by_key(|(at, ..)| *at);
            ownership.add(number, &happenings);
        }
        Ok(ownership)
    }

    fn add(&mut self, partition: i32, happenings: &[(Timestamp, Role, Happening)]) {
        let (mut owner, mut since) = (None, None);
        for &(at, role, happening) in happenings {
            match happening {
                Happening::Took => {
                    if let Some(since) = since.take() {
                        self.unowned.push((since, partition, at.duration_since(since).unsigned_abs()));
                    }
                    owner = Some(role);
                }
                Happening::Lost if owner == Some(role) => (owner, since) = (None, Some(at)),
                Happening::Lost => {}
            }
        }
    }

    /// The longest time that began between two moments, if a partition had no owner then.
    pub fn longest(&self, from: Timestamp, to: Timestamp) -> Option<(i32, Duration)> {
        let within = self.unowned.iter().filter(|(at, ..)| (from..=to).contains(at));
        within.map(|&(_, partition, time)| (partition, time)).max_by_key(|(_, time)| *time)
    }
}

fn partition(line: &str) -> Result<i32> {
    let after = line.rsplit_once("partition=").with_context(|| format!("no partition in `{line}`"))?.1;
    let number = after.split_whitespace().next().unwrap_or_default();
    number.parse().with_context(|| format!("`{number}` is no partition"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    #[test]
    fn a_partition_is_unowned_from_its_loss_until_somebody_takes_it() {
        use Happening::{Lost, Took};
        let mut ownership = Ownership::default();
        let happenings = [
            (at(0), Role::Rules, Took),
            (at(10), Role::SecondRules, Took),
            // It was fenced already: nothing is lost.
            (at(20), Role::Rules, Lost),
            (at(30), Role::SecondRules, Lost),
            (at(45), Role::Rules, Took),
        ];
        ownership.add(2, &happenings);
        assert_eq!(ownership.unowned, [(at(30), 2, Duration::from_millis(15))]);
        assert_eq!(ownership.longest(at(0), at(100)), Some((2, Duration::from_millis(15))));
        assert_eq!(ownership.longest(at(31), at(100)), None);
    }

    #[test]
    fn the_partition_is_read_from_what_was_said() {
        let line =
            "2026-11-25T17:46:24.6Z  INFO homeroom_rules::owner: took a partition partition=3 epoch=1 next_offset=0";
        assert_eq!(partition(line).unwrap(), 3);
    }
}
