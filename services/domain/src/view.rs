//! A district's reference data: the records as sources sent them, and an index over them that evaluation reads.

mod bell;
mod counting;
mod gathering;
mod suppose;
mod touch;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::calculator::{self, Calculator};
use crate::code::{self, Subjects};
use crate::date::Date;
use crate::event::{Change, Origin};
use crate::id::{
    CalendarId, CourseId, CourseOfferingId, GradingPeriodId, RecordKey, Revision, SchoolId, SchoolYear, SectionId,
    SessionId, SourceId,
};
use crate::quick;
use crate::reference::{Entry, GradingPeriod, School, Session};
use crate::settings::Settings;

use bell::Bells;
pub(crate) use bell::Meeting;
use gathering::Gathered;
pub use touch::Touched;

/// Every reference record of a district, each one's last word.
#[derive(Debug, Clone, Default)]
pub struct Records(BTreeMap<(SourceId, RecordKey), (Revision, Change<Entry>)>);

impl Records {
    /// Takes a word in: the highest revision of a source's key wins, and of equals the later in the log. Tells whether the record now says something else.
    pub fn apply(&mut self, origin: Origin, change: Change<Entry>) -> bool {
        match self.0.get(&(origin.source.clone(), origin.key)) {
            Some((revision, _)) if origin.revision < *revision => false,
            Some((_, known)) if *known == change => {
                self.0.insert((origin.source, origin.key), (origin.revision, change));
                false
            }
            _ => {
                self.0.insert((origin.source, origin.key), (origin.revision, change));
                true
            }
        }
    }

    /// What a record says now, if it is live.
    pub fn find(&self, source: &SourceId, key: RecordKey) -> Option<&Entry> {
        match self.0.get(&(source.clone(), key)) {
            Some((_, Change::Recorded(entry))) => Some(entry),
            Some((_, Change::Withdrawn)) | None => None,
        }
    }

    /// A record's last word and its revision, if anything was ever said of it.
    pub fn last(&self, source: &SourceId, key: RecordKey) -> Option<(Revision, &Change<Entry>)> {
        self.0.get(&(source.clone(), key)).map(|(revision, change)| (*revision, change))
    }

    fn live(&self) -> impl Iterator<Item = &Entry> {
        self.0.values().filter_map(|(_, change)| if let Change::Recorded(entry) = change { Some(entry) } else { None })
    }

    /// Indexes the records. Where two records define one id, the later in the order of source and key is used, so that the view
    /// does not depend on arrival; the events of one date are taken together.
    pub fn view(&self) -> View {
        let mut view = View::default();
        for entry in self.live() {
            view.add(entry);
        }
        view.settle();
        view
    }
}

/// An index over a district's reference records.
#[derive(Debug, Clone, Default)]
pub struct View {
    settings: Option<Settings>,
    rule_pack: Option<String>,
    schools: BTreeMap<SchoolId, School>,
    /// The same schools, to be found by text.
    known: quick::Map<Box<[u8]>, SchoolId>,
    calendars: Vec<CalendarView>,
    /// Their positions.
    calendar_at: quick::Map<CalendarId, usize>,
    calendars_of: quick::Map<SchoolId, Vec<(SchoolYear, CalendarId)>>,
    /// Events by date, while the view is built.
    dates: HashMap<CalendarId, BTreeMap<Date, Vec<String>>>,
    sessions: quick::Map<SessionId, Session>,
    grading_periods: quick::Map<GradingPeriodId, GradingPeriod>,
    subjects: quick::Map<CourseId, Subjects>,
    offerings: quick::Map<CourseOfferingId, (CourseId, SessionId)>,
    sections: quick::Map<SectionId, (CourseOfferingId, SchoolId)>,
    taken: HashMap<Date, HashSet<SectionId>>,
    taken_at: BTreeSet<SchoolId>,
    bells: Bells,
    /// How days are counted, where the district says so.
    calculators: Vec<Calculator>,
    gathered: Gathered,
}

/// A calendar: whose it is, and which dates are instructional.
#[derive(Debug, Clone)]
pub struct CalendarView {
    /// The school.
    pub school: SchoolId,
    /// The school year.
    pub school_year: SchoolYear,
    /// Instructional dates, in order.
    pub instructional: Vec<Date>,
    /// Its code and type by value, in lower case.
    code: String,
    calendar_type: String,
    /// The position of the calculator that applies to it; none when the shipped one does.
    calculator: Option<usize>,
    /// Dates that are worth less than a day there, in order, with what they are worth, hundredths.
    weights: Vec<(Date, i32)>,
}

