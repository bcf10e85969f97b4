//! On which dates a student is enrolled where: spells, no-shows, calendars. Items 1, 2 and 7 of the default policy.

use std::collections::BTreeMap;

use crate::code;
use crate::date::Date;
use crate::event::Enrollment;
use crate::id::{SchoolId, SchoolYear};
use crate::ledger::Ledger;
use crate::view::View;

/// A live enrollment that counts: of a known school, and not a no-show.
pub(crate) fn spells<'a>(ledger: &'a Ledger, view: &View) -> Vec<&'a Enrollment> {
    if !ledger.registered() {
        return Vec::new();
    }
    ledger.enrollments().filter(|spell| view.knows_school(&spell.school) && !never_came(spell)).collect()
}

/// Exit before entry; or exit on entry with a no-show code.
pub(crate) fn never_came(spell: &Enrollment) -> bool {
    spell
        .exit_on
        .is_some_and(|exit| exit < spell.entry_on || (exit == spell.entry_on && code::no_show(&spell.exit_type)))
}

/// Whether a spell covers a date; the exit day counts.
pub(crate) fn covers(spell: &Enrollment, date: Date) -> bool {
    spell.entry_on <= date && spell.exit_on.is_none_or(|exit| date <= exit)
}

/// Whether a spell lasts into a year.
pub(crate) fn reaches(spell: &Enrollment, year: SchoolYear) -> bool {
    spell.exit_on.is_none_or(|exit| exit.school_year() >= year)
}

/// The dates that count at each school of the year, up to one date, in order. A school whose calendar is unknown has none.
pub(crate) fn dates<'a>(
    spells: &[&'a Enrollment],
    view: &View,
    year: SchoolYear,
    through: Date,
) -> BTreeMap<&'a SchoolId, Vec<Date>> {
    let mut dates: BTreeMap<&SchoolId, Vec<Date>> = BTreeMap::new();
    for spell in spells {
        if spell.entry_on > through || !reaches(spell, year) {
            continue;
        }
        let counted = dates.entry(&spell.school).or_default();
        if let Some(calendar) = view.calendar(spell.calendar, &spell.school, year) {
            counted
                .extend(calendar.instructional.iter().copied().filter(|&date| date <= through && covers(spell, date)));
        }
    }
    for counted in dates.values_mut() {
        counted.sort_unstable();
        counted.dedup();
    }
    dates
}

/// How a school ranks when several claim one date: primary, then latest entry, then lowest id. The least is chosen.
pub(crate) fn rank(
    spells: &[&Enrollment],
    school: &SchoolId,
    date: Date,
) -> (bool, std::cmp::Reverse<Option<Date>>, (u64, String)) {
    let here = || spells.iter().filter(|spell| spell.school == *school && covers(spell, date));
    let primary = here().any(|spell| spell.primary_school);
    let entry = here().map(|spell| spell.entry_on).max();
    (!primary, std::cmp::Reverse(entry), numeric_order(school))
}

/// School ids are numbers in most districts: the lowest number is meant by "lowest", and text order settles the rest.
fn numeric_order(school: &SchoolId) -> (u64, String) {
    (school.as_str().parse().unwrap_or(u64::MAX), school.as_str().to_owned())
}

/// The school whose team should know about the student on a date: of those enrolled then, by rank; else the latest left.
pub(crate) fn home<'a>(spells: &[&'a Enrollment], date: Date) -> Option<&'a SchoolId> {
    let current = spells
        .iter()
        .filter(|spell| covers(spell, date))
        .map(|spell| &spell.school)
        .min_by_key(|school| rank(spells, school, date));
    current
        .or_else(|| {
            spells
                .iter()
                .filter(|spell| spell.entry_on <= date)
                .max_by_key(|spell| (spell.exit_on, spell.entry_on))
                .map(|spell| &spell.school)
        })
        .or_else(|| spells.first().map(|spell| &spell.school))
}
