//! When a student is enrolled where: spells, no-shows, calendars. Items 1, 2 and 7 of the default policy.

use std::borrow::Cow;
use std::cmp::Reverse;

use smallvec::SmallVec;

use crate::calculator::Calculator;
use crate::code;
use crate::date::Date;
use crate::id::{CalendarId, SchoolId, SchoolYear, SourceId};
use crate::ledger::{self, text};
use crate::settings::{Reporting, Settings};
use crate::view::View;

/// A live enrollment that counts: of a known school, and not a no-show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spell<'a> {
    pub(crate) school: &'a SchoolId,
    pub(crate) entry_on: Date,
    pub(crate) exit_on: Option<Date>,
    pub(crate) calendar: Option<CalendarId>,
    primary_school: bool,
    /// What silence means by its source, where the district says so.
    reporting: Option<Reporting>,
}

impl<'a> Spell<'a> {
    /// The spell of an enrollment that a source has, if it counts. Where the exit day does not count, the spell ends the day before.
    pub(crate) fn of(
        (source, enrollment): (&[u8], &ledger::Spell<'_>),
        view: &'a View,
        settings: &Settings,
        year: SchoolYear,
    ) -> Option<Self> {
        let school = view.find_school(enrollment.school)?;
        let ledger::Spell { entry_on, exit_on, calendar, primary_school, .. } = *enrollment;
        let calculator = view.calculator(calendar, school, year);
        let no_show = never_came(entry_on, exit_on, text(enrollment.exit_type), calculator);
        let exit_counts = calculator.is_none_or(|calculator| calculator.exit_day_counts);
        let exit_on = exit_on.map(|exit| if exit_counts { exit } else { exit.previous() });
        let of_source =
            |(of, reporting): (&SourceId, &Reporting)| (of.as_str().as_bytes() == source).then_some(*reporting);
        let reporting = settings.source_reporting.iter().find_map(of_source);
        (!no_show).then_some(Self { school, entry_on, exit_on, calendar, primary_school, reporting })
    }

    /// Whether it covers a date; the exit day counts.
    pub(crate) fn covers(&self, date: Date) -> bool {
        self.entry_on <= date && self.exit_on.is_none_or(|exit| date <= exit)
    }

    /// The dates of a year that it makes count, up to one date, in order; none when its calendar is unknown.
    fn dates(&self, view: &'a View, year: SchoolYear, through: Date) -> &'a [Date] {
        let Some(calendar) = view.calendar(self.calendar, self.school, year) else { return &[] };
        let last = self.exit_on.map_or(through, |exit| exit.min(through));
        let dates = &calendar.instructional;
        let end = dates.partition_point(|date| *date <= last);
        let start = dates.partition_point(|date| *date < self.entry_on).min(end);
        &dates[start..end]
    }
}

/// What silence means of a student at a school.
///
/// It is a word of whoever has the student enrolled there: presence, when one of them sends exceptions only, since the others' silence
/// does not say otherwise. Two systems may share a school's students, or have the same ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Silence<'a> {
    pub(crate) school: &'a SchoolId,
    pub(crate) spells: &'a [Spell<'a>],
    /// What it means of sources of which the district does not say it.
    pub(crate) otherwise: Reporting,
}

impl Silence<'_> {
    /// What it means on a date.
    pub(crate) fn on(&self, date: Date) -> Reporting {
        let mut covering = self.here().filter(|spell| spell.covers(date)).map(|spell| spell.reporting);
        let Some(first) = covering.next() else { return self.otherwise };
        let is_presence = |said: Option<Reporting>| said.unwrap_or(self.otherwise) == Reporting::Negative;
        if is_presence(first) || covering.any(is_presence) { Reporting::Negative } else { Reporting::Positive }
    }

    /// Whether it means presence on every date that counts, whichever spells cover it.
    pub(crate) fn is_presence(&self) -> bool {
        let mut here = self.here().map(|spell| spell.reporting.unwrap_or(self.otherwise)).peekable();
        match here.peek() {
            // What the district says of other sources says nothing here: a date counts because a spell covers it.
            Some(_) => here.all(|reporting| reporting == Reporting::Negative),
            None => self.otherwise == Reporting::Negative,
        }
    }

    fn here(&self) -> impl Iterator<Item = &Spell<'_>> {
        self.spells.iter().filter(|spell| spell.school == self.school)
    }
}

/// Exit before entry; or exit on entry with a no-show code, which a calculator may name.
pub(crate) fn never_came(
    entry_on: Date,
    exit_on: Option<Date>,
    exit_type: &str,
    calculator: Option<&Calculator>,
) -> bool {
    let no_show = || match calculator {
        None => code::no_show(exit_type),
        Some(calculator) => calculator.no_show_types.contains(&code::value(exit_type)),
    };
    exit_on.is_some_and(|exit| exit < entry_on || (exit == entry_on && no_show()))
}

/// Whether a spell with this exit lasts into a year.
pub(crate) fn reaches(exit_on: Option<Date>, year: SchoolYear) -> bool {
    exit_on.is_none_or(|exit| exit.school_year() >= year)
}

/// Schools with the dates that count there. Most students have one, which is kept without an allocation.
pub(crate) type Schools<'a> = SmallVec<[(&'a SchoolId, Cow<'a, [Date]>); 1]>;

/// The schools of the year, in order of their ids, with the dates that count there up to one date. A school whose calendar is
/// unknown has none.
pub(crate) fn dates<'a>(spells: &[Spell<'a>], view: &'a View, year: SchoolYear, through: Date) -> Schools<'a> {
    let mut schools = Schools::new();
    for spell in spells.iter().filter(|spell| spell.entry_on <= through && reaches(spell.exit_on, year)) {
        let dates = spell.dates(view, year, through);
        match schools.binary_search_by_key(&spell.school, |(school, _)| school) {
            Err(at) => schools.insert(at, (spell.school, Cow::Borrowed(dates))),
            Ok(at) => {
                let known = schools[at].1.to_mut();
                known.extend_from_slice(dates);
                known.sort_unstable();
                known.dedup();
            }
        }
    }
    schools
}

/// How a school ranks when several claim one date: primary, then latest entry, then lowest id. The least is chosen. School ids
/// are numbers in most districts: the lowest number is meant by "lowest", and text order settles the rest.
pub(crate) fn rank<'s>(
    spells: &[Spell<'_>],
    school: &'s SchoolId,
    date: Date,
) -> (bool, Reverse<Option<Date>>, (u64, &'s str)) {
    let here = || spells.iter().filter(|spell| spell.school == school && spell.covers(date));
    let primary = here().any(|spell| spell.primary_school);
    let entry = here().map(|spell| spell.entry_on).max();
    (!primary, Reverse(entry), (school.as_str().parse().unwrap_or(u64::MAX), school.as_str()))
}

/// The school whose team should know about the student on a date: of those enrolled then, by rank; else the latest left.
pub(crate) fn home<'a>(spells: &[Spell<'a>], date: Date) -> Option<&'a SchoolId> {
    if let [only] = spells {
        return Some(only.school);
    }
    let current = spells
        .iter()
        .filter(|spell| spell.covers(date))
        .map(|spell| spell.school)
        .min_by_key(|school| rank(spells, school, date));
    current
        .or_else(|| {
            spells
                .iter()
                .filter(|spell| spell.entry_on <= date)
                .max_by_key(|spell| (spell.exit_on, spell.entry_on))
                .map(|spell| spell.school)
        })
        .or_else(|| spells.first().map(|spell| spell.school))
}
