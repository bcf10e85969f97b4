//! Numbers as people say them.

use homeroom_domain::date::Date;

/// Hundredths of a day as days: `1450` is `14.5`.
pub(crate) fn days(hundredths: i64) -> String {
    let (whole, rest) = (hundredths / 100, hundredths.unsigned_abs() % 100);
    let sign = if hundredths < 0 && whole == 0 { "-" } else { "" };
    match rest {
        0 => format!("{sign}{whole}"),
        _ if rest.is_multiple_of(10) => format!("{sign}{whole}.{}", rest / 10),
        _ => format!("{sign}{whole}.{rest:02}"),
    }
}

/// A day count of the wire as a date; a count that is none is shown as it is.
pub(crate) fn date(days: i32) -> String {
    Date::from_days(days).map_or_else(|_| format!("day {days}"), |date| date.to_string())
}

/// What a tier is called, with its bounds.
pub(crate) fn tier(tier: Option<i32>) -> &'static str {
    match tier {
        Some(0) => "below 5%",
        Some(1) => "5% to 10%",
        Some(2) => "10% to 20%",
        Some(3) => "20% and more",
        _ => "too few days",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hundredths_are_shown_as_days() {
        let shown = [0, 100, 1450, 1455, 5, 50, -50, -150].map(days);
        assert_eq!(shown, ["0", "1", "14.5", "14.55", "0.05", "0.5", "-0.5", "-1.5"]);
    }

    #[test]
    fn a_day_count_is_shown_as_a_date() {
        assert_eq!(date(19_095), "2022-04-13");
        assert_eq!(date(i32::MAX), "day 2147483647");
    }
}
