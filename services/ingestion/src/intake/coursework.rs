//! `assignment-result`: how a student did an assignment; `assignment`: what it refers to; `course-transcript`: a course that is over.

use homeroom_domain::event::{AssignmentResult, CourseTranscript, Fact};
use homeroom_domain::reference::{Assignment, Entry};
use homeroom_proto::reference;
use serde::Deserialize;

use super::canonical::Canonical;
use super::field::{Field, MAX_CODE_BYTES, Value};
use super::grade::{LARGEST, LETTER, MAX_LETTER_BYTES};
use super::normalise::{Draft, derived_key};
use super::submission::object;
use super::{Kind, Problem};

const CODE: &str = "a code, a text of at most 300 bytes";
const POINTS: &str = "a number of points from 0 to 9999999.99 with at most two decimals";
/// Hundredths of a point.
const MOST_POINTS: i64 = 999_999_999;
const NUMERIC: &str = "a number from 0 to 9999.99 with at most two decimals";
const CREDITS: &str = "a number of credits from 0 to 999.999 with at most three decimals";
/// Thousandths of a credit.
const MOST_CREDITS: i64 = 999_999;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Work<'a> {
    #[serde(borrow)]
    assignment: Value<'a>,
    #[serde(borrow)]
    section: Value<'a>,
    #[serde(borrow)]
    due_on: Value<'a>,
    #[serde(borrow)]
    points: Value<'a>,
}

pub(super) fn assignment(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Work<'_> = object("$.data", &draft.submission.record)?;
    let assignment = Field::at("$.data.assignment", &it.assignment);
    let key = || Ok(derived_key(&[assignment.id()?]));
    let entry = || {
        let points = Field::at("$.data.points", &it.points).present();
        Ok(Entry::Assignment(Assignment {
            assignment: draft.reference(Kind::Assignment, assignment)?,
            section: draft.reference(Kind::Section, Field::at("$.data.section", &it.section))?,
            due_on: Field::at("$.data.due_on", &it.due_on).date(draft.today())?,
            points: points.map(|field| field.hundredths(POINTS, 0, MOST_POINTS)).transpose()?,
        }))
    };
    draft.entry(reference::Kind::Assignment, key, entry)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Done<'a> {
    #[serde(borrow)]
    student: Value<'a>,
    #[serde(borrow)]
    assignment: Value<'a>,
    #[serde(borrow)]
    status: Value<'a>,
    #[serde(borrow)]
    lateness: Value<'a>,
    #[serde(borrow)]
    points: Value<'a>,
    #[serde(borrow)]
    numeric: Value<'a>,
    #[serde(borrow)]
    fulfilled_on: Value<'a>,
}

pub(super) fn result(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Done<'_> = object("$.data", &draft.submission.record)?;
    let student = Field::at("$.data.student", &it.student);
    let assignment = Field::at("$.data.assignment", &it.assignment);
    let key = || Ok(derived_key(&[student.id()?, assignment.id()?]));
    let fact = || {
        let points = Field::at("$.data.points", &it.points).present();
        let numeric = Field::at("$.data.numeric", &it.numeric).present();
        let fulfilled_on = Field::at("$.data.fulfilled_on", &it.fulfilled_on).present();
        Ok(Fact::AssignmentResult(AssignmentResult {
            assignment: draft.reference(Kind::Assignment, assignment)?,
            status: Field::at("$.data.status", &it.status).text_or_empty(CODE, MAX_CODE_BYTES)?.to_owned(),
            lateness: Field::at("$.data.lateness", &it.lateness).text_or_empty(CODE, MAX_CODE_BYTES)?.to_owned(),
            points: points.map(|field| field.hundredths(POINTS, 0, MOST_POINTS)).transpose()?,
            numeric: numeric.map(|field| field.hundredths(NUMERIC, 0, LARGEST)).transpose()?,
            fulfilled_on: fulfilled_on.map(|field| field.date(draft.today())).transpose()?,
        }))
    };
    draft.event(&it.student, key, fact).map(Canonical::Event)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Taken<'a> {
    #[serde(borrow)]
    student: Value<'a>,
    #[serde(borrow)]
    course: Value<'a>,
    #[serde(borrow)]
    school_year: Value<'a>,
    #[serde(borrow)]
    term: Value<'a>,
    #[serde(borrow)]
    result: Value<'a>,
    #[serde(borrow)]
    attempted: Value<'a>,
    #[serde(borrow)]
    earned: Value<'a>,
    #[serde(borrow)]
    numeric: Value<'a>,
    #[serde(borrow)]
    letter: Value<'a>,
}

pub(super) fn transcript(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Taken<'_> = object("$.data", &draft.submission.record)?;
    let student = Field::at("$.data.student", &it.student);
    let course = Field::at("$.data.course", &it.course);
    let year = Field::at("$.data.school_year", &it.school_year);
    let term = Field::at("$.data.term", &it.term);
    let key = || {
        let year = year.school_year(draft.today())?.to_string();
        Ok(derived_key(&[student.id()?, course.id()?, &year, term.code()?]))
    };
    let fact = || {
        let credits = |path, value| {
            Field::at(path, value).present().map(|field| field.thousandths(CREDITS, 0, MOST_CREDITS)).transpose()
        };
        let numeric = Field::at("$.data.numeric", &it.numeric).present();
        let letter = Field::at("$.data.letter", &it.letter).present();
        Ok(Fact::CourseTranscript(CourseTranscript {
            course: draft.reference(Kind::Course, course)?,
            school_year: year.school_year(draft.today())?,
            term: term.code()?.to_owned(),
            result: Field::at("$.data.result", &it.result).text_or_empty(CODE, MAX_CODE_BYTES)?.to_owned(),
            attempted: credits("$.data.attempted", &it.attempted)?,
            earned: credits("$.data.earned", &it.earned)?,
            numeric: numeric.map(|field| field.hundredths(NUMERIC, 0, LARGEST)).transpose()?,
            letter: letter.map(|field| field.text(LETTER, MAX_LETTER_BYTES).map(str::to_owned)).transpose()?,
        }))
    };
    draft.event(&it.student, key, fact).map(Canonical::Event)
}
