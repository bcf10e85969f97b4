//! A second computation of the default policy, written from its text alone: plain, slow, and sharing only input types with the
//! crate. Where the two disagree, the policy's text decides who is right.

#![expect(clippy::unwrap_used, reason = "it stops where it is wrong")]

mod ahead;
mod beyond;
mod class;
mod exact;
pub mod further;
mod minutes;

pub use exact::{CALCULATORS, Method};

use std::collections::BTreeMap;

use homeroom_domain::date::Date;
use homeroom_domain::event::{AttendanceMark, Change, Enrollment, Fact, Grade, Origin, Scope};
use homeroom_domain::id::{CalendarId, RecordKey, Revision, SchoolId, SchoolYear, SectionId, SourceId};
use homeroom_domain::reference::{Entry, GradingPeriod, Section, Session};
use homeroom_domain::settings::{Category, Reporting, Settings};

/// What is known after the last word on every record.
#[derive(Debug)]
pub struct Oracle {
    facts: Vec<Fact>,
    entries: Vec<Entry>,
    settings: Settings,
    year: SchoolYear,
}

/// What the policy says of a student.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Hundredths of a day.
    pub enrolled: i64,
    /// Hundredths of a day.
    pub absent: i64,
    /// Hundredths of a day.
    pub unexcused: i64,
    /// Days.
    pub tardy: i64,
    /// None below ten enrolled days.
    pub tier: Option<u8>,
    /// Days.
    pub streak: i64,
    /// Days.
    pub unexcused_streak: i64,
    /// Of today.
    pub unexplained: bool,
    /// Sections.
    pub failing: i64,
    /// Sections.
    pub failing_core: i64,
}

#[derive(Debug, Clone, Copy)]
struct Sum {
    absent: i64,
    unexcused: i64,
    tardy: bool,
    unexplained: bool,
    /// Whether a mark of it is an absence without excuse.
    cut: bool,
    /// What the date is worth.
    weight: i64,
    /// Missed, without excuse, and late, when it is known how long that was.
    minutes: Option<Missed>,
}

/// Minutes of a day; of those that are both late and without excuse, or may be, each once.
#[derive(Debug, Clone, Copy, Default)]
struct Missed {
    absent: i64,
    unexcused: i64,
    late_or_unexcused: i64,
}

/// Item 13.
fn last_words<'w, T: Clone + 'w>(words: impl IntoIterator<Item = &'w (Origin, Change<T>)>) -> Vec<T> {
    let mut last: BTreeMap<(&SourceId, &RecordKey), (Revision, &Change<T>)> = BTreeMap::new();
    for (origin, change) in words {
        let key = (&origin.source, &origin.key);
        let outdated = last.get(&key).is_some_and(|(known, _)| *known > origin.revision);
        if !outdated {
            last.insert(key, (origin.revision, change));
        }
    }
    let live = last.into_values().filter_map(|(_, change)| match change {
        Change::Recorded(said) => Some(said.clone()),
        Change::Withdrawn => None,
    });
    live.collect()
}

/// Item 2: unless it is a no-show.
fn comes(spell: &Enrollment) -> bool {
    match spell.exit_on {
        None => true,
        Some(exit) if exit < spell.entry_on => false,
        Some(exit) => exit != spell.entry_on || meaning(&spell.exit_type) != "no show",
    }
}

