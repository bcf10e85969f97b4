//! The crate and the oracle agree to the unit on whatever world comes.

use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::id::SchoolId;
use homeroom_domain::ledger::Ledger;
use homeroom_domain::measure::{Measure, Measures};
use homeroom_domain::reference::Entry;
use homeroom_domain::settings::{Now, Settings};
use homeroom_domain::view::Records;
use homeroom_simulation::generate::{SCHOOLS, Said, Word};
use homeroom_simulation::model::oracle::{CALCULATORS, Oracle, Row};
use homeroom_simulation::names::{YEAR, date, school};
use proptest::prelude::*;

use crate::worlds::{self, cases};

fn row(measures: &Measures) -> Row {
    Row {
        enrolled: measures.enrolled,
        absent: measures.absent,
        unexcused: measures.unexcused,
        tardy: measures.tardy,
        tier: measures.tier(),
        streak: measures.streak,
        unexcused_streak: measures.unexcused_streak,
        unexplained: measures.unexplained_absence_today,
        failing: measures.failing,
        failing_core: measures.failing_core,
    }
}

proptest! {
    #![proptest_config(cases(2_500))]

    #[test]
    fn the_crate_counts_as_the_oracle_does(
        log in worlds::log(60),
        settings in worlds::settings(),
    ) {
        // Three revisions in turn, so that many words of one key are equal to, or older than, the one before.
        let log: Vec<Word> = log.into_iter().zip([2, 1, 2, 3].into_iter().cycle()).map(|(said, revision)| said.with(revision)).collect();
        agree(&log, &settings)?;
    }
}

proptest! {
    #![proptest_config(cases(500))]

    /// A calculator that says what the shipped one says counts by other code, and to the same.
    #[test]
    fn a_calculator_in_the_words_of_the_default_counts_the_same(
        log in worlds::log(60),
        settings in worlds::settings(),
    ) {
        agree(&counting_by("calculators: [{id: ours, count: marks}]", log), &settings)?;
    }

    #[test]
    fn days_are_counted_by_minutes_as_the_oracle_counts_them_minute_by_minute(
        log in worlds::log(60),
        settings in worlds::settings(),
        method in 0..CALCULATORS.len(),
    ) {
        agree(&counting_by(CALCULATORS[method].1, log), &settings)?;
    }
}

fn counting_by(calculators: &str, log: Vec<Said>) -> Vec<Word> {
    let said = Said::Reference("calculators".to_owned(), Some(Entry::Calculators(calculators.to_owned())));
    let log = log.into_iter().zip([2, 1, 2, 3].into_iter().cycle());
    log.map(|(said, revision)| said.with(revision)).chain([said.with(1)]).collect()
}

fn agree(log: &[Word], settings: &Settings) -> Result<(), TestCaseError> {
    let (mut ledger, mut records) = (Ledger::default(), Records::default());
    let (mut facts, mut entries) = (Vec::new(), Vec::new());
    for word in log.iter().cloned() {
        match word.clone() {
            Word::Fact(origin, change) => facts.push((origin, change)),
            Word::Reference(origin, change) => entries.push((origin, change)),
        }
        word.apply(&mut ledger, &mut records);
    }
    let view = records.view();
    let oracle = Oracle::new(&facts, &entries, settings.clone(), YEAR);
    let schools: Vec<SchoolId> = SCHOOLS.iter().map(|name| school(name)).collect();
    for (as_of, today) in [(3, 4), (9, 9), (16, 17)] {
        let (as_of, today) = (date(as_of), date(today));
        let evaluation = Evaluation::new(&ledger, &view, settings, Now { today, as_of });
        prop_assert_eq!(row(&evaluation.district(as_of, today)), oracle.district(as_of, today), "as of {}", as_of);
        for school in &schools {
            let row = row(&evaluation.school(school, as_of, today));
            prop_assert_eq!(row, oracle.school(school, as_of, today), "at school {} as of {}", school, as_of);
        }
        for school in schools.iter().map(Some).chain([None]) {
            for (name, value) in oracle.beyond(school, as_of) {
                let counted = evaluation.value(Measure::find(name).unwrap(), school, Now { today, as_of });
                prop_assert_eq!(counted, value, "{} at {:?} as of {}", name, school, as_of);
            }
        }
    }
    let (as_of, today) = (date(16), date(17));
    let evaluation = Evaluation::new(&ledger, &view, settings, Now { today, as_of });
    for school in [None, Some(&schools[1])] {
        for (name, value) in oracle.of_classes(school, as_of) {
            let counted = evaluation.value(Measure::find(name).unwrap(), school, Now { today, as_of });
            prop_assert_eq!(counted, value, "{} at {:?}", name, school);
        }
        let skipped = evaluation.value(Measure::ClassesSkippedToday, school, Now { today, as_of });
        prop_assert_eq!(skipped, oracle.classes_skipped_on(school, today), "skipped at {:?}", school);
    }
    // An evaluation of a later date tells the same of an earlier one.
    let late = Evaluation::new(&ledger, &view, settings, Now { today: date(17), as_of: date(16) });
    prop_assert_eq!(row(&late.district(date(9), date(9))), oracle.district(date(9), date(9)));
    Ok(())
}
