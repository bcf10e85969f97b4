//! Sentences with placeholders, checked at load: `Absent {absent} of {enrolled} days`.

use std::sync::Arc;

use crate::date::Date;
use crate::measure::{Measure, Values, decimals};
use crate::rule::condition::nearest;
use crate::rule::forbidden;

/// A sentence with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    /// The sentence, when it has no placeholder: all that say it share it.
    always: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Measure(Measure),
    /// Absent as a share of enrolled, percent, cut (not rounded) after two decimals, so that 9.999% never reads as 10%.
    Percent,
    /// The date that the claim is about.
    Date,
    /// Days present in a row until the absent share is below so many percent.
    DaysUntilBelow(i64),
}

/// Why a template is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Error {
    placeholder: String,
    reason: String,
}

impl Error {
    fn new(placeholder: &str) -> Self {
        let short: String = placeholder.chars().take(40).collect();
        let reason = if forbidden::is_demographic(placeholder) {
            forbidden::reason(placeholder)
        } else {
            format!(
                "`{{{short}}}` is not a placeholder; there are `percent`, `date`, `days_until_below_N` and the measures, of which `{}` is the nearest",
                nearest(placeholder)
            )
        };
        Self { placeholder: placeholder.to_owned(), reason }
    }

    /// What stands in the braces.
    pub(crate) fn placeholder(&self) -> &str {
        &self.placeholder
    }
}

impl Template {
    /// Parses a sentence. A brace that is not closed is text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((placeholder, behind)) = after.split_once('}') else { break };
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::parse(placeholder)?);
            rest = behind;
        }
        let always = parts.is_empty().then(|| rest.into());
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts, always })
    }

    /// Adds the measures that it names.
    pub(super) fn name(&self, measures: &mut Vec<Measure>) {
        measures.extend(
            self.parts.iter().filter_map(|part| if let Part::Measure(measure) = part { Some(*measure) } else { None }),
        );
    }

    /// The measures that it takes to fill it. A tier follows from two others.
    pub(crate) fn needs(&self) -> impl Iterator<Item = Measure> {
        self.parts
            .iter()
            .flat_map(|part| match part {
                Part::Text(_) | Part::Date => [None, None],
                Part::Percent | Part::DaysUntilBelow(_) | Part::Measure(Measure::Tier) => {
                    [Some(Measure::Absent), Some(Measure::Enrolled)]
                }
                Part::Measure(measure) => [Some(*measure), None],
            })
            .flatten()
    }

    /// Fills the placeholders.
    pub fn fill(&self, measures: &impl Values, date: Date) -> Arc<str> {
        if let Some(always) = &self.always {
            return Arc::clone(always);
        }
        let mut text = String::with_capacity(160);
        for part in &self.parts {
            match part {
                Part::Text(words) => text.push_str(words),
                part => text.push_str(&part.show(measures, date)),
            }
        }
        text.into()
    }
}

impl Part {
    fn parse(placeholder: &str) -> Result<Self, Error> {
        if let Some(percent) =
            placeholder.strip_prefix("days_until_below_").and_then(|n| n.parse().ok()).filter(|n| (1..=100).contains(n))
        {
            return Ok(Self::DaysUntilBelow(percent));
        }
        match placeholder {
            "percent" => Ok(Self::Percent),
            "date" => Ok(Self::Date),
            name => Measure::find(name).map(Self::Measure).ok_or_else(|| Error::new(name)),
        }
    }

    fn show(&self, measures: &impl Values, date: Date) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Measure(measure) => measure.show(of(measures, *measure)),
            Self::Percent => percent(measures),
            Self::Date => date.to_string(),
            Self::DaysUntilBelow(percent) => days_until_below(measures, *percent).to_string(),
        }
    }
}

// In 128 bits, in which no product of a measure and a small number overflows: a sentence must not stop a worker, whatever the
// measures.

/// A sentence names only measures that were counted.
fn of(values: &impl Values, measure: Measure) -> i64 {
    values.value(measure).unwrap_or_default()
}

fn absent_of_enrolled(values: &impl Values) -> (i128, i128) {
    (i128::from(of(values, Measure::Absent)), i128::from(of(values, Measure::Enrolled)))
}

fn percent(measures: &impl Values) -> String {
    let (absent, enrolled) = absent_of_enrolled(measures);
    if enrolled <= 0 {
        return "0%".to_owned();
    }
    format!("{}%", decimals(absent * 10_000 / enrolled))
}

/// The least n with absent x 100 < percent x (enrolled + n days).
fn days_until_below(measures: &impl Values, percent: i64) -> i128 {
    let percent = i128::from(percent);
    let (absent, enrolled) = absent_of_enrolled(measures);
    let short = absent * 100 - percent * enrolled;
    if short < 0 { 0 } else { short / (percent * 100) + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Measures;

    fn fill(text: &str) -> String {
        let measures = Measures { enrolled: 12_000, absent: 1_250, ..Measures::default() };
        Template::parse(text).unwrap().fill(&measures, Date::parse("2022-04-13").unwrap()).to_string()
    }

    #[test]
    fn placeholders_are_filled() {
        assert_eq!(
            fill("Absent {absent} of {enrolled} days ({percent}) by {date}."),
            "Absent 12.5 of 120 days (10.41%) by 2022-04-13."
        );
    }

    #[test]
    fn days_until_below_is_the_least_that_suffices() {
        // 12.5 of 120 + n below 10%: n = 5 gives exactly 10%, so six are needed.
        assert_eq!(fill("{days_until_below_10}"), "6");
        assert_eq!(fill("{days_until_below_20}"), "0");
    }

    #[test]
    fn measures_beyond_all_reason_are_said_too() {
        let template = Template::parse("{percent} {days_until_below_1}").unwrap();
        let said = |enrolled, absent| {
            let measures = Measures { enrolled, absent, ..Measures::default() };
            template.fill(&measures, Date::parse("2022-04-13").unwrap()).to_string()
        };
        assert_eq!(&*said(1, i64::MAX), "922337203685477580700% 9223372036854775807");
        assert_eq!(said(i64::MAX, i64::MIN), "-100% 0");
        assert_eq!(said(i64::MIN, i64::MAX), "0% 9315605757223323566");
    }

    #[test]
    fn an_unknown_placeholder_is_refused() {
        let refused = |text: &str| Template::parse(text).unwrap_err().to_string();
        assert!(refused("{abscent}").ends_with("of which `absent` is the nearest"));
        assert!(refused("{race}").contains("says who a student is"));
    }
}
