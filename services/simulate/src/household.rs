//! Who lives with whom: it follows from a student's number.

use crate::chance::Purpose;
use crate::district::{District, GRADES};

/// How many students in a row share households.
pub(crate) const BLOCK: u32 = 12;
/// How a block's students live together: sizes of households, each row adds up to a block.
const HOUSEHOLDS: [&[u32]; 5] = [
    &[1, 2, 3, 1, 2, 1, 2],
    &[2, 2, 1, 1, 3, 3],
    &[1, 1, 2, 4, 1, 2, 1],
    &[2, 1, 2, 1, 1, 2, 3],
    &[1, 1, 1, 2, 2, 2, 3],
];
/// Who lives together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Household {
    /// The number of its first student, which is its own.
    pub(crate) first: u32,
    /// The student's place in it.
    pub(crate) place: u32,
}

impl District {
    /// With whom a student lives.
    pub(crate) fn household(&self, student: u32) -> Household {
        let block = student / BLOCK;
        let sizes = HOUSEHOLDS[self.chance(Purpose::Households, &[u64::from(block)]).index(HOUSEHOLDS.len())];
        let mut first = block * BLOCK;
        for size in sizes {
            if student < first + size {
                break;
            }
            first += size;
        }
        Household { first, place: student - first }
    }

    /// The grade of a student, counted from kindergarten: siblings are years apart.
    pub(crate) fn grade(&self, household: Household) -> u32 {
        let mut chance = self.chance(Purpose::Household, &[u64::from(household.first)]);
        let eldest = chance.below(GRADES);
        (0..household.place).fold(eldest, |grade, _| (grade + GRADES - chance.among(1, 3)) % GRADES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn households_are_whole_and_siblings_are_years_apart() {
        assert!(HOUSEHOLDS.iter().all(|sizes| sizes.iter().sum::<u32>() == BLOCK));
        let district = District::new(1_200, 3, 2025).unwrap();
        for student in 0..1_200 {
            let household = district.household(student);
            assert_eq!(household.first + household.place, student);
            let eldest = Household { place: 0, ..household };
            assert!(household.place == 0 || district.grade(household) != district.grade(eldest));
        }
    }
}
