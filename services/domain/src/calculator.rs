//! Attendance calculators: how what was told of a day becomes what the day counts for, as a district's data.
//!
//! Districts differ in what a day absent is (by share of the day, hours, halves, minutes, an official period), and in what a
//! suspension, a remote day or the third tardy counts for. All of it is data here; the shipped calculator is DESIGN's default policy.
//! Unit of a day: one hundredth of it.

mod band;
mod count;
mod document;
mod fact;
mod instruction;
mod span;
mod tardy;
#[cfg(test)]
mod tests;
mod timeline;

use std::collections::BTreeMap;

pub use band::{Band, Bands, Bound};
pub(crate) use count::hundredths;
pub use count::{Arrival, Counted};
pub use document::{Error, MAX_BYTES, parse};
pub use fact::{DayMark, Period, PeriodMark, SchoolDay, Span, Told};
pub use instruction::{Instruction, PASSING_MINUTES};
pub use tardy::{Conversion, Every, Late, Within};
pub use timeline::Minutes;

use crate::id::SchoolId;
use crate::settings::{Category, Reporting};

/// The calculator that is shipped, as a district would write it.
pub const SHIPPED: &str = include_str!("calculator/shipped.yaml");

/// The JSON Schema of a document of calculators.
pub const SCHEMA: &str = include_str!("calculator/schema.json");

/// How days are counted where it applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calculator {
    /// Its name, which explanations cite.
    pub id: String,
    /// Where it applies.
    pub applies: Applies,
    /// What a day absent is.
    pub method: Method,
    /// What marks of a category count as, where the district says other than [`treated`].
    pub treat: BTreeMap<Category, Category>,
    /// When tardies become an absence.
    pub tardies: Option<Conversion>,
    /// Instruction of a day whose bell schedule is not known, minutes.
    pub day_minutes: Option<i32>,
    /// What of a bell schedule is instruction.
    pub instruction: Instruction,
    /// What silence means there; none where the district's settings say it.
    pub reporting: Option<Reporting>,
    /// What a date is worth, by its calendar event's value, hundredths of a day; lower case.
    pub weights: BTreeMap<String, i32>,
    /// Instruction of a whole day, minutes: a date whose bell schedule tells of less is worth that part of a day.
    pub full_day_minutes: Option<i32>,
    /// Whether the student counts as enrolled on the exit day.
    pub exit_day_counts: bool,
    /// Exit types that say that the student never came, by value; lower case.
    pub no_show_types: Vec<String>,
}

/// Where a calculator applies: where all that is named here matches. A calculator that names nothing applies everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applies {
    /// Schools, when it names some.
    pub schools: Vec<SchoolId>,
    /// Types of school, by value, such as `elementary school`; lower case.
    pub school_types: Vec<String>,
    /// Calendars, by their code; lower case.
    pub calendars: Vec<String>,
    /// Types of calendars, by value; lower case.
    pub calendar_types: Vec<String>,
}

/// What decides whether a calculator applies: a calendar and its school, in lower case.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The school.
    pub school: &'a SchoolId,
    /// What kinds of school it is, by value.
    pub school_types: &'a [String],
    /// The calendar's code.
    pub calendar: &'a str,
    /// Its type, by value.
    pub calendar_type: &'a str,
}

/// What a day absent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// The shares that daily marks say; without them, all of the day when at least half of its periods are missed. DESIGN's
    /// default policy, items 3 and 4.
    Marks,
    /// By the share of its minutes that the student was there, percent.
    SharePresent(Bands),
    /// By the minutes that the student was there.
    MinutesPresent(Bands),
    /// By the minutes missed.
    MinutesAbsent(Bands),
    /// Each half of the day counts for itself.
    Halves {
        /// When the second half begins, minutes after midnight.
        noon: i32,
        /// Minutes that the student has to be there in a half.
        needed: i32,
    },
    /// What the official period's marks say is what the day was.
    OfficialPeriod,
    /// The missed part of the day's minutes, to the nearest hundredth; what is short of half stays short of it.
    Exact,
}

/// What the categories of marks that are told apart from presence, absence and lateness count as, unless a district says otherwise.
///
/// A suspension out of school is an absence with a reason, one in school is expected attendance. Source: CALPADS glossary,
/// chronic absentee. A medical excuse is an excuse, and an excused tardy a tardy: laws alone tell them apart.
pub const fn treated(category: Category) -> Category {
    match category {
        Category::SuspendedOut | Category::MedicalAbsence => Category::ExcusedAbsence,
        Category::ExcusedTardy => Category::Tardy,
        Category::SuspendedIn | Category::Remote | Category::Activity => Category::Present,
        other => other,
    }
}

impl Calculator {
    /// DESIGN's default policy.
    pub fn shipped() -> Self {
        Self {
            id: "default".to_owned(),
            applies: Applies::default(),
            method: Method::Marks,
            treat: BTreeMap::new(),
            tardies: None,
            day_minutes: None,
            instruction: Instruction::default(),
            reporting: None,
            weights: BTreeMap::new(),
            full_day_minutes: None,
            exit_day_counts: true,
            no_show_types: ["no show", "no-show", "noshow"].map(str::to_owned).to_vec(),
        }
    }

    /// What a category counts as here.
    pub(crate) fn treat(&self, category: Option<Category>) -> Option<Category> {
        let category = category?;
        Some(self.treat.get(&category).copied().unwrap_or_else(|| treated(category)))
    }

    /// Whether a mark of this category is an absence here.
    pub(crate) fn is_absence(&self, category: Option<Category>) -> bool {
        self.treat(category).is_some_and(timeline::is_absence)
    }
}

impl Applies {
    /// Whether it does.
    pub fn to(&self, place: &Place<'_>) -> bool {
        fn named(names: &[String], is: impl Fn(&str) -> bool) -> bool {
            names.is_empty() || names.iter().any(|name| is(name))
        }
        (self.schools.is_empty() || self.schools.contains(place.school))
            && named(&self.school_types, |name| place.school_types.iter().any(|of| of == name))
            && named(&self.calendars, |name| name == place.calendar)
            && named(&self.calendar_types, |name| name == place.calendar_type)
    }
}
