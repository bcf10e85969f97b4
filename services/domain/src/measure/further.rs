//! The part of the catalogue beside attendance and failing: course performance, behavior and connections. One entry each: name,
//! meaning, unit, source, and what it depends on. They are of the student as a whole, at whatever school.

use std::sync::LazyLock;

use super::Unit;
use super::catalogue::Needs;
use crate::course::{change, high, point, sixth};
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::figure::Beside;

/// One of the measures of this part: its place in [`ENTRIES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Further(u8);

/// What is said of one, and how it is counted.
#[derive(Debug)]
pub struct Entry {
    /// As rules and exports name it.
    pub name: &'static str,
    /// What it counts.
    pub meaning: &'static str,
    /// What its value counts.
    pub unit: Unit,
    /// Where definition and threshold come from.
    pub source: &'static str,
    /// What it depends on beside marks, enrollments, calendar and settings.
    pub needs: &'static [Needs],
    value: fn(&Beside<'_, '_>) -> Option<i64>,
}

/// How one of them moves with the days of attendance, though nothing else is said of the student.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moves {
    /// One of its flags is from this tier of attendance on.
    FromTier(u8),
    /// It is a share of the days.
    ShareOfDays,
}

impl Moves {
    fn of(entry: &Entry) -> Option<Self> {
        match entry.name {
            "sixth_grade_flags" => Some(Self::FromTier(sixth::FIFTH_ABSENT)),
            "high_school_flags" => Some(Self::FromTier(high::TENTH_ABSENT)),
            "incident_rate" => Some(Self::ShareOfDays),
            _ => None,
        }
    }
}

/// What stands for the value of a measure that cannot be told of a student.
pub const UNTOLD: i64 = -1;

impl Further {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..ENTRIES.len()).filter_map(|at| u8::try_from(at).ok()).map(Self)
    }

    /// The measure of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::all().find(|of| of.entry().name == name)
    }

    /// What is said of it.
    pub const fn entry(self) -> &'static Entry {
        &ENTRIES[self.0 as usize]
    }

    /// How it moves with the days of attendance; none when it does not, but for what is counted of suspended days.
    pub(crate) fn moves_with_days(self) -> Option<Moves> {
        static ALL: LazyLock<Vec<Option<Moves>>> = LazyLock::new(|| ENTRIES.iter().map(Moves::of).collect());
        ALL.get(usize::from(self.0)).copied().flatten()
    }

    /// Its value for a student as of a date; none when there is nothing to tell.
    pub fn value(self, evaluation: &Evaluation<'_>, as_of: Date) -> Option<i64> {
        self.of(&Beside::new(evaluation, as_of))
    }

    /// The same, of several that are told together.
    pub(crate) fn of(self, beside: &Beside<'_, '_>) -> Option<i64> {
        (self.entry().value)(beside)
    }
}

const RATE: &str = "Panorama Education, behavior as a share of days with incidents";
const FACTS: &str = "The district's own records";
const OWN: &str = "Product decision";
const JHR: &str = "Bergman and Chan, Leveraging Parents through Low-Cost Technology, Journal of Human Resources";
const CONSORTIUM: &str = "University of Chicago Consortium on School Research, Freshman On-Track";
const BALFANZ: &str = "Balfanz, Herzog and Mac Iver (2007), sixth-grade flags";
const HIGH_SCHOOL: &str = "National High School Center, early warning indicators and their benchmarks";
const SCALE: &str = "The district's grade scale; shipped: College Board, How to Convert Your GPA to a 4.0 Scale";
const ATTENDANCE_WORKS: &str = "Attendance Works: days suspended are days missed";
const CONNECTED: &str = "Balfanz, four kinds of connectedness; Harvard Making Caring Common, relationship mapping";