/// What is known of a section.
#[derive(Debug, Clone, Copy)]
pub struct SectionView<'a> {
    /// The school.
    pub school: &'a SchoolId,
    /// The session that it meets in.
    pub session: &'a Session,
    /// Whether its course is a core course; unknown courses are not.
    pub core: bool,
    /// What its course teaches; nothing that counts while the course is unknown.
    pub subjects: Subjects,
}

impl View {
    fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::School(school) => {
                self.schools.insert(school.school.clone(), school.clone());
            }
            Entry::Calendar(calendar) => {
                let view = CalendarView {
                    school: calendar.school.clone(),
                    school_year: calendar.school_year,
                    instructional: Vec::new(),
                    code: calendar.code.trim().to_lowercase(),
                    calendar_type: code::value(&calendar.calendar_type),
                    calculator: None,
                    weights: Vec::new(),
                };
                let next = self.calendars.len();
                match *self.calendar_at.entry(calendar.calendar).or_insert(next) {
                    at if at == next => self.calendars.push(view),
                    at => self.calendars[at] = view,
                }
            }
            Entry::CalendarDate(date) => {
                let events = self.dates.entry(date.calendar).or_default().entry(date.date).or_default();
                events.extend_from_slice(&date.events);
            }
            Entry::Session(session) => {
                self.sessions.insert(session.session, session.clone());
            }
            Entry::GradingPeriod(period) => {
                self.grading_periods.insert(period.grading_period, period.clone());
            }
            Entry::Course(course) => {
                self.subjects.insert(course.course, Subjects::of(&course.subjects));
            }
            Entry::CourseOffering(offering) => {
                self.offerings.insert(offering.course_offering, (offering.course, offering.session));
            }
            Entry::Section(section) => {
                self.sections.insert(section.section, (section.course_offering, section.school.clone()));
                self.bells.add_section(section);
            }
            Entry::AttendanceTaken(taken) => {
                self.taken.entry(taken.date).or_default().insert(taken.section);
            }
            Entry::Settings(settings) => {
                self.settings = Some(settings.comparable());
            }
            Entry::RulePack(pack) => self.rule_pack = Some(pack.clone()),
            Entry::ClassPeriod(period) => self.bells.add_period(period),
            Entry::BellSchedule(schedule) => self.bells.add_schedule(schedule),
            // Readers take in sound ones only.
            Entry::Calculators(yaml) => self.calculators = calculator::parse(yaml).unwrap_or_default(),
            Entry::Incident(_) | Entry::Assignment(_) | Entry::Group(_) => self.gathered.add(entry),
        }
    }

    fn settle(&mut self) {
        for (id, at) in &self.calendar_at {
            let calendar = &mut self.calendars[*at];
            let place = counting::place(&self.schools, calendar);
            let applies = |calculator: &Calculator| calculator.applies.to(&place.as_ref());
            calendar.calculator = self.calculators.iter().position(applies);
            if let Some(dates) = self.dates.remove(id) {
                let calculator = calendar.calculator.map(|at| &self.calculators[at]);
                calendar.weights = calculator.map_or_else(Vec::new, |calculator| {
                    let minutes = |date| self.bells.longest(&calendar.school, date);
                    counting::weights(calculator, &dates, minutes)
                });
                calendar.instructional = dates
                    .into_iter()
                    .filter_map(|(date, events)| code::instructional(&events).then_some(date))
                    .collect();
            }
            self.calendars_of.entry(calendar.school.clone()).or_default().push((calendar.school_year, *id));
        }
        self.dates.clear();
        let by_text = |school: &SchoolId| (school.as_str().as_bytes().into(), school.clone());
        self.known = self.schools.keys().map(by_text).collect();
        for section in self.taken.values().flatten() {
            if let Some((_, school)) = self.sections.get(section) {
                self.taken_at.insert(school.clone());
            }
        }
    }

    /// How the district counts; the defaults until it has said.
    pub fn settings(&self) -> Settings {
        self.settings.clone().unwrap_or_default()
    }

    /// Whether the district has said how it counts and what time it has there. Until then its clock is unknown and nothing is evaluated.
    pub fn has_settings(&self) -> bool {
        self.settings.is_some()
    }

    /// The rules in force, as their author wrote them.
    pub fn rule_pack(&self) -> Option<&str> {
        self.rule_pack.as_deref()
    }

    /// The district's schools.
    pub fn schools(&self) -> impl Iterator<Item = &School> {
        self.schools.values()
    }

    /// As people call a school; nothing of one that is not known.
    pub fn school_name(&self, school: &SchoolId) -> &str {
        self.schools.get(school).map(|school| school.name.as_str()).unwrap_or_default()
    }

    /// What kinds of school a school is, as sent; nothing of one that is not known.
    pub(crate) fn school_types(&self, school: &SchoolId) -> &[String] {
        self.schools.get(school).map(|school| school.types.as_slice()).unwrap_or_default()
    }

    /// Whether the district has this school.
    pub fn knows_school(&self, school: &SchoolId) -> bool {
        self.known.contains_key(school.as_str().as_bytes())
    }

    /// The id of a school of the district, by its text.
    pub(crate) fn find_school(&self, school: &[u8]) -> Option<&SchoolId> {
        self.known.get(school)
    }

    /// A session.
    pub fn session(&self, session: SessionId) -> Option<&Session> {
        self.sessions.get(&session)
    }

    /// Whether a session of the year at a school begins after a date.
    pub(crate) fn begins_session_after(&self, school: &SchoolId, year: SchoolYear, date: Date) -> bool {
        let begins = |of: &Session| of.school == *school && of.school_year == year && of.begin_on > date;
        self.sessions.values().any(begins)
    }

    /// The school whose calendar this is, if it is known.
    pub fn calendar_school(&self, calendar: CalendarId) -> Option<&SchoolId> {
        self.calendar_of(calendar).map(|calendar| &calendar.school)
    }

    /// The calendar that counts for an enrollment in a year: the one it names, if that is of this year; else the school's only
    /// one. None while the named one is not known, and when the school has none or several.
    pub fn calendar(&self, named: Option<CalendarId>, school: &SchoolId, year: SchoolYear) -> Option<&CalendarView> {
        self.calendar_position(named, school, year).map(|(_, calendar)| calendar)
    }

    /// The same, with the position by which this view finds it again.
    pub(crate) fn calendar_position(
        &self,
        named: Option<CalendarId>,
        school: &SchoolId,
        year: SchoolYear,
    ) -> Option<(usize, &CalendarView)> {
        if let Some(id) = named {
            let at = *self.calendar_at.get(&id)?;
            if self.calendars[at].school_year == year {
                return Some((at, &self.calendars[at]));
            }
        }
        let mut of_year = self.calendars_of.get(school)?.iter().filter(|(of, _)| *of == year);
        let (Some((_, only)), None) = (of_year.next(), of_year.next()) else { return None };
        let at = *self.calendar_at.get(only)?;
        Some((at, &self.calendars[at]))
    }

    /// The calendar at a position.
    pub(crate) fn calendar_at(&self, position: usize) -> Option<&CalendarView> {
        self.calendars.get(position)
    }

    fn calendar_of(&self, calendar: CalendarId) -> Option<&CalendarView> {
        self.calendar_at.get(&calendar).and_then(|at| self.calendars.get(*at))
    }

    /// A section, when it, its school, its offering and its session are known.
    pub fn section(&self, section: SectionId) -> Option<SectionView<'_>> {
        let (offering, school) = self.sections.get(&section)?;
        if !self.knows_school(school) {
            return None;
        }
        let (course, session) = self.offerings.get(offering)?;
        let session = self.sessions.get(session)?;
        let subjects = self.subjects(*course).unwrap_or_default();
        Some(SectionView { school, session, core: subjects.core, subjects })
    }

    /// What a course teaches, when it is known.
    pub fn subjects(&self, course: CourseId) -> Option<Subjects> {
        self.subjects.get(&course).copied()
    }

    /// A grading period.
    pub fn grading_period(&self, period: GradingPeriodId) -> Option<&GradingPeriod> {
        self.grading_periods.get(&period)
    }

    /// Whether the school's sections report that attendance was taken, so that a section day without it is unknown.
    pub fn reports_taken(&self, school: &SchoolId) -> bool {
        self.taken_at.contains(school)
    }

    /// The schools with sections that report that attendance was taken on a date.
    pub fn took_attendance(&self, date: Date) -> BTreeSet<&SchoolId> {
        let sections = self.taken.get(&date).into_iter().flatten();
        sections.filter_map(|section| self.sections.get(section)).map(|(_, school)| school).collect()
    }

    /// Whether a school has a calendar.
    pub fn has_calendar(&self, school: &SchoolId) -> bool {
        self.calendars_of.contains_key(school)
    }

    /// The schools with a calendar in which a date is a school day.
    pub fn in_session(&self, date: Date) -> BTreeSet<&SchoolId> {
        let held = self.calendars.iter().filter(|calendar| calendar.instructional.binary_search(&date).is_ok());
        held.map(|calendar| &calendar.school).collect()
    }

    /// Whether attendance was taken for a section on a date.
    pub fn taken(&self, section: SectionId, date: Date) -> bool {
        self.taken.get(&date).is_some_and(|sections| sections.contains(&section))
    }
}
