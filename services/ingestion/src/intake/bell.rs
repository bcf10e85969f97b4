//! `class-period`, `bell-schedule`: when in a day classes meet.

use homeroom_domain::event::DAY_MINUTES;
use homeroom_domain::reference::{BellSchedule, ClassPeriod, Entry, MeetingTime};
use homeroom_proto::reference;
use serde::Deserialize;

use super::canonical::Canonical;
use super::field::{Field, Value};
use super::normalise::{Draft, derived_key};
use super::submission::object;
use super::{Kind, Problem};

const MINUTES: &str = "minutes of a day, 1 to 1440";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Hours<'a> {
    #[serde(borrow)]
    class_period: Value<'a>,
    #[serde(borrow)]
    bell_schedule: Value<'a>,
    #[serde(borrow)]
    school: Value<'a>,
    #[serde(borrow)]
    official: Value<'a>,
    #[serde(borrow)]
    dates: Value<'a>,
    #[serde(borrow)]
    class_periods: Value<'a>,
    #[serde(borrow)]
    grade_levels: Value<'a>,
    #[serde(borrow)]
    begin_at: Value<'a>,
    #[serde(borrow)]
    end_at: Value<'a>,
    #[serde(borrow)]
    instruction_minutes: Value<'a>,
}

impl Hours<'_> {
    /// From when to when, if it says so; one without the other says nothing.
    fn hours(&self) -> Result<Option<MeetingTime>, Problem> {
        let (begin, end) = (Field::at("$.data.begin_at", &self.begin_at), Field::at("$.data.end_at", &self.end_at));
        if begin.is_missing() && end.is_missing() {
            return Ok(None);
        }
        let (begin_at, end_at) = (begin.minute_of_day()?, end.minute_of_day()?);
        if end_at <= begin_at {
            return Err(end.problem("a time of day after begin_at", "is not after begin_at"));
        }
        Ok(Some(MeetingTime { begin_at, end_at }))
    }
}

pub(super) fn class_period(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Hours<'_> = object("$.data", &draft.submission.record)?;
    let class_period = Field::at("$.data.class_period", &it.class_period);
    let key = || Ok(derived_key(&[class_period.id()?]));
    let entry = || {
        let official = Field::at("$.data.official", &it.official).present().map_or(Ok(false), Field::boolean)?;
        Ok(Entry::ClassPeriod(ClassPeriod {
            class_period: draft.reference(Kind::ClassPeriod, class_period)?,
            school: Field::at("$.data.school", &it.school).school()?,
            official,
            times: it.hours()?.into_iter().collect(),
        }))
    };
    draft.entry(reference::Kind::ClassPeriod, key, entry)
}

pub(super) fn bell_schedule(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Hours<'_> = object("$.data", &draft.submission.record)?;
    let key = || Ok(derived_key(&[Field::at("$.data.bell_schedule", &it.bell_schedule).id()?]));
    let entry = || {
        let minutes = Field::at("$.data.instruction_minutes", &it.instruction_minutes);
        Ok(Entry::BellSchedule(BellSchedule {
            school: Field::at("$.data.school", &it.school).school()?,
            dates: Field::at("$.data.dates", &it.dates).dates(draft.today())?,
            class_periods: draft.references(Kind::ClassPeriod, Field::at("$.data.class_periods", &it.class_periods))?,
            hours: it.hours()?,
            grade_levels: Field::at("$.data.grade_levels", &it.grade_levels)
                .present()
                .map_or(Ok(Vec::new()), Field::codes)?,
            instruction: minutes.present().map(|field| field.whole(MINUTES, 1, DAY_MINUTES)).transpose()?,
        }))
    };
    draft.entry(reference::Kind::BellSchedule, key, entry)
}