impl Oracle {
    /// From all words of both topics, each in the order of its log.
    pub fn new<'w>(
        facts: impl IntoIterator<Item = &'w (Origin, Change<Fact>)>,
        entries: impl IntoIterator<Item = &'w (Origin, Change<Entry>)>,
        settings: Settings,
        year: SchoolYear,
    ) -> Self {
        Self { facts: last_words(facts), entries: last_words(entries), settings, year }
    }

    /// Whether some school has, had or will have the student: else there is nobody to tell.
    pub fn has_a_school(&self) -> bool {
        let spells = self.facts.iter().filter_map(|fact| if let Fact::Enrollment(it) = fact { Some(it) } else { None });
        self.student_known() && spells.filter(|it| self.school_known(&it.school)).any(comes)
    }

    /// The row of the district as a whole.
    pub fn district(&self, as_of: Date, today: Date) -> Row {
        self.row(|date| self.district_day(date), None, as_of, today)
    }

    /// The row of one school.
    pub fn school(&self, school: &SchoolId, as_of: Date, today: Date) -> Row {
        self.row(|date| self.day(school, date), Some(school), as_of, today)
    }

    /// Items 8 to 12.
    fn row(&self, day: impl Fn(Date) -> Option<Sum>, school: Option<&SchoolId>, as_of: Date, today: Date) -> Row {
        let mut row = Row::default();
        let counted: Vec<Sum> = self.dates().into_iter().filter(|date| *date <= as_of).filter_map(&day).collect();
        for sum in &counted {
            row.enrolled += sum.weight;
            row.absent += sum.absent;
            row.unexcused += sum.unexcused;
            row.tardy += i64::from(sum.tardy);
        }
        let in_a_row =
            |of: fn(&Sum) -> i64| counted.iter().rev().take_while(|sum| of(sum) * 2 >= sum.weight).map(|_| 1).sum();
        row.streak = in_a_row(|sum| sum.absent);
        row.unexcused_streak = in_a_row(|sum| sum.unexcused);
        row.tier = (row.enrolled >= 1000).then(|| match row.absent * 100 {
            share if share >= 20 * row.enrolled => 3,
            share if share >= 10 * row.enrolled => 2,
            share if share >= 5 * row.enrolled => 1,
            _ => 0,
        });
        row.unexplained = day(today).is_some_and(|sum| sum.unexplained);
        for (section, core) in self.failing_sections(as_of) {
            if school.is_none_or(|school| *school == section.school) {
                row.failing += 1;
                row.failing_core += i64::from(core);
            }
        }
        row
    }

    fn dates(&self) -> Vec<Date> {
        let mut dates: Vec<Date> = self
            .entries
            .iter()
            .filter_map(|entry| if let Entry::CalendarDate(date) = entry { Some(date.date) } else { None })
            .collect();
        dates.sort();
        dates.dedup();
        dates
    }

    fn student_known(&self) -> bool {
        self.facts.iter().any(|fact| matches!(fact, Fact::Registration))
    }

    fn school_known(&self, id: &SchoolId) -> bool {
        self.entries.iter().any(|entry| matches!(entry, Entry::School(school) if school.school == *id))
    }

    /// A section that is known with all that it stands on.
    fn section(&self, id: SectionId) -> Option<(&Section, &Session, bool)> {
        let section = self.entries.iter().find_map(|entry| match entry {
            Entry::Section(section) if section.section == id => Some(section),
            _ => None,
        })?;
        let offering = self.entries.iter().find_map(|entry| match entry {
            Entry::CourseOffering(offering) if offering.course_offering == section.course_offering => Some(offering),
            _ => None,
        })?;
        let session = self.entries.iter().find_map(|entry| match entry {
            Entry::Session(session) if session.session == offering.session => Some(session),
            _ => None,
        })?;
        let core = self.entries.iter().any(|entry| match entry {
            Entry::Course(course) if course.course == offering.course => {
                course.subjects.iter().any(|subject| CORE.contains(&meaning(subject).as_str()))
            }
            _ => false,
        });
        self.school_known(&section.school).then_some((section, session, core))
    }

    /// Item 1.
    fn instructional(&self, calendar: CalendarId, date: Date) -> bool {
        let mut events = Vec::new();
        for entry in &self.entries {
            if let Entry::CalendarDate(of) = entry {
                let wanted = of.calendar == calendar && of.date == date;
                events.extend(of.events.iter().filter(|_| wanted).map(|event| meaning(event)));
            }
        }
        let taught = ["instructional day", "make-up day", "student late arrival/early dismissal"];
        let free = ["holiday", "weather day", "emergency day", "strike", "teacher only day", "non-instructional day"];
        events.iter().any(|event| taught.contains(&event.as_str()))
            && !events.iter().any(|event| free.contains(&event.as_str()))
    }

    /// Item 1: whose calendar.
    fn calendar(&self, spell: &Enrollment) -> Option<CalendarId> {
        let calendars = || {
            self.entries
                .iter()
                .filter_map(|entry| if let Entry::Calendar(calendar) = entry { Some(calendar) } else { None })
        };
        if let Some(named) = spell.calendar {
            let known = calendars().find(|calendar| calendar.calendar == named)?;
            if known.school_year == self.year {
                return Some(named);
            }
        }
        let own: Vec<_> = calendars().filter(|of| of.school == spell.school && of.school_year == self.year).collect();
        (own.len() == 1).then(|| own[0].calendar)
    }

    /// Item 2: spells at a school that cover a date.
    fn spells(&self, school: &SchoolId, date: Date) -> Vec<&Enrollment> {
        if !self.student_known() || !self.school_known(school) {
            return Vec::new();
        }
        let enrollments =
            self.facts.iter().filter_map(|fact| if let Fact::Enrollment(spell) = fact { Some(spell) } else { None });
        enrollments
            .filter(|spell| spell.school == *school && spell.entry_on <= date)
            .filter(|spell| comes(spell) && spell.exit_on.is_none_or(|exit| date <= self.last_date(spell, exit)))
            .collect()
    }

    fn marks(&self, school: &SchoolId, date: Date) -> Vec<&AttendanceMark> {
        let marks =
            self.facts.iter().filter_map(|fact| if let Fact::AttendanceMark(mark) = fact { Some(mark) } else { None });
        marks
            .filter(|mark| mark.school == *school && mark.date == date)
            .filter(|mark| {
                mark.session.is_none_or(|of| {
                    self.entries.iter().any(|entry| matches!(entry, Entry::Session(session) if session.session == of))
                })
            })
            .filter(|mark| match mark.scope {
                Scope::Day => true,
                Scope::Section(section) => self.section(section).is_some(),
            })
            .collect()
    }

    /// Whether a date counts at a school, whatever is known of it.
    fn counts_at(&self, school: &SchoolId, date: Date) -> bool {
        let spells = self.spells(school, date);
        spells.iter().any(|spell| self.calendar(spell).is_some_and(|of| self.instructional(of, date)))
    }

    fn schools(&self) -> Vec<SchoolId> {
        let schools =
            self.entries.iter().filter_map(|entry| if let Entry::School(of) = entry { Some(of) } else { None });
        schools.map(|school| school.school.clone()).collect()
    }

    /// Items 3 to 6.
    fn day(&self, school: &SchoolId, date: Date) -> Option<Sum> {
        if !self.counts_at(school, date) {
            return None;
        }
        let marks = self.marks(school, date);
        let came = marks.iter().any(|mark| matches!(self.category(mark), Some(Category::Tardy | Category::Present)));
        if let Some(method) = self.method() {
            return self.minutes_day(method, (school, date), &marks, came);
        }
        let daily: Vec<_> = marks.iter().copied().filter(|mark| mark.scope == Scope::Day).collect();
        if daily.is_empty() { self.period_day(school, date, &marks, came) } else { Some(self.whole_day(&daily, came)) }
    }

    /// Item 3.
    fn whole_day(&self, daily: &[&AttendanceMark], came: bool) -> Sum {
        let (mut absent, mut unexcused, mut open, mut tardy) = (0, 0, 0, false);
        for mark in daily {
            let stated = mark.share.map(i64::from);
            let whole = stated.filter(|share| (1..=100).contains(share)).unwrap_or(100);
            match self.category(mark) {
                Some(Category::ExcusedAbsence) => absent += whole,
                Some(Category::UnexcusedAbsence) => {
                    absent += whole;
                    unexcused += whole;
                    open += whole;
                }
                Some(Category::AbsenceUnknownExcuse) => {
                    absent += whole;
                    open += whole;
                }
                Some(Category::Partial) => {
                    absent += stated.unwrap_or(50).clamp(0, 100);
                    open += stated.unwrap_or(50).clamp(0, 100);
                }
                Some(Category::Tardy) => tardy = true,
                _ => {}
            }
        }
        Sum {
            absent: absent.min(100),
            unexcused: unexcused.min(100),
            tardy,
            unexplained: open > 0 && !came,
            cut: daily.iter().any(|mark| self.category(mark) == Some(Category::UnexcusedAbsence)),
            weight: 100,
            minutes: self.stated_minutes(daily),
        }
    }

    /// Items 4 and 5.
    fn period_day(&self, school: &SchoolId, date: Date, marks: &[&AttendanceMark], came: bool) -> Option<Sum> {
        let mut sections: Vec<SectionId> = Vec::new();
        for fact in &self.facts {
            if let Fact::SectionMembership(of) = fact {
                let covered = of.begin_on <= date && of.end_on.is_none_or(|end| date <= end);
                let meets = self.section(of.section).is_some_and(|(section, session, _)| {
                    section.school == *school && session.begin_on <= date && date <= session.end_on
                });
                if covered && meets {
                    sections.push(of.section);
                }
            }
        }
        let section_of = |mark: &AttendanceMark| match mark.scope {
            Scope::Section(section) => section,
            Scope::Day => unreachable!("a day with a daily mark is counted from it"),
        };
        sections.extend(marks.iter().map(|mark| section_of(mark)));
        sections.sort();
        sections.dedup();
        let meets = !sections.is_empty();
        if self.reporting() == Reporting::Positive || self.sends_taken(school) {
            sections
                .retain(|section| self.taken(*section, date) || marks.iter().any(|mark| section_of(mark) == *section));
        }
        let positive = self.reporting() == Reporting::Positive;
        if sections.is_empty() && (meets || positive) {
            return None;
        }
        let absent_marks: Vec<_> = marks.iter().filter(|mark| self.absence(mark)).collect();
        let missed =
            sections.iter().filter(|section| absent_marks.iter().any(|mark| section_of(mark) == **section)).count();
        let of = |wanted: Category| absent_marks.iter().filter(|mark| self.category(mark) == Some(wanted)).count();
        let absent = missed > 0 && missed * 2 >= sections.len();
        let unexcused = absent && of(Category::UnexcusedAbsence) * 2 >= absent_marks.len();
        let open = of(Category::UnexcusedAbsence) + of(Category::AbsenceUnknownExcuse) > 0;
        Some(Sum {
            absent: if absent { 100 } else { 0 },
            unexcused: if unexcused { 100 } else { 0 },
            tardy: marks.iter().any(|mark| self.category(mark) == Some(Category::Tardy)),
            unexplained: absent && open && !came,
            cut: of(Category::UnexcusedAbsence) > 0,
            weight: 100,
            // No bell schedule says how long a class is.
            minutes: None,
        })
    }

    fn absence(&self, mark: &AttendanceMark) -> bool {
        let category = self.category(mark);
        category == Some(Category::ExcusedAbsence)
            || category == Some(Category::UnexcusedAbsence)
            || category == Some(Category::AbsenceUnknownExcuse)
    }

    fn sends_taken(&self, school: &SchoolId) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::AttendanceTaken(taken) => self.entries.iter().any(|other| {
                matches!(other, Entry::Section(section) if section.section == taken.section && section.school == *school)
            }),
            _ => false,
        })
    }

    fn taken(&self, section: SectionId, date: Date) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(entry, Entry::AttendanceTaken(of) if of.section == section && of.date == date))
    }

    /// Item 7.
    fn district_day(&self, date: Date) -> Option<Sum> {
        let mut here: Vec<(bool, i32, u64, SchoolId)> = Vec::new();
        for entry in &self.entries {
            let Entry::School(school) = entry else { continue };
            if self.day(&school.school, date).is_some() {
                let spells = self.spells(&school.school, date);
                let primary = spells.iter().any(|spell| spell.primary_school);
                let entry = spells.iter().map(|spell| spell.entry_on.days()).max().unwrap();
                here.push((!primary, -entry, school.school.as_str().parse().unwrap(), school.school.clone()));
            }
        }
        here.sort();
        self.day(&here.first()?.3, date)
    }

    /// Item 12.
    fn failing_sections(&self, as_of: Date) -> Vec<(&Section, bool)> {
        let mut failing = Vec::new();
        for entry in &self.entries {
            let Entry::Section(of) = entry else { continue };
            let Some((section, session, core)) = self.section(of.section) else { continue };
            if self.student_known() && session.school_year == self.year && self.fails(section, as_of) {
                failing.push((section, core));
            }
        }
        failing
    }

    fn fails(&self, section: &Section, as_of: Date) -> bool {
        let graded: Vec<(&Grade, &GradingPeriod)> = self
            .facts
            .iter()
            .filter_map(|fact| if let Fact::Grade(grade) = fact { Some(grade) } else { None })
            .filter(|grade| grade.section == section.section)
            .filter(|grade| TYPES.contains(&meaning(&grade.grade_type).as_str()))
            .filter(|grade| grade.numeric.is_some() || grade.letter.is_some())
            .filter_map(|grade| self.period(grade).map(|period| (grade, period)))
            .filter(|(_, period)| period.begin_on <= as_of)
            .collect();
        let Some(latest) = graded.iter().map(|(_, period)| period.end_on).max() else { return false };
        for wanted in TYPES {
            let found = graded.iter().find(|(of, period)| period.end_on == latest && meaning(&of.grade_type) == wanted);
            if let Some((found, _)) = found {
                return match found.numeric {
                    Some(numeric) => numeric < self.settings.failing_below,
                    None => self.letter_fails(found.letter.as_ref().unwrap()),
                };
            }
        }
        false
    }

    /// By the district's scale, where nothing is the worth of an F; else as letters are commonly understood.
    fn letter_fails(&self, letter: &str) -> bool {
        let letter = letter.to_uppercase();
        let worth = self.settings.grade_scale.letters.get(&letter);
        worth.map_or_else(|| ["F", "E", "U"].contains(&letter.as_str()), |worth| *worth == 0)
    }

    fn period(&self, grade: &Grade) -> Option<&GradingPeriod> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::GradingPeriod(period) if period.grading_period == grade.grading_period => Some(period),
            _ => None,
        })
    }

    /// Whether an excuse for coming late is known.
    fn late_with_excuse(&self, mark: &AttendanceMark) -> bool {
        self.settings.codes.get(&meaning(&mark.code)) == Some(&Category::ExcusedTardy)
    }

    fn category(&self, mark: &AttendanceMark) -> Option<Category> {
        let value = meaning(&mark.code);
        let own = self.settings.codes.get(&mark.code.to_lowercase()).or_else(|| self.settings.codes.get(&value));
        if let Some(own) = own {
            return Some(match own {
                Category::SuspendedOut | Category::MedicalAbsence => Category::ExcusedAbsence,
                Category::ExcusedTardy => Category::Tardy,
                Category::SuspendedIn | Category::Remote | Category::Activity => Category::Present,
                other => *other,
            });
        }
        match value.as_str() {
            "excused absence" => Some(Category::ExcusedAbsence),
            "unexcused absence" => Some(Category::UnexcusedAbsence),
            "absent" => Some(Category::AbsenceUnknownExcuse),
            "partial" => Some(Category::Partial),
            "tardy" => Some(Category::Tardy),
            "early departure" => Some(Category::EarlyDeparture),
            "present" | "in attendance" => Some(Category::Present),
            _ => None,
        }
    }
}

const TYPES: [&str; 3] = ["final", "semester", "grading period"];
const CORE: [&str; 7] = ["english", "reading", "writing", "language arts", "mathematics", "science", "social studies"];

fn meaning(code: &str) -> String {
    code.split('#').next_back().unwrap().to_lowercase()
}
