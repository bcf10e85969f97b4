//! What a student's ledger comes to: the counted days of a school year, and the measures as of any date in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::course::{self, Standing};
use crate::date::Date;
use crate::day::{self, Day};
use crate::enrollment;
use crate::event::{Enrollment, Fact, Scope};
use crate::id::{SchoolId, SchoolYear, SectionId};
use crate::ledger::Ledger;
use crate::measure::Measures;
use crate::settings::{Now, Settings};
use crate::view::View;

/// A student's school year, counted up to a date.
pub struct Evaluation<'a> {
    /// The facts.
    pub ledger: &'a Ledger,
    /// What they refer to.
    pub view: &'a View,
    /// How they count.
    pub settings: &'a Settings,
    /// The dates in force.
    pub now: Now,
    year: SchoolYear,
    spells: Vec<&'a Enrollment>,
    schools: BTreeMap<&'a SchoolId, Vec<Day>>,
    district: Vec<(&'a SchoolId, Day)>,
}

impl<'a> Evaluation<'a> {
    /// Counts a student's days up to today.
    pub fn new(ledger: &'a Ledger, view: &'a View, settings: &'a Settings, now: Now) -> Self {
        let year = now.as_of.school_year();
        let spells = enrollment::spells(ledger, view);
        let marks = day::index(ledger, view, settings);
        let memberships: Vec<_> = ledger.memberships().collect();
        let dates = enrollment::dates(&spells, view, year, now.today.max(now.as_of));
        let mut schools = BTreeMap::new();
        for (school, dates) in dates {
            let known =
                |date: Date| day::day(date, school, marks.get(&(school, date)), &memberships, view, settings.reporting);
            schools.insert(school, dates.into_iter().filter_map(known).collect::<Vec<_>>());
        }
        let district = one_school_a_day(&spells, &schools);
        Self { ledger, view, settings, now, year, spells, schools, district }
    }

    /// The school year that is counted.
    pub fn year(&self) -> SchoolYear {
        self.year
    }

