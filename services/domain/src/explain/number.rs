//! Numbers as arithmetic is written down.

use super::working::Part;
use crate::measure::{Unit, decimals};

/// A percentage of so many hundredths, exact: 10 % of 164.05 is `16.405`.
pub(super) fn percent_of(hundredths: i64, percent: i64) -> String {
    let value = i128::from(hundredths) * i128::from(percent);
    let (whole, rest) = (value / 10_000, (value % 10_000).abs());
    let sign = if value < 0 && whole == 0 { "-" } else { "" };
    let text = format!("{sign}{whole}.{rest:04}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How a sum is made, equal parts together, the largest first: `16 x 1 + 2 x 0.5 = 17 days`.
pub(super) fn sum(parts: &[Part], unit: Unit) -> String {
    let mut values: Vec<i64> = parts.iter().map(|part| part.value).filter(|value| *value != 0).collect();
    values.sort_unstable_by_key(|value| std::cmp::Reverse(*value));
    let total: i64 = values.iter().sum();
    let shown = |value: i64| unit.show(value);
    let groups: Vec<String> =
        values.chunk_by(|a, b| a == b).map(|group| format!("{} x {}", group.len(), shown(group[0]))).collect();
    if groups.is_empty() { amount(0, unit) } else { format!("{} = {}", groups.join(" + "), amount(total, unit)) }
}

/// A value with its unit's word.
pub(super) fn amount(value: i64, unit: Unit) -> String {
    let shown = unit.show(value);
    let word = match unit {
        Unit::DayHundredths | Unit::Days => "days",
        Unit::Minutes => "minutes",
        Unit::Schools => "schools",
        Unit::Courses => "sections",
        Unit::GradePointHundredths => "points",
        Unit::CreditThousandths => "credits",
        Unit::Of(things) => things,
        Unit::Tier | Unit::Flag | Unit::PercentHundredths => return shown,
    };
    let one = word.strip_suffix('s').filter(|_| shown == "1").unwrap_or(word);
    format!("{shown} {one}")
}

/// Hundredths of a day as days.
pub(super) fn days(hundredths: i64) -> String {
    decimals(hundredths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Date;

    #[test]
    fn a_tenth_is_told_to_the_last_digit() {
        assert_eq!(percent_of(16_400, 10), "16.4");
        assert_eq!(percent_of(16_405, 10), "16.405");
        assert_eq!(percent_of(16_405, 5), "8.2025");
        assert_eq!(percent_of(0, 20), "0");
        assert_eq!(percent_of(10_000, 20), "20");
    }

    #[test]
    fn equal_parts_are_told_together() {
        let parts = |values: &[i64]| values.iter().map(|&value| Part { date: Date::EPOCH, value }).collect::<Vec<_>>();
        assert_eq!(sum(&parts(&[100, 50, 100, 25, 50]), Unit::DayHundredths), "2 x 1 + 2 x 0.5 + 1 x 0.25 = 3.25 days");
        assert_eq!(sum(&parts(&[1]), Unit::Days), "1 x 1 = 1 day");
        assert_eq!(sum(&parts(&[]), Unit::Minutes), "0 minutes");
    }
}
