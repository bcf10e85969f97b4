//! What a grade is worth, as a district's data: letters, percent or the marks of a standards scale, in hundredths of a grade point.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A district's scale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GradeScale {
    /// Hundredths of a grade point by letter, in upper case. A letter that is not there counts in no average, such as a P.
    pub letters: BTreeMap<String, i64>,
    /// By numeric grade, in any order; below the least, a grade is worth nothing.
    pub numbers: Vec<Step>,
}

/// From a numeric grade on, a worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The least numeric grade, hundredths of a point.
    pub from: i64,
    /// What it is worth, hundredths of a grade point.
    pub points: i64,
}

/// Letters, the least percent of each, and their worth. Source: College Board, "How to Convert Your GPA to a 4.0 Scale".
const SHIPPED: [(&str, i64, i64); 12] = [
    ("A+", 97_00, 4_00),
    ("A", 93_00, 4_00),
    ("A-", 90_00, 3_70),
    ("B+", 87_00, 3_30),
    ("B", 83_00, 3_00),
    ("B-", 80_00, 2_70),
    ("C+", 77_00, 2_30),
    ("C", 73_00, 2_00),
    ("C-", 70_00, 1_70),
    ("D+", 67_00, 1_30),
    ("D", 65_00, 1_00),
    ("F", 0, 0),
];

impl Default for GradeScale {
    /// The unweighted scale of four points.
    fn default() -> Self {
        let more = [("D-", 70), ("E", 0), ("U", 0)];
        let letters = SHIPPED.iter().map(|(letter, _, points)| (*letter, *points)).chain(more);
        Self {
            letters: letters.map(|(letter, points)| (letter.to_owned(), points)).collect(),
            numbers: SHIPPED.iter().map(|(_, from, points)| Step { from: *from, points: *points }).collect(),
        }
    }
}

impl GradeScale {
    /// The same with its letters in upper case, as they are looked up.
    #[must_use]
    pub fn comparable(&self) -> Self {
        let letters = self.letters.iter().map(|(letter, points)| (letter.trim().to_uppercase(), *points)).collect();
        Self { letters, numbers: self.numbers.clone() }
    }

    /// What a grade is worth, hundredths of a grade point; the number wins over the letter. None of a grade that counts in no average.
    pub fn worth(&self, numeric: Option<i64>, letter: Option<&str>) -> Option<i64> {
        match (numeric, letter) {
            (Some(numeric), _) if !self.numbers.is_empty() => Some(self.of_number(numeric)),
            (_, Some(letter)) => self.of_letter(letter),
            _ => None,
        }
    }

    /// What a letter is worth, hundredths of a grade point; none of one that is not there.
    pub fn of_letter(&self, letter: &str) -> Option<i64> {
        self.letters.get(letter.trim().to_uppercase().as_str()).copied()
    }

    fn of_number(&self, numeric: i64) -> i64 {
        let reached = self.numbers.iter().filter(|step| step.from <= numeric);
        reached.max_by_key(|step| step.from).map_or(0, |step| step.points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_wins_and_bounds_are_inclusive() {
        let scale = GradeScale::default();
        assert_eq!(scale.worth(Some(93_00), Some("F")), Some(4_00));
        assert_eq!(scale.worth(Some(92_99), None), Some(3_70));
        assert_eq!(scale.worth(Some(64_99), None), Some(0));
        assert_eq!(scale.worth(None, Some(" b+ ")), Some(3_30));
        assert_eq!(scale.worth(None, Some("P")), None);
        assert_eq!(scale.worth(None, None), None);
    }

    #[test]
    fn a_standards_scale_is_a_scale() {
        let numbers = [(4_00, 4_00), (3_00, 3_00), (2_00, 2_00)].map(|(from, points)| Step { from, points }).to_vec();
        let scale = GradeScale { letters: BTreeMap::new(), numbers };
        assert_eq!(scale.worth(Some(3_50), None), Some(3_00));
        assert_eq!(scale.worth(Some(1_00), None), Some(0));
    }
}