/// Every entry.
pub static ENTRIES: [Entry; 30] = [
    Entry {
        name: "gpa",
        meaning: "Average of the grades that stand for the year's sections; -1 without one",
        unit: Unit::GradePointHundredths,
        source: SCALE,
        needs: &[Needs::Grades],
        value: |it| point::current(it.evaluation, it.as_of),
    },
    Entry {
        name: "gpa_cumulative",
        meaning: "Average of the transcript, by the credits attempted; -1 without one",
        unit: Unit::GradePointHundredths,
        source: SCALE,
        needs: &[Needs::Transcript],
        value: |it| point::cumulative(it.evaluation),
    },
    Entry {
        name: "gpa_change",
        meaning: "Average of the latest grading period less that of the one before; 0 until there are two",
        unit: Unit::GradePointHundredths,
        source: OWN,
        needs: &[Needs::Grades],
        value: |it| Some(change::since_last_period(it.evaluation, it.as_of).unwrap_or(0)),
    },
    Entry {
        name: "credits_attempted",
        meaning: "Credits attempted this year",
        unit: Unit::CreditThousandths,
        source: FACTS,
        needs: &[Needs::Transcript],
        value: |it| Some(it.credits().attempted),
    },
    Entry {
        name: "credits_earned",
        meaning: "Credits earned this year",
        unit: Unit::CreditThousandths,
        source: FACTS,
        needs: &[Needs::Transcript],
        value: |it| Some(it.credits().earned),
    },
    Entry {
        name: "credits_earned_so_far",
        meaning: "Credits earned up to and with this year",
        unit: Unit::CreditThousandths,
        source: FACTS,
        needs: &[Needs::Transcript],
        value: |it| Some(it.credits().earned_so_far),
    },
    Entry {
        name: "core_failures",
        meaning: "Core courses failed in terms of this year",
        unit: Unit::Courses,
        source: CONSORTIUM,
        needs: &[Needs::Transcript],
        value: |it| Some(it.credits().core_failures),
    },
    Entry {
        name: "off_track",
        meaning: "A ninth grader with more than one core failure, or without five credits once five were attempted or the calendar's last school day is past and no session is to come",
        unit: Unit::Flag,
        source: CONSORTIUM,
        needs: &[Needs::Transcript],
        value: |it| Some(i64::from(it.credits().on_track() == Some(false))),
    },
    Entry {
        name: "sixth_grade_flags",
        meaning: "Of a sixth grader: a fifth of days absent, failing mathematics, failing English, suspended out of school",
        unit: Unit::Of("flags"),
        source: BALFANZ,
        needs: &[Needs::Grades, Needs::Disciplines],
        value: |it| Some(sixth::flags(it.evaluation, it.as_of)),
    },
    Entry {
        name: "high_school_flags",
        meaning: "Of a student of grades 9 to 12: a tenth of days absent, failing a course, an average of 2.0 or below, more than one core course failed in terms of this year",
        unit: Unit::Of("flags"),
        source: HIGH_SCHOOL,
        needs: &[Needs::Grades, Needs::Transcript],
        value: |it| Some(high::flags(it.evaluation, it.as_of)),
    },
    Entry {
        name: "missing_work",
        meaning: "Assignments that were due and not handed in",
        unit: Unit::Of("assignments"),
        source: JHR,
        needs: &[Needs::Gradebook],
        value: |it| Some(it.gradebook().missing),
    },
    Entry {
        name: "missing_work_last_7_days",
        meaning: "Those of them that were due in the last seven days",
        unit: Unit::Of("assignments"),
        source: JHR,
        needs: &[Needs::Gradebook],
        value: |it| Some(it.gradebook().missing_last_week),
    },
    Entry {
        name: "late_work",
        meaning: "Assignments handed in late",
        unit: Unit::Of("assignments"),
        source: FACTS,
        needs: &[Needs::Gradebook],
        value: |it| Some(it.gradebook().late),
    },
    Entry {
        name: "low_averages",
        meaning: "Sections whose gradebook average is below 70%",
        unit: Unit::Courses,
        source: JHR,
        needs: &[Needs::Gradebook],
        value: |it| Some(it.gradebook().low_averages),
    },
    Entry {
        name: "lowest_average",
        meaning: "The lowest gradebook average of a section; -1 without one",
        unit: Unit::PercentHundredths,
        source: JHR,
        needs: &[Needs::Gradebook],
        value: |it| it.gradebook().lowest_average,
    },
    Entry {
        name: "weeks_low",
        meaning: "Weeks in a row, back from the date, with a section's average below 70%",
        unit: Unit::Of("weeks"),
        source: JHR,
        needs: &[Needs::Gradebook],
        value: |it| Some(it.gradebook().weeks_low),
    },
    Entry {
        name: "incidents",
        meaning: "Incidents this year in which the student did something",
        unit: Unit::Of("incidents"),
        source: FACTS,
        needs: &[Needs::Incidents],
        value: |it| Some(it.conduct().incidents),
    },
    Entry {
        name: "incident_days",
        meaning: "Dates with such an incident",
        unit: Unit::Days,
        source: RATE,
        needs: &[Needs::Incidents],
        value: |it| Some(it.conduct().incident_days),
    },
    Entry {
        name: "incident_rate",
        meaning: "Those dates as a share of the days enrolled; -1 without one",
        unit: Unit::PercentHundredths,
        source: RATE,
        needs: &[Needs::Incidents],
        value: |it| it.conduct().incident_rate(it.evaluation.district(it.as_of, it.as_of).enrolled),
    },
    Entry {
        name: "suspensions_in",
        meaning: "Suspensions in school this year",
        unit: Unit::Of("suspensions"),
        source: FACTS,
        needs: &[Needs::Disciplines],
        value: |it| Some(it.conduct().suspensions_in),
    },
    Entry {
        name: "suspensions_out",
        meaning: "Suspensions out of school this year",
        unit: Unit::Of("suspensions"),
        source: FACTS,
        needs: &[Needs::Disciplines],
        value: |it| Some(it.conduct().suspensions_out),
    },
    Entry {
        name: "expulsions",
        meaning: "Expulsions this year",
        unit: Unit::Of("expulsions"),
        source: FACTS,
        needs: &[Needs::Disciplines],
        value: |it| Some(it.conduct().expulsions),
    },
    Entry {
        name: "suspended_in",
        meaning: "Enrolled school days suspended in school",
        unit: Unit::DayHundredths,
        source: FACTS,
        needs: &[Needs::Disciplines],
        value: |it| Some(it.conduct().suspended_in),
    },
    Entry {
        name: "suspended_out",
        meaning: "Enrolled school days suspended out of school or expelled, each date once",
        unit: Unit::DayHundredths,
        source: ATTENDANCE_WORKS,
        needs: &[Needs::Disciplines],
        value: |it| Some(it.conduct().suspended_out),
    },
    Entry {
        name: "suspended_unmarked",
        meaning: "The part of suspended_out for which no absence is marked",
        unit: Unit::DayHundredths,
        source: ATTENDANCE_WORKS,
        needs: &[Needs::Disciplines],
        value: |it| Some(it.conduct().suspended_unmarked),
    },
    Entry {
        name: "trusted_adults",
        meaning: "Adults whom the student trusts, mentors included, each once",
        unit: Unit::Of("adults"),
        source: CONNECTED,
        needs: &[Needs::Connections],
        value: |it| Some(it.connections().trusted_adults),
    },
    Entry {
        name: "activities",
        meaning: "Activities that the student takes part in, each once",
        unit: Unit::Of("activities"),
        source: CONNECTED,
        needs: &[Needs::Connections],
        value: |it| Some(it.connections().activities),
    },
    Entry {
        name: "mentored",
        meaning: "Whether the student has a mentor",
        unit: Unit::Flag,
        source: CONNECTED,
        needs: &[Needs::Connections],
        value: |it| Some(i64::from(it.connections().mentored)),
    },
    Entry {
        name: "lost_connections",
        meaning: "Connections that ended in the last 28 days, none of their kind being left",
        unit: Unit::Of("connections"),
        source: OWN,
        needs: &[Needs::Connections],
        value: |it| Some(it.connections().lost),
    },
    Entry {
        name: "survey_score",
        meaning: "The latest survey of the year, of 100; -1 without one",
        unit: Unit::PercentHundredths,
        source: FACTS,
        needs: &[Needs::Surveys],
        value: |it| it.connections().survey_score,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_moves_with_days_is_found_by_its_name() {
        let moving = Further::all().filter(|of| of.moves_with_days().is_some()).count();
        assert_eq!(moving, 3);
    }

    #[test]
    fn every_name_is_one_entrys_own() {
        let names: BTreeSet<_> = ENTRIES.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), ENTRIES.len());
        assert!(Further::all().all(|of| Further::find(of.entry().name) == Some(of)));
    }
}
