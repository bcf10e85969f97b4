//! A student's year date by date, for who explains it.

use jiff::civil::Weekday;

use super::Evaluation;
use crate::calculated::Account;
use crate::date::Date;
use crate::day::Day;
use crate::id::SchoolId;

/// A school's dates up to one, each with the day that it counts as; none of a date of which nobody said what it was.
pub(crate) type SchoolDays<'a> = (&'a SchoolId, Vec<(Date, Option<Day>)>);

impl<'a> Evaluation<'a> {
    /// Each school of the year with its dates up to one.
    pub(crate) fn days_by_school(&self, as_of: Date) -> Vec<SchoolDays<'a>> {
        let of_school = |(school, dates): &(&'a SchoolId, std::borrow::Cow<'a, [Date]>)| {
            let days: Vec<Day> = self.days_at(school, dates).map(|(_, day)| day).collect();
            let found = |date: Date| days.binary_search_by_key(&date, |day| day.date).ok().map(|at| days[at]);
            let until = dates.iter().filter(|date| **date <= as_of);
            (*school, until.map(|&date| (date, found(date))).collect())
        };
        self.schools.iter().map(of_school).collect()
    }

    /// What was told of each of a school's dates up to one, and how it was counted.
    pub(crate) fn accounts(&self, school: &'a SchoolId, as_of: Date) -> Vec<Account<'a>> {
        let dates = self.schools.iter().find(|(of, _)| *of == school).map_or(&[][..], |(_, dates)| dates);
        let until = dates.partition_point(|date| *date <= as_of);
        self.by_calculators().accounts(school, &dates[..until])
    }

    /// Weekdays up to a date on which the student is enrolled at a school whose calendar does not have them, from the calendar's
    /// first date on.
    pub(crate) fn weekdays_off(&self, school: &SchoolId, as_of: Date) -> Vec<Date> {
        let mut off = Vec::new();
        for spell in self.said.spells.iter().filter(|spell| spell.school == school) {
            let Some(calendar) = self.view.calendar(spell.calendar, school, self.year) else { continue };
            let Some(&first) = calendar.instructional.first() else { continue };
            let last = spell.exit_on.map_or(as_of, |exit| exit.min(as_of));
            let mut date = first.max(spell.entry_on);
            while date <= last {
                if is_weekday(date) && calendar.instructional.binary_search(&date).is_err() {
                    off.push(date);
                }
                date = date.next();
            }
        }
        off.sort_unstable();
        off.dedup();
        let counted =
            |date: &Date| self.schools.iter().any(|(of, dates)| *of == school && dates.binary_search(date).is_ok());
        off.retain(|date| !counted(date));
        off
    }
}

fn is_weekday(date: Date) -> bool {
    !matches!(date.to_civil().weekday(), Weekday::Saturday | Weekday::Sunday)
}
