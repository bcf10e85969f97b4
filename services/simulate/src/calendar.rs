//! A school year of a district: which days are taught, short, lost to snow and made up, and when terms end.
//!
//! One calendar for all schools, as most districts have it. Days are planned; then it snows, and what is lost is made up after
//! the planned last day, as the calendar documents say from the morning on which it happens.

use std::fmt;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};

use crate::chance::{Chance, Purpose};

/// A day of the school year, counted from 1 August before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub(crate) u16);

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "day {} from 1 August", self.0)
    }
}

impl Day {
    /// So many days later.
    #[must_use]
    pub const fn plus(self, days: u16) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// So many days earlier.
    #[must_use]
    pub const fn minus(self, days: u16) -> Self {
        Self(self.0.saturating_sub(days))
    }
}

/// Instructional days of a year; the commonest number in the states' laws.
pub(crate) const DAYS: usize = 180;
/// Instructional days of a quarter.
const QUARTER: usize = DAYS / 4;
/// How long after the planned last day the terms still run: what snow took is made up there.
const RESERVE: u16 = 14;

/// What a calendar says of a weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Taught,
    Short,
    Holiday,
    TeachersOnly,
}

/// A day that is taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taught {
    pub(crate) day: Day,
    /// 0 is Monday.
    pub(crate) weekday: usize,
    /// 0 is August.
    pub(crate) month: usize,
    /// Counted from the first taught week.
    pub(crate) week: u16,
}

/// A grading period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quarter {
    pub(crate) begin: Day,
    pub(crate) end: Day,
}

/// The school year.
#[derive(Debug)]
pub(crate) struct Calendar {
    /// The calendar year in which it ends, as Ed-Fi counts school years.
    pub(crate) year: i16,
    first: Date,
    texts: Vec<String>,
    /// As planned: every weekday from the first to the last day, in order.
    pub(crate) planned: Vec<(Day, Kind)>,
    /// Days lost to snow, and the day that makes up for each.
    pub(crate) snow: Vec<(Day, Day)>,
    /// What was taught in the end, in order.
    pub(crate) taught: Vec<Taught>,
    /// The four grading periods, as planned.
    pub(crate) quarters: [Quarter; 4],
}

impl Calendar {
    /// The calendar of the school year that ends in this calendar year.
    pub(crate) fn new(year: i16, seed: u64) -> Self {
        let first = Date::constant(year - 1, 8, 1);
        let texts = (0..=365).map(|day: i32| first.saturating_add(day.days()).to_string()).collect();
        let planned = plan(year);
        let lessons: Vec<Day> = planned.iter().filter(|(_, kind)| kind.is_taught()).map(|(day, _)| *day).collect();
        let snow = snow(first, &lessons, seed);
        let quarters = [0, 1, 2, 3].map(|quarter| Quarter {
            begin: lessons[quarter * QUARTER],
            end: lessons[(quarter + 1) * QUARTER - 1].plus(if quarter == 3 { RESERVE } else { 0 }),
        });
        let mut days: Vec<Day> =
            lessons.iter().copied().filter(|day| snow.iter().all(|(lost, _)| lost != day)).collect();
        days.extend(snow.iter().map(|(_, made_up)| *made_up));
        let start = days.first().copied().unwrap_or(Day(0));
        let monday = start.minus(u16::try_from(weekday(first, start)).unwrap_or(0));
        let taught = days.into_iter().map(|day| Taught {
            day,
            weekday: weekday(first, day),
            month: usize::try_from((on(first, day).month() + 4) % 12).unwrap_or(0),
            week: (day.0 - monday.0) / 7,
        });
        let taught = taught.collect();
        Self { year, first, texts, planned, snow, taught, quarters }
    }

    /// `YYYY-MM-DD`.
    pub(crate) fn text(&self, day: Day) -> &str {
        self.texts.get(usize::from(day.0)).or(self.texts.last()).map_or("", String::as_str)
    }

    pub(crate) fn date(&self, day: Day) -> Date {
        on(self.first, day)
    }

    /// The day of a date of the year.
    pub(crate) fn find(&self, date: Date) -> Option<Day> {
        let days = (date - self.first).get_days();
        u16::try_from(days).ok().filter(|days| *days <= 365).map(Day)
    }

    /// When everything that does not change with the days is sent: in the week before the first day.
    pub(crate) fn opening(&self) -> Day {
        self.first_day().minus(5)
    }

    /// The first day with lessons.
    pub(crate) fn first_day(&self) -> Day {
        self.taught.first().map_or(Day(0), |taught| taught.day)
    }

    /// After the last word of the year.
    pub(crate) fn closing(&self) -> Day {
        self.quarters[3].end.plus(7)
    }

    /// The index among the taught days of this day, or of the next one that is taught.
    pub(crate) fn index_from(&self, day: Day) -> usize {
        self.taught.partition_point(|taught| taught.day < day)
    }

    /// The taught day with this index; the last one beyond the end.
    pub(crate) fn at(&self, index: usize) -> Day {
        self.taught.get(index).or(self.taught.last()).map_or(Day(0), |taught| taught.day)
    }
}

