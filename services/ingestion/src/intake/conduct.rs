//! `behavior`: a student's part in an incident; `discipline`: a consequence; `incident`: what both refer to.

use homeroom_domain::event::{Behavior, Discipline, Fact};
use homeroom_domain::reference::{Entry, Incident};
use homeroom_proto::reference;
use serde::Deserialize;

use super::canonical::Canonical;
use super::field::{Field, MAX_CODE_BYTES, Value};
use super::normalise::{Draft, derived_key};
use super::submission::object;
use super::{Kind, Problem};

const PART: &str = "the student's part in the incident, a text of at most 300 bytes";
const LENGTH: &str = "a number of school days from 0 to 999.99 with at most two decimals";
/// Hundredths of a day.
const LONGEST: i64 = 99_999;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Involvement<'a> {
    #[serde(borrow)]
    student: Value<'a>,
    #[serde(borrow)]
    incident: Value<'a>,
    #[serde(borrow)]
    code: Value<'a>,
    #[serde(borrow)]
    part: Value<'a>,
}

pub(super) fn behavior(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Involvement<'_> = object("$.data", &draft.submission.record)?;
    let student = Field::at("$.data.student", &it.student);
    let incident = Field::at("$.data.incident", &it.incident);
    let code = Field::at("$.data.code", &it.code);
    let key = || Ok(derived_key(&[student.id()?, incident.id()?, code.code()?]));
    let fact = || {
        Ok(Fact::Behavior(Behavior {
            incident: draft.reference(Kind::Incident, incident)?,
            code: code.code()?.to_owned(),
            part: Field::at("$.data.part", &it.part).text_or_empty(PART, MAX_CODE_BYTES)?.to_owned(),
        }))
    };
    draft.event(&it.student, key, fact).map(Canonical::Event)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Consequence<'a> {
    #[serde(borrow)]
    student: Value<'a>,
    #[serde(borrow)]
    school: Value<'a>,
    #[serde(borrow)]
    begin_on: Value<'a>,
    #[serde(borrow)]
    length: Value<'a>,
    #[serde(borrow)]
    code: Value<'a>,
}

pub(super) fn discipline(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Consequence<'_> = object("$.data", &draft.submission.record)?;
    let student = Field::at("$.data.student", &it.student);
    let school = Field::at("$.data.school", &it.school);
    let begin_on = Field::at("$.data.begin_on", &it.begin_on);
    let code = Field::at("$.data.code", &it.code);
    let key = || {
        let (school, begin_on) = (school.school()?, begin_on.date(draft.today())?.to_string());
        Ok(derived_key(&[student.id()?, school.as_str(), &begin_on, code.code()?]))
    };
    let fact = || {
        let length = Field::at("$.data.length", &it.length).present();
        let length = length.map(|field| field.hundredths(LENGTH, 0, LONGEST)).transpose()?;
        Ok(Fact::Discipline(Discipline {
            school: school.school()?,
            begin_on: begin_on.date(draft.today())?,
            length: length.map(|hundredths| i32::try_from(hundredths).unwrap_or(i32::MAX)),
            code: code.code()?.to_owned(),
        }))
    };
    draft.event(&it.student, key, fact).map(Canonical::Event)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Happened<'a> {
    #[serde(borrow)]
    incident: Value<'a>,
    #[serde(borrow)]
    school: Value<'a>,
    #[serde(borrow)]
    date: Value<'a>,
}

pub(super) fn incident(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Happened<'_> = object("$.data", &draft.submission.record)?;
    let incident = Field::at("$.data.incident", &it.incident);
    let key = || Ok(derived_key(&[incident.id()?]));
    let entry = || {
        Ok(Entry::Incident(Incident {
            incident: draft.reference(Kind::Incident, incident)?,
            school: Field::at("$.data.school", &it.school).school()?,
            date: Field::at("$.data.date", &it.date).date(draft.today())?,
        }))
    };
    draft.entry(reference::Kind::Incident, key, entry)
}
