//! `attendance` and `attendance-taken`: marks, and the word that a section's marks are complete.

use homeroom_domain::event::{AttendanceMark, DAY_MINUTES, Fact, Scope, Times};
use homeroom_domain::reference::{AttendanceTaken, Entry};
use homeroom_proto::reference;
use serde::Deserialize;

use super::canonical::Canonical;
use super::field::{Field, Value};
use super::normalise::{Draft, derived_key};
use super::submission::object;
use super::{Kind, Problem};

/// Above 1 counts as the whole day, as zero does: sources send such, and refusing them would lose an absence.
const SHARE: &str = "a share of the day from 0 to 9.99 with at most two decimals";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Mark<'a> {
    #[serde(borrow)]
    student: Value<'a>,
    #[serde(borrow)]
    school: Value<'a>,
    #[serde(borrow)]
    date: Value<'a>,
    #[serde(borrow)]
    section: Value<'a>,
    #[serde(borrow)]
    session: Value<'a>,
    #[serde(borrow)]
    code: Value<'a>,
    #[serde(borrow)]
    share: Value<'a>,
    #[serde(borrow)]
    minutes: Value<'a>,
    #[serde(borrow)]
    came_at: Value<'a>,
    #[serde(borrow)]
    left_at: Value<'a>,
}

impl Mark<'_> {
    fn times(&self) -> Result<Times, Problem> {
        const MINUTES: &str = "minutes of a day, a whole number from 0 to 1440";
        let minutes = Field::at("$.data.minutes", &self.minutes).present();
        let came_at = Field::at("$.data.came_at", &self.came_at).present();
        let left_at = Field::at("$.data.left_at", &self.left_at).present();
        Ok(Times {
            minutes: minutes.map(|field| field.whole(MINUTES, 0, DAY_MINUTES)).transpose()?,
            came_at: came_at.map(Field::minute_of_day).transpose()?,
            left_at: left_at.map(Field::minute_of_day).transpose()?,
        })
    }
}

/// A student has one mark per school, date and scope: the code may change under the same key, and the correction replaces it.
pub(super) fn mark(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Mark<'_> = object("$.data", &draft.submission.record)?;
    let student = Field::at("$.data.student", &it.student);
    let school = Field::at("$.data.school", &it.school);
    let date = Field::at("$.data.date", &it.date);
    let section = Field::at("$.data.section", &it.section);
    let share = Field::at("$.data.share", &it.share);
    let key = || {
        let (school, date) = (school.school()?, date.date(draft.today())?.to_string());
        let scope = section.present().map_or(Ok(""), Field::id)?;
        Ok(derived_key(&[student.id()?, school.as_str(), &date, scope]))
    };
    let fact = || {
        let section = draft.optional_reference(Kind::Section, "$.data.section", &it.section)?;
        let share = share.present().map(|field| field.hundredths(SHARE, 0, 9_99)).transpose()?;
        Ok(Fact::AttendanceMark(AttendanceMark {
            school: school.school()?,
            date: date.date(draft.today())?,
            scope: section.map_or(Scope::Day, Scope::Section),
            session: draft.optional_reference(Kind::Session, "$.data.session", &it.session)?,
            code: Field::at("$.data.code", &it.code).code()?.to_owned(),
            share: share.map(|hundredths| i32::try_from(hundredths).unwrap_or(i32::MAX)),
            times: it.times()?,
        }))
    };
    draft.event(&it.student, key, fact).map(Canonical::Event)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Taken<'a> {
    #[serde(borrow)]
    section: Value<'a>,
    #[serde(borrow)]
    date: Value<'a>,
}

pub(super) fn taken(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Taken<'_> = object("$.data", &draft.submission.record)?;
    let section = Field::at("$.data.section", &it.section);
    let date = Field::at("$.data.date", &it.date);
    let key = || Ok(derived_key(&[section.id()?, &date.date(draft.today())?.to_string()]));
    let entry = || {
        let (section, date) = (draft.reference(Kind::Section, section)?, date.date(draft.today())?);
        Ok(Entry::AttendanceTaken(AttendanceTaken { section, date }))
    };
    draft.entry(reference::Kind::AttendanceTaken, key, entry)
}
