//! Days enrolled and absent: sums, shares, runs.

use super::{Look, Part, Sheet};
use crate::day::Day;
use crate::explain::number::{amount, days, percent_of, sum};
use crate::measure::{Among, Counted, TIER_BOUNDS_PERCENT, TIER_MINIMUM_ENROLLED, Unit};
use crate::window::Window;

/// At least half of it, as streaks count.
pub(super) fn is_absent(day: &Day) -> bool {
    day.absent * 2 >= day.weight
}

pub(super) fn is_unexcused(day: &Day) -> bool {
    day.unexcused * 2 >= day.weight
}

fn total(days: &[Day], part: fn(&Day) -> i32) -> i64 {
    days.iter().map(|day| i64::from(part(day))).sum()
}

/// A stretch of days in words.
fn from_to(days: &[Day]) -> String {
    match days {
        [] => "no counted day".to_owned(),
        [only] => format!("{} alone", only.date),
        [first, .., last] => format!("{} counted days from {} to {}", days.len(), first.date, last.date),
    }
}

/// What is counted of these days, date by date.
pub(super) fn sum_of(days: &[Day], counted: Counted) -> Sheet {
    let of = |day: &Day| match counted {
        Counted::Enrolled => i64::from(day.weight),
        Counted::Absent => i64::from(day.absent),
        Counted::Unexcused => i64::from(day.unexcused),
        Counted::UnknownReason => i64::from(day.unknown),
        Counted::Unexplained => i64::from(day.unexplained),
        Counted::Tardy => i64::from(day.tardy),
        Counted::MinutesAbsent => minutes(day, day.absent, |of| of.absent),
        Counted::MinutesUnexcused => minutes(day, day.unexcused, |of| of.unexcused),
        Counted::Rate => 0,
    };
    let parts: Vec<Part> =
        days.iter().map(|day| Part { date: day.date, value: of(day) }).filter(|part| part.value != 0).collect();
    let unknown: Vec<String> = parts.iter().filter(|part| part.value < 0).map(|part| part.date.to_string()).collect();
    if !unknown.is_empty() {
        return Sheet::new(format!("how many minutes were missed is not known of {}", unknown.join(", ")));
    }
    Sheet::new(sum(&parts, counted.unit())).adding_up(parts)
}

/// A part of days as a share of them.
pub(super) fn share(of: &[Day], counted: Counted) -> Sheet {
    let (name, part) = match counted {
        Counted::Unexcused => ("unexcused", total(of, |day| day.unexcused)),
        _ => ("absent", total(of, |day| day.absent)),
    };
    let enrolled = total(of, |day| day.weight);
    let words = if enrolled > 0 {
        let share = Unit::PercentHundredths.show(part * 10_000 / enrolled);
        let (part, enrolled) = (days(part), days(enrolled));
        format!("{name} {part} of {enrolled} days: {part} x 100% / {enrolled} = {share}, cut and not rounded")
    } else {
        "there is no enrolled day".to_owned()
    };
    Sheet::new(words).days_term(name, part).days_term("enrolled", enrolled)
}

impl Look<'_, '_> {
    pub(super) fn tier(&self) -> Sheet {
        let (absent, enrolled) = (total(&self.days, |day| day.absent), total(&self.days, |day| day.weight));
        Sheet::new(tier_in_words(absent, enrolled)).days_term("absent", absent).days_term("enrolled", enrolled)
    }

    /// The days in a row, up to the last counted one, of which something holds.
    pub(super) fn streak(&self, holds: fn(&Day) -> bool, what: &str) -> Sheet {
        let run = self.days.iter().rev().take_while(|day| holds(day)).count();
        let (before, run) = self.days.split_at(self.days.len() - run);
        let words = match (run, before.last()) {
            ([], None) => "there is no counted day".to_owned(),
            ([], Some(last)) => format!("on {}, the last counted day, less than half was {what}", last.date),
            (run, None) => format!("{}, half or more of each {what}", from_to(run)),
            (run, Some(before)) => {
                format!("{}, half or more of each {what}; of {} it was less", from_to(run), before.date)
            }
        };
        Sheet::new(words).adding_up(once_each(run))
    }

    pub(super) fn longest_streak(&self) -> Sheet {
        let runs = self.days.chunk_by(|a, b| is_absent(a) == is_absent(b)).filter(|run| is_absent(&run[0]));
        // Of runs as long the first.
        let longest = runs.rev().max_by_key(|run| run.len()).unwrap_or_default();
        let words = if longest.is_empty() {
            "no counted day was absent for half or more".to_owned()
        } else {
            format!("{}, half or more of each absent", from_to(longest))
        };
        Sheet::new(words).adding_up(once_each(longest))
    }

