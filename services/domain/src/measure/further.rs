//! The catalogue of what is counted beside attendance and failing: course performance, behavior and connections. One entry each: name,
//! meaning, unit, source, and what it depends on. Pure functions over the facts, computed for whoever asks.

use crate::behavior::Conduct;
use crate::connection::Connections;
use crate::course::credit::Credits;
use crate::course::gradebook::Gradebook;
use crate::course::{change, point, sixth};
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::measure::decimals;

/// A figure of the catalogue.
#[derive(Debug)]
pub struct Entry {
    /// As rules and exports name it.
    pub name: &'static str,
    /// What it counts.
    pub meaning: &'static str,
    /// What a value of one is.
    pub unit: Unit,
    /// Where definition and threshold come from.
    pub source: &'static str,
    /// What changes it.
    pub depends_on: &'static [Dependence],
    value: fn(&Further) -> Option<i64>,
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Whole things, by their name.
    Of(&'static str),
    /// Hundredths of them.
    Hundredths(&'static str),
    /// Thousandths of them.
    Thousandths(&'static str),
    /// 0 or 1.
    Flag,
}

/// What a figure is computed from, beside registration and enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependence {
    /// Grades, and the sections, courses and grading periods that they refer to.
    Grades,
    /// The transcript, and its courses.
    Transcript,
    /// Results of assignments, the assignments, their sections and who belongs to them.
    Gradebook,
    /// Parts in incidents, and the incidents.
    Incidents,
    /// Consequences.
    Disciplines,
    /// Attendance marks and calendars.
    Attendance,
    /// Connections and groups.
    Connections,
    /// Surveys.
    Surveys,
    /// Codes and scales of the district's settings.
    Settings,
    /// The date: it may change from one to the next without a word.
    Date,
}

impl Unit {
    /// A value in words a person reads.
    pub fn show(self, value: i64) -> String {
        match self {
            Self::Of(things) => format!("{value} {things}"),
            Self::Hundredths(things) => format!("{} {things}", decimals(value)),
            Self::Thousandths(things) => {
                let (sign, size) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
                let text = format!("{sign}{}.{:03}", size / 1_000, size % 1_000);
                format!("{} {things}", text.trim_end_matches('0').trim_end_matches('.'))
            }
            Self::Flag => if value == 0 { "no" } else { "yes" }.to_owned(),
        }
    }
}

/// What a student's facts come to, beside attendance and failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Further {
    /// Behavior.
    pub conduct: Conduct,
    /// Days with an incident as a share of the days enrolled, hundredths of a percent.
    pub incident_rate: Option<i64>,
    /// Missing work and averages.
    pub gradebook: Gradebook,
    /// Credits.
    pub credits: Credits,
    /// The average of the grades that stand, hundredths of a grade point.
    pub current_gpa: Option<i64>,
    /// The transcript's, hundredths of a grade point.
    pub cumulative_gpa: Option<i64>,
    /// From the grading period before to the latest, hundredths of a grade point.
    pub gpa_change: Option<i64>,
    /// Flags of a sixth grader.
    pub sixth_grade_flags: i64,
    /// Connections.
    pub connections: Connections,
}

impl Further {
    /// Of a student, as of a date.
    pub fn of(evaluation: &Evaluation<'_>, as_of: Date) -> Self {
        let measures = evaluation.district(as_of, as_of);
        let conduct = Conduct::of(evaluation, as_of);
        Self {
            conduct,
            incident_rate: conduct.incident_rate(measures.enrolled),
            gradebook: Gradebook::of(evaluation, as_of),
            credits: Credits::of(evaluation, as_of),
            current_gpa: point::current(evaluation, as_of),
            cumulative_gpa: point::cumulative(evaluation),
            gpa_change: change::since_last_period(evaluation, as_of),
            sixth_grade_flags: sixth::flags(evaluation, &measures, &conduct, as_of),
            connections: Connections::of(evaluation, as_of),
        }
    }

