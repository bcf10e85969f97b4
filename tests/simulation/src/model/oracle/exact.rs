//! One calculator of a district, computed a second time: minute by minute.

use homeroom_domain::date::Date;
use homeroom_domain::event::{AttendanceMark, Enrollment, Fact, Scope};
use homeroom_domain::id::{SchoolId, SectionId};
use homeroom_domain::reference::Entry;
use homeroom_domain::settings::{Category, Reporting};

use super::{Missed, Oracle, Sum, meaning};

/// What a day absent is, by its minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The missed part.
    Exact,
    /// More than half there is a full day, a tenth to half a part of one.
    Share,
    /// 150 minutes of each half are half a day.
    Halves,
}

macro_rules! calculator {
    ($count:literal) => {
        concat!(
            "calculators:\n  - id: by minutes\n    count: ",
            $count,
            "\n    day-minutes: 400\n    tardies: {every: 3, counts: 50}\n    weights: {make-up day: 50}\n    exit-day-counts: false\n"
        )
    };
}

/// What the district writes, by what it means.
pub const CALCULATORS: [(Method, &str); 3] = [
    (Method::Exact, calculator!("exact")),
    (
        Method::Share,
        calculator!("{share-present: [{above: 50, absent: 0}, {from: 10, absent: 50}, {from: 0, absent: 100}]}"),
    ),
    (Method::Halves, calculator!("{halves: {noon: \"12:00\", needed-minutes: 150}}")),
];

const MINUTES: usize = 400;

impl Oracle {
    /// How days are counted, when that is by their minutes.
    pub(super) fn method(&self) -> Option<Method> {
        let yaml = self
            .entries
            .iter()
            .find_map(|entry| if let Entry::Calculators(yaml) = entry { Some(yaml) } else { None })?;
        CALCULATORS.iter().find(|(_, known)| known == yaml).map(|(method, _)| *method)
    }

    /// The last date that counts of a spell with this exit.
    pub(super) fn last_date(&self, spell: &Enrollment, exit: Date) -> Date {
        if self.method().is_some() && self.calendar(spell).is_some() { exit.previous() } else { exit }
    }

    /// A date at a school that counts there, whatever it is worth.
    pub(super) fn minutes_day(
        &self,
        method: Method,
        (school, date): (&SchoolId, Date),
        marks: &[&AttendanceMark],
        came: bool,
    ) -> Option<Sum> {
        let mut sum = self.one_day(method, (school, date), marks, came)?;
        if self.is_late(method, school, date) {
            let earlier = self.dates().into_iter().filter(|of| *of < date && self.counts_at(school, *of));
            let tardies = earlier.filter(|of| self.is_late(method, school, *of)).count();
            if (tardies + 1).is_multiple_of(3) {
                let more = (100 - sum.absent).min(50);
                sum.absent += more;
                sum.unexcused += more;
            }
        }
        let weight = self.date_worth(school, date);
        let worth = |part: i64| {
            let nearest = (part * weight + 50) / 100;
            // Less than half of the day may not become half of what it is worth.
            if part < 50 { nearest.min((weight - 1) / 2) } else { nearest }
        };
        Some(Sum { absent: worth(sum.absent), unexcused: worth(sum.unexcused), weight, ..sum })
    }

