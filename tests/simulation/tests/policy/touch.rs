//! Whom a reference change concerns: nobody whose measures it changes is passed over.

use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::Change;
use homeroom_domain::ledger::Ledger;
use homeroom_domain::measure::Measures;
use homeroom_domain::reference::Entry;
use homeroom_domain::settings::{Now, Settings};
use homeroom_domain::view::{Records, Touched, View};
use homeroom_simulation::generate::{SCHOOLS, Word};
use homeroom_simulation::names::{date, school};
use proptest::prelude::*;

use crate::worlds::{self, cases};

fn measures(ledger: &Ledger, view: &View, settings: &Settings, now: Now) -> Vec<Measures> {
    let student = Evaluation::new(ledger, view, settings, now);
    let mut all = vec![student.district(now.as_of, now.today)];
    all.extend(SCHOOLS.iter().map(|name| student.school(&school(name), now.as_of, now.today)));
    all
}

/// Whom a change concerns, as the view before and the view after say.
fn touched(before: &View, old: Option<&Entry>, after: &View, new: &Change<Entry>) -> Vec<Touched> {
    let new = match new {
        Change::Recorded(entry) => Some(entry),
        Change::Withdrawn => None,
    };
    after.touched_by(before, old, new)
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn whoever_a_reference_change_concerns_is_touched_or_waiting(
        log in worlds::log(50),
        change in worlds::reference(),
        settings in worlds::settings(),
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
        if measures(&ledger, &before, &settings, now) == measures(&ledger, &after, &settings, now) {
            return Ok(());
        }
        let leans_on = student.leans_on();
        let concerned = touched(&before, old.as_ref(), &after, &change).iter().any(|touched| match touched {
            Touched::Nobody => false,
            Touched::School(school) => leans_on.contains(school),
            Touched::Everyone => true,
        });
        prop_assert!(concerned || student.waiting(), "passed over by {:?} after {:?}", change, old);
    }
}
