//! How each date was counted, told beside what it counts as.

use smallvec::SmallVec;

use super::{At, Calculated, by_section, daily};
use crate::calculator::{Arrival, Calculator, Counted, DayMark, Late, Method, SchoolDay, Told};
use crate::date::Date;
use crate::day::{Day, Mark, WHOLE};
use crate::id::SchoolId;

/// What became of a date at a school: what was told of it, by which calculator it was counted, and what it came to.
#[derive(Debug, Clone)]
pub(crate) struct Account<'a> {
    /// None when it is not known what the date was.
    pub(crate) day: Option<Day>,
    /// The district's calculator; none when the shipped one counts.
    pub(crate) calculator: Option<&'a Calculator>,
    /// What the date is worth, hundredths of a day.
    pub(crate) weight: i32,
    /// What each mark for the whole day comes to alone, hundredths, the largest first, where marks count for themselves.
    pub(crate) alone: SmallVec<[i32; 2]>,
    /// Whether there is a mark for the whole day.
    pub(crate) marked: bool,
    pub(crate) classes: Classes,
    /// Before the date's weight, and before tardies became absences.
    pub(crate) counted: Option<Counted>,
    /// What tardies added on this date, hundredths.
    pub(crate) converted: i32,
}

/// The student's classes of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Classes {
    pub(crate) all: usize,
    /// Those of which it is known who was there.
    pub(crate) known: usize,
    /// Those with an absence.
    pub(crate) missed: usize,
    /// Those with a mark.
    pub(crate) marked: usize,
}

impl<'a> Calculated<'_, 'a> {
    /// How these dates were counted, which are in order.
    pub(crate) fn accounts(&self, school: &'a SchoolId, dates: &[Date]) -> Vec<Account<'a>> {
        let shipped = Calculator::shipped();
        let mut late = Late::default();
        let mut accounts = Vec::with_capacity(dates.len());
        self.by_date(school, dates, |at, marks| accounts.push(self.account(at, marks, &shipped, &mut late)));
        accounts
    }

    fn account(&self, at: At<'_>, marks: &[&Mark<'a>], shipped: &Calculator, late: &mut Late) -> Account<'a> {
        let (named, weight) = self.counting(at.school, at.date);
        let calculator = named.unwrap_or(shipped);
        let by_marks = calculator.method == Method::Marks;
        let daily = daily(marks);
        let held = by_section(marks);
        let periods = self.periods(at, &held, calculator);
        let bell = self.view.bell(at.school, at.date, at.grade_level);
        let counted = calculator.count(&bell.day(&daily, &periods));
        let mut classes = Classes::default();
        for period in periods.iter().filter(|period| !period.again) {
            classes.all += 1;
            classes.known += usize::from(!matches!(period.told, Told::Untaken));
            if let Told::Marked(marks) = period.told {
                classes.marked += 1;
                classes.missed += usize::from(marks.iter().any(|mark| calculator.is_absence(mark.category)));
            }
        }
        let alone = |mark: &DayMark| calculator.count(&SchoolDay { marks: &[*mark], ..SchoolDay::default() });
        let mut alone: SmallVec<[i32; 2]> =
            daily.iter().filter(|_| by_marks).filter_map(alone).map(|of| of.absent).collect();
        alone.sort_unstable_by_key(|part| std::cmp::Reverse(*part));
        let mut before = *late;
        let day = self.day(at, marks, (calculator, weight), late);
        let converted = day.and(counted).zip(calculator.tardies).map_or(0, |(counted, conversion)| {
            let minutes = counted.minutes.map_or(0, |minutes| minutes.late);
            before.add(&conversion, at.date, counted.arrival == Arrival::Late, minutes, counted.absent)
        });
        Account { day, calculator: named, weight, alone, marked: !daily.is_empty(), classes, counted, converted }
    }
}

impl Account<'_> {
    /// Whether it is a whole day of presence of which nothing was said.
    pub(crate) fn is_silent(&self) -> bool {
        let plain = |day: &Day| day.absent == 0 && !day.tardy && day.weight == WHOLE;
        self.alone.is_empty() && self.classes.marked == 0 && self.day.as_ref().is_some_and(plain)
    }
}
