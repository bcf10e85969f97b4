//! Which days a truancy clock counts, and for how much.

use super::{is_occasion, is_part_missed, is_unexplained_absence};
use crate::date::Date;
use crate::day::Day;
use crate::figure::{minutes_nonmedical, minutes_unexcused};
use crate::measure::Clock;
use crate::window::{End, Window};

/// The dates that make a clock's value, each with what it adds, in the clock's unit; of minutes in a row, those of the longest
/// run. Their sum is the value, unless that cannot be told or is a share.
pub(crate) fn parts(clock: Clock, days: &[Day], end: End) -> Vec<(Date, i64)> {
    let many = |window: Window, counts: fn(&Day) -> bool| {
        window.of(days, end).iter().filter(|day| counts(day)).map(|day| (day.date, 1)).collect()
    };
    match clock {
        Clock::CaliforniaOccasions => many(Window::Year, is_occasion),
        Clock::TexasFourWeeks => many(Window::LastDays(28), is_part_missed),
        Clock::TexasSixMonths => many(Window::LastMonths(6), is_part_missed),
        Clock::FloridaMonth => many(Window::CalendarMonth, is_unexplained_absence),
        Clock::FloridaNinetyDays => many(Window::LastDays(90), is_unexplained_absence),
        Clock::OhioInARow => longest_run(days),
        Clock::OhioMonth => missed(Window::SchoolMonth.of(days, end), minutes_unexcused),
        Clock::OhioYear => missed(days, minutes_unexcused),
        Clock::OhioNonmedicalMonth => missed(Window::SchoolMonth.of(days, end), minutes_nonmedical),
        Clock::OhioNonmedicalYear => missed(days, minutes_nonmedical),
        Clock::NewMexicoRate => Vec::new(),
    }
}

fn missed(days: &[Day], minutes: fn(&[Day]) -> i64) -> Vec<(Date, i64)> {
    let minutes = days.iter().map(|day| (day.date, minutes(std::slice::from_ref(day))));
    minutes.filter(|(_, minutes)| *minutes != 0).collect()
}

/// The days of the longest stretch, as `super::longest_in_a_row` runs over them; of two as long, the earlier.
fn longest_run(days: &[Day]) -> Vec<(Date, i64)> {
    let mut longest: Vec<(Date, i64)> = Vec::new();
    let mut run: Vec<(Date, i64)> = Vec::new();
    let sum = |run: &[(Date, i64)]| run.iter().map(|(_, minutes)| minutes).sum::<i64>();
    for day in days {
        let one = (day.date, minutes_unexcused(std::slice::from_ref(day)));
        if one.1 == 0 && day.unexcused == 0 {
            run.clear();
            continue;
        }
        let with: Vec<_> = run.iter().copied().chain([one]).collect();
        if sum(&with) > sum(&longest) {
            longest.clone_from(&with);
        }
        run = if day.unexcused >= day.weight { with } else { vec![one] };
    }
    longest
}
