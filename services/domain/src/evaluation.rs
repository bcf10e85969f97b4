//! What a student's ledger comes to: the counted days of a school year, and the measures as of any date in it.
//!
//! This is the definition: all that is known is counted anew. A running count ([`Count`](crate::count::Count)) may say in less
//! time what would come of it, and says nothing where it is not sure.

mod beside;
mod due;
mod earlier;
mod further;
mod graded;
mod laid;
mod told;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::calculated::Calculated;
use crate::count::Folded;
use crate::course::{self, Standing};
use crate::date::Date;
use crate::day::{Attendance, Day, Mark, Plain};
use crate::enrollment::{self, Schools, Silence, Spell};
use crate::event::{Scope, SectionMembership};
use crate::id::{SchoolId, SchoolYear, SectionId};
use crate::ledger::{Facts, Ledger, Said, text};
use crate::measure::Measures;
use crate::settings::{Now, Settings};
use crate::view::View;
use crate::window::school_month;

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
    said: Words<'a>,
    /// By the position of a ledger's kinds of marks: what they say when they count.
    kinds: SmallVec<[Option<Mark<'a>>; 6]>,
    /// In the order of ids, with the dates that count there.
    schools: Schools<'a>,
    /// Days at schools, by their position, where a calculator of the district counts them.
    calculated: Vec<(&'a SchoolId, Vec<Day>)>,
    /// One day a date, when there are several schools.
    merged: Vec<(&'a SchoolId, Day)>,
    waiting: bool,
    /// The district's as of now: every rule looks at them.
    measures: Measures,
    earlier: earlier::Earlier<'a>,
    pub(crate) folded: Folded,
}

/// What the words that are no marks come to.
#[derive(Default)]
struct Words<'a> {
    registered: bool,
    spells: SmallVec<[Spell<'a>; 2]>,
    memberships: Vec<SectionMembership>,
    has_grades: bool,
    grades: graded::Grades<'a>,
    waiting: bool,
}

impl<'a> Words<'a> {
    fn read(facts: Facts<'_>, view: &'a View, settings: &Settings, year: SchoolYear) -> Self {
        let mut words = Self::default();
        for (source, said) in facts.sourced() {
            match said {
                Said::Registration => words.registered = true,
                Said::Enrollment(spell) => {
                    words.waiting |= enrollment::reaches(spell.exit_on, year)
                        && view
                            .find_school(spell.school)
                            .is_none_or(|school| view.calendar(spell.calendar, school, year).is_none());
                    words.spells.extend(Spell::of((source, &spell), view, settings, year));
                }
                Said::Membership(membership) => {
                    words.waiting |= view.section(membership.section).is_none();
                    words.memberships.push(membership);
                }
                Said::Grade(grade) => {
                    words.has_grades = true;
                    words.waiting |= words.grades.take(&grade, view, settings, year);
                }
                Said::Further(further) => {
                    words.waiting |= view.waits(&further);
                }
            }
        }
        if !words.registered {
            words.waiting = true;
            words.spells.clear();
            words.grades = graded::Grades::default();
        }
        words
    }
}

impl<'a> Evaluation<'a> {
    /// Counts a student's days up to today.
    pub fn new(ledger: &'a Ledger, view: &'a View, settings: &'a Settings, now: Now) -> Self {
        let year = now.as_of.school_year();
        let facts = ledger.borrowed();
        let said = Words::read(facts, view, settings, year);
        let mut evaluation = Self {
            ledger,
            view,
            settings,
            now,
            year,
            waiting: said.waiting,
            said,
            kinds: SmallVec::new(),
            schools: SmallVec::new(),
            calculated: Vec::new(),
            merged: Vec::new(),
            measures: Measures::default(),
            earlier: earlier::Earlier::default(),
            folded: Folded::default(),
        };
        evaluation.resolve(facts);
        evaluation.measures = evaluation.district_at(now.as_of, now.today);
        evaluation
    }

    /// Finds what marks refer to, and the dates that count.
    fn resolve(&mut self, facts: Facts<'a>) {
        for kind in facts.kinds() {
            let mark = kind.and_then(|kind| Mark::of(&kind, self.view, self.settings));
            self.waiting |= kind.is_some() && mark.is_none();
            self.kinds.push(mark);
        }
        let through = self.now.today.max(self.now.as_of);
        self.schools = enrollment::dates(&self.said.spells, self.view, self.year, through);
        self.calculated = self.calculate();
        if self.schools.len() > 1 {
            self.merged = one_school_a_day(
                &self.said.spells,
                self.schools.iter().flat_map(|(school, dates)| self.days_at(school, dates)),
            );
        }
    }

    /// The days at schools where a calculator of the district counts them.
    fn calculate(&self) -> Vec<(&'a SchoolId, Vec<Day>)> {
        let it = self.by_calculators();
        let needed = self.schools.iter().filter(|(school, _)| it.is_needed(school));
        needed.map(|(school, dates)| (*school, it.days(school, dates))).collect()
    }

    fn by_calculators(&self) -> Calculated<'_, 'a> {
        Calculated {
            facts: self.ledger.borrowed(),
            kinds: &self.kinds,
            spells: &self.said.spells,
            memberships: &self.said.memberships,
            view: self.view,
            reporting: self.settings.reporting,
            year: self.year,
        }
    }

    fn attendance<'s>(&'s self, school: &'s SchoolId) -> Attendance<'s> {
        let silence = Silence { school, spells: &self.said.spells, otherwise: self.settings.reporting };
        Attendance::new(silence, &self.said.memberships, self.view)
    }

    /// The counted days at a school, in order.
    fn days_at<'s>(
        &'s self,
        school: &'a SchoolId,
        dates: &'s [Date],
    ) -> impl Iterator<Item = (&'a SchoolId, Day)> + 's {
        let attendance = self.attendance(school);
        let mut rest = self.ledger.borrowed().marks().peekable();
        let mut of_date: SmallVec<[&Mark<'a>; 8]> = SmallVec::new();
        let calculated = self.calculated.iter().find(|(of, _)| *of == school).map(|(_, days)| days);
        dates.iter().filter_map(move |&date| {
            if let Some(days) = calculated {
                return days.binary_search_by_key(&date, |day| day.date).ok().map(|at| (school, days[at]));
            }
            of_date.clear();
            while let Some((of, kind)) = rest.next_if(|(of, _)| *of <= date) {
                let mark = self.kinds.get(kind).and_then(Option::as_ref);
                of_date.extend(mark.filter(|_| of == date));
            }
            attendance.day(date, of_date.iter().copied()).map(|day| (school, day))
        })
    }

    /// The enrollments at the one school of the year, the earliest first, when nothing else can matter for the days to come: they
    /// follow any other, and there is no need of proof that silence means presence.
    pub(crate) fn only_school(&self) -> Option<SmallVec<[&Spell<'a>; 2]>> {
        let [(school, _)] = self.schools.as_slice() else { return None };
        let mut of_year: SmallVec<[&Spell<'a>; 2]> =
            self.said.spells.iter().filter(|spell| enrollment::reaches(spell.exit_on, self.year)).collect();
        of_year.sort_unstable_by_key(|spell| (spell.entry_on, spell.exit_on));
        let entry_on = of_year.first()?.entry_on;
        let apart = self.said.spells.iter().all(|spell| {
            let is_before = spell.exit_on.is_some_and(|exit| exit < entry_on);
            if enrollment::reaches(spell.exit_on, self.year) { spell.school == *school } else { is_before }
        });
        let settled = apart
            && !self.waiting
            && self.calculated.is_empty()
            && self.attendance(school).silence_is_presence()
            && entry_on <= self.now.today;
        settled.then_some(of_year)
    }

    /// By the position of a ledger's kinds of marks: what they say, when that is all of a day without another mark.
    pub(crate) fn plain_kinds(&self, school: &SchoolId) -> SmallVec<[Option<Plain>; 8]> {
        self.kinds.iter().map(|mark| mark.as_ref().and_then(|mark| mark.plain(school))).collect()
    }

    /// The school year that is counted.
    pub fn year(&self) -> SchoolYear {
        self.year
    }

    /// Schools with a row of measures: where the student was enrolled in the year. A grade of another school counts for the
    /// district as a whole.
    pub fn schools(&self, as_of: Date) -> BTreeSet<&'a SchoolId> {
        let begun = self.said.spells.iter().filter(|spell| spell.entry_on <= as_of);
        begun.map(|spell| spell.school).filter(|school| self.find(school).is_some()).collect()
    }

    fn find(&self, school: &SchoolId) -> Option<impl Iterator<Item = (&'a SchoolId, Day)>> {
        let at = self.schools.binary_search_by_key(&school, |(of, _)| *of).ok()?;
        let (school, dates) = &self.schools[at];
        Some(self.days_at(school, dates))
    }

    /// The measures of the district as a whole, as of a date, with the same-day measure of another.
    pub fn district(&self, as_of: Date, today: Date) -> Measures {
        let now = Now { today, as_of };
        if now == self.now { self.measures } else { self.district_at(as_of, today) }
    }

    /// Goes over the district's counted days, in order.
    fn each_day(&self, mut act: impl FnMut(&Day)) {
        match self.schools.as_slice() {
            [(school, dates)] => self.days_at(school, dates).for_each(|(_, day)| act(&day)),
            _ => self.merged.iter().for_each(|(_, day)| act(day)),
        }
    }

    /// The measures at one school.
    pub fn school(&self, school: &SchoolId, as_of: Date, today: Date) -> Measures {
        let days = self.find(school);
        let mut measures = fold(days.into_iter().flatten(), as_of, today);
        self.grade(&mut measures, Some(school), as_of);
        measures
    }

    fn grade(&self, measures: &mut Measures, school: Option<&SchoolId>, as_of: Date) {
        (measures.failing, measures.failing_core) = self.said.grades.failing(school, as_of);
    }

    /// The grade that stands for each section, as of a date.
    pub fn standings(&self, as_of: Date) -> Vec<Standing<'a>> {
        if !self.said.registered || !self.said.has_grades {
            return Vec::new();
        }
        let facts = self.ledger.borrowed();
        course::standings(facts, self.view, self.year, as_of, self.settings)
    }

    /// The district's day of a date, and the school that it was counted at; none when the date does not count.
    pub fn day(&self, date: Date) -> Option<(&'a SchoolId, Day)> {
        match self.schools.as_slice() {
            [(school, _)] if self.calculated.is_empty() => Some((*school, self.marked_days().day(date)?)),
            [(school, dates)] => {
                let at = dates.binary_search(&date).ok()?;
                self.days_at(school, &dates[at..=at]).next()
            }
            _ => self.merged.binary_search_by_key(&date, |(_, day)| day.date).ok().map(|at| self.merged[at]),
        }
    }

    /// The district's counted days up to a date, in order.
    pub fn days(&self, as_of: Date) -> Vec<(&'a SchoolId, Day)> {
        let mut days = match self.schools.as_slice() {
            [(school, dates)] => self.days_at(school, dates).collect(),
            _ => self.merged.clone(),
        };
        days.retain(|(_, day)| day.date <= as_of);
        days
    }

    /// The counted days up to a date, of the district or at one school, in order.
    pub(crate) fn counted_days(&self, school: Option<&SchoolId>, as_of: Date) -> Vec<Day> {
        let until = |day: &Day| day.date <= as_of;
        match school {
            None => self.days(as_of).into_iter().map(|(_, day)| day).collect(),
            Some(school) => self.find(school).into_iter().flatten().map(|(_, day)| day).filter(until).collect(),
        }
    }

    /// The same with the minutes of each day, as far as they are known.
    pub(crate) fn days_in_minutes(&self, school: Option<&SchoolId>, as_of: Date) -> Vec<Day> {
        let it = self.by_calculators();
        let wanted = self.schools.iter().filter(|(of, _)| school.is_none_or(|school| school == *of));
        let days = wanted.flat_map(|(school, dates)| it.days(school, dates).into_iter().map(move |day| (*school, day)));
        let mut days = one_school_a_day(&self.said.spells, days);
        days.retain(|(_, day)| day.date <= as_of);
        days.into_iter().map(|(_, day)| day).collect()
    }

    /// The first date of the school month of a date: by the calendar that has the student's last date up to then, of the school
    /// that counts on it. The date itself when the student has none.
    pub(crate) fn school_month(&self, school: Option<&SchoolId>, as_of: Date) -> Date {
        let wanted = self.schools.iter().filter(|(of, _)| school.is_none_or(|school| school == *of));
        let last = wanted.filter_map(|(school, dates)| {
            let so_far = dates.partition_point(|date| *date <= as_of);
            Some((*dates[..so_far].last()?, *school))
        });
        let latest =
            last.min_by_key(|(date, school)| (Reverse(*date), enrollment::rank(&self.said.spells, school, *date)));
        let it = self.by_calculators();
        let calendar = latest.and_then(|(date, school)| it.calendar(school, date));
        calendar.and_then(|(_, calendar)| school_month(&calendar.instructional, as_of)).unwrap_or(as_of)
    }

    /// How many dates up to one count, of which nobody said what they were.
    pub(crate) fn unknown_days(&self, school: Option<&SchoolId>, as_of: Date) -> usize {
        let wanted = self.schools.iter().filter(|(of, _)| school.is_none_or(|school| school == *of));
        let mut dates: Vec<Date> = wanted.flat_map(|(_, dates)| dates.iter().copied()).collect();
        dates.retain(|date| *date <= as_of);
        dates.sort_unstable();
        dates.dedup();
        dates.len() - self.counted_days(school, as_of).len()
    }

    /// What the dates of the year after one are worth, on which the student is enrolled as far as is known, hundredths of a day.
    pub(crate) fn to_come(&self, school: Option<&SchoolId>, as_of: Date) -> i64 {
        let it = self.by_calculators();
        let schools = enrollment::dates(&self.said.spells, self.view, self.year, self.year.last_day());
        let wanted = schools.iter().filter(|(of, _)| school.is_none_or(|school| school == *of));
        let dates = wanted.flat_map(|(school, dates)| dates.iter().map(move |date| (*date, *school)));
        let mut dates: Vec<_> = dates.filter(|(date, _)| *date > as_of).collect();
        dates.sort_unstable_by_key(|(date, school)| (*date, enrollment::rank(&self.said.spells, school, *date)));
        dates.dedup_by_key(|(date, _)| *date);
        dates.into_iter().map(|(date, school)| i64::from(it.weight(school, date))).sum()
    }

    /// The district's, or a school's, measures of the school year before.
    pub(crate) fn last_year(&self, school: Option<&SchoolId>) -> Measures {
        let end = SchoolYear(self.year.0 - 1).last_day();
        let before = || Evaluation::new(self.ledger, self.view, self.settings, Now { today: end, as_of: end });
        match school {
            None => *self.earlier.last_year.get_or_init(|| before().district(end, end)),
            Some(school) => before().school(school, end, end),
        }
    }

    /// Whether a date counts at a school.
    pub(crate) fn counts(&self, school: &SchoolId, date: Date) -> bool {
        self.find(school).is_some_and(|mut days| days.any(|(_, day)| day.date == date))
    }

    /// Whether the student is enrolled at a school on a date, whatever the calendar says.
    pub(crate) fn enrolled(&self, school: &SchoolId, date: Date) -> bool {
        self.said.spells.iter().any(|spell| spell.school == school && spell.covers(date))
    }

    /// The school whose team should know, on a date.
    pub fn home(&self, date: Date) -> Option<&'a SchoolId> {
        enrollment::home(&self.said.spells, date)
    }

    /// Whether a live fact waits for something that is not known yet, so that any reference change may concern the student.
    pub fn waiting(&self) -> bool {
        self.waiting
    }

    /// Schools whose reference data the student's facts lean on. A careless source may refer across schools, so what each fact
    /// refers to is followed to the school that owns it.
    pub fn leans_on(&self) -> BTreeSet<SchoolId> {
        let facts = self.ledger.borrowed();
        let mut leaning = Leaning { view: self.view, schools: BTreeSet::new() };
        for said in facts.words() {
            match said {
                Said::Registration => {}
                Said::Enrollment(spell) => {
                    leaning.on_named(spell.school);
                    leaning.on(spell.calendar.and_then(|calendar| self.view.calendar_school(calendar)));
                }
                Said::Membership(membership) => leaning.on_section(membership.section),
                Said::Grade(grade) => {
                    leaning.on_section(grade.section);
                    leaning.on(self.view.grading_period(grade.grading_period).map(|period| &period.school));
                }
                Said::Further(further) => leaning.on_further(&further),
            }
        }
        for kind in facts.kinds().flatten() {
            leaning.on_named(kind.school);
            let session = kind.session.and_then(|session| self.view.session(session));
            leaning.on(session.map(|session| &session.school));
            if let Scope::Section(section) = kind.scope {
                leaning.on_section(section);
            }
        }
        leaning.schools
    }
}

/// Schools being gathered.
struct Leaning<'a> {
    view: &'a View,
    schools: BTreeSet<SchoolId>,
}

