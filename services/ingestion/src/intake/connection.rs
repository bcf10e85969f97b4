//! `connection`: a tie to an activity or an adult; `group`: what it may refer to; `survey-score`: what a student says.

use homeroom_domain::event::{Connection, Fact, SurveyScore};
use homeroom_domain::reference::{Entry, Group};
use homeroom_proto::reference;
use serde::Deserialize;

use super::canonical::Canonical;
use super::field::{Field, Value};
use super::normalise::{Draft, derived_key};
use super::submission::object;
use super::{Kind, Problem};

const SCORE: &str = "a number from 0 to 100 with at most two decimals";
/// Hundredths.
const BEST: i64 = 10_000;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tie<'a> {
    #[serde(borrow)]
    student: Value<'a>,
    #[serde(borrow)]
    with: Value<'a>,
    #[serde(borrow)]
    kind: Value<'a>,
    #[serde(borrow)]
    begin_on: Value<'a>,
    #[serde(borrow)]
    end_on: Value<'a>,
}

/// With a kind, `with` is whoever or whatever it is, and goes on as a pseudonym, since it may be a person's id. Without one it is a
/// `group`, whose own record says the kind.
pub(super) fn connection(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Tie<'_> = object("$.data", &draft.submission.record)?;
    let student = Field::at("$.data.student", &it.student);
    let with = Field::at("$.data.with", &it.with);
    let kind = Field::at("$.data.kind", &it.kind).present();
    let begin_on = Field::at("$.data.begin_on", &it.begin_on);
    let end_on = Field::at("$.data.end_on", &it.end_on);
    let code = || kind.map_or(Ok(""), Field::code);
    let key = || {
        let begin_on = begin_on.date(draft.today())?.to_string();
        Ok(derived_key(&[student.id()?, with.id()?, code()?, &begin_on]))
    };
    let fact = || {
        let begin = begin_on.date(draft.today())?;
        let end = end_on.present().map(|field| field.date(draft.today())).transpose()?;
        if end.is_some_and(|end| end < begin) {
            return Err(end_on.problem("a date not before begin_on", "is before begin_on"));
        }
        let with = if kind.is_some() { draft.person(with)? } else { draft.reference(Kind::Group, with)? };
        Ok(Fact::Connection(Connection { with, kind: code()?.to_owned(), begin_on: begin, end_on: end }))
    };
    draft.event(&it.student, key, fact).map(Canonical::Event)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Gathering<'a> {
    #[serde(borrow)]
    group: Value<'a>,
    #[serde(borrow)]
    kind: Value<'a>,
}

pub(super) fn group(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Gathering<'_> = object("$.data", &draft.submission.record)?;
    let group = Field::at("$.data.group", &it.group);
    let key = || Ok(derived_key(&[group.id()?]));
    let entry = || {
        let kind = Field::at("$.data.kind", &it.kind).code()?.to_owned();
        Ok(Entry::Group(Group { group: draft.reference(Kind::Group, group)?, kind }))
    };
    draft.entry(reference::Kind::Group, key, entry)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Answered<'a> {
    #[serde(borrow)]
    student: Value<'a>,
    #[serde(borrow)]
    survey: Value<'a>,
    #[serde(borrow)]
    taken_on: Value<'a>,
    #[serde(borrow)]
    score: Value<'a>,
}

pub(super) fn survey(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Answered<'_> = object("$.data", &draft.submission.record)?;
    let student = Field::at("$.data.student", &it.student);
    let survey = Field::at("$.data.survey", &it.survey);
    let taken_on = Field::at("$.data.taken_on", &it.taken_on);
    let key = || Ok(derived_key(&[student.id()?, survey.code()?, &taken_on.date(draft.today())?.to_string()]));
    let fact = || {
        let score = Field::at("$.data.score", &it.score).hundredths(SCORE, 0, BEST)?;
        Ok(Fact::SurveyScore(SurveyScore {
            survey: survey.code()?.to_owned(),
            taken_on: taken_on.date(draft.today())?,
            score: i32::try_from(score).unwrap_or(i32::MAX),
        }))
    };
    draft.event(&it.student, key, fact).map(Canonical::Event)
}
