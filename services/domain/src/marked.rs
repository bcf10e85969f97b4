//! Counted days in few bytes: of most students' days there is nothing to say but that they were present.

mod clock;

use std::borrow::Cow;
use std::ops::Range;

use crate::date::Date;
use crate::day::{Day, WHOLE};
use crate::measure::{Among, Counted, Measures};
use crate::window::End;

/// What a counted day was, when it was no whole day of presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marked {
    /// Which of the counted days.
    at: u16,
    /// In hundredths, as in [`Day`], none of which is above 100.
    absent: u8,
    unexcused: u8,
    unknown: u8,
    weight: u8,
    tardy: bool,
    unexplained: bool,
    cut: bool,
}

impl Marked {
    /// None of a whole day of presence.
    pub(crate) fn of(at: usize, day: &Day) -> Option<Self> {
        let Day { date: _, absent, unexcused, unknown, tardy, unexplained, cut, weight, minutes: _ } = *day;
        let part = |hundredths: i32| u8::try_from(hundredths).unwrap_or(u8::MAX);
        let says_something = absent != 0 || unexcused != 0 || tardy || unexplained || cut || weight != WHOLE;
        says_something.then(|| Self {
            at: u16::try_from(at).unwrap_or(u16::MAX),
            absent: part(absent),
            unexcused: part(unexcused),
            unknown: part(unknown),
            weight: part(weight),
            tardy,
            unexplained,
            cut,
        })
    }

    pub(crate) fn at(self) -> usize {
        usize::from(self.at)
    }

    /// The same of another of the counted days.
    pub(crate) fn on(self, at: usize) -> Self {
        Self { at: u16::try_from(at).unwrap_or(u16::MAX), ..self }
    }

    /// As it was counted, but for its minutes.
    fn day(self, date: Date) -> Day {
        Day {
            absent: i32::from(self.absent),
            unexcused: i32::from(self.unexcused),
            unknown: i32::from(self.unknown),
            tardy: self.tardy,
            unexplained: self.unexplained,
            cut: self.cut,
            weight: i32::from(self.weight),
            ..Day::present(date)
        }
    }

    /// Whether it was missed, missed without excuse, unexplained, late; none when one of the first two is so in part, or when
    /// something was missed without excuse that makes no part of a day.
    pub(crate) fn whole(self) -> Option<[bool; 4]> {
        let whole = u8::try_from(WHOLE).unwrap_or(u8::MAX);
        let is_whole = |part: u8| part == 0 || part == whole;
        let is_cut = self.cut == (self.unexcused > 0);
        let of_whole = self.weight == whole && is_whole(self.absent) && is_whole(self.unexcused) && is_cut;
        of_whole.then_some([self.absent > 0, self.unexcused > 0, self.unexplained, self.tardy])
    }

    /// Any part of it.
    fn is_missed(self) -> bool {
        self.absent > 0
    }

    /// At least half of it, as streaks and federal reporting count.
    fn is_absent(self) -> bool {
        u16::from(self.absent) * 2 >= u16::from(self.weight)
    }

    fn is_unexcused(self) -> bool {
        u16::from(self.unexcused) * 2 >= u16::from(self.weight)
    }
}

/// The dates of counted days, and those that are marked.
pub(crate) fn of(days: &[Day]) -> (Vec<Date>, Vec<Marked>) {
    let marked = days.iter().enumerate().filter_map(|(at, day)| Marked::of(at, day));
    (days.iter().map(|day| day.date).collect(), marked.collect())
}

/// A student's counted days up to a date: all their dates, and those that were marked, both in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Days<'d> {
    pub(crate) dates: &'d [Date],
    pub(crate) marked: &'d [Marked],
}

impl<'d> Days<'d> {
    /// Those of them up to a date.
    pub(crate) fn until(self, last: Date) -> Self {
        let counted = self.dates.partition_point(|date| *date <= last);
        let marked = self.marked.partition_point(|day| day.at() < counted);
        Self { dates: &self.dates[..counted], marked: &self.marked[..marked] }
    }

