//! The catalogue: one entry for each measure and family. Documentation, conditions, API fields and columns come from it.

use super::name::SIMPLE;
use super::{Clock, Counted, InClass, Measure, Unit};

/// What is said of a measure, or of a family of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name; of a family the first, with what may follow told in the meaning.
    pub name: &'static str,
    /// What its value is.
    pub meaning: &'static str,
    /// What the value counts.
    pub unit: Unit,
    /// Where the definition comes from.
    pub source: &'static str,
    /// What it depends on beside the student's marks, enrollments and calendar.
    pub needs: &'static [Needs],
    /// Whether it is counted for every student and kept.
    pub kept: bool,
    /// Whether one of [`OVER`] may follow the name.
    pub family: bool,
}

/// What a measure depends on beside marks, enrollments and calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// How long days are: bell schedules, minutes of marks, or a calculator's `day-minutes`.
    Minutes,
    /// The school year before.
    LastYear,
    /// The calendar's dates to come.
    DatesToCome,
    /// Grades, sections and grading periods.
    Grades,
    /// The transcript, and its courses.
    Transcript,
    /// Results of assignments, the assignments, their sections and who belongs to them.
    Gradebook,
    /// Parts in incidents, and the incidents.
    Incidents,
    /// Consequences, such as suspensions.
    Disciplines,
    /// Ties to adults and activities, and groups.
    Connections,
    /// Scores of surveys.
    Surveys,
    /// Sections, who belongs to them, and marks for them or for whole days.
    Classes,
}

impl Needs {
    /// Whether what it counts has dates by which one can tell since when it has been so. Grades, courses of a transcript and results of
    /// assignments change without one.
    pub(crate) const fn has_dates(self) -> bool {
        !matches!(self, Self::Grades | Self::Transcript | Self::Gradebook)
    }
}

/// What may follow a family's name, and what it narrows the measure to.
pub const OVER: [(&str, &str); 8] = [
    ("_last_N_school_days", "the last N counted days, N from 1 to 400"),
    ("_last_N_days", "the last N calendar days, the as-of date among them"),
    ("_last_N_months", "the last N calendar months, N from 1 to 12"),
    ("_first_N_school_days", "the first N counted days of the school year"),
    ("_this_calendar_month", "the calendar month of the as-of date"),
    ("_this_school_month", "the current twenty counted days, from the first on"),
    ("_mondays", "Mondays of the school year; the same for the other four days"),
    ("", "the school year so far"),
];

const DEFAULT: &str = "default policy of the district's attendance calculator";
const EDFACTS: &str = "EDFacts file specification FS195, data group 814";
const OURS: &str = "product decision";
const SKIP: &str =
    "PowerSchool Attendance Intervention, real-time notifications: present in one period, absent in another";

impl Measure {
    /// Its entry, or its family's.
    pub fn entry(self) -> Entry {
        let (meaning, source, needs) = words(self);
        let family = matches!(self, Self::Of(..) | Self::InClass(..));
        let name = SIMPLE.iter().find(|(of, _)| *of == self).map(|(_, name)| *name);
        let name = name.unwrap_or(match self {
            Self::Of(Counted::Unexplained, _) => "unexplained",
            Self::Of(Counted::Rate, _) => "absent_rate",
            Self::Of(Counted::MinutesAbsent, _) => "minutes_absent",
            Self::Of(Counted::MinutesUnexcused, _) => "minutes_unexcused",
            Self::Of(Counted::Enrolled, _) => "enrolled",
            Self::Of(Counted::Absent, _) => "absent",
            Self::Of(Counted::Unexcused, _) => "unexcused",
            Self::Of(Counted::Tardy, _) => "tardy",
            Self::Further(further) => further.entry().name,
            Self::InClass(InClass::Absences, _) => "class_absences",
            Self::InClass(InClass::Unexcused, _) => "class_unexcused",
            Self::InClass(InClass::Skipped, _) => "classes_skipped",
            Self::InClass(InClass::Rate, _) => "class_absent_rate",
            _ => "federal_chronic",
        });
        Entry { name, meaning, unit: self.unit(), source, needs, kept: self.is_kept(), family }
    }
}

