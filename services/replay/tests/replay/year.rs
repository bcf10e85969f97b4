//! The short way and the long way see the same.

use homeroom_replay::Plan;
use proptest::prelude::*;

use crate::district::{DAYS, day, look, pack, student, view};

const RULES: [&str; 6] = [
    "absent >= 300",
    "streak >= 2",
    "tier >= 1",
    "absent_last_10_school_days >= 200 && absent_last_10_school_days < 500",
    "absent_this_calendar_month * 4 > absent",
    "unexplained_absence_today || absent_mondays >= 200",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_year_of_whole_days_opens_what_the_rules_own_history_does(
        absent in proptest::collection::btree_set(1..=DAYS, 0..20),
        since in 1..20,
        minimum in 0_u32..15,
    ) {
        let rules: Vec<(String, &str)> = RULES.iter().enumerate().map(|(n, rule)| (format!("rule-{n}"), *rule)).collect();
        let rules: Vec<(&str, &str)> = rules.iter().map(|(id, rule)| (id.as_str(), *rule)).collect();
        let mut short = pack("short", &rules);
        for rule in &mut short.rules {
            rule.minimum_days = minimum;
        }
        let mut long = short.clone();
        for rule in &mut long.rules {
            // Longer than the year: it is never up, and takes the long way.
            rule.expires_after_days = Some(300);
        }
        let plan = |pack| Plan::new(vec![pack], (day(1), day(DAYS)), None, None, Vec::new()).unwrap();
        let absent: Vec<i32> = absent.into_iter().filter(|day| *day >= since).collect();
        let (view, student) = (view(), student("1", since, &absent));
        prop_assert_eq!(look(&plan(short), &view, &student), look(&plan(long), &view, &student));
    }
}