    /// Schools with a row of measures: where the student was enrolled in the year. A grade of another school counts for the
    /// district as a whole.
    pub fn schools(&self, as_of: Date) -> BTreeSet<&'a SchoolId> {
        let begun = self.spells.iter().filter(|spell| spell.entry_on <= as_of);
        begun.map(|spell| &spell.school).filter(|school| self.schools.contains_key(school)).collect()
    }

    /// The measures of the district as a whole, as of a date, with the same-day measure of another.
    pub fn district(&self, as_of: Date, today: Date) -> Measures {
        let mut measures = fold(self.district.iter().map(|(_, day)| day), as_of, today);
        self.grade(&mut measures, None, as_of);
        measures
    }

    /// The measures at one school.
    pub fn school(&self, school: &SchoolId, as_of: Date, today: Date) -> Measures {
        let days = self.schools.get(school).map_or(&[][..], Vec::as_slice);
        let mut measures = fold(days.iter(), as_of, today);
        self.grade(&mut measures, Some(school), as_of);
        measures
    }

    fn grade(&self, measures: &mut Measures, school: Option<&SchoolId>, as_of: Date) {
        for standing in self.standings(as_of) {
            if standing.failing && school.is_none_or(|school| school == standing.school) {
                measures.failing += 1;
                measures.failing_core += i64::from(standing.core);
            }
        }
    }

    /// The grade that stands for each section, as of a date.
    pub fn standings(&self, as_of: Date) -> Vec<Standing<'a>> {
        course::standings(self.ledger, self.view, self.year, as_of, self.settings.failing_below)
    }

    /// The district's day of a date, and the school that it was counted at; none when the date does not count.
    pub fn day(&self, date: Date) -> Option<(&'a SchoolId, Day)> {
        self.district.binary_search_by_key(&date, |(_, day)| day.date).ok().map(|at| self.district[at])
    }

    /// The district's counted days up to a date, in order.
    pub fn days(&self, as_of: Date) -> &[(&'a SchoolId, Day)] {
        let end = self.district.partition_point(|(_, day)| day.date <= as_of);
        &self.district[..end]
    }

    /// Whether a date counts at a school.
    pub(crate) fn counts(&self, school: &SchoolId, date: Date) -> bool {
        self.schools.get(school).is_some_and(|days| days.binary_search_by_key(&date, |day| day.date).is_ok())
    }

    /// Whether the student is enrolled at a school on a date, whatever the calendar says.
    pub(crate) fn enrolled(&self, school: &SchoolId, date: Date) -> bool {
        self.spells.iter().any(|spell| spell.school == *school && enrollment::covers(spell, date))
    }

    /// The school whose team should know, on a date.
    pub fn home(&self, date: Date) -> Option<&'a SchoolId> {
        enrollment::home(&self.spells, date)
    }

    /// Whether a live fact waits for something that is not known yet, so that any reference change may concern the student.
    pub fn waiting(&self) -> bool {
        !self.ledger.registered()
            || self.ledger.marks().any(|mark| day::unknown_parent(mark.fact, self.view).is_some())
            || self.ledger.enrollments().filter(|spell| enrollment::reaches(spell, self.year)).any(|spell| {
                !self.view.knows_school(&spell.school)
                    || self.view.calendar(spell.calendar, &spell.school, self.year).is_none()
            })
            || self.ledger.memberships().any(|membership| self.view.section(membership.section).is_none())
            || self.ledger.grades().any(|grade| {
                self.view.section(grade.fact.section).is_none()
                    || self.view.grading_period(grade.fact.grading_period).is_none()
            })
    }

    /// Schools whose reference data the student's facts lean on. A careless source may refer across schools, so what each fact
    /// refers to is followed to the school that owns it.
    pub fn leans_on(&self) -> BTreeSet<&SchoolId> {
        let mut schools = BTreeSet::new();
        for live in self.ledger.facts() {
            match live.fact {
                Fact::Registration => {}
                Fact::Enrollment(spell) => {
                    schools.insert(&spell.school);
                    schools.extend(spell.calendar.and_then(|calendar| self.view.calendar_school(calendar)));
                }
                Fact::SectionMembership(membership) => schools.extend(self.schools_of(membership.section)),
                Fact::AttendanceMark(mark) => {
                    schools.insert(&mark.school);
                    let session = mark.session.and_then(|session| self.view.session(session));
                    schools.extend(session.map(|session| &session.school));
                    if let Scope::Section(section) = mark.scope {
                        schools.extend(self.schools_of(section));
                    }
                }
                Fact::Grade(grade) => {
                    schools.extend(self.schools_of(grade.section));
                    schools.extend(self.view.grading_period(grade.grading_period).map(|period| &period.school));
                }
            }
        }
        schools
    }

    fn schools_of(&self, section: SectionId) -> impl Iterator<Item = &SchoolId> {
        let section = self.view.section(section);
        section.into_iter().flat_map(|section| [section.school, &section.session.school])
    }
}

/// Item 7: for the district a student has one day per date.
fn one_school_a_day<'a>(
    spells: &[&'a Enrollment],
    schools: &BTreeMap<&'a SchoolId, Vec<Day>>,
) -> Vec<(&'a SchoolId, Day)> {
    if let (1, Some((school, days))) = (schools.len(), schools.first_key_value()) {
        return days.iter().map(|day| (*school, *day)).collect();
    }
    let mut chosen: BTreeMap<Date, (&SchoolId, Day)> = BTreeMap::new();
    for (school, days) in schools {
        for day in days {
            let better = chosen.get(&day.date).is_none_or(|(known, _)| {
                enrollment::rank(spells, school, day.date) < enrollment::rank(spells, known, day.date)
            });
            if better {
                chosen.insert(day.date, (school, *day));
            }
        }
    }
    chosen.into_values().collect()
}

fn fold<'d>(days: impl Iterator<Item = &'d Day>, as_of: Date, today: Date) -> Measures {
    let mut measures = Measures::default();
    for day in days {
        if day.date <= as_of {
            measures.count(day);
        }
        if day.date == today {
            measures.unexplained_absence_today = day.unexplained;
        }
    }
    measures
}