impl Kind {
    /// Whether there are lessons.
    pub(crate) fn is_taught(self) -> bool {
        matches!(self, Self::Taught | Self::Short)
    }
}

fn on(first: Date, day: Day) -> Date {
    first.saturating_add(i32::from(day.0).days())
}

fn weekday(first: Date, day: Day) -> usize {
    usize::try_from(on(first, day).weekday().to_monday_zero_offset()).unwrap_or(0)
}

/// Weekdays from the third Monday of August until enough are taught.
fn plan(year: i16) -> Vec<(Day, Kind)> {
    let first = Date::constant(year - 1, 8, 1);
    let begin = nth(year - 1, 8, 3, Weekday::Monday);
    let begin = u16::try_from((begin - first).get_days()).unwrap_or(0);
    let mut planned = Vec::new();
    let mut taught = 0;
    for day in (begin..).map(Day) {
        if taught == DAYS {
            break;
        }
        let date = on(first, day);
        if matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
            continue;
        }
        let kind = kind(year, date);
        taught += usize::from(kind.is_taught());
        planned.push((day, kind));
    }
    planned
}

fn kind(year: i16, date: Date) -> Kind {
    let (before, month, day) = (date.year() < year, date.month(), date.day());
    let nth = |nth, weekday| nth_of(date, nth, weekday);
    let thanksgiving = nth_of(Date::constant(year - 1, 11, 1), 4, Weekday::Thursday);
    let holiday = (month == 9 && date == nth(1, Weekday::Monday))
        || (month == 11 && day == 11)
        || (thanksgiving.saturating_sub(1.day())..=thanksgiving.saturating_add(1.day())).contains(&date)
        || (before && month == 12 && day >= 22)
        || (!before && month == 1 && (day <= 2 || date == nth(3, Weekday::Monday)))
        || (month == 2 && date == nth(3, Weekday::Monday))
        || (month == 3 && (0..5).contains(&(date - nth(2, Weekday::Monday)).get_days()))
        || (month == 5 && date.saturating_add(7.days()).month() == 6 && date.weekday() == Weekday::Monday);
    let teachers_only = (month == 10 && date == nth(2, Weekday::Monday))
        || (month == 11 && date == nth(1, Weekday::Tuesday))
        || (!before && month == 1 && day == 3);
    let short = date.weekday() == Weekday::Wednesday && date.saturating_add(7.days()).month() != month;
    match (holiday, teachers_only, short) {
        (true, _, _) => Kind::Holiday,
        (_, true, _) => Kind::TeachersOnly,
        (_, _, true) => Kind::Short,
        _ => Kind::Taught,
    }
}

fn nth(year: i16, month: i8, nth: i8, weekday: Weekday) -> Date {
    nth_of(Date::constant(year, month, 1), nth, weekday)
}

/// The first, second ... such weekday of a date's month; every month has four.
fn nth_of(date: Date, nth: i8, weekday: Weekday) -> Date {
    date.nth_weekday_of_month(nth, weekday).unwrap_or(date)
}

/// One to three days between mid-December and mid-March, each with the weekday after the planned end that makes up for it.
fn snow(first: Date, lessons: &[Day], seed: u64) -> Vec<(Day, Day)> {
    let mut chance = Chance::of(seed, Purpose::Calendar, &[]);
    let wintry: Vec<Day> = lessons.iter().copied().filter(|day| (136..=222).contains(&day.0)).collect();
    let mut lost: Vec<Day> = (0..chance.among(1, 3)).map(|_| wintry[chance.index(wintry.len())]).collect();
    lost.sort_unstable();
    lost.dedup();
    let planned_end = lessons.last().copied().unwrap_or(Day(0));
    let after = (1..RESERVE).map(|days| planned_end.plus(days)).filter(|day| weekday(first, *day) < 5);
    lost.into_iter().zip(after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_year_has_as_many_taught_days_as_planned_whatever_the_weather() {
        for year in 2020..2035 {
            for seed in 0..20 {
                let calendar = Calendar::new(year, seed);
                assert_eq!(calendar.taught.len(), DAYS, "{year} {seed}");
                assert!(calendar.taught.windows(2).all(|two| two[0].day < two[1].day));
                assert!(!calendar.snow.is_empty() && calendar.closing() < Day(360));
                assert!(calendar.taught.iter().all(|taught| taught.weekday < 5 && taught.month < 11));
                assert!(calendar.taught.last().is_some_and(|last| last.day <= calendar.quarters[3].end));
            }
        }
    }

    #[test]
    fn holidays_are_where_they_are_expected() {
        let calendar = Calendar::new(2025, 1);
        let taught = |date: &str| {
            let day = calendar.find(date.parse().unwrap()).unwrap();
            calendar.planned.iter().any(|(planned, kind)| *planned == day && kind.is_taught())
        };
        assert_eq!(calendar.text(calendar.first_day()), "2024-08-19");
        for date in ["2024-09-02", "2024-11-28", "2024-12-25", "2025-01-20", "2025-03-12", "2025-05-26"] {
            assert!(!taught(date), "{date}");
        }
        assert!(taught("2024-09-03") && taught("2025-05-27"));
    }
}
