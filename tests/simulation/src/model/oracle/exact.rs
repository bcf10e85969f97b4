//! One calculator of a district, computed a second time: minute by minute.

use homeroom_domain::date::Date;
use homeroom_domain::event::{AttendanceMark, Enrollment, Fact, Scope};
use homeroom_domain::id::{SchoolId, SectionId};
use homeroom_domain::reference::Entry;
use homeroom_domain::settings::{Category, Reporting};

use super::{Oracle, Sum, meaning};

/// What the district writes.
pub const CALCULATOR: &str = "\
calculators:
  - id: by minutes
    count: exact
    day-minutes: 400
    tardies: {every: 3, counts: 50}
    weights: {make-up day: 50}
    exit-day-counts: false
";

const MINUTES: usize = 400;

impl Oracle {
    /// Whether days are counted so.
    pub(super) fn by_minutes(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry, Entry::Calculators(yaml) if yaml == CALCULATOR))
    }

    /// The last date that counts of a spell with this exit.
    pub(super) fn last_date(&self, spell: &Enrollment, exit: Date) -> Date {
        if self.by_minutes() && self.calendar(spell).is_some() { exit.previous() } else { exit }
    }

    /// A date at a school that counts there, whatever it is worth.
    pub(super) fn minutes_day(
        &self,
        school: &SchoolId,
        date: Date,
        marks: &[&AttendanceMark],
        came: bool,
    ) -> Option<Sum> {
        let mut sum = self.one_day(school, date, marks, came)?;
        if self.is_late(school, date) {
            let earlier = self.dates().into_iter().filter(|of| *of < date && self.counts_at(school, *of));
            let tardies = earlier.filter(|of| self.is_late(school, *of)).count();
            if (tardies + 1).is_multiple_of(3) {
                let more = (100 - sum.absent).min(50);
                sum.absent += more;
                sum.unexcused += more;
            }
        }
        let weight = if self.make_up(school, date) { 50 } else { 100 };
        let worth = |part: i64| {
            let nearest = (part * weight + 50) / 100;
            // Less than half of the day may not become half of what it is worth.
            if part < 50 { nearest.min((weight - 1) / 2) } else { nearest }
        };
        Some(Sum { absent: worth(sum.absent), unexcused: worth(sum.unexcused), weight, ..sum })
    }

    fn one_day(&self, school: &SchoolId, date: Date, marks: &[&AttendanceMark], came: bool) -> Option<Sum> {
        let daily: Vec<_> = marks.iter().filter(|mark| mark.scope == Scope::Day).collect();
        if daily.is_empty() {
            // No bell schedule says how long a class is: what is known is a day without anything missed in any class.
            let classes = self.classes(school, date, marks);
            let known = !classes.is_empty() || self.settings.reporting == Reporting::Negative;
            let known = known && classes.iter().all(|class| self.was_there(*class, school, date, marks));
            let nothing = Sum { absent: 0, unexcused: 0, tardy: false, unexplained: false, cut: false, weight: 100 };
            return known.then_some(nothing);
        }
        let (mut missed, mut unexcused) = ([false; MINUTES], [false; MINUTES]);
        let (mut tardy, mut open, mut cut) = (false, false, false);
        for mark in daily {
            let Some(category) = self.category(mark) else { continue };
            let share = i64::from(mark.share.unwrap_or(-1));
            let whole = if (1..=100).contains(&share) { share } else { 100 };
            let share = match category {
                Category::Partial => mark.share.map_or(50, |share| i64::from(share).clamp(0, 100)),
                Category::ExcusedAbsence | Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse => whole,
                _ => 0,
            };
            let by_share = usize::try_from(share * 4).unwrap();
            let stated = mark.times.minutes.map(|minutes| minutes.clamp(0, 400)).filter(|minutes| match category {
                Category::Present => false,
                Category::ExcusedAbsence | Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse => *minutes > 0,
                _ => true,
            });
            let minutes = stated.map_or(by_share, |minutes| usize::try_from(minutes).unwrap());
            let from = if category == Category::EarlyDeparture { MINUTES - minutes } else { 0 };
            missed[from..from + minutes].fill(true);
            if category == Category::UnexcusedAbsence {
                unexcused[from..from + minutes].fill(true);
            }
            tardy |= category == Category::Tardy;
            cut |= category == Category::UnexcusedAbsence;
            open |= matches!(category, Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse)
                || category == Category::Partial && share > 0;
        }
        let part = |minutes: [bool; MINUTES]| {
            let many = i64::try_from(minutes.iter().filter(|missed| **missed).count()).unwrap();
            // To the nearest hundredth of 400 minutes; less than half stays less than half.
            if many < 200 { ((many + 2) / 4).min(49) } else { (many + 2) / 4 }
        };
        let absent = part(missed);
        let unexplained = absent > 0 && open && !came;
        Some(Sum { absent, unexcused: part(unexcused), tardy, unexplained, cut, weight: 100 })
    }

    /// Late without excuse: an excused tardy makes no absence.
    fn is_late(&self, school: &SchoolId, date: Date) -> bool {
        let marks = self.marks(school, date);
        let known = self.one_day(school, date, &marks, false).is_some();
        let late = |mark: &&AttendanceMark| {
            mark.scope == Scope::Day && self.category(mark) == Some(Category::Tardy) && !self.late_with_excuse(mark)
        };
        known && marks.iter().any(late)
    }

    /// The student's classes of a date, with a mark or without.
    pub(super) fn classes(&self, school: &SchoolId, date: Date, marks: &[&AttendanceMark]) -> Vec<SectionId> {
        let member = |fact: &Fact| match fact {
            Fact::SectionMembership(of) => {
                let covered = of.begin_on <= date && of.end_on.is_none_or(|end| date <= end);
                let meets = covered
                    && self.section(of.section).is_some_and(|(section, session, _)| {
                        section.school == *school && session.begin_on <= date && date <= session.end_on
                    });
                meets.then_some(of.section)
            }
            _ => None,
        };
        let marked = marks.iter().filter_map(|mark| match mark.scope {
            Scope::Section(section) => Some(section),
            Scope::Day => None,
        });
        self.facts.iter().filter_map(member).chain(marked).collect()
    }

    /// Whether the student was in a class for all that is known: all its marks say so, or it has none and needs none.
    fn was_there(&self, class: SectionId, school: &SchoolId, date: Date, marks: &[&AttendanceMark]) -> bool {
        let mut said = marks.iter().filter(|mark| mark.scope == Scope::Section(class)).peekable();
        if said.peek().is_some() {
            return said.all(|mark| self.category(mark) == Some(Category::Present));
        }
        let proof_needed = self.settings.reporting == Reporting::Positive || self.sends_taken(school);
        !proof_needed || self.taken(class, date)
    }

    /// The spell that began last, of those whose calendar has the date; of two that began together, the later calendar's id.
    pub(super) fn leading(&self, school: &SchoolId, date: Date) -> &Enrollment {
        let spells = self.spells(school, date).into_iter();
        let having = spells.filter(|spell| self.calendar(spell).is_some_and(|of| self.instructional(of, date)));
        having.max_by_key(|spell| (spell.entry_on, spell.calendar)).unwrap()
    }

    /// Whether its calendar has a make-up day.
    fn make_up(&self, school: &SchoolId, date: Date) -> bool {
        let calendar = self.calendar(self.leading(school, date));
        self.entries.iter().any(|entry| match entry {
            Entry::CalendarDate(of) => {
                Some(of.calendar) == calendar
                    && of.date == date
                    && of.events.iter().any(|event| meaning(event) == "make-up day")
            }
            _ => false,
        })
    }
}
