//! A student as whoever replays a year needs to know: the days, where they were counted, and what came of them.

use smallvec::SmallVec;

use super::{Frame, Kind, Year};
use crate::date::Date;
use crate::enrollment::{self, Spell};
use crate::id::SchoolId;

/// A student's year of whole days at one school.
pub struct Student<'y, 'a> {
    /// The counted days.
    pub year: Year,
    /// What their dates tell.
    pub frame: &'y Frame,
    pub(super) spells: SmallVec<[Spell<'a>; 2]>,
    /// Where they were counted; none without any.
    pub(super) school: Option<&'a SchoolId>,
}

impl<'a> Student<'_, 'a> {
    /// The school whose team should know, on a date.
    pub fn home(&self, date: Date) -> Option<&'a SchoolId> {
        enrollment::home(&self.spells, date)
    }

    /// The counted dates from one on, in order, with the school that each was counted at.
    pub fn school_dates(&self, from: Date) -> impl Iterator<Item = (&'a SchoolId, Date)> {
        let dates = self.frame.dates();
        let dates = &dates[dates.partition_point(|date| *date < from)..];
        self.school.into_iter().flat_map(|school| dates.iter().map(move |date| (school, *date)))
    }

    /// The dates of absence, in order.
    pub fn absent_dates(&self) -> impl Iterator<Item = Date> {
        self.year.of_kind(Kind::Absent).iter().filter_map(|day| self.frame.dates().get(day).copied())
    }
}
