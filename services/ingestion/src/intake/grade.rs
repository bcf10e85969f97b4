//! `grade`: a grade for a section in a grading period.

use homeroom_domain::event::{Fact, Grade};
use serde::Deserialize;

use super::canonical::Canonical;
use super::field::{Field, Value};
use super::normalise::{Draft, derived_key};
use super::submission::object;
use super::{Kind, Problem};

const NUMERIC: &str = "a number from 0 to 9999.99 with at most two decimals, or a letter grade";
pub(super) const LETTER: &str = "a letter grade, a text of 1 to 20 bytes";
/// Hundredths of a point.
pub(super) const LARGEST: i64 = 999_999;
pub(super) const MAX_LETTER_BYTES: usize = 20;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Graded<'a> {
    #[serde(borrow)]
    student: Value<'a>,
    #[serde(borrow)]
    section: Value<'a>,
    #[serde(borrow)]
    grading_period: Value<'a>,
    #[serde(borrow)]
    grade_type: Value<'a>,
    #[serde(borrow)]
    numeric: Value<'a>,
    #[serde(borrow)]
    letter: Value<'a>,
}

pub(super) fn normalise(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Graded<'_> = object("$.data", &draft.submission.record)?;
    let student = Field::at("$.data.student", &it.student);
    let section = Field::at("$.data.section", &it.section);
    let period = Field::at("$.data.grading_period", &it.grading_period);
    let grade_type = Field::at("$.data.grade_type", &it.grade_type);
    let key = || Ok(derived_key(&[student.id()?, section.id()?, period.id()?, grade_type.code()?]));
    let fact = || {
        let numeric = Field::at("$.data.numeric", &it.numeric);
        let letter = Field::at("$.data.letter", &it.letter);
        if numeric.is_missing() && letter.is_missing() {
            return Err(numeric.problem(NUMERIC, "is missing, and so is the letter"));
        }
        Ok(Fact::Grade(Grade {
            section: draft.reference(Kind::Section, section)?,
            grading_period: draft.reference(Kind::GradingPeriod, period)?,
            grade_type: grade_type.code()?.to_owned(),
            numeric: numeric.present().map(|field| field.hundredths(NUMERIC, 0, LARGEST)).transpose()?,
            letter: letter.present().map(|it| it.text(LETTER, MAX_LETTER_BYTES).map(str::to_owned)).transpose()?,
        }))
    };
    draft.event(&it.student, key, fact).map(Canonical::Event)
}
