//! When in a day classes meet.

use std::collections::HashMap;

use smallvec::{SmallVec, smallvec};

use super::View;
use crate::calculator::{DayMark, Period, SchoolDay, Span};
use crate::code;
use crate::date::Date;
use crate::id::{ClassPeriodId, SchoolId, SectionId};
use crate::quick;
use crate::reference::{BellSchedule, ClassPeriod, MeetingTime, Section};

/// Class periods and bell schedules.
#[derive(Debug, Clone, Default)]
pub(super) struct Bells {
    periods: quick::Map<ClassPeriodId, ClassPeriod>,
    /// Sections that say when they meet, or that they are the official ones.
    sections: quick::Map<SectionId, (Vec<ClassPeriodId>, bool)>,
    schedules: HashMap<SchoolId, Vec<BellSchedule>>,
}

/// The bells of a date.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bell {
    /// From the first to the last, when a schedule says so, and no other says other.
    pub(crate) hours: Option<Span>,
    /// When classes meet, in order; nothing when no schedule says so, or several that differ.
    pub(crate) classes: SmallVec<[Span; 8]>,
    /// How much instruction there is, minutes, when a schedule says so, and no other says other.
    pub(crate) instruction: Option<i32>,
}

impl Bell {
    /// A student's day by them.
    pub(crate) fn day<'d>(&'d self, marks: &'d [DayMark], periods: &'d [Period<'d>]) -> SchoolDay<'d> {
        SchoolDay { hours: self.hours, bells: &self.classes, instruction: self.instruction, marks, periods }
    }
}

/// One meeting of a class on a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meeting {
    /// When, if it is known.
    pub(crate) span: Option<Span>,
    /// Whether its attendance is the official one.
    pub(crate) official: bool,
}

impl Bells {
    pub(super) fn add_period(&mut self, period: &ClassPeriod) {
        self.periods.insert(period.class_period, period.clone());
    }

    pub(super) fn add_section(&mut self, section: &Section) {
        if section.class_periods.is_empty() && !section.official {
            self.sections.remove(&section.section);
        } else {
            self.sections.insert(section.section, (section.class_periods.clone(), section.official));
        }
    }

    pub(super) fn add_schedule(&mut self, schedule: &BellSchedule) {
        let schedules = self.schedules.entry(schedule.school.clone()).or_default();
        let grade_levels = schedule.grade_levels.iter().map(|level| code::value(level)).collect();
        schedules.push(BellSchedule { dates: sorted(&schedule.dates), grade_levels, ..schedule.clone() });
    }

    /// The longest instruction of a date at a school by schedules that say how long it is, minutes.
    pub(super) fn longest(&self, school: &SchoolId, date: Date) -> Option<i32> {
        let of_date = self.of_school(school).iter().filter(|schedule| schedule.dates.binary_search(&date).is_ok());
        of_date.filter_map(|schedule| schedule.instruction).max()
    }

    fn of_school(&self, school: &SchoolId) -> &[BellSchedule] {
        self.schedules.get(school).map(Vec::as_slice).unwrap_or_default()
    }

    /// The schedules that ring on a date for a grade level: those that name it, else those that name none.
    fn ringing(&self, school: &SchoolId, date: Date, grade_level: Option<&str>) -> SmallVec<[&BellSchedule; 2]> {
        let of_date = || self.of_school(school).iter().filter(|schedule| schedule.dates.binary_search(&date).is_ok());
        let names = |schedule: &&BellSchedule| schedule.grade_levels.iter().any(|of| Some(of.as_str()) == grade_level);
        let own: SmallVec<[&BellSchedule; 2]> = of_date().filter(names).collect();
        if own.is_empty() { of_date().filter(|schedule| schedule.grade_levels.is_empty()).collect() } else { own }
    }

