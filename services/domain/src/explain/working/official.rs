//! What federal reporting and truancy laws count.

use super::{Look, Part, Sheet};
use crate::explain::number::{percent_of, sum};
use crate::measure::{Clock, Measure, Unit};
use crate::truancy::part::parts;

use super::attendance::is_absent;

impl Look<'_, '_> {
    /// School by school; with a minimum of enrolled days, whether the student is chronically absent there.
    pub(super) fn federal(&self, minimum: Option<u16>) -> Sheet {
        let mut sheet = Sheet::default();
        let mut words = Vec::new();
        for school in self.evaluation.schools(self.now.as_of) {
            let days = self.evaluation.counted_days(Some(school), self.now.as_of);
            let count = |many: usize| i64::try_from(many).unwrap_or(i64::MAX);
            let (enrolled, absent) = (count(days.len()), count(days.iter().filter(|day| is_absent(day)).count()));
            sheet = sheet.term(format!("absent at {school}"), absent, Unit::Days).term(
                format!("enrolled at {school}"),
                enrolled,
                Unit::Days,
            );
            let so = match minimum.map(i64::from) {
                None => String::new(),
                Some(minimum) if enrolled < minimum => format!("; fewer than {minimum} days, so not counted"),
                Some(_) if absent * 10 >= enrolled => format!("; 10% is {}: chronic", percent_of(enrolled * 100, 10)),
                Some(_) => format!("; 10% is {}: not chronic", percent_of(enrolled * 100, 10)),
            };
            words.push(format!("at school {school} half or more was missed of {absent} of {enrolled} days{so}"));
        }
        sheet.arithmetic =
            if words.is_empty() { "the student has no school this year".to_owned() } else { words.join("; ") };
        sheet
    }

    /// The dates that a law's clock counts.
    pub(super) fn truancy(&self, clock: Clock, value: i64) -> Sheet {
        let days = self.evaluation.days_in_minutes(None, self.now.as_of);
        let dates = parts(clock, &days, self.end).into_iter();
        let parts: Vec<Part> = dates.map(|(date, value)| Part { date, value }).collect();
        let measure = Measure::Truancy(clock);
        if measure.told(value).is_none() {
            let unknown = parts.iter().filter(|part| part.value < 0).map(|part| part.date.to_string());
            let unknown = unknown.collect::<Vec<_>>().join(", ");
            return Sheet::new(format!("how many minutes were missed is not known of some day: {unknown}"));
        }
        Sheet::new(sum(&parts, measure.unit())).adding_up(parts)
    }
}
