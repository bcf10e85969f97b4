//! `enrollment` and `section-membership`: where a student belongs, and from when to when.

use homeroom_domain::event::{Enrollment, Fact, SectionMembership};
use serde::Deserialize;

use super::canonical::Canonical;
use super::field::{Field, MAX_CODE_BYTES, Value};
use super::normalise::{Draft, derived_key};
use super::submission::object;
use super::{Kind, Problem};

const CODE: &str = "a code, a text of at most 300 bytes";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Spell<'a> {
    #[serde(borrow)]
    student: Value<'a>,
    #[serde(borrow)]
    school: Value<'a>,
    #[serde(borrow)]
    entry_on: Value<'a>,
    #[serde(borrow)]
    exit_on: Value<'a>,
    #[serde(borrow)]
    calendar: Value<'a>,
    #[serde(borrow)]
    primary_school: Value<'a>,
    #[serde(borrow)]
    grade_level: Value<'a>,
    #[serde(borrow)]
    exit_type: Value<'a>,
}

/// An exit before the entry is taken: so a no-show is told.
pub(super) fn enrollment(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Spell<'_> = object("$.data", &draft.submission.record)?;
    let student = Field::at("$.data.student", &it.student);
    let school = Field::at("$.data.school", &it.school);
    let entry_on = Field::at("$.data.entry_on", &it.entry_on);
    let exit_on = Field::at("$.data.exit_on", &it.exit_on);
    let primary = Field::at("$.data.primary_school", &it.primary_school);
    let code = |path, value| Field::at(path, value).text_or_empty(CODE, MAX_CODE_BYTES).map(str::to_owned);
    let today = draft.today();
    let key = || {
        let (school, entry_on) = (school.school()?, entry_on.date(today)?.to_string());
        Ok(derived_key(&[student.id()?, school.as_str(), &entry_on]))
    };
    let fact = || {
        Ok(Fact::Enrollment(Enrollment {
            school: school.school()?,
            entry_on: entry_on.date(today)?,
            exit_on: exit_on.present().map(|field| field.date(today)).transpose()?,
            calendar: draft.optional_reference(Kind::Calendar, "$.data.calendar", &it.calendar)?,
            primary_school: primary.present().map_or(Ok(false), Field::boolean)?,
            grade_level: code("$.data.grade_level", &it.grade_level)?,
            exit_type: code("$.data.exit_type", &it.exit_type)?,
        }))
    };
    draft.event(&it.student, key, fact).map(Canonical::Event)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Membership<'a> {
    #[serde(borrow)]
    student: Value<'a>,
    #[serde(borrow)]
    section: Value<'a>,
    #[serde(borrow)]
    begin_on: Value<'a>,
    #[serde(borrow)]
    end_on: Value<'a>,
}

pub(super) fn membership(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Membership<'_> = object("$.data", &draft.submission.record)?;
    let student = Field::at("$.data.student", &it.student);
    let section = Field::at("$.data.section", &it.section);
    let begin_on = Field::at("$.data.begin_on", &it.begin_on);
    let end_on = Field::at("$.data.end_on", &it.end_on);
    let today = draft.today();
    let key = || {
        let begin_on = begin_on.date(today)?.to_string();
        Ok(derived_key(&[student.id()?, section.id()?, &begin_on]))
    };
    let fact = || {
        let begin = begin_on.date(today)?;
        let end = end_on.present().map(|field| field.date(today)).transpose()?;
        if end.is_some_and(|end| end < begin) {
            return Err(end_on.problem("a date not before begin_on", "is before begin_on"));
        }
        let section = draft.reference(Kind::Section, section)?;
        Ok(Fact::SectionMembership(SectionMembership { section, begin_on: begin, end_on: end }))
    };
    draft.event(&it.student, key, fact).map(Canonical::Event)
}
