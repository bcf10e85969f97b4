//! A student as whoever replays a year needs to know: the days, where they were counted, and what came of them.

use smallvec::SmallVec;

use super::{Frame, Kind, Year};
use crate::date::Date;
use crate::enrollment::{self, Spell};
use crate::id::SchoolId;
use crate::outcome::{CHRONIC_MINIMUM_DAYS, Came};

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

    /// What [`Outcome::Chronic`](crate::outcome::Outcome::Chronic) came to: a day is worth a whole one here.
    pub fn chronic(&self) -> Came {
        let days = self.frame.dates().len();
        if i64::try_from(days).is_ok_and(|days| days < CHRONIC_MINIMUM_DAYS) {
            return Came::Untold;
        }
        let tenth = self.year.of_kind(Kind::Absent).iter().nth(days.div_ceil(10) - 1);
        tenth.and_then(|day| self.frame.dates().get(day)).map_or(Came::No, |date| Came::Settled(*date))
    }
}
