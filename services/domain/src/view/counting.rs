//! Which calculator counts where.

use std::collections::BTreeMap;

use super::{CalendarView, View};
use crate::calculator::{Calculator, Place, hundredths};
use crate::code;
use crate::date::Date;
use crate::day::WHOLE;
use crate::id::{CalendarId, SchoolId, SchoolYear};
use crate::reference::School;

impl View {
    /// The calculator that counts for an enrollment in a year; none when the shipped one does, or its calendar is not known.
    pub(crate) fn calculator(
        &self,
        named: Option<CalendarId>,
        school: &SchoolId,
        year: SchoolYear,
    ) -> Option<&Calculator> {
        if self.calculators.is_empty() {
            return None;
        }
        let (_, calendar) = self.calendar_position(named, school, year)?;
        calendar.calculator.map(|at| &self.calculators[at])
    }
}

impl CalendarView {
    /// What a date is worth there, hundredths of a day.
    pub(crate) fn weight(&self, date: Date) -> i32 {
        self.weights.binary_search_by_key(&date, |(of, _)| *of).map_or(WHOLE, |at| self.weights[at].1)
    }
}

/// What decides which calculator applies, as it compares.
pub(super) struct OwnedPlace<'a> {
    calendar: &'a CalendarView,
    school_types: Vec<String>,
}

impl OwnedPlace<'_> {
    pub(super) fn as_ref(&self) -> Place<'_> {
        Place {
            school: &self.calendar.school,
            school_types: &self.school_types,
            calendar: &self.calendar.code,
            calendar_type: &self.calendar.calendar_type,
        }
    }
}

pub(super) fn place<'a>(schools: &BTreeMap<SchoolId, School>, calendar: &'a CalendarView) -> OwnedPlace<'a> {
    let types = schools.get(&calendar.school).into_iter().flat_map(|school| &school.types);
    OwnedPlace { calendar, school_types: types.map(|text| code::value(text)).collect() }
}

/// Dates that are worth less than a day: of a date's events, and of the minutes that its bells tell, what is worth least decides.
pub(super) fn weights(
    calculator: &Calculator,
    dates: &BTreeMap<Date, Vec<String>>,
    minutes: impl Fn(Date) -> Option<i32>,
) -> Vec<(Date, i32)> {
    let by_events = |events: &[String]| {
        events.iter().filter_map(|event| calculator.weights.get(&code::value(event))).min().copied()
    };
    let by_minutes = |date| {
        let (minutes, full) = (minutes(date)?, calculator.full_day_minutes?);
        (minutes < full).then(|| hundredths(minutes, full, WHOLE).max(1))
    };
    let weight = |(date, events): (&Date, &Vec<String>)| {
        let least = by_events(events).into_iter().chain(by_minutes(*date)).min()?;
        Some((*date, least))
    };
    dates.iter().filter_map(weight).collect()
}
