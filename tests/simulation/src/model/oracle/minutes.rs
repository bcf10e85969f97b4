//! Minutes of days, and what truancy laws make of them.

use homeroom_domain::date::Date;
use homeroom_domain::event::AttendanceMark;
use homeroom_domain::settings::Category;

use super::{Missed, Oracle, Sum};

impl Oracle {
    /// What the marks of a day whose length is not known say was missed: nothing, unless each that misses time says how much.
    pub(super) fn stated_minutes(&self, daily: &[&AttendanceMark]) -> Option<Missed> {
        let (mut sum, mut late) = (Missed::default(), 0);
        for mark in daily {
            let Some(category) = self.category(mark) else { continue };
            let minutes = mark.times.minutes.map(|minutes| i64::from(minutes.clamp(0, 24 * 60)));
            let absence = [Category::ExcusedAbsence, Category::UnexcusedAbsence, Category::AbsenceUnknownExcuse];
            let misses = absence.contains(&category);
            match category {
                Category::Tardy | Category::EarlyDeparture | Category::Partial => {
                    let needed = category == Category::Partial && mark.share.is_none_or(|share| share > 0);
                    match minutes {
                        Some(minutes) => {
                            sum.add(category, minutes);
                            let counts = category == Category::Tardy && !self.late_with_excuse(mark);
                            late += if counts { minutes } else { 0 };
                        }
                        None if needed => return None,
                        None => {}
                    }
                }
                _ if misses => match minutes.filter(|minutes| *minutes > 0) {
                    Some(minutes) => sum.add(category, minutes),
                    None => return None,
                },
                _ => {}
            }
        }
        sum.late_or_unexcused = late.max(sum.unexcused);
        (sum.absent > 0).then_some(sum)
    }
}

impl Missed {
    fn add(&mut self, category: Category, minutes: i64) {
        self.absent += minutes;
        self.unexcused += if category == Category::UnexcusedAbsence { minutes } else { 0 };
    }
}

/// Measures in minutes over counted days of the school year, and over those of the school month.
pub(super) fn figures(days: &[(Date, Sum)], of_school_month: &[&(Date, Sum)]) -> Vec<(&'static str, i64)> {
    let year: Vec<_> = days.iter().collect();
    let late_or_missed = |sum: &Sum| sum.minutes.map_or(0, |minutes| minutes.late_or_unexcused);
    let occasions = days.iter().filter(|(_, sum)| {
        let whole = sum.unexcused > 0 && sum.unexcused >= sum.weight;
        whole || late_or_missed(sum) > 30
    });
    vec![
        ("minutes_absent", minutes(&year, |sum| sum.absent, |of| of.absent)),
        ("minutes_unexcused", unexcused(&year)),
        ("truancy_ca_occasions", i64::try_from(occasions.count()).unwrap()),
        ("truancy_oh_minutes_in_year", unexcused(&year)),
        ("truancy_oh_minutes_in_school_month", unexcused(of_school_month)),
        ("truancy_oh_minutes_in_a_row", in_a_row(days)),
    ]
}

fn unexcused(days: &[&(Date, Sum)]) -> i64 {
    minutes(days, |sum| sum.unexcused, |of| of.unexcused)
}

/// None of a day on which nothing counts; not known when something does and nobody says how long it was.
fn minutes(days: &[&(Date, Sum)], part: fn(&Sum) -> i64, of: fn(&Missed) -> i64) -> i64 {
    if days.iter().any(|(_, sum)| sum.minutes.is_none() && part(sum) > 0) {
        return -1;
    }
    days.iter().filter_map(|(_, sum)| sum.minutes.as_ref()).map(of).sum()
}

/// The longest stretch of days that follow each other with something missed without excuse, of which all but the first and the last
/// are missed wholly: each stretch is tried.
fn in_a_row(days: &[(Date, Sum)]) -> i64 {
    if days.iter().any(|(_, sum)| sum.minutes.is_none() && sum.unexcused > 0) {
        return -1;
    }
    let missed = |at: usize| days[at].1.minutes.map_or(0, |minutes| minutes.unexcused);
    let any = |at: usize| missed(at) > 0 || days[at].1.unexcused > 0;
    let whole = |at: usize| days[at].1.unexcused > 0 && days[at].1.unexcused >= days[at].1.weight;
    let mut longest = 0;
    for from in 0..days.len() {
        for to in from..days.len() {
            let inner = (from + 1..to).all(whole);
            if inner && (from..=to).all(any) {
                longest = longest.max((from..=to).map(missed).sum());
            }
        }
    }
    longest
}
