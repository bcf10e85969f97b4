//! Spells at schools: late entries, transfers, withdrawals that are recorded late, returns, and those who never came.

use crate::calendar::{DAYS, Day};
use crate::chance::{Chance, Purpose};
use crate::district::{District, School};

/// A stay at a school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spell {
    /// Index of the school.
    pub(crate) school: usize,
    /// Index of the first taught day.
    pub(crate) entry: usize,
    /// An Ed-Fi entry type.
    pub(crate) entry_type: &'static str,
    /// When the enrollment is sent.
    pub(crate) said_on: Day,
    /// How it ends before the year does.
    pub(crate) exit: Option<Exit>,
}

/// The end of a stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    /// Index of the last taught day that counts; that of the entry for whoever never came.
    pub(crate) last: usize,
    /// An Ed-Fi withdrawal type.
    pub(crate) withdrawal: &'static str,
    /// Index of the taught day on which it is recorded: until then the student is marked absent.
    pub(crate) recorded: usize,
}

impl Spell {
    /// Index of the last day of the stay.
    pub(crate) fn last(&self) -> usize {
        self.exit.as_ref().map_or(DAYS - 1, |exit| exit.last)
    }

    /// Whether the student came at all.
    pub(crate) fn came(&self) -> bool {
        self.exit.as_ref().is_none_or(|exit| exit.withdrawal != NO_SHOW)
    }

    /// Whether a taught day counts.
    pub(crate) fn covers(&self, index: usize) -> bool {
        self.came() && (self.entry..=self.last()).contains(&index)
    }
}

const NO_SHOW: &str = "No show";

/// What happens to a student's enrollment in a year.
#[derive(Clone, Copy)]
enum Course {
    Stays,
    NeverComes,
    ComesLate,
    Leaves,
    Transfers,
    Returns,
}

/// How many of a thousand students it happens to.
const COURSES: [(u32, Course); 6] = [
    (855, Course::Stays),
    (10, Course::NeverComes),
    (40, Course::ComesLate),
    (35, Course::Leaves),
    (50, Course::Transfers),
    (10, Course::Returns),
];

/// A student's year.
pub(crate) fn spells(district: &District, student: u32, school: &School) -> Vec<Spell> {
    let mut chance = district.chance(Purpose::Enrollment, &[u64::from(student)]);
    let mut first = Spell {
        school: school.index,
        entry: 0,
        entry_type: "Next year school",
        said_on: district.opening(),
        exit: None,
    };
    match chance.weighted(&COURSES, Course::Stays) {
        Course::Stays => vec![first],
        Course::NeverComes => {
            first.exit = Some(Exit { last: 0, withdrawal: NO_SHOW, recorded: chance.among(8, 12) as usize });
            vec![first]
        }
        Course::ComesLate => vec![spell(district, school, chance.among(3, 150) as usize, "New to education system")],
        Course::Leaves => {
            first.exit = Some(leave(&mut chance, "Withdrawn"));
            vec![first]
        }
        Course::Transfers => transfer(district, first, school, &mut chance),
        Course::Returns => {
            let exit = Exit { last: chance.among(20, 90) as usize, ..leave(&mut chance, "Withdrawn") };
            let back = exit.last + chance.among(15, 50) as usize;
            first.exit = Some(Exit { recorded: exit.last + 4, ..exit });
            vec![first, spell(district, school, back, "Re-entry")]
        }
    }
}

fn transfer(district: &District, mut first: Spell, school: &School, chance: &mut Chance) -> Vec<Spell> {
    let mut exit = leave(chance, "Transferred");
    let Some(other) = district.other_school(school, chance) else {
        first.exit = Some(exit);
        return vec![first];
    };
    // Most come the next day; then the old school hears of it on that day.
    let gap = if chance.percent(70) { 1 } else { chance.among(2, 6) as usize };
    exit.recorded = exit.last + gap;
    let second = spell(district, other, exit.last + gap, "Transfer");
    first.exit = Some(exit);
    vec![first, second]
}

fn spell(district: &District, school: &School, entry: usize, entry_type: &'static str) -> Spell {
    Spell { school: school.index, entry, entry_type, said_on: district.calendar.at(entry), exit: None }
}

/// Two in five withdrawals are recorded within a day, the others up to two weeks late.
fn leave(chance: &mut Chance, withdrawal: &'static str) -> Exit {
    let last = chance.among(15, 150) as usize;
    let late = if chance.percent(40) { 1 } else { chance.among(3, 10) as usize };
    Exit { last, withdrawal, recorded: last + late }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_student_is_at_one_school_at_a_time() {
        let district = District::new(5_000, 5, 2025).unwrap();
        let mut moved = 0;
        for student in 0..5_000 {
            let grade = district.grade(district.household(student));
            let spells = spells(&district, student, district.school_of(student, grade));
            moved += usize::from(spells.len() == 2);
            assert!(spells.windows(2).all(|two| two[0].last() < two[1].entry));
            assert!(spells.iter().all(|spell| spell.last() < DAYS));
        }
        assert!((200..450).contains(&moved), "{moved}");
    }
}
