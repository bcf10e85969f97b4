//! Measures beyond those that are kept, each by its name, in plain code over the oracle's own days.

use homeroom_domain::date::Date;
use homeroom_domain::id::SchoolId;

use super::{Oracle, Sum, minutes};

impl Oracle {
    /// Some of every family, the official ones, last year's and the projection, by name.
    pub fn beyond(&self, school: Option<&SchoolId>, as_of: Date) -> Vec<(&'static str, i64)> {
        let days = self.counted(school, as_of);
        let month = |date: &Date| (date.to_civil().year(), date.to_civil().month());
        let last = |many: i32| days.iter().filter(|(date, _)| as_of.days() - date.days() < many).collect::<Vec<_>>();
        let of_month: Vec<_> = days.iter().filter(|(date, _)| month(date) == month(&as_of)).collect();
        let school_month = self.school_month(school, as_of);
        let of_school_month: Vec<_> = days.iter().filter(|(date, _)| Some(*date) >= school_month).collect();
        // 6 September 2021 was a Monday, 18,876 days after 1970-01-01.
        let mondays: Vec<_> = days.iter().filter(|(date, _)| (date.days() - 18_876).rem_euclid(7) == 0).collect();
        let last_five: Vec<_> = days.iter().skip(days.len().saturating_sub(5)).collect();
        let all: Vec<_> = days.iter().collect();
        let mostly_open =
            |sum: &Sum| sum.absent * 2 >= sum.weight && (sum.unexcused * 2 >= sum.weight || sum.unexplained);
        let mut figures = minutes::figures(&days, &of_school_month);
        figures.extend(self.ahead(school, as_of));
        figures.extend([
            ("absent_last_5_school_days", total(&last_five, |sum| sum.absent)),
            ("enrolled_last_7_days", total(&last(7), |sum| sum.weight)),
            ("unexcused_last_7_days", total(&last(7), |sum| sum.unexcused)),
            ("tardy_last_7_days", total(&last(7), |sum| i64::from(sum.tardy))),
            ("unexplained_this_calendar_month", total(&of_month, |sum| i64::from(sum.unexplained))),
            ("absent_this_school_month", total(&of_school_month, |sum| sum.absent)),
            ("absent_first_3_school_days", days.iter().take(3).map(|(_, sum)| sum.absent).sum()),
            ("absent_mondays", total(&mondays, |sum| sum.absent)),
            ("absent_rate", rate(&all, |sum| sum.absent)),
            ("absent_rate_last_7_days", rate(&last(7), |sum| sum.absent)),
            ("longest_streak", longest(&days)),
            ("truancy_tx_days_in_4_weeks", total(&last(28), |sum| i64::from(sum.unexcused > 0 || sum.cut))),
            ("truancy_fl_absences_in_month", total(&of_month, |sum| i64::from(mostly_open(sum)))),
            ("truancy_nm_rate", rate(&all, |sum| sum.unexcused)),
            ("federal_chronic_from_3_days", self.federal(school, as_of)),
            ("unknown_days", self.unknown(school, as_of) - i64::try_from(days.len()).unwrap()),
        ]);
        figures
    }

    /// What was missed of each counted day up to a date, and what it was worth.
    pub fn missed(&self, as_of: Date) -> Vec<(i64, i64)> {
        self.counted(None, as_of).into_iter().map(|(_, sum)| (sum.absent, sum.weight)).collect()
    }

    /// The dates of those days.
    pub fn counted_dates(&self, as_of: Date) -> Vec<Date> {
        self.counted(None, as_of).into_iter().map(|(date, _)| date).collect()
    }

    fn counted(&self, school: Option<&SchoolId>, as_of: Date) -> Vec<(Date, Sum)> {
        let day = |date: Date| match school {
            None => self.district_day(date),
            Some(school) => self.day(school, date),
        };
        let dates = self.dates().into_iter().filter(|date| *date <= as_of);
        dates.filter_map(|date| Some((date, day(date)?))).collect()
    }

    /// Dates that count somewhere, or at a school, whatever is known of them.
    fn unknown(&self, school: Option<&SchoolId>, as_of: Date) -> i64 {
        let counts = |date: &Date| match school {
            Some(school) => self.counts_at(school, *date),
            None => self.schools().iter().any(|school| self.counts_at(school, *date)),
        };
        let dates = self.dates().into_iter().filter(|date| *date <= as_of);
        i64::try_from(dates.filter(counts).count()).unwrap()
    }

    /// When the school month began: every twentieth date of the calendar is the last of one.
    fn school_month(&self, school: Option<&SchoolId>, as_of: Date) -> Option<Date> {
        let dates: Vec<Date> = self.dates().into_iter().filter(|date| *date <= as_of).collect();
        let (last, counts) = dates.iter().rev().find_map(|date| Some((*date, self.leading_school(school, *date)?)))?;
        let calendar = self.calendar(self.leading(&counts, last))?;
        let mut taught = dates.into_iter().filter(|date| self.instructional(calendar, *date));
        let many = taught.clone().count();
        taught.nth((many - 1) / 20 * 20)
    }

    fn federal(&self, school: Option<&SchoolId>, as_of: Date) -> i64 {
        let chronic = |school: &SchoolId| {
            let days = self.counted(Some(school), as_of);
            let absent = days.iter().filter(|(_, sum)| sum.absent * 2 >= sum.weight).count();
            i64::from(days.len() >= 3 && absent * 10 >= days.len())
        };
        match school {
            Some(school) => chronic(school),
            None => self.schools().iter().map(chronic).sum(),
        }
    }
}

fn total(days: &[&(Date, Sum)], of: impl Fn(&Sum) -> i64) -> i64 {
    days.iter().map(|(_, sum)| of(sum)).sum()
}

fn rate(days: &[&(Date, Sum)], of: impl Fn(&Sum) -> i64) -> i64 {
    let enrolled = total(days, |sum| sum.weight);
    if enrolled == 0 { -1 } else { total(days, of) * 10_000 / enrolled }
}

fn longest(days: &[(Date, Sum)]) -> i64 {
    let (mut longest, mut run) = (0, 0);
    for (_, sum) in days {
        run = if sum.absent * 2 >= sum.weight { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
