//! The default day policy: what one student's day at one school counts as. Items are those of DESIGN's default policy.
//!
//! Unit: one hundredth of a day.

use crate::calculator::{Minutes, treated};
use crate::code;
use crate::date::Date;
use crate::enrollment::Silence;
use crate::event::{AttendanceMark, Scope, SectionMembership, Times};
use crate::id::{SchoolId, SectionId, SessionId};
use crate::ledger::MarkKind;
use crate::mutant::{Mutant, planted};
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
    /// The part of it for a reason that nobody knows: neither excused nor unexcused.
    pub unknown: i32,
    /// Whether the student came late.
    pub tardy: bool,
    /// Absent with a part that nobody has excused, and no word that the student came.
    pub unexplained: bool,
    /// Whether any part of it was missed without excuse, however little it counts for.
    pub cut: bool,
    /// What the date is worth, hundredths: less than 100 where a calculator says so. Absent parts are parts of it.
    pub weight: i32,
    /// In minutes, when the day was counted by a calculator that knows how long it was.
    pub minutes: Option<Minutes>,
}

impl Day {
    /// A whole day of presence.
    pub(crate) const fn present(date: Date) -> Self {
        Self {
            date,
            absent: 0,
            unexcused: 0,
            unknown: 0,
            tardy: false,
            unexplained: false,
            cut: false,
            weight: WHOLE,
            minutes: None,
        }
    }
}

/// What marks of one kind say, when they may count: their school, session and section are known (item 6).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark<'a> {
    pub(crate) school: &'a SchoolId,
    pub(crate) scope: Scope,
    /// What its code means.
    pub(crate) said: Option<Category>,
    /// What that counts as, unless a calculator says otherwise.
    category: Option<Category>,
    pub(crate) share: Option<i32>,
    pub(crate) times: Times,
}

/// What a mark of a whole day that states no share says; its code may have no meaning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain(Option<Category>);

/// What a plain mark says, where it says nothing of a part of a day: absent, absent without excuse, absent and nobody has excused it,
/// here after all, late.
pub(crate) type Whole = [bool; 5];

impl Plain {
    /// None of a mark of a part of a day.
    pub(crate) fn whole(self) -> Option<Whole> {
        let (part, category) = (absent_part(self.0, None), self.0);
        let absent = part > 0;
        let absent_as = |wanted| absent && category == Some(wanted);
        let unexcused = absent_as(Category::UnexcusedAbsence);
        let open = unexcused || absent_as(Category::AbsenceUnknownExcuse);
        let came = category.is_some_and(is_arrival);
        (part == 0 || part == WHOLE).then_some([absent, unexcused, open, came, category == Some(Category::Tardy)])
    }
}

impl<'a> Mark<'a> {
    /// What it says, when that is all of a day without another mark: it is of the whole day, at this school, and states no share.
    pub(crate) fn plain(&self, school: &SchoolId) -> Option<Plain> {
        let is_plain = self.school == school && self.scope == Scope::Day && self.share.is_none();
        is_plain.then_some(Plain(self.category))
    }

    /// What a kind of marks says; none while something that it refers to is not known.
    pub(crate) fn of(kind: &MarkKind<'_>, view: &'a View, settings: &Settings) -> Option<Self> {
        Self::at(view.find_school(kind.school)?, kind, view, settings)
    }

    /// The same when its school is known.
    pub(crate) fn at(school: &'a SchoolId, kind: &MarkKind<'_>, view: &View, settings: &Settings) -> Option<Self> {
        unknown_reference(kind.session, kind.scope, view).is_none().then(|| {
            let said = code::attendance_of(kind.code, &settings.codes);
            let category = said.map(treated);
            Self { school, scope: kind.scope, said, category, share: kind.share, times: kind.times }
        })
    }
}

/// Why a mark is kept but cannot count yet.
pub(crate) fn unknown_parent(mark: &AttendanceMark, view: &View) -> Option<&'static str> {
    if !view.knows_school(&mark.school) {
        return Some("its school is not known");
    }
    unknown_reference(mark.session, mark.scope, view)
}

