//! `student`: the district knows this student, by this name.

use homeroom_domain::event::Fact;
use homeroom_proto::directory::StudentProfile;
use serde::Deserialize;

use super::Problem;
use super::canonical::Canonical;
use super::field::{Field, Value};
use super::normalise::{Draft, derived_key};
use super::submission::object;

const NAME: &str = "a name, a text of at most 150 bytes";
const MAX_NAME_BYTES: usize = 150;

#[derive(Deserialize, Default)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "they are the names on the wire")]
struct Student<'a> {
    #[serde(borrow)]
    student: Value<'a>,
    #[serde(borrow)]
    first_name: Value<'a>,
    #[serde(borrow)]
    last_name: Value<'a>,
    #[serde(borrow)]
    preferred_name: Value<'a>,
}

pub(super) fn normalise(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it: Student<'_> = object("$.data", &draft.submission.record)?;
    let local_id = Field::at("$.data.student", &it.student).id()?;
    let event = draft.event(&it.student, || Ok(derived_key(&[local_id])), || Ok(Fact::Registration))?;
    let whose = draft.whose(local_id);
    let (sent_as, same_as) = (whose.sent_as.unwrap_or(whose.student), whose.sent_as.map(|_| whose.student));
    if draft.submission.withdrawn {
        return Ok(Canonical::Student { event, sent_as, profile: None });
    }
    let name = |path, value| Field::at(path, value).text_or_empty(NAME, MAX_NAME_BYTES).map(str::to_owned);
    let profile = StudentProfile {
        district: event.district.clone(),
        student: sent_as,
        local_id: local_id.to_owned(),
        first_name: name("$.data.first_name", &it.first_name)?,
        last_name: name("$.data.last_name", &it.last_name)?,
        preferred_name: name("$.data.preferred_name", &it.preferred_name)?,
        revision: event.revision,
        same_as,
    };
    Ok(Canonical::Student { event, sent_as, profile: Some(Box::new(profile)) })
}
