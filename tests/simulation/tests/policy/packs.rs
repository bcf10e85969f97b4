//! Every shipped pack, and rules with all that the format has: whoever looked at each step holds what a first look would open.

use homeroom_domain::rule::{Pack, shipped};
use homeroom_domain::settings::Now;
use homeroom_simulation::model::rules::{QUARTER, Rules};
use homeroom_simulation::names::date;
use proptest::prelude::*;

use crate::convergence::{Telling, evening, two_orders};
use crate::worlds::{self, cases};

/// Rules with a memory, of which one differs by school.
const OWN: &str = r#"
rules:
  - id: quarter-missed
    version: 1
    title: A quarter missed
    meaning: A quarter of the days so far was missed.
    scope: school-year
    opens-when: absent * 4 >= enrolled
    clears-when: absent * 6 < enrolled
    minimum-days: 3
    cooldown-days: 1
    expires-after-days: 6
    escalation: [{after-school-days: 1, severity: warning}, {after-school-days: 3, severity: urgent, audience: principal}]
    level: absent * 4 / enrolled
    severity: {1: notice}
    settle-seconds: 0
    audience: success-team
    evidence: absences
    explanation: "{absent} of {enrolled} days."
    clears: Less than a sixth.
    source: Of generated worlds
    duties:
      - {what: A letter, within-days: 3, source: Of generated worlds}
      - {what: A meeting, within-school-days: 2, source: Of generated worlds}
    barred: [{what: A referral, unless: tardy >= 1, source: Of generated worlds}]
  - id: two-of-five
    version: 1
    title: Two of five days
    meaning: Two of the last five school days were missed.
    scope: school-year
    opens-when: absent_last_5_school_days >= 200
    clears-when: absent_last_5_school_days < 100
    level: absent_last_5_school_days / 100
    severity: {1: notice}
    settle-seconds: 0
    audience: success-team
    evidence: absences
    explanation: "{absent_last_5_school_days} of five."
    clears: Four of five days there.
    source: Of generated worlds
schools:
  SCHOOL: {quarter-missed: {opens-when: absent * 3 >= enrolled, cooldown-days: 0}, two-of-five: {off: true}}
"#;

/// All shipped packs, then those rules.
fn all() -> Pack {
    // The first rules are each in one of the others too, and are told of in `convergence`.
    let uses: Vec<&str> = shipped().map(|(id, _)| id).filter(|id| *id != "first-rules").collect();
    let own = OWN.replace("SCHOOL", &format!("'{}'", homeroom_simulation::generate::SCHOOLS[1]));
    let yaml = format!("id: all\nversion: 1\nuses: [{}]{own}", uses.join(", "));
    Pack::parse(&yaml).unwrap_or_else(|error| panic!("{error}"))
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn each_step_ends_as_a_first_look_would(
        (_, shuffled) in two_orders(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 7),
        settings in worlds::settings(),
    ) {
        let mut telling = Telling::by(&settings, &all());
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(shuffled.len() + 1)).collect();
        at.extend([0, shuffled.len()]);
        at.sort_unstable();
        for (pair, offset) in at.windows(2).zip([1, 2, 3, 4, 7, 8, 11, 16]) {
            let words = shuffled.get(pair[0]..pair[1]).unwrap_or_default();
            // In the morning some of the words, and in the evening the day is over.
            for now in [Now { today: date(offset), as_of: date(offset - 1) }, evening(offset)] {
                telling.batch(if now.as_of < now.today { words } else { &[] }, now);
                telling.told_is_true()?;
                let (open, terms) = telling.open_from_scratch();
                prop_assert_eq!(telling.open(), open, "as of {:?}", now);
                prop_assert_eq!(telling.terms(), terms, "as of {:?}", now);
            }
        }
    }
}

#[test]
fn the_pack_of_generated_worlds_is_sound_and_reads_back() {
    for (work, memory, keep) in [(false, false, false), (true, false, true), (false, true, true), (true, true, false)] {
        let rules = Rules { streak: 2, work, memory, keep };
        let pack = Pack::parse(&rules.yaml()).unwrap();
        assert!(pack.rules.iter().any(|rule| rule.id.as_str() == "absence-streak" && rule.version == 2));
        assert_eq!(pack.rules.iter().any(|rule| rule.id.as_str() == "missing-work"), work);
        assert_eq!(pack.rules.iter().any(|rule| rule.id.as_str() == QUARTER && rule.has_memory()), memory);
        assert_eq!(Rules::read(&rules.yaml()), Some(rules));
    }
    assert_eq!(Rules::read("id: ["), None);
}
