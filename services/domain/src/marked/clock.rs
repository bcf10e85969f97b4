//! What truancy clocks come to where nobody knows how long days are: as `truancy` counts days without minutes.

use super::{Days, Marked, number};
use crate::measure::Clock;
use crate::window::{End, Window};

impl Days<'_> {
    /// The value of a clock over the days, none of which has minutes.
    pub(crate) fn clock(self, clock: Clock, end: End) -> i64 {
        let within = |window: Window| self.within(&window.range(self.dates, |date| *date, end));
        let many = |window, counts: fn(&&Marked) -> bool| number(within(window).iter().filter(counts).count());
        let any = |window, counts: fn(&Marked) -> bool| -i64::from(within(window).iter().any(counts));
        match clock {
            Clock::CaliforniaOccasions => many(Window::Year, |day| day.unexcused > 0 && day.unexcused >= day.weight),
            Clock::TexasFourWeeks => many(Window::LastDays(28), |day| day.unexcused > 0 || day.cut),
            Clock::TexasSixMonths => many(Window::LastMonths(6), |day| day.unexcused > 0 || day.cut),
            Clock::OhioInARow | Clock::OhioYear => any(Window::Year, |day| day.unexcused > 0),
            Clock::OhioMonth => any(Window::SchoolMonth, |day| day.unexcused > 0),
            Clock::OhioNonmedicalMonth => any(Window::SchoolMonth, |day| day.absent > 0),
            Clock::OhioNonmedicalYear => any(Window::Year, |day| day.absent > 0),
            Clock::FloridaMonth => many(Window::CalendarMonth, |day| day.is_open()),
            Clock::FloridaNinetyDays => many(Window::LastDays(90), |day| day.is_open()),
            Clock::NewMexicoRate => {
                let (enrolled, _) = self.sums();
                let unexcused: i64 = self.marked.iter().map(|day| i64::from(day.unexcused)).sum();
                if enrolled > 0 { unexcused * 10_000 / enrolled } else { -1 }
            }
        }
    }
}

impl Marked {
    /// Mostly missed without excuse, or for a reason that nobody knows.
    fn is_open(self) -> bool {
        self.is_absent() && (self.is_unexcused() || self.unexplained)
    }
}
