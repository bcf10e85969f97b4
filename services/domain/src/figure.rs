//! The values of measures that are not kept: counted from a student's days when a rule names them, or somebody asks.

use std::cell::OnceCell;

use crate::date::Date;
use crate::day::Day;
use crate::evaluation::Evaluation;
use crate::id::SchoolId;
use crate::marked::{Days, Marked};
use crate::measure::further::UNTOLD;
use crate::measure::{Among, Counted, Figures, Measure, Values as _};
use crate::projection;
use crate::settings::Now;
use crate::truancy;
use crate::window::End;

impl Evaluation<'_> {
    /// The district's measures with these dates, and those of the others.
    pub fn figures(&self, others: &[Measure], now: Now) -> Figures {
        let measures = self.district(now.as_of, now.today);
        let other = Other::new(self, None, now);
        Figures::new(measures, others.iter().map(|&measure| (measure, other.value(measure))))
    }

    /// The value of any measure, for the district as a whole or at one school.
    pub fn value(&self, measure: Measure, school: Option<&SchoolId>, now: Now) -> i64 {
        let kept = || match school {
            None => self.district(now.as_of, now.today),
            Some(school) => self.school(school, now.as_of, now.today),
        };
        if measure.is_kept() {
            kept().value(measure).unwrap_or_default()
        } else {
            Other::new(self, school, now).value(measure)
        }
    }
}

/// Measures that are not kept, of the district as a whole or at one school; the days are counted once for all of them.
struct Other<'e, 'a> {
    student: &'e Evaluation<'a>,
    school: Option<&'e SchoolId>,
    as_of: Date,
    counted: OnceCell<(Vec<Date>, Vec<Marked>)>,
    end: OnceCell<End>,
}

impl<'e, 'a> Other<'e, 'a> {
    fn new(student: &'e Evaluation<'a>, school: Option<&'e SchoolId>, now: Now) -> Self {
        Self { student, school, as_of: now.as_of, counted: OnceCell::new(), end: OnceCell::new() }
    }

    fn days(&self) -> Days<'_> {
        let counted = self.counted.get_or_init(|| counted(&self.student.counted_days(self.school, self.as_of)));
        Days { dates: &counted.0, marked: &counted.1 }
    }

    fn days_in_minutes(&self) -> Vec<Day> {
        self.student.days_in_minutes(self.school, self.as_of)
    }

    fn end(&self) -> End {
        let school_month = || self.student.school_month(self.school, self.as_of);
        *self.end.get_or_init(|| End { as_of: self.as_of, school_month: school_month() })
    }

    fn value(&self, measure: Measure) -> i64 {
        let (school, as_of) = (self.school, self.as_of);
        let last_year = || self.student.last_year(school);
        match measure {
            Measure::Of(counted @ (Counted::MinutesAbsent | Counted::MinutesUnexcused), among) => {
                in_minutes(counted, among, &self.days_in_minutes(), self.end())
            }
            Measure::Of(counted, among) => self.days().count(counted, among, self.end()),
            Measure::LongestStreak => self.days().longest_streak(),
            Measure::UnknownDays => number(self.student.unknown_days(school, as_of)),
            Measure::Truancy(clock) => truancy::value(clock, &self.days_in_minutes(), self.end()),
            Measure::LastYearEnrolled => last_year().enrolled,
            Measure::LastYearAbsent => last_year().absent,
            Measure::LastYearTier => last_year().tier().map_or(-1, i64::from),
            Measure::AbsencesLeft => projection::left(&self.outlook()),
            Measure::ExpectedAbsent => projection::expected(&self.outlook(), &last_year()),
            Measure::FederalEnrolled => self.federal(Federal::enrolled),
            Measure::FederalAbsent => self.federal(Federal::absent),
            Measure::FederalChronic(minimum) => self.federal(|at| i64::from(at.is_chronic(i64::from(minimum)))),
            Measure::Further(further) => further.value(self.student, as_of).unwrap_or(UNTOLD),
            // What is kept is not asked for here.
            _ => 0,
        }
    }

    /// A federal figure at one school, or its sum over the schools of the year: a student who moves counts at each.
    fn federal(&self, figure: impl Fn(&Federal) -> i64) -> i64 {
        let at = |school: &SchoolId| {
            let (dates, marked) = counted(&self.student.counted_days(Some(school), self.as_of));
            figure(&Federal::of(Days { dates: &dates, marked: &marked }))
        };
        match self.school {
            Some(school) => at(school),
            None => self.student.schools(self.as_of).into_iter().map(at).sum(),
        }
    }

    fn outlook(&self) -> projection::Outlook {
        let (enrolled, absent) = self.days().sums();
        projection::Outlook { enrolled, absent, to_come: self.student.to_come(self.school, self.as_of) }
    }
}

/// The dates of counted days, and those that are marked.
fn counted(days: &[Day]) -> (Vec<Date>, Vec<Marked>) {
    let marked = days.iter().enumerate().filter_map(|(at, day)| Marked::of(at, day));
    (days.iter().map(|day| day.date).collect(), marked.collect())
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
    pub(crate) fn of(days: Days<'_>) -> Self {
        let (enrolled, absent) = days.whole_days();
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
