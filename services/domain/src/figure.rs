//! The values of measures that are not kept: counted from a student's days when a rule names them, or somebody asks.

mod beside;
pub(crate) mod class;
mod days;

pub(crate) use beside::Beside;
use days::Days;

use crate::day::Day;
use crate::evaluation::Evaluation;
use crate::id::SchoolId;
use crate::marked;
use crate::measure::further::UNTOLD;
use crate::measure::{Among, Counted, Figures, Measure, Values as _};
use crate::projection;
use crate::settings::Now;
use crate::truancy;
use crate::window::{End, Window};

impl Evaluation<'_> {
    /// The district's measures with these dates, and those of the others.
    pub fn figures(&self, others: &[Measure], now: Now) -> Figures {
        let measures = self.district(now.as_of, now.today);
        let (days, beside) = (Days::new(self, None, now), Beside::new(self, now.as_of));
        Figures::new(measures, others.iter().map(|&measure| (measure, other(measure, &days, &beside))))
    }

    /// The values of measures in their order, for each row: the district as a whole, or one school. What several of them are counted
    /// from is counted once.
    pub fn rows(&self, measures: &[Measure], rows: &[Option<&SchoolId>], now: Now) -> Vec<Vec<i64>> {
        let beside = Beside::new(self, now.as_of);
        let row = |school: Option<&SchoolId>| {
            let kept = match school {
                None => self.district(now.as_of, now.today),
                Some(school) => self.school(school, now.as_of, now.today),
            };
            let days = Days::new(self, school, now);
            let value = |&measure: &Measure| kept.value(measure).unwrap_or_else(|| other(measure, &days, &beside));
            measures.iter().map(value).collect()
        };
        rows.iter().copied().map(row).collect()
    }

    /// The same for one row.
    pub fn values(&self, measures: &[Measure], school: Option<&SchoolId>, now: Now) -> Vec<i64> {
        self.rows(measures, &[school], now).pop().unwrap_or_default()
    }

    /// The value of any measure, for the district as a whole or at one school.
    pub fn value(&self, measure: Measure, school: Option<&SchoolId>, now: Now) -> i64 {
        self.values(&[measure], school, now).first().copied().unwrap_or_default()
    }
}

fn other(measure: Measure, days: &Days<'_, '_>, beside: &Beside<'_, '_>) -> i64 {
    let federal = |figure: &dyn Fn(&Federal) -> i64| days.federal().iter().map(figure).sum();
    match measure {
        Measure::Of(counted @ (Counted::MinutesAbsent | Counted::MinutesUnexcused), among) => {
            in_minutes(counted, among, days.in_minutes(), days.end())
        }
        Measure::Of(counted, among) => days.marked().count(counted, among, days.end_of(among)),
        Measure::LongestStreak => days.marked().longest_streak(),
        Measure::UnknownDays => number(beside.evaluation.unknown_days(days.school, days.as_of)),
        Measure::Truancy(clock) if days.have_no_minutes() => days.marked().clock(clock, days.end_of_clock(clock)),
        Measure::Truancy(clock) => truancy::value(clock, days.in_minutes(), days.end()),
        Measure::InClass(counted, _) if days.classes().is_empty() => class::value(counted, &[], class::Dates::NONE),
        Measure::InClass(counted, among) => {
            class::value(counted, days.classes(), among.dates(days.counted(), days.end()))
        }
        Measure::ClassesSkippedToday => days.skipped_today(),
        Measure::TexasClasses => class::below_ninety(days.classes()),
        Measure::LastYearEnrolled => days.last_year().enrolled,
        Measure::LastYearAbsent => days.last_year().absent,
        Measure::LastYearTier => days.last_year().tier().map_or(-1, i64::from),
        Measure::AbsencesLeft => projection::left(&days.outlook()),
        Measure::ExpectedAbsent => projection::expected(&days.outlook(), days.last_year()),
        Measure::FederalEnrolled => federal(&Federal::enrolled),
        Measure::FederalAbsent => federal(&Federal::absent),
        Measure::FederalChronic(minimum) => federal(&|at| i64::from(at.is_chronic(i64::from(minimum)))),
        Measure::Further(further) => further.of(beside).unwrap_or(UNTOLD),
        // What is kept is not asked for here. Each is named, so that a new measure is not forgotten.
        Measure::Enrolled
        | Measure::Absent
        | Measure::Unexcused
        | Measure::Tardy
        | Measure::Tier
        | Measure::Streak
        | Measure::UnexcusedStreak
        | Measure::UnexplainedAbsenceToday
        | Measure::Failing
        | Measure::FailingCore => 0,
    }
}

