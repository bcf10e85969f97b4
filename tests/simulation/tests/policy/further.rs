//! Conduct, coursework and connections: the crate and the oracle agree, whoever a reference change concerns is found, and no
//! fact of these moves a day of attendance.

use std::collections::{BTreeMap, BTreeSet};

use homeroom_domain::date::Date;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::Change;
use homeroom_domain::ledger::Ledger;
use homeroom_domain::measure::Further;
use homeroom_domain::settings::{Now, Settings};
use homeroom_domain::view::{Records, Touched};
use homeroom_simulation::dice::Dice;
use homeroom_simulation::generate::{self, Said, Word, further};
use homeroom_simulation::model::oracle::Oracle;
use homeroom_simulation::model::oracle::further::Figures;
use homeroom_simulation::names::{YEAR, date};
use proptest::prelude::*;

use crate::worlds::{self, cases};

fn settings() -> impl Strategy<Value = Settings> {
    worlds::rolled(further::settings)
}

fn log(words: usize) -> impl Strategy<Value = Vec<Said>> {
    let further = prop_oneof![3 => worlds::rolled(further::facts), 2 => worlds::rolled(further::references)];
    (worlds::log(20), prop::collection::vec(further, 0..words)).prop_map(|(mut log, further)| {
        log.extend(further);
        log
    })
}

fn figures(evaluation: &Evaluation<'_>, as_of: Date) -> Figures {
    Further::all().map(|of| (of.entry().name, of.value(evaluation, as_of))).collect()
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn the_crate_counts_them_as_the_oracle_does(log in log(50), settings in settings()) {
        let log: Vec<Word> = log.into_iter().zip([2, 1, 2, 3].into_iter().cycle()).map(|(said, revision)| said.with(revision)).collect();
        let (mut ledger, mut records) = (Ledger::default(), Records::default());
        let (mut facts, mut entries) = (Vec::new(), Vec::new());
        for word in log {
            match word.clone() {
                Word::Fact(origin, change) => facts.push((origin, change)),
                Word::Reference(origin, change) => entries.push((origin, change)),
            }
            word.apply(&mut ledger, &mut records);
        }
        let view = records.view();
        let oracle = Oracle::new(&facts, &entries, settings.clone(), YEAR);
        // Stored and read back it says the same.
        let ledger = Ledger::decode(&ledger.encode()).unwrap();
        for as_of in [3, 9, 16] {
            let as_of = date(as_of);
            let evaluation = Evaluation::new(&ledger, &view, &settings, Now { today: as_of, as_of });
            prop_assert_eq!(figures(&evaluation, as_of), oracle.further(as_of), "as of {}", as_of);
        }
        let late = Evaluation::new(&ledger, &view, &settings, Now { today: date(17), as_of: date(16) });
        prop_assert_eq!(figures(&late, date(9)), oracle.further(date(9)), "told later of an earlier date");
    }

    #[test]
    fn whoever_a_reference_change_concerns_for_them_is_touched_or_waiting(
        log in log(40),
        change in prop_oneof![worlds::rolled(further::references), worlds::reference()],
        settings in settings(),
    ) {
        let now = Now { today: date(16), as_of: date(16) };
        let (mut ledger, mut records) = (Ledger::default(), Records::default());
        for (said, revision) in log.into_iter().zip(1..) {
            said.with(revision).apply(&mut ledger, &mut records);
        }
        let before = records.view();
        let student = Evaluation::new(&ledger, &before, &settings, now);
        let Word::Reference(origin, change) = change.with(u64::MAX) else { unreachable!("a reference record's word") };
        let old = records.find(&origin.source, origin.key).cloned();
        records.apply(origin, change.clone());
        let after = records.view();
        let then = Evaluation::new(&ledger, &after, &settings, now);
        if figures(&student, now.as_of) == figures(&then, now.as_of) && student.waiting() == then.waiting() {
            return Ok(());
        }
        let leans_on = student.leans_on();
        let new = if let Change::Recorded(entry) = &change { Some(entry) } else { None };
        let concerned = after.touched_by(&before, old.as_ref(), new).iter().any(|touched| match touched {
            Touched::Nobody => false,
            Touched::School(school) => leans_on.contains(school),
            Touched::Everyone => true,
        });
        prop_assert!(concerned || student.waiting(), "passed over by {:?} after {:?}", change, old);
    }

    #[test]
    fn a_suspension_or_any_other_of_them_moves_no_day_and_no_measure_of_attendance(
        log in worlds::log(20),
        facts in prop::collection::vec(worlds::rolled(further::facts), 1..10),
        settings in settings(),
    ) {
        let now = Now { today: date(16), as_of: date(16) };
        let (mut ledger, mut records) = (Ledger::default(), Records::default());
        for (said, revision) in log.into_iter().zip(1..) {
            said.with(revision).apply(&mut ledger, &mut records);
        }
        let view = records.view();
        let before = ledger.clone();
        for fact in facts {
            if let Word::Fact(origin, change) = fact.with(u64::MAX)
                && !matches!(change, Change::Recorded(homeroom_domain::event::Fact::Enrollment(_)) | Change::Withdrawn)
            {
                ledger.apply(origin, change);
            }
        }
        let measures = |ledger: &Ledger| Evaluation::new(ledger, &view, &settings, now).district(now.as_of, now.today);
        prop_assert_eq!(measures(&before), measures(&ledger));
    }
}

#[test]
fn these_worlds_move_every_figure_of_the_catalogue() {
    let mut values: BTreeMap<&str, BTreeSet<Option<i64>>> = BTreeMap::new();
    for seed in 0..1_500 {
        let mut dice = Dice::new(seed);
        let settings = further::settings(&mut dice);
        let mut log = generate::district();
        log.extend(generate::student(&mut dice, 6));
        log.extend((0..40).map(|_| further::references(&mut dice)));
        log.extend((0..60).map(|_| further::facts(&mut dice)));
        log.extend((0..12).map(|_| generate::facts(&mut dice)));
        let (mut ledger, mut records) = (Ledger::default(), Records::default());
        for (said, revision) in log.into_iter().zip(1..) {
            said.with(revision).apply(&mut ledger, &mut records);
        }
        let (view, as_of) = (records.view(), date(16));
        let evaluation = Evaluation::new(&ledger, &view, &settings, Now { today: as_of, as_of });
        for (name, value) in figures(&evaluation, as_of) {
            values.entry(name).or_default().insert(value);
        }
    }
    for (name, values) in values {
        assert!(values.len() > 1, "`{name}` is always {values:?}");
    }
}