fn unknown_reference(session: Option<SessionId>, scope: Scope, view: &View) -> Option<&'static str> {
    if session.is_some_and(|session| view.session(session).is_none()) {
        return Some("its session is not known");
    }
    match scope {
        Scope::Section(section) if view.section(section).is_none() => Some("its section is not known"),
        Scope::Day | Scope::Section(_) => None,
    }
}

/// A student's days at one school.
#[derive(Clone, Copy)]
pub(crate) struct Attendance<'a> {
    silence: Silence<'a>,
    memberships: &'a [SectionMembership],
    view: &'a View,
    /// Whether the school's sections report that attendance was taken.
    reports_taken: bool,
    /// Whether a date without any mark counts as present, whatever sections meet on it.
    silence_is_presence: bool,
}

impl<'a> Attendance<'a> {
    /// Whether a date without any mark counts as present, whatever sections meet on it.
    pub(crate) const fn silence_is_presence(&self) -> bool {
        self.silence_is_presence
    }

    pub(crate) fn new(silence: Silence<'a>, memberships: &'a [SectionMembership], view: &'a View) -> Self {
        let reports_taken = view.reports_taken(silence.school);
        let silence_is_presence = silence.is_presence() && !reports_taken;
        Self { silence, memberships, view, reports_taken, silence_is_presence }
    }

    /// Whether only "attendance was taken" tells that nobody was marked on a date.
    fn needs_proof(&self, date: Date) -> bool {
        self.reports_taken || self.silence.on(date) == Reporting::Positive
    }

    /// The day of a date that counts here; none when it is unknown (items 3 to 5). The marks are those of the date, of whatever
    /// school.
    pub(crate) fn day<'m>(&self, date: Date, marks: impl Iterator<Item = &'m Mark<'m>> + Clone) -> Option<Day> {
        let marks = marks.filter(|mark| mark.school == self.silence.school);
        if marks.clone().any(|mark| mark.scope == Scope::Day) {
            return Some(from_daily(date, marks.map(|mark| (mark.scope, mark.category, mark.share))));
        }
        let sections = Sections::of(marks);
        if sections.is_empty() {
            let by_sections = || silent_means_present(self, date, &known_sections(self, date, &sections));
            let present = self.silence_is_presence || by_sections();
            return present.then_some(Day::present(date));
        }
        let known = known_sections(self, date, &sections).sections.len();
        Some(from_sections(date, &sections, known))
    }
}

/// The day of a date that counts, with one plain mark.
pub(crate) fn of_one_mark(date: Date, says: Plain) -> Day {
    of_marks(date, std::iter::once(says))
}

/// The same with several.
pub(crate) fn of_marks(date: Date, marks: impl Iterator<Item = Plain>) -> Day {
    from_daily(date, marks.map(|Plain(category)| (Scope::Day, category, None)))
}

fn from_daily(date: Date, marks: impl Iterator<Item = (Scope, Option<Category>, Option<i32>)>) -> Day {
    let (mut absent, mut unexcused, mut unknown) = (0, 0, 0);
    let (mut tardy, mut came) = (false, false);
    for (scope, category, share) in marks {
        came |= category.is_some_and(is_arrival);
        if scope != Scope::Day {
            continue;
        }
        let part = absent_part(category, share);
        absent += part;
        match category {
            Some(Category::UnexcusedAbsence) => unexcused += part,
            Some(Category::AbsenceUnknownExcuse | Category::Partial) => unknown += part,
            Some(Category::Tardy) => tardy = true,
            _ => {}
        }
    }
    let excused_or_unknown = absent.min(WHOLE) - unexcused.min(WHOLE);
    Day {
        date,
        absent: absent.min(WHOLE),
        unexcused: unexcused.min(WHOLE),
        unknown: unknown.min(excused_or_unknown),
        tardy,
        unexplained: unexcused + unknown > 0 && !came,
        cut: unexcused > 0,
        weight: WHOLE,
        minutes: None,
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
        Some(Category::Tardy) if planted(Mutant::TardyIsAbsent) => WHOLE,
        _ => 0,
    }
}

/// The section marks of a day, in the order of sections.
struct Sections(Vec<(SectionId, Option<Category>)>);

