//! How a school grades: its scale, and what fails by it.
//!
//! One district often has two ways, percent in its high schools and a standards scale in its elementary schools, where three points
//! of four are good.

use serde::{Deserialize, Serialize};

use super::scale::GradeScale;
use crate::code;
use crate::id::SchoolId;
use crate::settings::Settings;
use crate::view::View;

/// How schools of some types grade, other than the district's others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchoolScale {
    /// Types of school, by value, such as `elementary school`; lower case.
    pub school_types: Vec<String>,
    /// A numeric grade below it fails, hundredths of a point.
    pub failing_below: i64,
    /// What a grade is worth.
    pub grade_scale: GradeScale,
}

impl SchoolScale {
    /// The same as its texts are looked up.
    #[must_use]
    pub fn comparable(&self) -> Self {
        Self {
            school_types: self.school_types.iter().map(|of| code::value(of)).collect(),
            grade_scale: self.grade_scale.comparable(),
            ..*self
        }
    }
}

/// A scale, and what fails by it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grading<'s> {
    failing_below: i64,
    scale: &'s GradeScale,
}

impl<'s> Grading<'s> {
    /// The district's own.
    pub(crate) const fn of_district(settings: &'s Settings) -> Self {
        Self { failing_below: settings.failing_below, scale: &settings.grade_scale }
    }

    /// That of a school: the first that names one of its types, else the district's own.
    pub(crate) fn of_school(settings: &'s Settings, school: &SchoolId, view: &View) -> Self {
        if settings.school_scales.is_empty() {
            return Self::of_district(settings);
        }
        let types = view.school_types(school);
        let named = |scale: &&SchoolScale| types.iter().any(|of| scale.school_types.contains(&code::value(of)));
        let own = settings.school_scales.iter().find(named);
        own.map_or(Self::of_district(settings), |own| Self {
            failing_below: own.failing_below,
            scale: &own.grade_scale,
        })
    }

    /// The number below which a grade fails, hundredths of a point.
    pub(crate) const fn failing_below(&self) -> i64 {
        self.failing_below
    }

    /// What a grade is worth, hundredths of a grade point; none of one that counts in no average.
    pub(crate) fn worth(&self, numeric: Option<i64>, letter: Option<&str>) -> Option<i64> {
        self.scale.worth(numeric, letter)
    }

    /// Whether a grade fails; the number wins over the letter. A letter fails when the scale gives nothing for it; one that the scale
    /// does not have, by what letters commonly mean.
    pub(crate) fn fails(&self, numeric: Option<i64>, letter: Option<&str>) -> bool {
        match (numeric, letter) {
            (Some(numeric), _) => numeric < self.failing_below,
            (None, Some(letter)) => {
                self.scale.of_letter(letter).map_or_else(|| code::failing_letter(letter), |points| points <= 0)
            }
            (None, None) => false,
        }
    }
}
