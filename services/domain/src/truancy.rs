//! What truancy laws count, in their own units, apart from early warning. A law's threshold is its rule's; here is what it is
//! compared with. Legal figures change: the catalogue names each source.

pub(crate) mod part;

use crate::day::Day;
use crate::figure::{minutes_nonmedical, minutes_unexcused, rate};
use crate::measure::Clock;
use crate::window::{End, Window};

/// A tardy or absence counts in California from more than this.
const CALIFORNIA_MINUTES: i32 = 30;

/// The value of a clock over the counted days of a school year up to a date, in order.
pub(crate) fn value(clock: Clock, days: &[Day], end: End) -> i64 {
    let many = |window: Window, counts: fn(&Day) -> bool| {
        let days = window.of(days, end).iter().filter(|day| counts(day)).count();
        i64::try_from(days).unwrap_or(i64::MAX)
    };
    match clock {
        Clock::CaliforniaOccasions => many(Window::Year, is_occasion),
        Clock::TexasFourWeeks => many(Window::LastDays(28), is_part_missed),
        Clock::TexasSixMonths => many(Window::LastMonths(6), is_part_missed),
        Clock::OhioInARow => longest_in_a_row(days),
        Clock::OhioMonth => minutes_unexcused(Window::SchoolMonth.of(days, end)),
        Clock::OhioYear => minutes_unexcused(days),
        Clock::OhioNonmedicalMonth => minutes_nonmedical(Window::SchoolMonth.of(days, end)),
        Clock::OhioNonmedicalYear => minutes_nonmedical(days),
        Clock::FloridaMonth => many(Window::CalendarMonth, is_unexplained_absence),
        Clock::FloridaNinetyDays => many(Window::LastDays(90), is_unexplained_absence),
        Clock::NewMexicoRate => rate(days, |day| day.unexcused),
    }
}

/// A day wholly missed; else one of which more than 30 minutes were missed or late, as far as minutes are known.
fn is_occasion(day: &Day) -> bool {
    let minutes = day.minutes.map_or(0, |minutes| minutes.late_or_unexcused);
    day.unexcused > 0 && day.unexcused >= day.weight || minutes > CALIFORNIA_MINUTES
}

/// A day, or a part of one, without excuse: a single class is one, though early warning counts nothing below half of them.
fn is_part_missed(day: &Day) -> bool {
    day.unexcused > 0 || day.cut
}

/// Most of the day was missed, without excuse or for a reason that nobody knows.
fn is_unexplained_absence(day: &Day) -> bool {
    day.absent * 2 >= day.weight && (day.unexcused * 2 >= day.weight || day.unexplained)
}

/// Minutes of days that follow each other: a day wholly missed continues what the day before began; one partly missed ends it, and
/// may begin the next. A day of which a class was missed is partly missed, though early warning counts nothing below half of them.
fn longest_in_a_row(days: &[Day]) -> i64 {
    let (mut longest, mut run) = (0, 0);
    for day in days {
        let minutes = minutes_unexcused(std::slice::from_ref(day));
        if minutes < 0 {
            return -1;
        }
        if minutes == 0 && day.unexcused == 0 {
            run = 0;
            continue;
        }
        longest = longest.max(run + minutes);
        run = if day.unexcused >= day.weight { run + minutes } else { minutes };
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calculator::Minutes;
    use crate::date::Date;
    use crate::window::school_month;

    const DAY: i32 = 390;

    /// Monday, 2025-08-25 and every weekday after it; each is given as unexcused minutes of 390.
    fn days(missed: &[i32]) -> Vec<Day> {
        let monday = Date::parse("2025-08-25").unwrap().days();
        let day = |(at, &minutes): (usize, &i32)| {
            let at = i32::try_from(at).unwrap();
            let unexcused = (minutes * 100 + DAY / 2) / DAY;
            Day {
                date: Date::from_days(monday + at / 5 * 7 + at % 5).unwrap(),
                absent: unexcused,
                unexcused,
                unknown: 0,
                tardy: false,
                unexplained: unexcused > 0,
                cut: minutes > 0,
                weight: 100,
                minutes: Some(Minutes {
                    scheduled: DAY,
                    absent: minutes,
                    unexcused: minutes,
                    late_or_unexcused: minutes,
                    ..Minutes::default()
                }),
            }
        };
        missed.iter().enumerate().map(day).collect()
    }

    fn of(clock: Clock, days: &[Day]) -> i64 {
        let as_of = days.last().unwrap().date;
        let calendar: Vec<Date> = days.iter().map(|day| day.date).collect();
        value(clock, days, End { as_of, school_month: school_month(&calendar, as_of).unwrap() })
    }

    /// Source: California Education Code 48260, <https://self-law.org/code/ca/education-code/48260>: late by more than 30 minutes
    /// counts once toward truancy, apart from days absent.
    #[test]
    fn california_counts_whole_days_and_more_than_thirty_minutes() {
        let mut days = days(&[DAY, 30, 31, 0, 0]);
        days[4].minutes = Some(Minutes { late: 31, late_or_unexcused: 31, ..Minutes::default() });
        assert_eq!(of(Clock::CaliforniaOccasions, &days), 3);
    }

    #[test]
    fn texas_counts_days_and_parts_in_four_weeks() {
        let mut missed = vec![0; 25];
        missed[3] = 60;
        missed[6] = DAY;
        missed[24] = 5;
        // The third day's Thursday is 29 days before the last Friday; Tuesday of the second week is 24.
        assert_eq!(of(Clock::TexasFourWeeks, &days(&missed)), 2);
        assert_eq!(of(Clock::TexasSixMonths, &days(&missed)), 3);
    }

    #[test]
    fn ohio_counts_hours_in_a_row_in_the_school_month_and_the_year() {
        let mut missed = vec![0; 22];
        missed[1..6].fill(DAY);
        missed[6] = 60;
        missed[7] = DAY;
        missed[21] = 45;
        let days = days(&missed);
        assert_eq!(of(Clock::OhioInARow, &days), 5 * 390 + 60);
        assert_eq!(of(Clock::OhioYear, &days), 6 * 390 + 105);
        assert_eq!(of(Clock::OhioMonth, &days), 45);
    }

    #[test]
    fn ohio_counts_a_missed_class_that_makes_no_day_absent_in_a_row() {
        let mut days = days(&[0, DAY, 50, 50, 0]);
        // One class of seven: the day is not absent.
        for day in &mut days[2..4] {
            (day.absent, day.unexcused) = (0, 0);
        }
        assert_eq!(of(Clock::OhioInARow, &days), 390 + 50);
        days[1].unexcused = 0;
        days[1].minutes = Some(Minutes::default());
        assert_eq!(of(Clock::OhioInARow, &days), 50 + 50);
    }

    #[test]
    fn an_absence_of_unknown_length_is_no_number_of_hours() {
        let mut days = days(&[0, DAY]);
        days[1].minutes = None;
        assert_eq!(of(Clock::OhioYear, &days), -1);
        assert_eq!(of(Clock::OhioInARow, &days), -1);
        assert_eq!(of(Clock::CaliforniaOccasions, &days), 1, "a whole day is one, however long");
    }

    #[test]
    fn florida_counts_unknown_reasons_and_new_mexico_a_share() {
        let mut days = days(&[DAY, DAY, 0, 0]);
        days[1].unexcused = 0;
        assert_eq!(of(Clock::FloridaMonth, &days), 2);
        days[1].unexplained = false;
        assert_eq!(of(Clock::FloridaNinetyDays, &days), 1);
        assert_eq!(of(Clock::NewMexicoRate, &days), 2_500);
    }
}
