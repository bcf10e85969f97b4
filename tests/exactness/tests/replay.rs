//! The shape of published tables, on a district that does not exist: what is known of rules in real districts comes out of a replay.

use homeroom_domain::date::Date;
use homeroom_domain::rule::Pack;
use homeroom_exactness::{Engine, Log};
use homeroom_replay::Outcome;
use homeroom_replay::{Plan, Report, RuleReport};

const STUDENTS: u32 = 240;

fn replayed(rules: &[(&str, &str)]) -> Report {
    let rule = |(id, opens_when): &(&str, &str)| {
        format!(
            "  - id: {id}\n    version: 1\n    title: Absences\n    meaning: Absent often\n    scope: school-year\n    \
             opens-when: {opens_when}\n    level: \"1\"\n    severity: {{1: notice}}\n    settle-seconds: 0\n    \
             audience: team\n    evidence: absences\n    explanation: x\n    clears: x\n    source: a test, 0 to 1000\n"
        )
    };
    let rules: String = rules.iter().map(rule).collect();
    let pack = Pack::parse(&format!("id: published\nversion: 1\nrules:\n{rules}")).expect("a sound pack");
    let date = |text| Date::parse(text).expect("a date");
    let dates = (date("2024-07-01"), date("2025-06-30"));
    let plan = Plan::new(vec![pack], dates, Some(Outcome::Chronic), Some(10), Vec::new()).expect("a sound plan");
    Engine::of(&Log::of_returning(STUDENTS, 7)).replay(&plan)
}

fn shares(rule: &RuleReport) -> [f64; 3] {
    let cells = rule.cells;
    [cells.sensitivity(), cells.ppv(), cells.flag_rate()].map(|share| share.rate().expect("somebody"))
}

/// Gwinnett County's screen of the first 20 days (2022-23): last year's status alone had a sensitivity of .30 to .40 and flagged 7 to
/// 13 %; with three absences in the first 20 days for students who are new it had .43 to .49 and flagged 9 to 16 %, at the same
/// positive predictive value of .56 to .77. And four tiers: the higher, the fewer of those who end chronically absent are found, the
/// more of those found do, and the less time is left. (Whoever ends chronically absent is in the second tier on the last date.)
#[test]
fn a_replay_has_the_shape_of_what_districts_published() {
    let report = replayed(&[
        ("last-year", "last_year_tier >= 2"),
        ("hybrid", "last_year_tier >= 2 || (last_year_enrolled == 0 && absent_first_20_school_days >= 300)"),
        ("tier-1", "tier >= 1"),
        ("tier-2", "tier >= 2"),
        ("tier-3", "tier >= 3"),
    ]);
    let [last_year, hybrid, tiers @ ..] = &report.rules[..] else { panic!("five rules") };
    let ([found, right, flagged], [found_more, as_right, flagged_more]) = (shares(last_year), shares(hybrid));
    assert!(found_more > found + 0.05 && flagged_more > flagged, "{found} {found_more}, {flagged} {flagged_more}");
    assert!((as_right - right).abs() < 0.15, "{right} {as_right}");
    let tiers: Vec<_> = tiers.iter().map(|rule| (shares(rule), rule.lead.expect("some are found").median)).collect();
    for step in tiers.windows(2) {
        let (([found, right, _], lead), ([found_above, right_above, _], lead_above)) = (step[0], step[1]);
        assert!(found_above <= found && right_above > right && lead_above < lead, "{tiers:?}");
    }
    assert!(tiers[2].0[0] < 0.9, "{tiers:?}");
}