impl Among {
    pub(crate) fn dates(self, days: &[Day], end: End) -> class::Dates {
        match self {
            Self::Window(window) => class::Dates { between: window.dates(days, end), weekday: None },
            Self::Weekday(weekday) => class::Dates { between: Window::Year.dates(days, end), weekday: Some(weekday) },
        }
    }
}

fn in_minutes(counted: Counted, among: Among, days: &[Day], end: End) -> i64 {
    let of = |days: &[Day]| match counted {
        Counted::MinutesAbsent => minutes(days, |day| day.absent, |of| of.absent),
        _ => minutes_unexcused(days),
    };
    match among {
        Among::Window(window) => of(window.of(days, end)),
        Among::Weekday(weekday) => {
            of(&days.iter().filter(|day| day.date.weekday() == weekday).copied().collect::<Vec<_>>())
        }
    }
}

/// A part of days as a share of them, hundredths of a percent, cut; -1 without days.
pub(crate) fn rate(days: &[Day], part: impl Fn(&Day) -> i32) -> i64 {
    let enrolled: i64 = days.iter().map(|day| i64::from(day.weight)).sum();
    let part: i64 = days.iter().map(|day| i64::from(part(day))).sum();
    if enrolled > 0 { part * 10_000 / enrolled } else { -1 }
}

/// Minutes missed without excuse; -1 when a day on which some were has no known length.
pub(crate) fn minutes_unexcused(days: &[Day]) -> i64 {
    minutes(days, |day| day.unexcused, |of| of.unexcused)
}

/// Minutes missed without a medical excuse; the same.
pub(crate) fn minutes_nonmedical(days: &[Day]) -> i64 {
    minutes(days, |day| day.absent, |of| of.absent - of.medical)
}

fn minutes(days: &[Day], part: fn(&Day) -> i32, of: fn(&crate::calculator::Minutes) -> i32) -> i64 {
    let mut sum = 0;
    for day in days {
        match &day.minutes {
            Some(minutes) => sum += i64::from(of(minutes)),
            None if part(day) > 0 => return -1,
            None => {}
        }
    }
    sum
}

fn number(many: usize) -> i64 {
    i64::try_from(many).unwrap_or(i64::MAX)
}

/// What federal reporting counts at one school, in whole days.
pub(crate) struct Federal {
    enrolled: i64,
    absent: i64,
}

impl Federal {
    pub(crate) fn of(days: marked::Days<'_>) -> Self {
        let (enrolled, absent) = days.whole_days();
        Self { enrolled, absent }
    }

    /// Of so many days, and those of them absent.
    pub(crate) const fn of_days(enrolled: i64, absent: i64) -> Self {
        Self { enrolled, absent }
    }

    pub(crate) const fn enrolled(&self) -> i64 {
        self.enrolled
    }

    pub(crate) const fn absent(&self) -> i64 {
        self.absent
    }

    /// Chronically absent, from so many enrolled days on.
    pub(crate) const fn is_chronic(&self, minimum: i64) -> bool {
        self.enrolled >= minimum && self.absent * 10 >= self.enrolled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn federal_bounds_are_inclusive_and_need_the_minimum() {
        let chronic = |enrolled, absent, minimum| Federal { enrolled, absent }.is_chronic(minimum);
        assert!(chronic(10, 1, 10) && chronic(170, 17, 10));
        assert!(!chronic(9, 9, 10) && !chronic(171, 17, 10) && !chronic(29, 29, 30));
    }
}