    /// When its classes meet, in order.
    fn classes(&self, schedule: &BellSchedule) -> SmallVec<[Span; 8]> {
        let mut classes: SmallVec<[Span; 8]> = self.times(&schedule.class_periods).collect();
        classes.sort_unstable();
        classes
    }

    fn times<'b>(&'b self, periods: &'b [ClassPeriodId]) -> impl Iterator<Item = Span> + 'b {
        periods.iter().filter_map(|id| self.periods.get(id)).flat_map(|period| &period.times).copied().map(span)
    }
}

/// What all of them are; none without any.
fn agreed<T: PartialEq>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

fn sorted(dates: &[Date]) -> Vec<Date> {
    let mut dates = dates.to_vec();
    dates.sort_unstable();
    dates
}

fn span(time: MeetingTime) -> Span {
    Span { begin: time.begin_at, end: time.end_at }
}

impl View {
    /// The schools whose class periods a section names.
    pub(crate) fn period_schools(&self, section: SectionId) -> impl Iterator<Item = &SchoolId> {
        let periods = self.bells.sections.get(&section).map(|(periods, _)| periods.as_slice()).unwrap_or_default();
        periods.iter().filter_map(|id| self.bells.periods.get(id)).map(|period| &period.school)
    }

    /// Whether some bell schedule of a school rings for some grade levels alone.
    pub(crate) fn rings_by_grade_level(&self, school: &SchoolId) -> bool {
        self.bells.of_school(school).iter().any(|schedule| !schedule.grade_levels.is_empty())
    }

    /// Whether a school has a bell schedule of some date.
    pub(crate) fn rings(&self, school: &SchoolId) -> bool {
        !self.bells.of_school(school).is_empty()
    }

    /// The bells of a date at a school, for a grade level by its value: of several schedules, what they agree on.
    pub(crate) fn bell(&self, school: &SchoolId, date: Date, grade_level: Option<&str>) -> Bell {
        let bells = &self.bells;
        let ringing = bells.ringing(school, date, grade_level);
        let hours = |schedule: &BellSchedule| match schedule.hours {
            Some(hours) => Some(span(hours)),
            None => bells
                .times(&schedule.class_periods)
                .reduce(|a, b| Span { begin: a.begin.min(b.begin), end: a.end.max(b.end) }),
        };
        Bell {
            hours: agreed(ringing.iter().filter_map(|schedule| hours(schedule))),
            classes: agreed(ringing.iter().map(|schedule| bells.classes(schedule))).unwrap_or_default(),
            instruction: agreed(ringing.iter().filter_map(|schedule| schedule.instruction)),
        }
    }

    /// When a section meets on a date at a school: none when a bell schedule of the date has none of its periods; once, at a
    /// time that is not known, when it does not say.
    pub(crate) fn meetings(
        &self,
        section: SectionId,
        school: &SchoolId,
        date: Date,
        grade_level: Option<&str>,
    ) -> SmallVec<[Meeting; 2]> {
        let bells = &self.bells;
        let Some((periods, official)) = bells.sections.get(&section) else {
            return smallvec![Meeting { span: None, official: false }];
        };
        let ringing = bells.ringing(school, date, grade_level);
        let known = ringing.iter().any(|schedule| !schedule.class_periods.is_empty());
        let rings = |period: &ClassPeriodId| ringing.iter().any(|schedule| schedule.class_periods.contains(period));
        let mut meetings = SmallVec::new();
        for id in periods.iter().filter(|id| !known || rings(id)) {
            let period = bells.periods.get(id);
            let official = *official || period.is_some_and(|period| period.official);
            let spans = period.map(|period| period.times.as_slice()).unwrap_or_default();
            meetings.extend(spans.iter().map(|time| Meeting { span: Some(span(*time)), official }));
            if spans.is_empty() {
                meetings.push(Meeting { span: None, official });
            }
        }
        if periods.is_empty() {
            meetings.push(Meeting { span: None, official: *official });
        }
        meetings
    }
}
