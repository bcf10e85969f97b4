//! The baseline: the workload's own job, folded by hand over flat arrays. It knows one rule set, one school, one source and no
//! calendar, keeps no keys and explains nothing; it is what the machine can do.

use crate::workload::{Case, Code, Mark};

/// Days marked so far, and what stands for each student.
pub(super) struct Fold {
    days: usize,
    codes: Vec<u8>,
    revisions: Vec<u32>,
    standing: Vec<Standing>,
    /// Alerts by kind: tier, streak raised, streak recalled, same-day raised, same-day recalled.
    pub(super) alerts: [u64; 5],
}

#[derive(Clone, Default)]
struct Standing {
    as_of: u8,
    enrolled: u8,
    absent: u8,
    tier: u8,
    streak: u8,
}

const NEVER: u8 = 255;

impl Fold {
    pub(super) fn new(case: Case, days: usize) -> Self {
        let students = usize::try_from(case.students).unwrap_or(usize::MAX);
        Self {
            days,
            codes: vec![NEVER; students * days],
            revisions: vec![0; students * days],
            standing: vec![Standing::default(); students],
            alerts: [0; 5],
        }
    }

    /// Takes an event in.
    pub(super) fn apply(&mut self, mark: Mark) {
        let (student, day) = (index(mark.student), index(mark.day));
        let at = student * self.days;
        let revision = u32::try_from(mark.revision).unwrap_or(u32::MAX);
        if self.revisions[at + day] >= revision {
            return;
        }
        let before = self.codes[at + day];
        self.codes[at + day] = mark.code as u8;
        self.revisions[at + day] = revision;
        let standing = &mut self.standing[student];
        let old_as_of = usize::from(standing.as_of);
        let as_of = old_as_of.max(day);
        let was_absent = before == Code::Unexcused as u8 || before == Code::Excused as u8;
        let is_absent = matches!(mark.code, Code::Unexcused | Code::Excused);
        standing.as_of = narrow(as_of);
        standing.enrolled = narrow(as_of + 1);
        standing.absent = standing.absent + u8::from(is_absent) - u8::from(was_absent);
        let (old_tier, old_streak) = (standing.tier, standing.streak);
        standing.tier = tier(standing.absent, as_of + 1);
        standing.streak = streak(&self.codes[at..=at + as_of]);
        self.alerts[0] += u64::from(standing.tier != old_tier);
        self.alerts[1] += u64::from(standing.streak >= 3 && old_streak < 3);
        self.alerts[2] += u64::from(standing.streak < 3 && old_streak >= 3 && day <= old_as_of);
        if day == as_of {
            self.alerts[3] += u64::from(is_absent && !was_absent);
            self.alerts[4] += u64::from(was_absent && !is_absent);
        }
    }

    /// Students by tier.
    pub(super) fn tiers(&self) -> [u64; 4] {
        let mut tiers = [0; 4];
        for standing in &self.standing {
            tiers[usize::from(standing.tier)] += 1;
        }
        tiers
    }
}

fn tier(absent: u8, enrolled: usize) -> u8 {
    let share = usize::from(absent) * 100;
    u8::from(share >= 5 * enrolled) + u8::from(share >= 10 * enrolled) + u8::from(share >= 20 * enrolled)
}

/// Back from the last day: unexcused days count, unmarked and withdrawn ones are skipped, anything else stops.
fn streak(codes: &[u8]) -> u8 {
    let mut streak = 0;
    for &code in codes.iter().rev() {
        if code == Code::Unexcused as u8 {
            streak += 1;
        } else if code != NEVER && code != Code::Withdrawn as u8 {
            break;
        }
    }
    streak
}

fn index(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn narrow(value: usize) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}
