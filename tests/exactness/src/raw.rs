//! Each word of the log as rows: what it is, and what it says. Nothing is folded, chosen or counted here.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use homeroom_domain::event::{Change, Fact, Origin, Scope};
use homeroom_domain::reference::{Entry, MeetingTime};

use crate::district::Log;

/// The rows of each table, as COPY takes them.
#[derive(Default)]
pub(crate) struct Rows {
    tables: BTreeMap<&'static str, String>,
    position: usize,
}

fn or_null<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "\\N".to_owned(), |value| value.to_string())
}

impl Rows {
    pub(crate) fn of(log: &Log) -> Self {
        let mut rows = Self::default();
        for word in &log.references {
            rows.word(None, &word.origin);
            if let Change::Recorded(entry) = &word.change {
                rows.entry(entry);
            }
        }
        for (number, student) in log.students.iter().enumerate() {
            for word in &student.words {
                rows.word(Some(number), &word.origin);
                if let Change::Recorded(fact) = &word.change {
                    rows.fact(fact);
                }
            }
        }
        rows
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.tables.iter().map(|(table, rows)| (*table, rows.as_str()))
    }

    fn word(&mut self, student: Option<usize>, origin: &Origin) {
        self.position += 1;
        self.row("words", &[&or_null(student), &origin.source, &origin.key, &origin.revision.0]);
    }

    /// The place of the word comes first.
    fn row(&mut self, table: &'static str, cells: &[&dyn Display]) {
        let text = self.tables.entry(table).or_default();
        // No cell has a tab, a line's end or a backslash, but for nulls.
        write!(text, "{}", self.position).expect("a text can be written to");
        for cell in cells {
            write!(text, "\t{cell}").expect("a text can be written to");
        }
        text.push('\n');
    }

    fn fact(&mut self, fact: &Fact) {
        match fact {
            Fact::Registration => self.row("said_registrations", &[]),
            Fact::Enrollment(of) => {
                let (exit, calendar) = (or_null(of.exit_on), or_null(of.calendar));
                let cells: [&dyn Display; 7] =
                    [&of.school, &of.entry_on, &exit, &calendar, &of.primary_school, &of.grade_level, &of.exit_type];
                self.row("said_enrollments", &cells);
            }
            Fact::SectionMembership(of) => {
                self.row("said_memberships", &[&of.section, &of.begin_on, &or_null(of.end_on)]);
            }
            Fact::AttendanceMark(of) => {
                let section = if let Scope::Section(section) = of.scope { Some(section) } else { None };
                let (section, session, share) = (or_null(section), or_null(of.session), or_null(of.share));
                let [minutes, came_at, left_at] = [of.times.minutes, of.times.came_at, of.times.left_at].map(or_null);
                let cells: [&dyn Display; 9] =
                    [&of.school, &of.date, &section, &session, &of.code, &share, &minutes, &came_at, &left_at];
                self.row("said_marks", &cells);
            }
            Fact::Grade(of) => {
                let (numeric, letter) = (or_null(of.numeric), or_null(of.letter.as_ref()));
                self.row("said_grades", &[&of.section, &of.grading_period, &of.grade_type, &numeric, &letter]);
            }
            Fact::AssignmentResult(of) => {
                let (points, numeric) = (or_null(of.points), or_null(of.numeric));
                let fulfilled = or_null(of.fulfilled_on);
                self.row("said_results", &[&of.assignment, &of.status, &of.lateness, &points, &numeric, &fulfilled]);
            }
            Fact::CourseTranscript(of) => {
                let [attempted, earned, numeric] = [of.attempted, of.earned, of.numeric].map(or_null);
                let letter = or_null(of.letter.as_ref());
                let cells: [&dyn Display; 8] =
                    [&of.course, &of.school_year, &of.term, &of.result, &attempted, &earned, &numeric, &letter];
                self.row("said_transcripts", &cells);
            }
            Fact::Discipline(of) => self.row("said_disciplines", &[&of.school, &of.begin_on, &of.code]),
            Fact::Behavior(_) | Fact::Connection(_) | Fact::SurveyScore(_) => {}
        }
    }

    fn entry(&mut self, entry: &Entry) {
        match entry {
            Entry::School(of) => self.row("said_schools", &[&of.school]),
            Entry::Calendar(of) => self.row("said_calendars", &[&of.calendar, &of.school, &of.school_year]),
            Entry::CalendarDate(of) => {
                for event in &of.events {
                    self.row("said_calendar_events", &[&of.calendar, &of.date, event]);
                }
            }
            Entry::Session(of) => {
                let cells: [&dyn Display; 5] = [&of.session, &of.school, &of.school_year, &of.begin_on, &of.end_on];
                self.row("said_sessions", &cells);
            }
            Entry::GradingPeriod(of) => {
                self.row("said_grading_periods", &[&of.grading_period, &of.begin_on, &of.end_on]);
            }
            Entry::Course(of) => {
                for subject in &of.subjects {
                    self.row("said_subjects", &[&of.course, subject]);
                }
            }
            Entry::CourseOffering(of) => self.row("said_offerings", &[&of.course_offering, &of.course, &of.session]),
            Entry::Section(of) => {
                self.row("said_sections", &[&of.section, &of.course_offering, &of.school]);
                for period in &of.class_periods {
                    self.row("said_section_periods", &[&of.section, period]);
                }
            }
            Entry::AttendanceTaken(of) => self.row("said_taken", &[&of.section, &of.date]),
            Entry::ClassPeriod(of) => {
                for MeetingTime { begin_at, end_at } in &of.times {
                    self.row("said_meeting_times", &[&of.class_period, begin_at, end_at]);
                }
            }
            Entry::BellSchedule(of) => {
                let hours = [of.hours.map(|hours| hours.begin_at), of.hours.map(|hours| hours.end_at)].map(or_null);
                for date in &of.dates {
                    self.row("said_bell_dates", &[&of.school, date, &hours[0], &hours[1]]);
                }
                for period in &of.class_periods {
                    self.row("said_bell_periods", &[period]);
                }
                for grade_level in &of.grade_levels {
                    self.row("said_bell_levels", &[grade_level]);
                }
            }
            Entry::Assignment(of) => {
                self.row("said_assignments", &[&of.assignment, &of.section, &of.due_on, &or_null(of.points)]);
            }
            Entry::Settings(_) | Entry::RulePack(_) | Entry::Calculators(_) | Entry::Incident(_) | Entry::Group(_) => {}
        }
    }
}
