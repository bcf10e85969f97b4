//! Dates as the ledger keeps them: whole days since 1970-01-01, so that comparing and counting are integer arithmetic.

use std::fmt;

use jiff::civil;
use serde::{Deserialize, Serialize};

/// A calendar date in the district, without time or zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Date(i32);

const EPOCH: civil::Date = civil::date(1970, 1, 1);

/// A day count that is no date from 1900 to 2200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} days since 1970-01-01 is no date from 1900 to 2200")]
pub struct OutOfRange(pub i32);

impl Date {
    /// 1970-01-01.
    pub(crate) const EPOCH: Self = Self(0);

    const FIRST: i32 = -25_567;
    const LAST: i32 = 84_371;

    /// The date so many days after 1970-01-01.
    pub fn from_days(days: i32) -> Result<Self, OutOfRange> {
        if (Self::FIRST..=Self::LAST).contains(&days) { Ok(Self(days)) } else { Err(OutOfRange(days)) }
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// The date of a civil date.
    pub fn from_civil(date: civil::Date) -> Result<Self, OutOfRange> {
        // Two civil dates are at most 7.3 million days apart, so the difference fits.
        let days = i32::try_from(date.duration_since(EPOCH).as_hours() / 24).unwrap_or(i32::MAX);
        Self::from_days(days)
    }

    /// The civil date.
    pub fn to_civil(self) -> civil::Date {
        EPOCH.saturating_add(jiff::Span::new().days(self.0))
    }

    /// Parses `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 10
            && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
        if !digits {
            return None;
        }
        text.parse().ok().and_then(|date| Self::from_civil(date).ok())
    }

    /// The day after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The day before.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0 - 1)
    }

    /// The day of the week, 1 (Monday) to 7 (Sunday).
    pub(crate) const fn weekday(self) -> i8 {
        // 1970-01-01 was a Thursday.
        #[expect(clippy::cast_possible_truncation, reason = "it is below seven")]
        let since_monday = (self.0 as i64 + 3).rem_euclid(7) as i8;
        since_monday + 1
    }

    /// The school year that the date falls in when no calendar says so: years turn on 1 July.
    pub fn school_year(self) -> crate::id::SchoolYear {
        // From 1 July to the year's end are 184 days in every year, so the school year is the calendar year of so many days on.
        crate::id::SchoolYear(calendar_year(self.0 + 184))
    }
}

impl crate::id::SchoolYear {
    /// 30 June, the last day of a school year: where years turn when no calendar says so.
    pub(crate) fn last_day(self) -> Date {
        let year = i16::try_from(self.0).unwrap_or(1970).clamp(1900, 2200);
        Date::from_civil(civil::date(year, 6, 30)).unwrap_or(Date::EPOCH)
    }
}

/// The calendar year of a day count, by integer arithmetic alone: it is asked for at each evaluation. Years are counted from
/// 1 March 0000, so that a leap day is a year's last, in eras of 400 years, which all have as many days.
const fn calendar_year(days: i32) -> i32 {
    const ERA: i32 = 146_097;
    let since_march = days + 719_468;
    let of_era = since_march.rem_euclid(ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // 306 days after 1 March is 1 January.
    since_march.div_euclid(ERA) * 400 + year_of_era + (of_year >= 306) as i32
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_civil(), f)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_reads_back_what_it_prints() {
        for text in ["1970-01-01", "2021-08-23", "2022-02-28", "2024-02-29"] {
            assert_eq!(Date::parse(text).map(|d| d.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["", "2022-02-29", "2022-2-1", "2022-04-13T00:00:00", "+022-04-13", "1/9/2019"] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_school_year_turns_in_july() {
        assert_eq!(Date::parse("2022-06-30").unwrap().school_year().0, 2022);
        assert_eq!(Date::parse("2022-07-01").unwrap().school_year().0, 2023);
        for days in Date::FIRST..=Date::LAST {
            let date = Date(days).to_civil();
            let year = i32::from(date.year()) + i32::from(date.month() >= 7);
            assert_eq!(Date(days).school_year().0, year, "{date}");
        }
    }
}
