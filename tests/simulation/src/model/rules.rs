//! The first rules in plain code, with the one bound that generated worlds move, and one rule more in some of them.

use std::collections::BTreeMap;

use homeroom_domain::rule::DEFAULT_PACK;

use crate::model::oracle::Row;

/// The rules in force: those that are shipped, with a bound of their own for the streak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Days absent in a row that the streak's rule asks for; also the rule's version, so that another bound is another version.
    pub streak: u32,
    /// Whether there is a rule on missing work too. It names a measure that is not kept, so that nobody's running count goes on.
    pub work: bool,
}

/// A rule that holds for a student: its id and the level it grades.
pub type Claims = BTreeMap<&'static str, i64>;

/// The rule whose episodes are single days.
pub const OF_A_DAY: &str = "unexplained-absence";
/// The rules of attendance over the year, whose marks have dates. Grades and gradebooks have none, so nobody can tell since when they
/// have said what they say; nor is what was of a single day told later.
pub const OF_DATED_FACTS: [&str; 2] = ["attendance-tier", STREAK];
const STREAK: &str = "absence-streak";
const WORK: &str = "missing-work";

/// A rule of coursework, which waits for assignments and sections.
const WORK_RULE: &str = r#"
  - id: missing-work
    version: 1
    title: Work that was not handed in
    meaning: Work of the student's sections was due, and was not handed in.
    scope: school-year
    opens-when: missing_work >= 1
    level: missing_work
    severity: {1: notice}
    settle-seconds: 0
    audience: success-team
    evidence: missing-work
    explanation: "{missing_work} assignments were not handed in."
    clears: "All of it handed in, or a corrected record."
    source: "Of generated worlds"
"#;

impl Rules {
    /// The pack as its author writes it.
    pub fn yaml(self) -> String {
        let version = format!("id: absence-streak\n    version: {}", self.streak);
        let first = DEFAULT_PACK
            .replace("id: absence-streak\n    version: 1", &version)
            .replace("opens-when: streak >= 3", &format!("opens-when: streak >= {}", self.streak));
        if self.work { first.trim_end().to_owned() + "\n" + WORK_RULE } else { first }
    }

    /// What a pack says; none when it is not sound.
    pub fn read(yaml: &str) -> Option<Self> {
        let bound = yaml.split("opens-when: streak >= ").nth(1)?.split_whitespace().next()?;
        Some(Self { streak: bound.parse().ok()?, work: yaml.contains("id: missing-work") })
    }

    /// The version of a rule.
    pub fn version(self, rule: &str) -> u32 {
        if rule == STREAK { self.streak } else { 1 }
    }

    /// What the rules say of a student with these measures, and so many missing assignments.
    pub fn claims(self, row: &Row, missing_work: impl FnOnce() -> i64) -> Claims {
        let mut claims = Claims::new();
        if let Some(tier @ 1..) = row.tier {
            claims.insert("attendance-tier", i64::from(tier));
        }
        if row.unexplained {
            claims.insert(OF_A_DAY, 1);
        }
        if row.streak >= i64::from(self.streak) {
            claims.insert(STREAK, 1 + row.streak / 5);
        }
        if row.failing_core > 0 {
            claims.insert("failing-core-course", row.failing_core);
        }
        if self.work
            && let missing @ 1.. = missing_work()
        {
            claims.insert(WORK, missing);
        }
        claims
    }
}

#[cfg(test)]
mod tests {
    use homeroom_domain::rule::Pack;

    use super::*;

    #[test]
    fn a_pack_is_sound_and_reads_back() {
        for work in [false, true] {
            let rules = Rules { streak: 2, work };
            let pack = Pack::parse(&rules.yaml()).unwrap();
            assert!(pack.rules.iter().any(|rule| rule.id.as_str() == STREAK && rule.version == 2));
            assert_eq!(pack.rules.iter().any(|rule| rule.id.as_str() == WORK), work);
            assert_eq!(Rules::read(&rules.yaml()), Some(rules));
        }
        assert_eq!(Rules::read("id: ["), None);
    }
}