    /// Each entry of the catalogue with its value; none where there is nothing to tell.
    pub fn values(&self) -> impl Iterator<Item = (&'static Entry, Option<i64>)> {
        ENTRIES.iter().map(|entry| (entry, (entry.value)(self)))
    }
}

const RATE: &str = "Panorama Education, behavior as a share of days with incidents";
const FACTS: &str = "The district's own records";
const OWN: &str = "Product decision";
const JHR: &str = "Bergman and Chan, Leveraging Parents through Low-Cost Technology, Journal of Human Resources";
const CONSORTIUM: &str = "University of Chicago Consortium on School Research, Freshman On-Track";
const BALFANZ: &str = "Balfanz, Herzog and Mac Iver (2007), sixth-grade flags";
const SCALE: &str = "The district's grade scale; shipped: College Board, How to Convert Your GPA to a 4.0 Scale";
const ATTENDANCE_WORKS: &str = "Attendance Works: days suspended are days missed";
const CONNECTED: &str = "Balfanz, four kinds of connectedness; Harvard Making Caring Common, relationship mapping";

use Dependence::{
    Attendance, Connections as Ties, Date as Day, Disciplines, Gradebook as Work, Grades, Incidents, Settings, Surveys,
    Transcript,
};

/// The catalogue.
pub const ENTRIES: [Entry; 29] = [
    Entry {
        name: "gpa",
        meaning: "Average of the grades that stand for the year's sections",
        unit: Unit::Hundredths("grade points"),
        source: SCALE,
        depends_on: &[Grades, Settings, Day],
        value: |it| it.current_gpa,
    },
    Entry {
        name: "gpa_cumulative",
        meaning: "Average of the transcript, by the credits attempted",
        unit: Unit::Hundredths("grade points"),
        source: SCALE,
        depends_on: &[Transcript, Settings],
        value: |it| it.cumulative_gpa,
    },
    Entry {
        name: "gpa_change",
        meaning: "Average of the latest grading period less that of the one before",
        unit: Unit::Hundredths("grade points"),
        source: OWN,
        depends_on: &[Grades, Settings, Day],
        value: |it| it.gpa_change,
    },
    Entry {
        name: "credits_attempted",
        meaning: "Credits attempted this year",
        unit: Unit::Thousandths("credits"),
        source: FACTS,
        depends_on: &[Transcript],
        value: |it| Some(it.credits.attempted),
    },
    Entry {
        name: "credits_earned",
        meaning: "Credits earned this year",
        unit: Unit::Thousandths("credits"),
        source: FACTS,
        depends_on: &[Transcript],
        value: |it| Some(it.credits.earned),
    },
    Entry {
        name: "credits_earned_so_far",
        meaning: "Credits earned up to and with this year",
        unit: Unit::Thousandths("credits"),
        source: FACTS,
        depends_on: &[Transcript],
        value: |it| Some(it.credits.earned_so_far),
    },
    Entry {
        name: "core_failures",
        meaning: "Core courses failed in terms of this year",
        unit: Unit::Of("courses"),
        source: CONSORTIUM,
        depends_on: &[Transcript, Settings],
        value: |it| Some(it.credits.core_failures),
    },
    Entry {
        name: "on_track",
        meaning: "A ninth grader with five credits and at most one core failure, by the year's transcript",
        unit: Unit::Flag,
        source: CONSORTIUM,
        depends_on: &[Transcript, Settings, Day],
        value: |it| it.credits.on_track().map(i64::from),
    },
    Entry {
        name: "sixth_grade_flags",
        meaning: "Of a sixth grader: a fifth of days absent, failing mathematics, failing English, suspended out of school",
        unit: Unit::Of("flags"),
        source: BALFANZ,
        depends_on: &[Attendance, Grades, Disciplines, Settings, Day],
        value: |it| Some(it.sixth_grade_flags),
    },
    Entry {
        name: "missing_work",
        meaning: "Assignments that were due and not handed in",
        unit: Unit::Of("assignments"),
        source: JHR,
        depends_on: &[Work, Day],
        value: |it| Some(it.gradebook.missing),
    },
    Entry {
        name: "missing_work_last_7_days",
        meaning: "Those of them that were due in the last seven days",
        unit: Unit::Of("assignments"),
        source: JHR,
        depends_on: &[Work, Day],
        value: |it| Some(it.gradebook.missing_last_week),
    },
    Entry {
        name: "late_work",
        meaning: "Assignments handed in late",
        unit: Unit::Of("assignments"),
        source: FACTS,
        depends_on: &[Work, Day],
        value: |it| Some(it.gradebook.late),
    },
    Entry {
        name: "low_averages",
        meaning: "Sections whose gradebook average is below 70%",
        unit: Unit::Of("courses"),
        source: JHR,
        depends_on: &[Work, Day],
        value: |it| Some(it.gradebook.low_averages),
    },
    Entry {
        name: "lowest_average",
        meaning: "The lowest gradebook average of a section",
        unit: Unit::Hundredths("percent"),
        source: JHR,
        depends_on: &[Work, Day],
        value: |it| it.gradebook.lowest_average,
    },
    Entry {
        name: "weeks_low",
        meaning: "Weeks in a row, back from the date, with a section's average below 70%",
        unit: Unit::Of("weeks"),
        source: JHR,
        depends_on: &[Work, Day],
        value: |it| Some(it.gradebook.weeks_low),
    },
    Entry {
        name: "incidents",
        meaning: "Incidents this year in which the student did something",
        unit: Unit::Of("incidents"),
        source: FACTS,
        depends_on: &[Incidents, Day],
        value: |it| Some(it.conduct.incidents),
    },
    Entry {
        name: "incident_days",
        meaning: "Dates with such an incident",
        unit: Unit::Of("days"),
        source: RATE,
        depends_on: &[Incidents, Day],
        value: |it| Some(it.conduct.incident_days),
    },
    Entry {
        name: "incident_rate",
        meaning: "Those dates as a share of the days enrolled",
        unit: Unit::Hundredths("percent"),
        source: RATE,
        depends_on: &[Incidents, Attendance, Day],
        value: |it| it.incident_rate,
    },
    Entry {
        name: "suspensions_in",
        meaning: "Suspensions in school this year",
        unit: Unit::Of("suspensions"),
        source: FACTS,
        depends_on: &[Disciplines, Settings, Day],
        value: |it| Some(it.conduct.suspensions_in),
    },
    Entry {
        name: "suspensions_out",
        meaning: "Suspensions out of school this year",
        unit: Unit::Of("suspensions"),
        source: FACTS,
        depends_on: &[Disciplines, Settings, Day],
        value: |it| Some(it.conduct.suspensions_out),
    },
    Entry {
        name: "expulsions",
        meaning: "Expulsions this year",
        unit: Unit::Of("expulsions"),
        source: FACTS,
        depends_on: &[Disciplines, Settings, Day],
        value: |it| Some(it.conduct.expulsions),
    },
    Entry {
        name: "suspended_in",
        meaning: "Enrolled school days suspended in school",
        unit: Unit::Hundredths("days"),
        source: FACTS,
        depends_on: &[Disciplines, Attendance, Settings, Day],
        value: |it| Some(it.conduct.suspended_in),
    },
    Entry {
        name: "suspended_out",
        meaning: "Enrolled school days suspended out of school or expelled, each date once",
        unit: Unit::Hundredths("days"),
        source: ATTENDANCE_WORKS,
        depends_on: &[Disciplines, Attendance, Settings, Day],
        value: |it| Some(it.conduct.suspended_out),
    },
    Entry {
        name: "suspended_unmarked",
        meaning: "The part of suspended_out for which no absence is marked",
        unit: Unit::Hundredths("days"),
        source: ATTENDANCE_WORKS,
        depends_on: &[Disciplines, Attendance, Settings, Day],
        value: |it| Some(it.conduct.suspended_unmarked),
    },
    Entry {
        name: "trusted_adults",
        meaning: "Adults whom the student trusts, mentors included, each once",
        unit: Unit::Of("adults"),
        source: CONNECTED,
        depends_on: &[Ties, Settings, Day],
        value: |it| Some(it.connections.trusted_adults),
    },
    Entry {
        name: "activities",
        meaning: "Activities that the student takes part in, each once",
        unit: Unit::Of("activities"),
        source: CONNECTED,
        depends_on: &[Ties, Settings, Day],
        value: |it| Some(it.connections.activities),
    },
    Entry {
        name: "mentored",
        meaning: "Whether the student has a mentor",
        unit: Unit::Flag,
        source: CONNECTED,
        depends_on: &[Ties, Settings, Day],
        value: |it| Some(i64::from(it.connections.mentored)),
    },
    Entry {
        name: "lost_connections",
        meaning: "Connections that ended in the last 28 days, none of their kind being left",
        unit: Unit::Of("connections"),
        source: OWN,
        depends_on: &[Ties, Settings, Day],
        value: |it| Some(it.connections.lost),
    },
    Entry {
        name: "survey_score",
        meaning: "The latest survey of the year, of 100",
        unit: Unit::Hundredths("of 100"),
        source: FACTS,
        depends_on: &[Surveys, Day],
        value: |it| it.connections.survey_score,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::measure::Measure;

    #[test]
    fn every_name_is_one_entrys_own() {
        let names: BTreeSet<_> =
            ENTRIES.iter().map(|entry| entry.name).chain(Measure::ALL.into_iter().map(Measure::name)).collect();
        assert_eq!(names.len(), ENTRIES.len() + Measure::ALL.len());
    }

    #[test]
    fn values_are_shown_as_people_write_them() {
        assert_eq!(Unit::Thousandths("credits").show(5_500), "5.5 credits");
        assert_eq!(Unit::Thousandths("credits").show(-1_000), "-1 credits");
        assert_eq!(Unit::Hundredths("percent").show(69_99), "69.99 percent");
        assert_eq!(Unit::Of("weeks").show(3), "3 weeks");
        assert_eq!(Unit::Flag.show(1), "yes");
    }
}
