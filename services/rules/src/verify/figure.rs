//! The measures that are not kept: as a reader is told them from the stored ledger, against those of the ledger that the log comes to.
//!
//! Both sides are counted by the same code, of ledgers that were found to hold the same words. All that this can find is a difference
//! of encoding: the stored ledger was written in as many steps as its events came, and read back, and what a figure comes to may not
//! depend on that. Whether the figures themselves are right it cannot tell; that is what the tests of exactness are for, which count
//! them a second time, by other code.

use std::sync::LazyLock;

use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::ledger::Ledger;
use homeroom_domain::measure::{Measure, catalogue};
use homeroom_domain::settings::Now;

use crate::evaluate::Row;
use crate::reference::District;

/// One measure of every entry of the catalogue that is not kept; of a family the one over the last 28 days too, since the school year's
/// sum may hide where its parts are.
static MEASURES: LazyLock<Vec<Measure>> = LazyLock::new(|| {
    let mut measures = Vec::new();
    for entry in catalogue::entries().iter().filter(|entry| !entry.kept) {
        measures.extend(Measure::find(entry.name));
        if entry.family {
            measures.extend(Measure::find(&format!("{}_last_28_days", entry.name)));
        }
    }
    measures.retain(|measure| !measure.is_kept());
    measures
});

/// The first measure that differs in one of the student's rows, by its name in the catalogue.
pub(super) fn difference(
    (stored, expected): (&Ledger, &Ledger),
    rows: &[Row],
    district: &District,
    now: Now,
) -> Option<&'static str> {
    let evaluations = [stored, expected].map(|ledger| Evaluation::new(ledger, &district.view, &district.settings, now));
    rows.iter().find_map(|row| {
        let of = |at: usize| evaluations[at].values(&MEASURES, row.school.as_ref(), now);
        let mut pairs = MEASURES.iter().zip(of(0).into_iter().zip(of(1)));
        pairs.find(|(_, (stored, expected))| stored != expected).map(|(measure, _)| measure.entry().name)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use homeroom_domain::date::Date;
    use homeroom_domain::event::{Change, Fact, Origin, SurveyScore};
    use homeroom_domain::id::{RecordKey, Revision, SourceId};
    use homeroom_domain::measure::Measures;

    use super::*;

    /// A student who answered a survey on each of these dates of September 2021.
    fn answered(scores: &[(u8, i32)]) -> Ledger {
        let mut ledger = Ledger::default();
        let origin = |key: u8| Origin {
            source: SourceId::parse("sis").unwrap(),
            key: RecordKey::new([key; 16]),
            revision: Revision(1),
        };
        ledger.apply(origin(0), Change::Recorded(Fact::Registration));
        for &(day, score) in scores {
            let taken_on = Date::parse(&format!("2021-09-{day:02}")).unwrap();
            let fact = Fact::SurveyScore(SurveyScore { survey: "WHO-5".to_owned(), taken_on, score });
            ledger.apply(origin(day), Change::Recorded(fact));
        }
        ledger
    }

    #[test]
    fn a_figure_that_differs_is_named_and_the_order_of_words_makes_no_difference() {
        let on = Date::parse("2021-09-30").unwrap();
        let now = Now { today: on, as_of: on };
        let rows = [Row { school: None, measures: Measures::default(), open_alerts: 0 }];
        let compare = |stored: &Ledger, expected: &Ledger| difference((stored, expected), &rows, &District::new(), now);
        let stored = answered(&[(6, 48_00), (13, 52_00)]);
        assert_eq!(compare(&stored, &answered(&[(13, 52_00), (6, 48_00)])), None);
        assert_eq!(compare(&stored, &answered(&[(6, 48_00)])), Some("survey_score"));
    }

    #[test]
    fn every_entry_of_the_catalogue_is_compared() {
        let compared: BTreeSet<&str> = MEASURES.iter().map(|measure| measure.entry().name).collect();
        for entry in catalogue::entries() {
            assert!(entry.kept || compared.contains(entry.name), "{}", entry.name);
        }
    }
}
