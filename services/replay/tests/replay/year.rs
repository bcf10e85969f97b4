//! The short way and the long way see the same.

use homeroom_domain::date::Date;
use homeroom_domain::rule::Pack;
use homeroom_replay::Outcome;
use homeroom_replay::{Plan, Seen};
use proptest::prelude::*;

use crate::district::{DAYS, day, evaluate, look, pack, student, view};

const RULES: [&str; 6] = [
    "absent >= 300",
    "streak >= 2",
    "tier >= 1",
    "absent_last_10_school_days >= 200 && absent_last_10_school_days < 500",
    "absent_this_calendar_month * 4 > absent",
    "unexplained_absence_today || absent_mondays >= 200",
];

/// The rules in two packs, all of which are told at once; or none is, since grades are no days.
fn packs(take_the_long_way: bool, remember: impl Fn(&mut Pack)) -> Vec<Pack> {
    let packs = RULES.chunks(4).zip(["one", "other"]).map(|(rules, id)| {
        let rule = |(at, rule): (usize, &&str)| {
            let opens_when = if take_the_long_way { format!("failing >= 0 && ({rule})") } else { (*rule).to_owned() };
            (format!("rule-{at}"), opens_when)
        };
        let rules: Vec<(String, String)> = rules.iter().enumerate().map(rule).collect();
        let rules: Vec<(&str, &str)> = rules.iter().map(|(id, rule)| (id.as_str(), rule.as_str())).collect();
        let mut pack = pack(id, &rules);
        remember(&mut pack);
        pack
    });
    packs.collect()
}

fn seen(packs: Vec<Pack>, to: Date, (since, absent): (i32, &[i32])) -> Option<Seen> {
    let plan = Plan::new(packs, (day(1), to), Some(Outcome::Chronic), None, Vec::new()).unwrap();
    let (view, student) = (view(), student("1", since, absent));
    let seen = look(&plan, &view, &student);
    assert_eq!(seen, evaluate(&plan, &view, &student), "read at once, and evaluated in full");
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_year_of_whole_days_opens_what_the_rules_own_history_does(
        absent in proptest::collection::btree_set(1..=DAYS, 0..20),
        since in 1..20,
        minimum in 0_u32..15,
        cooldown in 0_u32..4,
        expires in proptest::option::of(1_u32..10),
    ) {
        let remember = |pack: &mut Pack| for (at, rule) in pack.rules.iter_mut().enumerate() {
            rule.minimum_days = minimum;
            // Every other rule has a memory.
            if at % 2 == 1 {
                (rule.cooldown_days, rule.expires_after_days) = (cooldown, expires);
            }
        };
        let absent: Vec<i32> = absent.into_iter().filter(|day| *day >= since).collect();
        let [short, long] = [false, true].map(|long| seen(packs(long, remember), day(DAYS), (since, &absent)));
        prop_assert_eq!(short, long);
    }
}

/// Absent each day: in each month with a counted day there is an absence to divide by, and in the month of the last date none.
#[test]
fn what_cannot_be_evaluated_as_of_the_last_date_is_told_of_either_way() {
    let of = |opens_when| vec![pack("one", &[("rising", opens_when)])];
    let absent: Vec<i32> = (1..=DAYS).collect();
    let short = of("absent / absent_this_calendar_month >= 2");
    let long = of("failing >= 0 && absent / absent_this_calendar_month >= 2");
    let last = Date::parse("2021-11-03").unwrap();
    let [short, long] = [short, long].map(|packs| seen(packs, last, (1, &absent)).unwrap());
    assert!(short.rules[0].failed && short.rules[0].flagged_on.is_some(), "{short:?}");
    assert_eq!(short, long);
}