    /// Dates of which any part was missed, newest first.
    pub(crate) fn missed(self) -> impl Iterator<Item = Date> {
        self.marked.iter().rev().filter(|day| day.is_missed()).map(move |day| self.dates[day.at()])
    }

    /// Dates of which any part was missed without excuse or for an unknown reason, or that began late, newest first.
    pub(crate) fn not_excused(self) -> impl Iterator<Item = Date> {
        let counts = |day: &&Marked| day.unexcused > 0 || day.unexplained || day.cut || day.tardy;
        self.marked.iter().rev().filter(counts).map(move |day| self.dates[day.at()])
    }

    /// The last so many dates, newest first.
    pub(crate) fn last(self, many: i64) -> impl Iterator<Item = Date> {
        self.dates.iter().rev().take(usize::try_from(many).unwrap_or(0)).copied()
    }

    /// Whether a date is one of absence that nobody has explained.
    pub(crate) fn is_unexplained(self, date: Date) -> bool {
        let at = self.dates.binary_search(&date);
        at.is_ok_and(|at| self.mark(at).is_some_and(|day| day.unexplained))
    }

    fn mark(self, at: usize) -> Option<Marked> {
        let found = self.marked.binary_search_by_key(&at, |day| day.at());
        found.ok().map(|found| self.marked[found])
    }

    /// What a date was, without its minutes; none of one that does not count.
    pub(crate) fn day(self, date: Date) -> Option<Day> {
        let at = self.dates.binary_search(&date).ok()?;
        Some(self.mark(at).map_or(Day::present(date), |day| day.day(date)))
    }

    /// The measures that are kept of every student, as far as days tell them, without the same-day measure.
    pub(crate) fn measures(self) -> Measures {
        let all = |counted: Counted| counted.of(self.dates.len(), &self.marked.iter());
        Measures {
            enrolled: all(Counted::Enrolled),
            absent: all(Counted::Absent),
            unexcused: all(Counted::Unexcused),
            tardy: all(Counted::Tardy),
            ..self.streaks()
        }
    }

    /// How many days in a row were missed up to the last, and missed without excuse: nothing else of the measures.
    fn streaks(self) -> Measures {
        Measures {
            streak: self.streak(Marked::is_absent),
            unexcused_streak: self.streak(Marked::is_unexcused),
            ..Measures::default()
        }
    }

    /// How many days in a row were such, up to the last.
    fn streak(self, is_such: fn(Marked) -> bool) -> i64 {
        let back = self.marked.iter().rev().zip((0..self.dates.len()).rev());
        number(back.take_while(|(day, at)| day.at() == *at && is_such(**day)).count())
    }

    fn within(self, range: &Range<usize>) -> &'d [Marked] {
        let position = |at: usize| self.marked.partition_point(|day| day.at() < at);
        &self.marked[position(range.start)..position(range.end)]
    }

    /// One of a family of measures that no minutes are counted for.
    pub(crate) fn count(self, counted: Counted, among: Among, end: End) -> i64 {
        match among {
            Among::Window(window) => {
                let range = window.range(self.dates, |date| *date, end);
                counted.of(range.len(), &self.within(&range).iter())
            }
            Among::Weekday(weekday) => {
                let on = |date: &Date| date.weekday() == weekday;
                let marked = self.marked.iter().filter(|day| on(&self.dates[day.at()]));
                counted.of(self.dates.iter().filter(|date| on(date)).count(), &marked)
            }
        }
    }

    /// Days enrolled and absent, hundredths.
    pub(crate) fn sums(self) -> (i64, i64) {
        let all = |counted: Counted| counted.of(self.dates.len(), &self.marked.iter());
        (all(Counted::Enrolled), all(Counted::Absent))
    }

    /// The longest run of days absent.
    pub(crate) fn longest_streak(self) -> i64 {
        let (mut longest, mut run, mut next) = (0, 0, 0);
        for day in self.marked.iter().filter(|day| day.is_absent()) {
            run = if day.at() == next { run + 1 } else { 1 };
            next = day.at() + 1;
            longest = longest.max(run);
        }
        longest
    }

    /// Days, and those of them absent, as federal reporting counts: in whole days.
    pub(crate) fn whole_days(self) -> (i64, i64) {
        (number(self.dates.len()), number(self.marked.iter().filter(|day| day.is_absent()).count()))
    }
}

