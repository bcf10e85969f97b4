//! The first rules in plain code, with the one bound that generated worlds move, and one rule more in some of them.

use std::collections::BTreeMap;

use homeroom_domain::date::Date;
use homeroom_domain::rule::DEFAULT_PACK;

use crate::model::oracle::Row;

/// The rules in force: those that are shipped, with a bound of their own for the streak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Days absent in a row that the streak's rule asks for; also the rule's version, so that another bound is another version.
    pub streak: u32,
    /// Whether there is a rule on missing work too. It names a measure that is not kept, so that nobody's running count goes on.
    pub work: bool,
    /// Whether there is a rule with a memory too.
    pub memory: bool,
    /// Whether what the streak's rule has told stays open when another version of it does not claim it.
    pub keep: bool,
}

/// A rule that holds for a student: its id and the level it grades.
pub type Claims = BTreeMap<&'static str, i64>;

/// The rule whose episodes are single days.
pub const OF_A_DAY: &str = "unexplained-absence";
/// The rules of attendance over the year, whose marks have dates. Grades and gradebooks have none, so nobody can tell since when they
/// have said what they say; nor is what was of a single day told later.
pub const OF_DATED_FACTS: [&str; 3] = ["attendance-tier", STREAK, QUARTER];
const STREAK: &str = "absence-streak";
const KEEP: &str = "on-change: keep\n    ";
const WORK: &str = "missing-work";
/// The rule that remembers.
pub const QUARTER: &str = "quarter-missed";

/// A rule that remembers: it opens at a quarter missed, clears below a sixth, knows when it has been open for long enough, and asks for
/// a letter by a date.
const QUARTER_RULE: &str = r#"
  - id: quarter-missed
    version: 1
    title: A quarter missed
    meaning: A quarter of the days so far was missed, and it has not become less than a sixth since.
    scope: school-year
    opens-when: absent * 4 >= enrolled
    clears-when: absent * 6 < enrolled
    minimum-days: 3
    cooldown-days: 1
    expires-after-days: 5
    level: absent * 4 / enrolled
    severity: {1: notice}
    settle-seconds: 0
    audience: success-team
    evidence: absences
    explanation: "{absent} of {enrolled} days."
    clears: "Less than a sixth."
    source: "Of generated worlds"
    duties: [{what: A letter, within-days: 2, source: Of generated worlds}]
"#;
/// Days after it opened on which its duty is due.
const DUE_AFTER_DAYS: i32 = 2;
const MINIMUM_DAYS: i64 = 3;
const COOLDOWN_DAYS: usize = 1;
const EXPIRES_AFTER_DAYS: usize = 5;

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
            .replace("opens-when: streak >= 3", &format!("{}opens-when: streak >= {}", self.on_change(), self.streak));
        let mut yaml = first.trim_end().to_owned();
        for (is_there, rule) in [(self.work, WORK_RULE), (self.memory, QUARTER_RULE)] {
            if is_there {
                yaml += rule.trim_end();
            }
        }
        yaml + "\n"
    }

    /// What a pack says; none when it is not sound.
    pub fn read(yaml: &str) -> Option<Self> {
        let bound = yaml.split("opens-when: streak >= ").nth(1)?.split_whitespace().next()?;
        let has = |rule: &str| yaml.contains(&format!("id: {rule}"));
        Some(Self { streak: bound.parse().ok()?, work: has(WORK), memory: has(QUARTER), keep: yaml.contains(KEEP) })
    }

    fn on_change(self) -> &'static str {
        if self.keep { KEEP } else { "" }
    }

    /// Whether an alert that a version of a rule has told stays open, whatever the facts are, because that is no version of now.
    pub fn keeps(self, rule: &str, version: u32) -> bool {
        self.keep && rule == STREAK && version != self.version(rule)
    }

    /// The version of a rule.
    pub fn version(self, rule: &str) -> u32 {
        if rule == STREAK { self.streak } else { 1 }
    }

    /// What the rules say of a student with these measures, so many missing assignments, and these counted days: what was missed of
    /// each, and what it was worth.
    pub fn claims(
        self,
        row: &Row,
        missing_work: impl FnOnce() -> i64,
        days: impl FnOnce() -> Vec<(i64, i64)>,
    ) -> Claims {
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
        if self.memory
            && let Some((_, level)) = quarter_missed(&days())
        {
            claims.insert(QUARTER, level);
        }
        claims
    }

    /// When the letter is due that the rule that remembers asks for; none when it is closed at the close of the last of these days.
    pub fn due_on(self, days: &[(i64, i64)], dates: &[Date]) -> Option<Date> {
        let (since, _) = quarter_missed(days).filter(|_| self.memory)?;
        Date::from_days(dates.get(since)?.days() + DUE_AFTER_DAYS).ok()
    }
}

/// Since which day the rule that remembers is open at the close of the last of these days, and its level; none when it is closed.
fn quarter_missed(days: &[(i64, i64)]) -> Option<(usize, i64)> {
    let (mut absent, mut enrolled) = (0, 0);
    // The day on which it opened, and its level.
    let mut open: Option<(usize, i64)> = None;
    let mut closed_on: Option<usize> = None;
    let mut waits_for_a_day_without = false;
    for (today, (missed, worth)) in days.iter().enumerate() {
        absent += missed;
        enrolled += worth;
        let level = (absent * 4 >= enrolled && enrolled >= MINIMUM_DAYS * 100).then(|| absent * 4 / enrolled);
        let rested = closed_on.is_none_or(|closed| today > closed + COOLDOWN_DAYS);
        if let Some((since, last)) = open {
            let is_old = today - since >= EXPIRES_AFTER_DAYS;
            let is_over = level.is_none() && absent * 6 < enrolled;
            if is_old || is_over {
                (open, closed_on, waits_for_a_day_without) = (None, Some(today), level.is_some());
            } else {
                open = Some((since, level.unwrap_or(last)));
            }
        } else if waits_for_a_day_without {
            waits_for_a_day_without = level.is_some();
        } else if rested {
            open = level.map(|level| (today, level));
        }
    }
    open
}
