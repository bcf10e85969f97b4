//! Last year, and what the rest of this one may bring.

use super::{Look, Sheet};
use crate::explain::number::days;
use crate::id::SchoolYear;
use crate::measure::Measure;
use crate::projection::DAYS_OF_LAST_YEAR;

use super::attendance::tier_in_words;

impl Look<'_, '_> {
    fn so_far(&self) -> (i64, i64) {
        let enrolled = self.days.iter().map(|day| i64::from(day.weight)).sum();
        (enrolled, self.days.iter().map(|day| i64::from(day.absent)).sum())
    }

    pub(super) fn last_year(&self, measure: Measure) -> Sheet {
        let last = self.evaluation.last_year(None);
        let year = SchoolYear(self.evaluation.year().0 - 1);
        let words = match measure {
            Measure::LastYearTier => tier_in_words(last.absent, last.enrolled),
            _ => format!("absent {} of {} days", days(last.absent), days(last.enrolled)),
        };
        Sheet::new(format!("school year {year}: {words}"))
            .days_term("absent last year", last.absent)
            .days_term("enrolled last year", last.enrolled)
    }

    pub(super) fn absences_left(&self) -> Sheet {
        let (enrolled, absent) = self.so_far();
        let to_come = self.evaluation.to_come(None, self.now.as_of);
        let full = enrolled + to_come;
        let words = if full > 0 {
            let most = (full - 1).div_euclid(10);
            format!(
                "{} days so far and {} to come are {}; the most below a tenth of that is {}; less {} absent = {}",
                days(enrolled),
                days(to_come),
                days(full),
                days(most),
                days(absent),
                days(most - absent)
            )
        } else {
            "the calendar has no day of the student".to_owned()
        };
        Sheet::new(words).days_term("enrolled", enrolled).days_term("absent", absent).days_term("to come", to_come)
    }

    pub(super) fn expected_absent(&self) -> Sheet {
        let (enrolled, absent) = self.so_far();
        let to_come = self.evaluation.to_come(None, self.now.as_of);
        let last = self.evaluation.last_year(None);
        let rate = if last.enrolled > 0 {
            let weight = days(DAYS_OF_LAST_YEAR);
            format!(
                "({} + {weight} x {} / {}) / ({} + {weight})",
                days(absent),
                days(last.absent),
                days(last.enrolled),
                days(enrolled)
            )
        } else {
            format!("{} / {}", days(absent), days(enrolled))
        };
        let words = if last.enrolled > 0 || enrolled > 0 {
            let expected = self.evaluation.value(Measure::ExpectedAbsent, None, self.now);
            format!(
                "{} absent so far + {} to come x {rate} = {}, to the nearest hundredth",
                days(absent),
                days(to_come),
                days(expected)
            )
        } else {
            "there is no counted day, of this year or the last, to go by".to_owned()
        };
        Sheet::new(words)
            .days_term("enrolled", enrolled)
            .days_term("absent", absent)
            .days_term("to come", to_come)
            .days_term("absent last year", last.absent)
            .days_term("enrolled last year", last.enrolled)
    }
}