/// Every entry: the measures that are kept, then families, then the others.
pub fn entries() -> Vec<Entry> {
    use super::Among::Window;
    use crate::window::Window::{LastDays, Year};
    let kept = Measure::KEPT.into_iter();
    let over_days = [Counted::Enrolled, Counted::Absent, Counted::Unexcused, Counted::Tardy];
    let over_days = over_days.map(|counted| Measure::Of(counted, Window(LastDays(1)))).into_iter();
    let own = [Counted::Unexplained, Counted::Rate, Counted::MinutesAbsent, Counted::MinutesUnexcused];
    let own = own.map(|counted| Measure::Of(counted, Window(Year))).into_iter();
    let in_class = [InClass::Absences, InClass::Unexcused, InClass::Skipped, InClass::Rate];
    let in_class = in_class.map(|counted| Measure::InClass(counted, Window(Year))).into_iter();
    let rest = SIMPLE.iter().map(|(measure, _)| *measure).filter(|measure| !measure.is_kept());
    let rest = rest.chain([Measure::FederalChronic(super::name::FEDERAL_MINIMUM)]);
    let rest = rest.chain(super::Further::all().map(Measure::Further));
    kept.chain(over_days).chain(own).chain(in_class).chain(rest).map(Measure::entry).collect()
}

