//! The first rules in plain code, with the one bound that generated worlds move.

use std::collections::BTreeMap;

use homeroom_domain::rule::DEFAULT_PACK;

use crate::model::oracle::Row;

/// The rules in force: those that are shipped, with a bound of their own for the streak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Days absent in a row that the streak's rule asks for; also the rule's version, so that another bound is another version.
    pub streak: u32,
}

/// A rule that holds for a student: its id and the level it grades.
pub type Claims = BTreeMap<&'static str, i64>;

/// The rule whose episodes are single days.
pub const OF_A_DAY: &str = "unexplained-absence";
const STREAK: &str = "absence-streak";

impl Rules {
    /// The pack as its author writes it.
    pub fn yaml(self) -> String {
        let version = format!("id: absence-streak\n    version: {}", self.streak);
        DEFAULT_PACK
            .replace("id: absence-streak\n    version: 1", &version)
            .replace("opens-when: streak >= 3", &format!("opens-when: streak >= {}", self.streak))
    }

    /// What a pack says; none when it is not sound.
    pub fn read(yaml: &str) -> Option<Self> {
        let bound = yaml.split("opens-when: streak >= ").nth(1)?.split_whitespace().next()?;
        Some(Self { streak: bound.parse().ok()? })
    }

    /// The version of a rule.
    pub fn version(self, rule: &str) -> u32 {
        if rule == STREAK { self.streak } else { 1 }
    }

    /// What the rules say of a student with these measures.
    pub fn claims(self, row: &Row) -> Claims {
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
        claims
    }
}

#[cfg(test)]
mod tests {
    use homeroom_domain::rule::Pack;

    use super::*;

    #[test]
    fn a_pack_is_sound_and_reads_back() {
        let rules = Rules { streak: 2 };
        let pack = Pack::parse(&rules.yaml()).unwrap();
        assert!(pack.rules.iter().any(|rule| rule.id.as_str() == STREAK && rule.version == 2));
        assert_eq!(Rules::read(&rules.yaml()), Some(rules));
        assert_eq!(Rules::read("id: ["), None);
    }
}
