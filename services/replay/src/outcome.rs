//! What came of a student's year: the outcomes that rules are held against, and since when each was settled.

use homeroom_domain::course::credit::Credits;
use homeroom_domain::date::Date;
use homeroom_domain::day::WHOLE;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::id::SchoolId;
use homeroom_domain::year::Student;
use serde::{Deserialize, Serialize};

/// The fewest enrolled days of which a student counts as chronically absent or not. Source: EDFacts file specification FS195, data
/// group 814.
pub const CHRONIC_MINIMUM_DAYS: i64 = 10;

/// An outcome of a school year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Absent at least a tenth of the days enrolled, of at least [`CHRONIC_MINIMUM_DAYS`]. Source: Attendance Works; the minimum is
    /// that of federal reporting.
    Chronic,
    /// A grade that stands fails, or a core course of the year's transcript was failed.
    FailedCourse,
    /// A ninth grader who is not on track to graduate. Source: University of Chicago Consortium on School Research.
    OffTrack,
}

/// What an outcome came to for a student.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It cannot be told: too few days, no grade, or no ninth grader.
    Untold,
    /// It did not come to be.
    No,
    /// It did, and was settled on this date.
    Settled(Date),
}

impl Outcome {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Chronic, Self::FailedCourse, Self::OffTrack];

    /// Its name on the wire and in commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chronic => "chronic",
            Self::FailedCourse => "failed-course",
            Self::OffTrack => "off-track",
        }
    }

    /// The outcome of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// What came of a student's year up to a date.
    pub fn of(self, evaluation: &Evaluation<'_>, as_of: Date) -> Came {
        match self {
            Self::Chronic => chronic(evaluation, as_of),
            Self::FailedCourse => failed_course(evaluation, as_of),
            Self::OffTrack => match Credits::of(evaluation, as_of).on_track() {
                None => Came::Untold,
                Some(true) => Came::No,
                // A transcript has no dates.
                Some(false) => Came::Settled(as_of),
            },
        }
    }
}

/// Settled with the absence that made a tenth of all days enrolled up to the date: from then on no presence would have changed it.
fn chronic(evaluation: &Evaluation<'_>, as_of: Date) -> Came {
    let days = evaluation.days(as_of);
    let enrolled: i64 = days.iter().map(|(_, day)| i64::from(day.weight)).sum();
    if enrolled < CHRONIC_MINIMUM_DAYS * i64::from(WHOLE) {
        return Came::Untold;
    }
    let mut absent = 0;
    for (_, day) in days {
        absent += i64::from(day.absent);
        if absent * 10 >= enrolled {
            return Came::Settled(day.date);
        }
    }
    Came::No
}

/// Settled with the end of the first grading period whose failing grade stands; by a transcript alone at the date.
fn failed_course(evaluation: &Evaluation<'_>, as_of: Date) -> Came {
    let standings = evaluation.standings(as_of);
    let failing = standings.iter().filter(|standing| standing.failing);
    if let Some(first) = failing.map(|standing| standing.period_end.min(as_of)).min() {
        return Came::Settled(first);
    }
    let credits = Credits::of(evaluation, as_of);
    match (credits.core_failures, credits.attempted) {
        (1.., _) => Came::Settled(as_of),
        (_, 0) if standings.is_empty() => Came::Untold,
        _ => Came::No,
    }
}

/// The district's counted dates from one to another, in order, with the school that each was counted at.
pub(crate) fn school_dates<'a>(
    evaluation: &Evaluation<'a>,
    from: Date,
    to: Date,
) -> impl Iterator<Item = (&'a SchoolId, Date)> {
    let dates = evaluation.days(to).into_iter().map(|(school, day)| (school, day.date));
    dates.skip_while(move |(_, date)| *date < from)
}

/// What [`Outcome::Chronic`] came to for a student of whole days: a day is worth a whole one there.
pub(crate) fn chronic_of_whole_days(student: &Student<'_, '_>) -> Came {
    let days = student.frame.dates().len();
    if i64::try_from(days).is_ok_and(|days| days < CHRONIC_MINIMUM_DAYS) {
        return Came::Untold;
    }
    student.absent_dates().nth(days.div_ceil(10) - 1).map_or(Came::No, Came::Settled)
}
