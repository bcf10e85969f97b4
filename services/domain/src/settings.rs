//! How a district counts, and what time it has there.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use serde::{Deserialize, Serialize};

use crate::behavior::Sanction;
use crate::connection::Relation;
use crate::course::grading::SchoolScale;
use crate::course::scale::GradeScale;
use crate::date::Date;
use crate::id::SourceId;

/// A district's settings. The defaults are DESIGN's policy for counting, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What time it is there.
    pub clock: Clock,
    /// A numeric grade below it fails, hundredths of a point.
    pub failing_below: i64,
    /// What silence means.
    pub reporting: Reporting,
    /// What it means of students whom these sources have enrolled, whatever else is said of their schools.
    #[serde(default)]
    pub source_reporting: BTreeMap<SourceId, Reporting>,
    /// Adds to, and overrides, the shipped table of attendance codes; keys are lower case.
    pub codes: BTreeMap<String, Category>,
    /// The same for what a school does about an incident.
    #[serde(default)]
    pub disciplines: BTreeMap<String, Sanction>,
    /// The same for kinds of groups and of ties to them.
    #[serde(default)]
    pub connections: BTreeMap<String, Relation>,
    /// What a grade is worth.
    #[serde(default)]
    pub grade_scale: GradeScale,
    /// How schools of some types grade, other than the others.
    #[serde(default)]
    pub school_scales: Vec<SchoolScale>,
    /// Whose transcripts are believed first, where several sources have one course of one term.
    #[serde(default)]
    pub transcript_sources: Vec<SourceId>,
}

/// A numeric grade below 60 fails, unless the district says otherwise. Hundredths of a point.
pub const DEFAULT_FAILING_BELOW: i64 = 60_00;

/// What silence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reporting {
    /// Only exceptions are sent: no mark means present.
    Negative,
    /// Every mark is sent: no mark means unknown.
    Positive,
}

/// What a mark means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Category {
    /// Absent with an excuse.
    ExcusedAbsence,
    /// Absent without one.
    UnexcusedAbsence,
    /// Absent, and nobody has said why.
    AbsenceUnknownExcuse,
    /// Absent for part of the day.
    Partial,
    /// Came late.
    Tardy,
    /// Left early.
    EarlyDeparture,
    /// Was there.
    Present,
    /// Suspended, and not at school.
    SuspendedOut,
    /// Suspended from class, at school.
    SuspendedIn,
    /// Took part from elsewhere.
    Remote,
    /// Away for an activity of the school.
    Activity,
    /// Absent with a medical excuse.
    MedicalAbsence,
    /// Came late, with an excuse.
    ExcusedTardy,
}

/// A district's clock: its time zone plus an offset that is zero in production. A sample or test district lives in its own
/// school year, running at the real pace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// IANA name, such as `America/Chicago`.
    pub time_zone: String,
    /// Seconds added to real time.
    pub offset_seconds: i64,
    /// Minute of the local day at which the as-of date moves to today.
    pub day_close_minute: u16,
}

/// The as-of date moves at 16:00, unless the district says otherwise.
pub const DEFAULT_DAY_CLOSE_MINUTE: u16 = 16 * 60;

/// What a district's clock shows at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Now {
    /// The date there.
    pub today: Date,
    /// The last date whose measures are complete: today after the day's close, else yesterday.
    pub as_of: Date,
}

/// The clock cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// Not in the time zone database.
    #[error("`{0}` is not a time zone")]
    TimeZone(String),
    /// The offset leads out of the years that dates can hold.
    #[error("an offset of {0} s leads to no date from 1900 to 2200")]
    Offset(i64),
}

impl Clock {
    /// What the clock shows at a moment of real time, to the second.
    pub fn local(&self, at: Timestamp) -> Result<civil::DateTime, ClockError> {
        let zone = TimeZone::get(&self.time_zone).map_err(|_| ClockError::TimeZone(self.time_zone.clone()))?;
        let shifted = at
            .checked_add(SignedDuration::from_secs(self.offset_seconds))
            .map_err(|_| ClockError::Offset(self.offset_seconds))?;
        let second =
            Timestamp::from_second(shifted.as_second()).map_err(|_| ClockError::Offset(self.offset_seconds))?;
        Ok(zone.to_datetime(second))
    }

    /// The dates in force at a moment of real time.
    pub fn now(&self, at: Timestamp) -> Result<Now, ClockError> {
        let local = self.local(at)?;
        let today = Date::from_civil(local.date()).map_err(|_| ClockError::Offset(self.offset_seconds))?;
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let as_of = if minute >= self.day_close_minute { today } else { today.previous() };
        Ok(Now { today, as_of })
    }
}

impl Settings {
    /// A district writes its codes as it likes; they compare without regard to case.
    #[must_use]
    pub fn comparable(&self) -> Self {
        fn lower<T: Copy>(table: &BTreeMap<String, T>) -> BTreeMap<String, T> {
            table.iter().map(|(code, meaning)| (code.trim().to_lowercase(), *meaning)).collect()
        }
        Self {
            codes: lower(&self.codes),
            disciplines: lower(&self.disciplines),
            connections: lower(&self.connections),
            grade_scale: self.grade_scale.comparable(),
            school_scales: self.school_scales.iter().map(SchoolScale::comparable).collect(),
            ..self.clone()
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clock: Clock { time_zone: "UTC".to_owned(), offset_seconds: 0, day_close_minute: DEFAULT_DAY_CLOSE_MINUTE },
            failing_below: DEFAULT_FAILING_BELOW,
            reporting: Reporting::Negative,
            source_reporting: BTreeMap::new(),
            codes: BTreeMap::new(),
            disciplines: BTreeMap::new(),
            connections: BTreeMap::new(),
            grade_scale: GradeScale::default(),
            school_scales: Vec::new(),
            transcript_sources: Vec::new(),
        }
    }
}