/// All counted days so far, with sums of the marked ones: what is asked of any date takes no walk over those before it.
pub(crate) struct Laid<'a> {
    dates: Cow<'a, [Date]>,
    marked: Vec<Marked>,
    /// What the marked days before each of them come to, and all of them.
    sums: Vec<Sums>,
}

/// Of marked days, as in [`Measures`].
#[derive(Clone, Copy, Default)]
struct Sums {
    /// What they are worth less than whole days.
    less: i64,
    absent: i64,
    unexcused: i64,
    tardy: i64,
}

impl Sums {
    fn with(self, day: &Marked) -> Self {
        Self {
            less: self.less + i64::from(WHOLE) - i64::from(day.weight),
            absent: self.absent + i64::from(day.absent),
            unexcused: self.unexcused + i64::from(day.unexcused),
            tardy: self.tardy + i64::from(day.tardy),
        }
    }
}

impl<'a> Laid<'a> {
    pub(crate) fn new(dates: Cow<'a, [Date]>, marked: Vec<Marked>) -> Self {
        let mut sums = Vec::with_capacity(marked.len() + 1);
        let mut sum = Sums::default();
        sums.push(sum);
        for day in &marked {
            sum = sum.with(day);
            sums.push(sum);
        }
        Self { dates, marked, sums }
    }

    pub(crate) fn days(&self) -> Days<'_> {
        Days { dates: &self.dates, marked: &self.marked }
    }

    /// [`Days::measures`] of those up to a date.
    pub(crate) fn measures_until(&self, as_of: Date) -> Measures {
        let days = self.days().until(as_of);
        let Sums { less, absent, unexcused, tardy } = self.sums[days.marked.len()];
        let enrolled = number(days.dates.len()) * i64::from(WHOLE) - less;
        Measures { enrolled, absent, unexcused, tardy, ..days.streaks() }
    }
}

impl Counted {
    /// Of so many days, of which these are marked. Minutes are none of these.
    fn of<'d>(self, days: usize, marked: &(impl Iterator<Item = &'d Marked> + Clone)) -> i64 {
        let sum = |part: fn(&Marked) -> i64| marked.clone().map(part).sum::<i64>();
        let enrolled = || number(days) * i64::from(WHOLE) + sum(|day| i64::from(day.weight) - i64::from(WHOLE));
        let absent = || sum(|day| i64::from(day.absent));
        match self {
            Self::Enrolled => enrolled(),
            Self::Absent => absent(),
            Self::Unexcused => sum(|day| i64::from(day.unexcused)),
            Self::UnknownReason => sum(|day| i64::from(day.unknown)),
            Self::Unexplained => sum(|day| i64::from(day.unexplained)),
            Self::Tardy => sum(|day| i64::from(day.tardy)),
            Self::Rate if enrolled() > 0 => absent() * 10_000 / enrolled(),
            Self::Rate | Self::MinutesAbsent | Self::MinutesUnexcused => -1,
        }
    }
}

fn number(many: usize) -> i64 {
    i64::try_from(many).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_come_to_what_days_are_counted_to() {
        let monday = Date::parse("2021-09-06").unwrap().days();
        let day = |at: i32| Day {
            absent: [0, 0, 100, 50, 0, 100, 30][usize::try_from(at % 7).unwrap()],
            unexcused: if at % 5 < 2 { 100 } else { 0 },
            tardy: at % 11 == 0,
            weight: if at % 13 == 0 { 50 } else { WHOLE },
            ..Day::present(Date::from_days(monday + at).unwrap())
        };
        let days: Vec<Day> = (0..90).map(day).collect();
        let (dates, marked) = of(&days);
        let laid = Laid::new(Cow::Borrowed(&dates), marked);
        let mut counted = Measures::default();
        assert_eq!(laid.measures_until(dates[0].previous()), counted);
        for day in &days {
            counted.count(day);
            assert_eq!(laid.measures_until(day.date), counted);
            assert_eq!(laid.days().until(day.date).measures(), counted);
            assert_eq!(laid.days().day(day.date), Some(*day));
        }
    }
}
