//! School days to come, by which something is due.

use super::Evaluation;
use crate::date::Date;

impl Evaluation<'_> {
    /// The school day so many after a date, by the calendar of the school whose team should know then; none when it does not reach
    /// so far.
    pub(crate) fn school_day_after(&self, from: Date, days: u32) -> Option<Date> {
        let home = self.home(from)?;
        let spells = self.said.spells.iter().filter(|spell| spell.school == home);
        // The one that covers the date, else the last that has begun.
        let spell = spells.max_by_key(|spell| (spell.covers(from), spell.entry_on <= from, spell.entry_on))?;
        let dates = &self.view.calendar(spell.calendar, spell.school, self.year)?.instructional;
        let next = dates.partition_point(|date| *date <= from);
        let many = usize::try_from(days).ok()?.checked_sub(1)?;
        dates.get(next.checked_add(many)?).copied()
    }
}
