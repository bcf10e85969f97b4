//! A fold in leaps is the fold day by day: random days, all kinds of memory, cut anywhere.

use proptest::prelude::*;

use super::*;
use crate::rule::Pack;

/// Rules by what they remember.
const MEMORIES: [&str; 7] = [
    "",
    ", cooldown-days: 3",
    ", expires-after-days: 4",
    ", clears-when: tardy > 0",
    ", clears-when: tardy > 0, cooldown-days: 2",
    ", clears-when: tardy > 0, expires-after-days: 5, cooldown-days: 6",
    ", expires-after-days: 0, cooldown-days: 1",
];

fn rule(memory: usize) -> Rule {
    let yaml = format!(
        "{{id: p, version: 1, rules: [{{id: r, version: 1, title: t, meaning: m, scope: school-year, opens-when: absent > 0, \
         level: absent, severity: {{1: notice}}, settle-seconds: 0, audience: a, evidence: absences, explanation: e, clears: c, \
         source: s{}}}]}}",
        MEMORIES[memory]
    );
    Pack::parse(&yaml).unwrap_or_else(|error| panic!("{error}")).rules.remove(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn leaps_come_to_what_each_day_comes_to(
        memory in 0..MEMORIES.len(),
        days in prop::collection::vec((any::<bool>(), any::<bool>()), 1..90),
        cut in any::<prop::sample::Index>(),
    ) {
        let rule = rule(memory);
        let dates: Vec<Date> = (0..).map(|at| Date::from_days(19_000 + at).unwrap()).take(days.len()).collect();
        let opens: Bits = (0..days.len()).filter(|at| days[*at].0).collect();
        let clears: Bits = match &rule.clears_when {
            Some(_) => (0..days.len()).filter(|at| days[*at].1).collect(),
            None => !opens,
        };
        let level = |at: usize| i64::try_from(at).unwrap();
        let said = |at: usize| {
            Some(Said { level: opens.contains(at).then(|| level(at)), clears: clears.contains(at) && !opens.contains(at) })
        };
        let course = Course::fold(&rule, &dates, said);
        let cut = cut.index(days.len());
        let said_on = SaidOn { opens, clears };
        let before = State::FIRST.through(&rule, 0..cut, said_on, &level);
        prop_assert_eq!(before, cut.checked_sub(1).map_or(State::FIRST, |last| course.states[last]));
        let last = before.through(&rule, cut..days.len(), said_on, &level);
        prop_assert_eq!(Some(&last), course.states.last());
    }
}
