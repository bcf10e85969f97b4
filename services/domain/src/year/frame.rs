//! What the dates of counted days tell, whoever the student is: made once for all students who share them.

use super::bits::{Bits, MOST_DAYS};
use super::program::Program;
use super::reading::{Among, Counts, Point};
use super::table::Table;
use crate::date::Date;
use crate::window::{End, Window};

/// A list of counted dates as a pack's conditions see it.
#[derive(Debug, Clone)]
pub struct Frame {
    dates: Vec<Date>,
    /// Which of them each day is, counted from the first; [`NO_DATE`] of one between.
    positions: Vec<u8>,
    /// Of each window that goes by dates: the position of its first day, as of each day.
    windows: Vec<(Window, Box<[u8]>)>,
    /// For each day of the week that is named.
    weekdays: Vec<(i8, Bits)>,
    /// In the order of the program's; none of one whose arithmetic fails on some day.
    pub(super) tables: Vec<Option<Table>>,
}

const NO_DATE: u8 = u8::MAX;

impl Program {
    /// What a student's counted dates, in order, tell this pack. A date's school month begins on the date that is told. No more than
    /// the first [`MOST_DAYS`] are looked at.
    pub fn frame(&self, dates: &[Date], school_month: impl Fn(Date) -> Date) -> Frame {
        let dates = &dates[..dates.len().min(MOST_DAYS)];
        let window = |window: Window| {
            let first = |(day, date): (usize, &Date)| {
                let end = End { as_of: *date, school_month: school_month(*date) };
                u8::try_from(window.range(&dates[..=day], |date| *date, end).start).unwrap_or(u8::MAX)
            };
            (window, dates.iter().enumerate().map(first).collect())
        };
        let weekday =
            |weekday: i8| (weekday, (0..dates.len()).filter(|day| dates[*day].weekday() == weekday).collect());
        let mut frame = Frame {
            dates: dates.to_vec(),
            positions: positions(dates),
            windows: self.windows().map(window).collect(),
            weekdays: self.weekdays().map(weekday).collect(),
            tables: Vec::new(),
        };
        frame.tables = self.dated.iter().map(|(leaf, bound)| Table::of(leaf, *bound, Some(&frame))).collect();
        frame
    }
}

impl Frame {
    /// The dates, in order.
    pub fn dates(&self) -> &[Date] {
        &self.dates
    }

    /// Whether positions are known of all of these dates, which are in order.
    pub(crate) fn spans(dates: &[Date]) -> bool {
        let days = dates.first().zip(dates.last()).map_or(0, |(first, last)| last.days() - first.days());
        usize::try_from(days).is_ok_and(|days| days < MOST_POSITIONS)
    }

    /// Which of the dates one is.
    pub(super) fn position(&self, date: Date) -> Option<usize> {
        let since_first = date.days().checked_sub(self.dates.first()?.days())?;
        let position = *self.positions.get(usize::try_from(since_first).ok()?)?;
        (position != NO_DATE).then_some(usize::from(position))
    }

    /// How many days of the year, or of a window, there are as of a day; none where this is not known here.
    pub(super) fn days(frame: Option<&Self>, among: Among, day: usize) -> Option<usize> {
        Some(match among {
            Among::Year => day + 1,
            Among::Last(days) | Among::First(days) => (day + 1).min(usize::from(days)),
            Among::Dated(window) => day + 1 - usize::from(*frame?.window(window)?.get(day)?),
            Among::Weekday(weekday) => (frame?.weekday(weekday)? & Bits::first(day + 1)).count(),
        })
    }

    pub(super) fn window(&self, window: Window) -> Option<&[u8]> {
        self.windows.iter().find(|(of, _)| *of == window).map(|(_, firsts)| &**firsts)
    }

    pub(super) fn weekday(&self, weekday: i8) -> Option<Bits> {
        self.weekdays.iter().find(|(of, _)| *of == weekday).map(|(_, days)| *days)
    }
}

/// A year has no more days than this from the first to the last.
const MOST_POSITIONS: usize = 400;

fn positions(dates: &[Date]) -> Vec<u8> {
    let since_first = |date: &Date| usize::try_from(date.days() - dates[0].days()).unwrap_or(MOST_POSITIONS);
    let mut positions = vec![NO_DATE; dates.last().map_or(0, since_first).min(MOST_POSITIONS - 1) + 1];
    for (date, position) in dates.iter().zip(0..) {
        if let Some(at) = positions.get_mut(since_first(date)) {
            *at = position;
        }
    }
    positions
}

impl<'a> Point<'a> {
    /// As of a day on which the one count that is asked for is this.
    pub(super) const fn with(day: usize, frame: Option<&'a Frame>, count: u8) -> Self {
        Self { day, frame, counts: Counts::One(count) }
    }
}
