//! Which students of a district are one: pure.

use std::collections::HashMap;

use homeroom_domain::id::StudentKey;

/// The most merges of one district: a tenth of the students of the largest one.
pub const MAX_MERGES: usize = 100_000;

/// For whom the records of each student of one district count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crosswalk {
    into: HashMap<StudentKey, StudentKey>,
}

/// Whose a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whose {
    /// For whom it counts.
    pub student: StudentKey,
    /// As whom it was sent, when that is another.
    pub sent_as: Option<StudentKey>,
}

/// Why two students cannot be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is only one.
    #[error("both ids are the same")]
    Same,
    /// The first is merged into another one.
    #[error("the student is merged into another one; split them first")]
    MergedElsewhere,
    /// The second is merged into the first, perhaps by way of others.
    #[error("the other student is merged into this one already")]
    Cycle,
    /// The district has as many as there may be.
    #[error("the district has {MAX_MERGES} merges, which is the most there may be")]
    TooMany,
}

/// What a request to merge comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// They are to be merged.
    Merge,
    /// They are merged.
    AlreadySo,
}

impl Crosswalk {
    /// The crosswalk of these merges, each from a student into another.
    pub fn of(merges: impl IntoIterator<Item = (StudentKey, StudentKey)>) -> Self {
        Self { into: merges.into_iter().collect() }
    }

    /// For whom the records of a student count: for the student, unless merged.
    pub fn resolve(&self, student: StudentKey) -> StudentKey {
        let mut found = student;
        // No cycle is let in; were there one, this would still end.
        for _ in 0..self.into.len() {
            match self.into.get(&found) {
                Some(into) => found = *into,
                None => break,
            }
        }
        found
    }

    /// Whose a record is that was sent as this student.
    pub fn whose(&self, sent_as: StudentKey) -> Whose {
        let student = self.resolve(sent_as);
        Whose { student, sent_as: (student != sent_as).then_some(sent_as) }
    }

    /// Who counts as somebody else by way of this student, and the student: a split or merge of it moves them all.
    pub fn behind(&self, student: StudentKey) -> Vec<StudentKey> {
        let passes = |from: &StudentKey| {
            let mut found = *from;
            for _ in 0..self.into.len() {
                match self.into.get(&found) {
                    Some(into) if *into == student => return true,
                    Some(into) => found = *into,
                    None => return false,
                }
            }
            false
        };
        let mut behind: Vec<_> = self.into.keys().copied().filter(passes).collect();
        behind.sort_unstable();
        behind.push(student);
        behind
    }

    /// Whether a student may be merged into another.
    pub fn decide(&self, from: StudentKey, into: StudentKey) -> Result<Decision, Refusal> {
        match self.into.get(&from) {
            _ if from == into => Err(Refusal::Same),
            Some(known) if *known == into => Ok(Decision::AlreadySo),
            Some(_) => Err(Refusal::MergedElsewhere),
            None if self.resolve(into) == from => Err(Refusal::Cycle),
            None if self.into.len() >= MAX_MERGES => Err(Refusal::TooMany),
            None => Ok(Decision::Merge),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn student(number: u8) -> StudentKey {
        StudentKey::new([number; 16])
    }

    fn crosswalk(merges: &[(u8, u8)]) -> Crosswalk {
        Crosswalk::of(merges.iter().map(|(from, into)| (student(*from), student(*into))))
    }

    #[test]
    fn a_chain_leads_to_its_end_and_others_stay_who_they_are() {
        let crosswalk = crosswalk(&[(1, 2), (2, 3)]);
        assert_eq!([1, 2, 3, 4].map(|it| crosswalk.resolve(student(it))), [3, 3, 3, 4].map(student));
        assert_eq!(crosswalk.whose(student(1)), Whose { student: student(3), sent_as: Some(student(1)) });
        assert_eq!(crosswalk.whose(student(3)), Whose { student: student(3), sent_as: None });
        assert_eq!(crosswalk.behind(student(2)), [1, 2].map(student));
        assert_eq!(crosswalk.behind(student(1)), [student(1)]);
    }

    #[test]
    fn what_would_have_no_end_is_refused_and_what_is_so_stays_so() {
        let crosswalk = crosswalk(&[(1, 2), (2, 3)]);
        let decide = |from, into| crosswalk.decide(student(from), student(into));
        assert_eq!(decide(1, 2), Ok(Decision::AlreadySo));
        assert_eq!(decide(1, 3), Err(Refusal::MergedElsewhere));
        assert_eq!(decide(3, 1), Err(Refusal::Cycle));
        assert_eq!(decide(3, 2), Err(Refusal::Cycle));
        assert_eq!(decide(4, 4), Err(Refusal::Same));
        assert_eq!(decide(3, 4), Ok(Decision::Merge));
        assert_eq!(decide(4, 1), Ok(Decision::Merge));
    }
}
