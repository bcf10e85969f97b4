//! The default day policy: what one student's day at one school counts as. Items are those of DESIGN's default policy.
//!
//! Unit: one hundredth of a day.

use std::collections::BTreeMap;

use crate::code;
use crate::date::Date;
use crate::event::{AttendanceMark, Scope, SectionMembership};
use crate::id::{SchoolId, SectionId};
use crate::ledger::{Ledger, Live};
use crate::settings::{Category, Reporting, Settings};
use crate::view::View;

/// A whole day, in hundredths.
pub const WHOLE: i32 = 100;
/// A partial absence without a stated share counts as half a day.
const PARTIAL: i32 = 50;

/// What a counted day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The date.
    pub date: Date,
    /// Absent part, hundredths, 0 to 100.
    pub absent: i32,
    /// The part of it without excuse.
    pub unexcused: i32,
    /// Whether the student came late.
    pub tardy: bool,
    /// Absent with a part that nobody has excused, and no word that the student came.
    pub unexplained: bool,
}

/// The marks of one student, school and date that may count.
#[derive(Debug, Default)]
pub(crate) struct DayMarks<'a> {
    daily: Vec<(Option<Category>, &'a AttendanceMark)>,
    sections: BTreeMap<SectionId, Vec<Option<Category>>>,
}

/// Marks by school and date, without those that refer to a school, session or section that is not known (item 6).
pub(crate) type MarkIndex<'a> = BTreeMap<(&'a SchoolId, Date), DayMarks<'a>>;

/// Why a mark is kept but cannot count yet.
pub(crate) fn unknown_parent(mark: &AttendanceMark, view: &View) -> Option<&'static str> {
    if !view.knows_school(&mark.school) {
        return Some("its school is not known");
    }
    if mark.session.is_some_and(|session| view.session(session).is_none()) {
        return Some("its session is not known");
    }
    match mark.scope {
        Scope::Section(section) if view.section(section).is_none() => Some("its section is not known"),
        Scope::Day | Scope::Section(_) => None,
    }
}

pub(crate) fn index<'a>(ledger: &'a Ledger, view: &View, settings: &Settings) -> MarkIndex<'a> {
    let mut index = MarkIndex::new();
    for Live { fact: mark, .. } in ledger.marks() {
        if unknown_parent(mark, view).is_some() {
            continue;
        }
        let category = code::attendance(&mark.code, &settings.codes);
        let marks = index.entry((&mark.school, mark.date)).or_default();
        match mark.scope {
            Scope::Day => marks.daily.push((category, mark)),
            Scope::Section(section) => marks.sections.entry(section).or_default().push(category),
        }
    }
    index
}

/// The day of a student at a school, on a date that counts there; none when it is unknown (items 3 to 5).
pub(crate) fn day(
    date: Date,
    school: &SchoolId,
    marks: Option<&DayMarks<'_>>,
    memberships: &[&SectionMembership],
    view: &View,
    reporting: Reporting,
) -> Option<Day> {
    if let Some(marks) = marks.filter(|marks| !marks.daily.is_empty()) {
        return Some(from_daily(date, marks));
    }
    let meeting = Meeting { date, school, view };
    let known = meeting.known_sections(marks, memberships, reporting);
    match marks.filter(|marks| !marks.sections.is_empty()) {
        Some(marks) => Some(from_sections(date, &marks.sections, known.len())),
        None if known.silent_means_present(reporting) => {
            Some(Day { date, absent: 0, unexcused: 0, tardy: false, unexplained: false })
        }
        None => None,
    }
}

fn from_daily(date: Date, marks: &DayMarks<'_>) -> Day {
    let daily = &marks.daily;
    let sum = |wanted: fn(Category) -> bool| -> i32 {
        let parts = daily.iter().filter(|(category, _)| category.is_some_and(wanted));
        parts.map(|(category, mark)| absent_part(*category, mark.share)).sum::<i32>().min(WHOLE)
    };
    let has = |wanted: Category| daily.iter().any(|(category, _)| *category == Some(wanted));
    let open_part = sum(|category| {
        matches!(category, Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse | Category::Partial)
    });
    let came_to_class = || marks.sections.values().flatten().flatten().any(|&category| is_arrival(category));
    let came = has(Category::Tardy) || has(Category::Present) || came_to_class();
    Day {
        date,
        absent: sum(|_| true),
        unexcused: sum(|category| category == Category::UnexcusedAbsence),
        tardy: has(Category::Tardy),
        unexplained: open_part > 0 && !came,
    }
}