    pub(super) fn one_day(
        &self,
        method: Method,
        (school, date): (&SchoolId, Date),
        marks: &[&AttendanceMark],
        came: bool,
    ) -> Option<Sum> {
        let daily: Vec<_> = marks.iter().filter(|mark| mark.scope == Scope::Day).collect();
        if daily.is_empty() {
            // No bell schedule says how long a class is: what is known is a day without anything missed in any class.
            let classes = self.classes(school, date, marks);
            let known = !classes.is_empty() || self.reporting() == Reporting::Negative;
            let known = known && classes.iter().all(|class| self.was_there(*class, school, date, marks));
            let minutes = Some(Missed::default());
            let nothing =
                Sum { absent: 0, unexcused: 0, tardy: false, unexplained: false, cut: false, weight: 100, minutes };
            return known.then_some(nothing);
        }
        let (mut missed, mut unexcused, mut late) = ([false; MINUTES], [false; MINUTES], [false; MINUTES]);
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
            if category == Category::Tardy && !self.late_with_excuse(mark) {
                late[from..from + minutes].fill(true);
            }
            tardy |= category == Category::Tardy;
            cut |= category == Category::UnexcusedAbsence;
            open |= matches!(category, Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse)
                || category == Category::Partial && share > 0;
        }
        let (absent, without) = absent_part(method, &missed, &unexcused);
        let unexplained = absent > 0 && open && !came;
        let late_or_unexcused = (0..MINUTES).filter(|at| late[*at] || unexcused[*at]).count();
        let minutes = Missed {
            absent: many(&missed),
            unexcused: many(&unexcused),
            late_or_unexcused: i64::try_from(late_or_unexcused).unwrap(),
        };
        Some(Sum { absent, unexcused: without, tardy, unexplained, cut, weight: 100, minutes: Some(minutes) })
    }

    /// Late without excuse: an excused tardy makes no absence.
    fn is_late(&self, method: Method, school: &SchoolId, date: Date) -> bool {
        let marks = self.marks(school, date);
        let known = self.one_day(method, (school, date), &marks, false).is_some();
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
        let proof_needed = self.reporting() == Reporting::Positive || self.sends_taken(school);
        !proof_needed || self.taken(class, date)
    }

    /// The spell that began last, of those whose calendar has the date; of two that began together, the later calendar's id.
    pub(super) fn leading(&self, school: &SchoolId, date: Date) -> &Enrollment {
        let spells = self.spells(school, date).into_iter();
        let having = spells.filter(|spell| self.calendar(spell).is_some_and(|of| self.instructional(of, date)));
        having.max_by_key(|spell| (spell.entry_on, spell.calendar)).unwrap()
    }

    /// What silence means: all that is said comes from one source.
    pub(super) fn reporting(&self) -> Reporting {
        self.settings.source_reporting.values().next().copied().unwrap_or(self.settings.reporting)
    }

    /// What a date that counts at a school is worth.
    pub(super) fn date_worth(&self, school: &SchoolId, date: Date) -> i64 {
        if self.method().is_some() && self.make_up(school, date) { 50 } else { 100 }
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

fn many(minutes: &[bool]) -> i64 {
    i64::try_from(minutes.iter().filter(|of| **of).count()).unwrap()
}

/// The absent part of the day, and of it what is without excuse.
fn absent_part(method: Method, missed: &[bool; MINUTES], unexcused: &[bool; MINUTES]) -> (i64, i64) {
    // Of several reasons the one for at least half of what was missed.
    let mostly = |part: i64, missed: &[bool], unexcused: &[bool]| {
        if many(unexcused) > 0 && many(unexcused) * 2 >= many(missed) { part } else { 0 }
    };
    match method {
        Method::Exact => {
            // To the nearest hundredth of 400 minutes; less than half stays less than half.
            let part = |of: i64| if of < 200 { ((of + 2) / 4).min(49) } else { (of + 2) / 4 };
            (part(many(missed)), part(many(unexcused)))
        }
        Method::Share => {
            let there = 400 - many(missed);
            let absent = if there > 200 {
                0
            } else if there >= 40 {
                50
            } else {
                100
            };
            (absent, mostly(absent, missed, unexcused))
        }
        Method::Halves => {
            let half = |from: usize| {
                let (missed, unexcused) = (&missed[from..from + 200], &unexcused[from..from + 200]);
                let absent = if 200 - many(missed) >= 150 { 0 } else { 50 };
                (absent, mostly(absent, missed, unexcused))
            };
            let (morning, afternoon) = (half(0), half(200));
            (morning.0 + afternoon.0, morning.1 + afternoon.1)
        }
    }
}