impl Sections {
    fn of<'m>(marks: impl Iterator<Item = &'m Mark<'m>>) -> Self {
        let section = |mark: &Mark<'_>| match mark.scope {
            Scope::Section(section) => Some((section, mark.category)),
            Scope::Day => None,
        };
        let mut sections: Vec<_> = marks.filter_map(section).collect();
        sections.sort_unstable();
        Self(sections)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contains(&self, section: SectionId) -> bool {
        self.0.binary_search_by_key(&section, |(of, _)| *of).is_ok()
    }
}

/// Item 4: at least half of the day's sections with an absence make it a whole day absent, else none of it. What is not unexcused of
/// it is for an unknown reason when at least half of the other absent marks are, as for the excuse.
fn from_sections(date: Date, sections: &Sections, known: usize) -> Day {
    let marks = || sections.0.iter().filter_map(|(_, category)| *category);
    let by_section = sections.0.chunk_by(|a, b| a.0 == b.0);
    let missed = by_section.filter(|marks| marks.iter().filter_map(|(_, category)| *category).any(is_absence)).count();
    let absent = missed > 0 && missed * 2 >= known;
    // A section may hold several live marks; the excuse is weighed over marks, as the policy words it, not over sections.
    let absences = marks().filter(|&category| is_absence(category)).count();
    let unexcused = marks().filter(|&category| category == Category::UnexcusedAbsence).count();
    let unknown = marks().filter(|&category| category == Category::AbsenceUnknownExcuse).count();
    let open = unexcused + unknown > 0;
    let is_unexcused = absent && unexcused * 2 >= absences;
    let is_unknown = absent && !is_unexcused && unknown * 2 >= absences - unexcused;
    Day {
        date,
        absent: if absent { WHOLE } else { 0 },
        unexcused: if is_unexcused { WHOLE } else { 0 },
        unknown: if is_unknown { WHOLE } else { 0 },
        tardy: marks().any(|category| category == Category::Tardy),
        unexplained: absent && open && !marks().any(is_arrival),
        cut: unexcused > 0,
        weight: WHOLE,
        minutes: None,
    }
}

fn is_absence(category: Category) -> bool {
    matches!(category, Category::ExcusedAbsence | Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse)
}

/// Whether it says that the student came.
fn is_arrival(category: Category) -> bool {
    matches!(category, Category::Tardy | Category::Present)
}

/// The student's sections of a day whose attendance is known.
struct KnownSections {
    sections: Vec<SectionId>,
    /// The day has sections, and of none of them is anything known.
    all_unknown: bool,
}

/// Item 5.
fn silent_means_present(at: &Attendance<'_>, date: Date, known: &KnownSections) -> bool {
    match at.silence.on(date) {
        Reporting::Negative => !known.all_unknown,
        // Only "attendance was taken" proves then that silence means presence.
        Reporting::Positive => !known.sections.is_empty(),
    }
}

fn known_sections(at: &Attendance<'_>, date: Date, marked: &Sections) -> KnownSections {
    let meeting = at.memberships.iter().filter(|membership| meets(at, date, membership));
    let mut sections: Vec<SectionId> = meeting.map(|membership| membership.section).collect();
    sections.extend(marked.0.iter().map(|(section, _)| *section));
    sections.sort_unstable();
    sections.dedup();
    let any = !sections.is_empty();
    if at.needs_proof(date) {
        sections.retain(|section| marked.contains(*section) || at.view.taken(*section, date));
    }
    KnownSections { all_unknown: any && sections.is_empty(), sections }
}

fn meets(at: &Attendance<'_>, date: Date, membership: &SectionMembership) -> bool {
    belongs(at.silence.school, at.view, date, membership)
}

/// Whether a section is one of the student's sections of a date at a school: it is a member, and the session contains the date.
pub(crate) fn belongs(school: &SchoolId, view: &View, date: Date, membership: &SectionMembership) -> bool {
    let covers = membership.begin_on <= date && membership.end_on.is_none_or(|end| date <= end);
    covers
        && view.section(membership.section).is_some_and(|section| {
            section.school == school && section.session.begin_on <= date && date <= section.session.end_on
        })
}
