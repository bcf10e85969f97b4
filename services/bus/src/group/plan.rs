//! The fair split of partitions among members, decided by each member alone from what all of them see.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::topic::Partition;

/// What a member shall take and let go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) take: BTreeSet<Partition>,
    pub(crate) release: BTreeSet<Partition>,
}

/// The share of `me`: every member has the same number, or one more. Partitions stay where they are as far as that allows: of
/// the members, those that have most already keep the odd ones.
pub(crate) fn plan(me: Uuid, members: &BTreeSet<Uuid>, claims: &BTreeMap<Partition, Uuid>, partitions: i32) -> Plan {
    let mine: BTreeSet<Partition> = claims.iter().filter(|(_, owner)| **owner == me).map(|(p, _)| *p).collect();
    let share = share(me, members, claims, partitions);
    if mine.len() > share {
        // The highest numbers go, so that two looks at the same state say the same.
        return Plan { take: BTreeSet::new(), release: mine.into_iter().skip(share).collect() };
    }
    let free = (0..partitions).map(Partition).filter(|partition| !claims.contains_key(partition));
    Plan { take: free.take(share - mine.len()).collect(), release: BTreeSet::new() }
}

fn share(me: Uuid, members: &BTreeSet<Uuid>, claims: &BTreeMap<Partition, Uuid>, partitions: i32) -> usize {
    let partitions = usize::try_from(partitions).unwrap_or(0);
    let count = members.len().max(1);
    let held = |member: &Uuid| claims.values().filter(|owner| *owner == member).count();
    let mut order: Vec<Uuid> = members.iter().copied().collect();
    order.sort_by_key(|member| (std::cmp::Reverse(held(member)), *member));
    let place = order.iter().position(|member| *member == me).unwrap_or(count);
    partitions / count + usize::from(place < partitions % count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    /// Lets all members act in turn until nobody has anything to do.
    fn settle(members: &BTreeSet<Uuid>, claims: &mut BTreeMap<Partition, Uuid>, partitions: i32) -> usize {
        let mut moves = 0;
        loop {
            let before = moves;
            for me in members {
                let plan = plan(*me, members, claims, partitions);
                moves += plan.take.len() + plan.release.len();
                claims.retain(|partition, _| !plan.release.contains(partition));
                claims.extend(plan.take.into_iter().map(|partition| (partition, *me)));
            }
            if moves == before {
                return moves;
            }
        }
    }

    #[test]
    fn a_lone_member_takes_everything() {
        let me = member(1);
        let plan = plan(me, &[me].into(), &BTreeMap::new(), 3);
        assert_eq!(plan.take.len(), 3);
    }

    #[test]
    fn every_number_of_members_ends_in_a_fair_split() {
        for partitions in [1, 4, 12, 13] {
            for count in 1..=15 {
                let members: BTreeSet<Uuid> = (1..=count).map(member).collect();
                let mut claims = BTreeMap::new();
                settle(&members, &mut claims, partitions);
                assert_eq!(i32::try_from(claims.len()), Ok(partitions));
                let sizes = members.iter().map(|m| claims.values().filter(|o| *o == m).count());
                let (least, most) = (sizes.clone().min(), sizes.max());
                assert!(most.unwrap() - least.unwrap() <= 1, "{partitions} partitions, {count} members");
            }
        }
    }

    #[test]
    fn a_joiner_is_given_only_its_share_and_nothing_else_moves() {
        let mut members: BTreeSet<Uuid> = [member(2), member(3)].into();
        let mut claims = BTreeMap::new();
        settle(&members, &mut claims, 12);
        members.insert(member(1));
        assert_eq!(settle(&members, &mut claims, 12), 8, "four released, four taken");
    }
}
