//! Lead: how many days lie between a student's first flag and the date on which the outcome was settled.

use std::collections::BTreeMap;

/// How often each number of days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Leads(BTreeMap<i32, u32>);

/// What leads come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    /// Flagged students whose outcome came to be.
    pub students: u32,
    /// Those flagged before the date; none of a group, of which few may have been.
    pub in_time: Option<u32>,
    /// Of all of them, in calendar days, by nearest rank; below zero when the flag came after the date.
    pub quartile: i32,
    /// The same: half have at most so many.
    pub median: i32,
    /// The same: three quarters have at most so many.
    pub upper_quartile: i32,
}

impl Leads {
    pub(crate) fn add(&mut self, days: i32) {
        *self.0.entry(days).or_default() += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (days, students) in &other.0 {
            *self.0.entry(*days).or_default() += students;
        }
    }

    /// None of nobody.
    pub(crate) fn told(&self) -> Option<Lead> {
        let students = self.0.values().sum();
        let (&last, _) = self.0.last_key_value()?;
        let at = |quarters: u64| {
            // The rank of nearest rank: the least that is at least the share.
            let rank = (u64::from(students) * quarters).div_ceil(4);
            let mut passed = 0;
            let reached = |&(_, &many): &(&i32, &u32)| {
                passed += u64::from(many);
                passed >= rank
            };
            self.0.iter().find(reached).map_or(last, |(&days, _)| days)
        };
        let in_time = self.0.range(1..).map(|(_, many)| many).sum();
        Some(Lead { students, in_time: Some(in_time), quartile: at(1), median: at(2), upper_quartile: at(3) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_by_nearest_rank() {
        let of = |days: &[i32]| {
            let mut leads = Leads::default();
            for days in days {
                leads.add(*days);
            }
            leads.told().map(|lead| (lead.quartile, lead.median, lead.upper_quartile, lead.in_time.unwrap()))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[5]), Some((5, 5, 5, 1)));
        assert_eq!(of(&[40, -3, 10, 0]), Some((-3, 0, 10, 2)));
        assert_eq!(of(&[1, 2, 3, 4, 5, 6, 7]), Some((2, 4, 6, 7)));
    }
}