    pub(super) fn today(&self) -> Sheet {
        let today = self.now.today;
        let words = match self.evaluation.day(today) {
            None => format!("{today} does not count, or is not known"),
            Some((_, day)) if day.unexplained => format!(
                "{today} is absent in part or all, unexcused or unexplained, and no mark says that the student came"
            ),
            Some((_, day)) if day.absent > 0 => {
                format!("the absence of {today} is excused, or a mark says that the student came")
            }
            Some(_) => format!("{today} is no absence"),
        };
        Sheet::new(words)
    }

    pub(super) fn family(&self, counted: Counted, among: Among) -> Sheet {
        let in_minutes = matches!(counted, Counted::MinutesAbsent | Counted::MinutesUnexcused);
        let minutes = if in_minutes { self.evaluation.days_in_minutes(None, self.now.as_of) } else { Vec::new() };
        let all = if in_minutes { &minutes } else { &self.days };
        let days: Vec<Day> = match among {
            Among::Window(window) => window.of(all, self.end).to_vec(),
            Among::Weekday(weekday) => {
                let on = |day: &&Day| day.date.to_civil().weekday().to_monday_one_offset() == weekday;
                all.iter().filter(on).copied().collect()
            }
        };
        let mut sheet = match counted {
            Counted::Rate => share(&days, Counted::Absent),
            counted => sum_of(&days, counted),
        };
        if among != Among::Window(Window::Year) {
            sheet.arithmetic = format!("{}: {}", from_to(&days), sheet.arithmetic);
        }
        sheet
    }

    /// Dates that count and of which nobody said what they were.
    pub(super) fn unknown_days(&self) -> Sheet {
        let mut dates: Vec<_> = self
            .evaluation
            .days_by_school(self.now.as_of)
            .into_iter()
            .flat_map(|(_, days)| days.into_iter().filter(|(_, day)| day.is_none()).map(|(date, _)| date))
            .filter(|date| self.days.binary_search_by_key(date, |day| day.date).is_err())
            .collect();
        dates.sort_unstable();
        dates.dedup();
        let parts: Vec<Part> = dates.into_iter().map(|date| Part { date, value: 1 }).collect();
        let words = amount(i64::try_from(parts.len()).unwrap_or(i64::MAX), Unit::Days);
        Sheet::new(format!("{words} of which it is not known what they were; they are neither enrolled nor absent"))
            .adding_up(parts)
    }
}

fn once_each(days: &[Day]) -> Vec<Part> {
    days.iter().map(|day| Part { date: day.date, value: 1 }).collect()
}

/// Minutes of a day; -1 when a part of it was missed and nobody knows how long that was.
fn minutes(day: &Day, part: i32, of: fn(&crate::calculator::Minutes) -> i32) -> i64 {
    match &day.minutes {
        Some(minutes) => i64::from(of(minutes)),
        None if part > 0 => -1,
        None => 0,
    }
}

/// Where a share of days absent lies among the tiers' bounds.
pub(super) fn tier_in_words(absent: i64, enrolled: i64) -> String {
    if enrolled < TIER_MINIMUM_ENROLLED {
        let (enrolled, least) = (days(enrolled), days(TIER_MINIMUM_ENROLLED));
        return format!("{enrolled} days enrolled; a tier is told from {least} on");
    }
    let bounds = TIER_BOUNDS_PERCENT.map(|percent| format!("{percent}% is {}", percent_of(enrolled, percent)));
    let reached = TIER_BOUNDS_PERCENT
        .iter()
        .filter(|&&percent| i128::from(absent) * 100 >= i128::from(percent) * i128::from(enrolled));
    let so = match reached.clone().next_back() {
        None => format!("below {}%, tier 0", TIER_BOUNDS_PERCENT[0]),
        Some(percent) => format!("at or above {percent}%, tier {}", reached.count()),
    };
    format!("absent {} of {} days; {}; so {so}", days(absent), days(enrolled), bounds.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_written_out_with_its_bounds() {
        assert_eq!(
            tier_in_words(1_700, 16_400),
            "absent 17 of 164 days; 5% is 8.2, 10% is 16.4, 20% is 32.8; so at or above 10%, tier 2"
        );
        assert_eq!(
            tier_in_words(1_640, 16_400),
            "absent 16.4 of 164 days; 5% is 8.2, 10% is 16.4, 20% is 32.8; so at or above 10%, tier 2"
        );
        assert_eq!(
            tier_in_words(819, 16_400),
            "absent 8.19 of 164 days; 5% is 8.2, 10% is 16.4, 20% is 32.8; so below 5%, tier 0"
        );
        assert_eq!(tier_in_words(100, 950), "9.5 days enrolled; a tier is told from 10 on");
    }
}