impl Leaning<'_> {
    fn on(&mut self, school: Option<&SchoolId>) {
        if let Some(school) = school.filter(|school| !self.schools.contains(*school)) {
            self.schools.insert(school.clone());
        }
    }

    fn on_named(&mut self, school: &[u8]) {
        match self.view.find_school(school) {
            Some(known) => self.on(Some(known)),
            None => self.schools.extend(SchoolId::parse(text(school)).ok()),
        }
    }

    fn on_section(&mut self, section: SectionId) {
        for school in self.view.period_schools(section) {
            self.on(Some(school));
        }
        let section = self.view.section(section);
        self.on(section.map(|section| section.school));
        self.on(section.map(|section| &section.session.school));
    }
}

/// Item 7: for the district a student has one day per date.
fn one_school_a_day<'a>(
    spells: &[Spell<'a>],
    days: impl Iterator<Item = (&'a SchoolId, Day)>,
) -> Vec<(&'a SchoolId, Day)> {
    let mut days: Vec<(&SchoolId, Day)> = days.collect();
    // Stable, so that of one date's schools the first in the order of ids comes first.
    days.sort_by_key(|(_, day)| day.date);
    days.dedup_by(|later, first| {
        let same = later.1.date == first.1.date;
        if same && enrollment::rank(spells, later.0, later.1.date) < enrollment::rank(spells, first.0, first.1.date) {
            *first = *later;
        }
        same
    });
    days
}

fn fold<'a>(days: impl Iterator<Item = (&'a SchoolId, Day)>, as_of: Date, today: Date) -> Measures {
    let mut measures = Measures::default();
    for (_, day) in days {
        if day.date <= as_of {
            measures.count(&day);
        }
        if day.date == today {
            measures.unexplained_absence_today = day.unexplained;
        }
    }
    measures
}
