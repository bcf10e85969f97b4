//! Windows: which of a student's counted days a measure looks at.
//!
//! A window is found from the counted days, the as-of date and the school's calendar alone, so that it is the same however the days
//! came to be known.

use std::ops::Range;

use crate::date::Date;
use crate::day::Day;

/// A stretch of counted days that ends at the as-of date, or a kind of day among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// The school year so far.
    Year,
    /// The calendar month of the as-of date.
    CalendarMonth,
    /// The school month of the as-of date: twenty days of the school's calendar, counted from its first, whichever of them the
    /// student was enrolled on (Ohio Revised Code 3313.62: four school weeks of five days).
    SchoolMonth,
    /// The last so many school days.
    LastSchoolDays(u16),
    /// The last so many calendar days, the as-of date among them.
    LastDays(u16),
    /// The last so many calendar months: from the day after the same day of that month.
    LastMonths(u8),
    /// The first so many school days.
    FirstSchoolDays(u16),
}

/// School days of a school month.
const SCHOOL_MONTH: usize = 20;

/// Where windows end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The as-of date.
    pub as_of: Date,
    /// The first date of its school month.
    pub school_month: Date,
}

/// The first date of the school month that an as-of date is in, by the dates of a calendar, in order; none before the first of
/// them. A school month that is full lasts until the next begins.
pub(crate) fn school_month(calendar: &[Date], as_of: Date) -> Option<Date> {
    let so_far = calendar.partition_point(|date| *date <= as_of);
    calendar[..so_far].chunks(SCHOOL_MONTH).next_back().map(|month| month[0])
}

impl Window {
    /// The first and the last date of the window: for school days, those of the student's counted days up to the as-of date, in order.
    /// None without a date in it.
    pub fn dates(self, days: &[Day], end: End) -> Option<(Date, Date)> {
        let as_of = end.as_of;
        let date = |date| Date::from_civil(date).ok();
        let (first, last) = match self {
            Self::Year => (Date::EPOCH, as_of),
            Self::CalendarMonth => (date(as_of.to_civil().first_of_month())?, as_of),
            Self::SchoolMonth => (end.school_month, as_of),
            Self::LastDays(many) => (Date::from_days(as_of.days() + 1 - i32::from(many)).ok()?, as_of),
            Self::LastMonths(many) => {
                (date(as_of.to_civil().saturating_sub(jiff::Span::new().months(many)))?.next(), as_of)
            }
            Self::LastSchoolDays(_) => (self.of(days, end).first()?.date, as_of),
            Self::FirstSchoolDays(_) => (Date::EPOCH, self.of(days, end).last()?.date),
        };
        (first <= last).then_some((first, last))
    }

    /// The days of the window, of all counted days up to the as-of date, in order.
    pub fn of(self, days: &[Day], end: End) -> &[Day] {
        &days[self.range(days, |day| day.date, end)]
    }

    /// The same as positions, of days whose dates are told.
    pub(crate) fn range<T>(self, days: &[T], date: impl Fn(&T) -> Date, end: End) -> Range<usize> {
        let as_of = end.as_of;
        let since = |first: i32| days.partition_point(|day| date(day).days() < first)..days.len();
        match self {
            Self::Year => 0..days.len(),
            Self::CalendarMonth => since(as_of.days() - i32::from(as_of.to_civil().day()) + 1),
            Self::SchoolMonth => since(end.school_month.days()),
            Self::LastSchoolDays(many) => days.len().saturating_sub(usize::from(many))..days.len(),
            Self::LastDays(many) => since(as_of.days() - i32::from(many) + 1),
            Self::LastMonths(many) => {
                let before = as_of.to_civil().saturating_sub(jiff::Span::new().months(many));
                // A date before all others is behind all of them.
                since(Date::from_civil(before).map_or(i32::MIN, |before| before.days() + 1))
            }
            Self::FirstSchoolDays(many) => 0..days.len().min(usize::from(many)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every weekday of so many weeks from Monday, 2025-08-25.
    fn days(weeks: i32) -> Vec<Day> {
        let monday = Date::parse("2025-08-25").unwrap().days();
        let date = |at: i32| Date::from_days(monday + at / 5 * 7 + at % 5).unwrap();
        (0..weeks * 5)
            .map(|at| Day {
                date: date(at),
                absent: 0,
                unexcused: 0,
                unknown: 0,
                tardy: false,
                unexplained: false,
                cut: false,
                weight: 100,
                minutes: None,
            })
            .collect()
    }

    fn end(days: &[Day]) -> End {
        let as_of = days.last().unwrap().date;
        let calendar: Vec<Date> = days.iter().map(|day| day.date).collect();
        End { as_of, school_month: school_month(&calendar, as_of).unwrap() }
    }

    fn ends(window: Window, days: &[Day]) -> (usize, String, String) {
        let found = window.of(days, end(days));
        let text = |day: &Day| day.date.to_string();
        (found.len(), text(found.first().unwrap()), text(found.last().unwrap()))
    }

    #[test]
    fn windows_begin_and_end_where_people_count() {
        let days = days(9);
        let of = |window| ends(window, &days);
        let to = |first: &str, many| (many, first.to_owned(), "2025-10-24".to_owned());
        assert_eq!(of(Window::Year), to("2025-08-25", 45));
        assert_eq!(of(Window::CalendarMonth), to("2025-10-01", 18));
        assert_eq!(of(Window::SchoolMonth), to("2025-10-20", 5));
        assert_eq!(of(Window::LastSchoolDays(10)), to("2025-10-13", 10));
        assert_eq!(of(Window::LastDays(28)), to("2025-09-29", 20));
        assert_eq!(of(Window::LastMonths(1)), to("2025-09-25", 22));
        assert_eq!(of(Window::FirstSchoolDays(20)), (20, "2025-08-25".to_owned(), "2025-09-19".to_owned()));
    }

    #[test]
    fn the_dates_of_a_window_hold_its_days_and_no_others() {
        let days = days(9);
        let end = end(&days);
        for window in [
            Window::Year,
            Window::CalendarMonth,
            Window::SchoolMonth,
            Window::LastSchoolDays(10),
            Window::LastDays(28),
            Window::LastMonths(1),
            Window::FirstSchoolDays(20),
        ] {
            let (first, last) = window.dates(&days, end).unwrap();
            let held: Vec<Day> = days.iter().filter(|day| first <= day.date && day.date <= last).copied().collect();
            assert_eq!(held, window.of(&days, end), "{window:?}");
        }
        assert_eq!(Window::LastSchoolDays(10).dates(&[], end), None);
    }

    #[test]
    fn a_school_month_that_is_full_lasts_until_the_next_begins() {
        let days = days(4);
        assert_eq!(ends(Window::SchoolMonth, &days).0, 20);
        assert!(Window::SchoolMonth.of(&[], end(&days)).is_empty());
        assert_eq!(school_month(&[], days[0].date), None);
    }
}