/// Item 3: the absent part of one daily mark.
fn absent_part(category: Option<Category>, share: Option<i32>) -> i32 {
    match category {
        Some(Category::ExcusedAbsence | Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse) => match share {
            Some(share) if (1..=WHOLE).contains(&share) => share,
            _ => WHOLE,
        },
        Some(Category::Partial) => share.map_or(PARTIAL, |share| share.clamp(0, WHOLE)),
        Some(Category::Tardy | Category::EarlyDeparture | Category::Present) | None => 0,
    }
}

/// Item 4: at least half of the day's sections with an absence make it a whole day absent, else none of it.
fn from_sections(date: Date, sections: &BTreeMap<SectionId, Vec<Option<Category>>>, known: usize) -> Day {
    let marks = || sections.values().flatten().flatten().copied();
    let missed = sections.values().filter(|marks| marks.iter().flatten().any(|&category| is_absence(category))).count();
    let absent = missed > 0 && missed * 2 >= known;
    // A section may hold several live marks; the excuse is weighed over marks, as the policy words it, not over sections.
    let absences = marks().filter(|&category| is_absence(category)).count();
    let unexcused = marks().filter(|&category| category == Category::UnexcusedAbsence).count();
    let open = marks().any(|category| matches!(category, Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse));
    Day {
        date,
        absent: if absent { WHOLE } else { 0 },
        unexcused: if absent && unexcused * 2 >= absences { WHOLE } else { 0 },
        tardy: marks().any(|category| category == Category::Tardy),
        unexplained: absent && open && !marks().any(is_arrival),
    }
}

fn is_absence(category: Category) -> bool {
    matches!(category, Category::ExcusedAbsence | Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse)
}

/// Whether it says that the student came.
fn is_arrival(category: Category) -> bool {
    matches!(category, Category::Tardy | Category::Present)
}

/// One date at one school.
struct Meeting<'a> {
    date: Date,
    school: &'a SchoolId,
    view: &'a View,
}

/// The student's sections of a day whose attendance is known.
struct KnownSections {
    sections: Vec<SectionId>,
    /// The day has sections, and of none of them is anything known.
    all_unknown: bool,
}

impl KnownSections {
    fn len(&self) -> usize {
        self.sections.len()
    }

    /// Item 5.
    fn silent_means_present(&self, reporting: Reporting) -> bool {
        match reporting {
            Reporting::Negative => !self.all_unknown,
            // Only "attendance was taken" proves then that silence means presence.
            Reporting::Positive => !self.sections.is_empty(),
        }
    }
}

impl Meeting<'_> {
    fn known_sections(
        &self,
        marks: Option<&DayMarks<'_>>,
        memberships: &[&SectionMembership],
        reporting: Reporting,
    ) -> KnownSections {
        let mut sections: Vec<SectionId> = memberships
            .iter()
            .filter(|membership| self.meets(membership))
            .map(|membership| membership.section)
            .collect();
        let marked = marks.map(|marks| &marks.sections);
        sections.extend(marked.iter().flat_map(|marked| marked.keys().copied()));
        sections.sort_unstable();
        sections.dedup();
        let any = !sections.is_empty();
        let proof_needed = reporting == Reporting::Positive || self.view.reports_taken(self.school);
        if proof_needed {
            sections.retain(|section| {
                marked.is_some_and(|marked| marked.contains_key(section)) || self.view.taken(*section, self.date)
            });
        }
        KnownSections { all_unknown: any && sections.is_empty(), sections }
    }

    fn meets(&self, membership: &SectionMembership) -> bool {
        let covers = membership.begin_on <= self.date && membership.end_on.is_none_or(|end| self.date <= end);
        covers
            && self.view.section(membership.section).is_some_and(|section| {
                section.school == self.school
                    && section.session.begin_on <= self.date
                    && self.date <= section.session.end_on
            })
    }
}