type Words = (&'static str, &'static str, &'static [Needs]);

fn words(measure: Measure) -> Words {
    match measure {
        Measure::Enrolled => ("days enrolled so far", DEFAULT, &[]),
        Measure::Absent => ("days absent so far for any reason", DEFAULT, &[]),
        Measure::Unexcused => ("days absent without excuse so far", DEFAULT, &[]),
        Measure::Tardy => ("days late so far", DEFAULT, &[]),
        Measure::Tier => (
            "0 below 5 % absent, 1 from 5 %, 2 from 10 %, 3 from 20 %; -1 below ten enrolled days",
            "New Mexico Statutes 22-12A-2; Attendance Works",
            &[],
        ),
        Measure::Streak => ("counted days absent in a row, up to the last one", DEFAULT, &[]),
        Measure::UnexcusedStreak => ("the same, without excuse", DEFAULT, &[]),
        Measure::UnexplainedAbsenceToday => ("absent today, and nobody has explained it", DEFAULT, &[]),
        Measure::Failing => ("sections being failed", DEFAULT, &[Needs::Grades]),
        Measure::FailingCore => ("core sections being failed", DEFAULT, &[Needs::Grades]),
        Measure::Of(counted, _) => counted_words(counted),
        Measure::LongestStreak => ("the longest run of counted days absent in the school year", DEFAULT, &[]),
        Measure::UnknownDays => {
            ("enrolled days of the calendar of which nobody said what they were; never presence", DEFAULT, &[])
        }
        Measure::LastYearEnrolled => ("days enrolled in the school year before", DEFAULT, &[Needs::LastYear]),
        Measure::LastYearAbsent => ("days absent in the school year before", DEFAULT, &[Needs::LastYear]),
        Measure::LastYearTier => {
            ("the tier that the school year before ended with", "Attendance Works, tiers 2 and 3", &[Needs::LastYear])
        }
        Measure::AbsencesLeft => (
            "what may be missed still before absences reach 10 % of the full calendar; below zero when they have",
            OURS,
            &[Needs::DatesToCome],
        ),
        Measure::ExpectedAbsent => (
            "absences at the year's end: so far, and the dates to come at this year's rate, to which last year's is added with \
             the weight of 30 days",
            OURS,
            &[Needs::DatesToCome, Needs::LastYear],
        ),
        Measure::FederalEnrolled => ("days enrolled; for the district the sum over schools", EDFACTS, &[]),
        Measure::FederalAbsent => {
            ("days of which half or more was missed; for the district the sum over schools", EDFACTS, &[])
        }
        Measure::FederalChronic(_) => (
            "schools at which 10 % or more of the days were missed, from 10 enrolled days on, or from N as \
             federal_chronic_from_N_days; a student who moves counts at each",
            EDFACTS,
            &[],
        ),
        Measure::Truancy(clock) => truancy_words(clock),
        Measure::InClass(counted, _) => class_words(counted),
        Measure::ClassesSkippedToday => (
            "classes missed today by their own marks, without a known excuse, by a student who was at school: by the marks that are known so far",
            SKIP,
            &[Needs::Classes],
        ),
        Measure::TexasClasses => (
            "classes of which less than 90 % of the days so far were attended, whatever the reason",
            "Texas Education Code 25.092: credit for a class from 90 % of the days that it is offered",
            &[Needs::Classes],
        ),
        Measure::Further(further) => {
            let entry = further.entry();
            (entry.meaning, entry.source, entry.needs)
        }
    }
}

fn counted_words(counted: Counted) -> Words {
    match counted {
        Counted::Enrolled => ("days enrolled within", DEFAULT, &[]),
        Counted::Absent => ("days absent within for any reason", DEFAULT, &[]),
        Counted::Unexcused => ("days absent within without excuse", DEFAULT, &[]),
        Counted::Unexplained => ("days absent within that nobody has explained", DEFAULT, &[]),
        Counted::Tardy => ("days late within", DEFAULT, &[]),
        Counted::Rate => ("absent as a share of enrolled within, cut; -1 without an enrolled day", DEFAULT, &[]),
        Counted::MinutesAbsent => {
            ("minutes missed within; -1 when some absence has no known length", DEFAULT, &[Needs::Minutes])
        }
        Counted::MinutesUnexcused => {
            ("minutes missed without excuse; -1 when some such absence has no known length", DEFAULT, &[Needs::Minutes])
        }
    }
}

fn class_words(counted: InClass) -> Words {
    let (meaning, source) = match counted {
        InClass::Absences => ("dates missed within of the class that was missed most, for any reason", DEFAULT),
        InClass::Unexcused => ("dates missed within without excuse of the class that was missed most so", DEFAULT),
        InClass::Skipped => (
            "classes missed within by their own marks, without a known excuse, on a day on which the student was at school",
            SKIP,
        ),
        InClass::Rate => ("the largest share missed within of a class, cut; -1 without a date of one", DEFAULT),
    };
    (meaning, source, &[Needs::Classes])
}

fn truancy_words(clock: Clock) -> Words {
    const OHIO: &str = "Ohio Revised Code 2151.011 and 3321.191 (House Bill 410): 30 hours in a row, 42 in a school month, 72 in a year";
    const OHIO_ALL: &str = "Ohio Revised Code 3321.191 (C)(1): 38 hours in a school month or 65 in a school year with a nonmedical excuse or without legitimate excuse";
    const TEXAS: &str = "Texas Education Code 25.0951 and 25.095: 3 days or parts in four weeks, 10 in six months";
    const FLORIDA: &str = "Florida Statutes 1003.26 and 1003.01: 5 in a calendar month, 10 and 15 in 90 calendar days";
    match clock {
        Clock::CaliforniaOccasions => (
            "days wholly missed without excuse, and days missed or late by more than 30 minutes without excuse, in the school year; \
             an excused tardy is none",
            "California Education Code 48260: truant from 3",
            &[Needs::Minutes],
        ),
        Clock::TexasFourWeeks => ("days or parts of days missed without excuse in 28 days", TEXAS, &[]),
        Clock::TexasSixMonths => ("days or parts of days missed without excuse in six months", TEXAS, &[]),
        Clock::OhioInARow => (
            "the most minutes missed without excuse in a row in the school year; -1 when some has no known length",
            OHIO,
            &[Needs::Minutes],
        ),
        Clock::OhioMonth => (
            "minutes missed without excuse in the school month; -1 when some has no known length",
            OHIO,
            &[Needs::Minutes],
        ),
        Clock::OhioYear => (
            "minutes missed without excuse in the school year; -1 when some has no known length",
            OHIO,
            &[Needs::Minutes],
        ),
        Clock::OhioNonmedicalMonth => (
            "minutes missed, also by coming late, without a medical excuse in the school month; -1 when some has no known length",
            OHIO_ALL,
            &[Needs::Minutes],
        ),
        Clock::OhioNonmedicalYear => (
            "minutes missed, also by coming late, without a medical excuse in the school year; -1 when some has no known length",
            OHIO_ALL,
            &[Needs::Minutes],
        ),
        Clock::FloridaMonth => {
            ("days mostly missed without excuse or for an unknown reason in the calendar month", FLORIDA, &[])
        }
        Clock::FloridaNinetyDays => {
            ("days mostly missed without excuse or for an unknown reason in 90 calendar days", FLORIDA, &[])
        }
        Clock::NewMexicoRate => (
            "days missed without excuse as a share of enrolled days; -1 without one",
            "New Mexico Statutes 22-12A-2: from 5 % and 10 %",
            &[],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_names_a_measure_and_says_what_it_is() {
        let entries = entries();
        assert_eq!(entries.iter().filter(|entry| entry.kept).count(), 10);
        for entry in entries {
            assert!(Measure::find(entry.name).is_some(), "{}", entry.name);
            assert!(!entry.meaning.is_empty() && !entry.source.is_empty());
            if entry.family {
                let example = format!("{}_last_28_days", entry.name);
                assert_eq!(Measure::find(&example).map(Measure::unit), Some(entry.unit), "{example}");
            }
        }
    }
}
