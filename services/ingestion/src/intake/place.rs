//! `school`, `calendar`, `calendar-date`, `session`, `grading-period`, `course`, `course-offering`, `section`: what events
//! refer to.

use homeroom_domain::date::Date;
use homeroom_domain::id::{SchoolId, SchoolYear};
use homeroom_domain::reference::{
    Calendar, CalendarDate, Course, CourseOffering, Entry, GradingPeriod, School, Section, Session,
};
use homeroom_proto::reference;
use serde::Deserialize;

use super::canonical::Canonical;
use super::field::{Field, MAX_CODE_BYTES, Value};
use super::normalise::{Draft, derived_key};
use super::submission::object;
use super::{Kind, Problem};

const NAME: &str = "a name, a text of at most 150 bytes";
const CODE: &str = "a code, a text of at most 300 bytes";
const MAX_NAME_BYTES: usize = 150;

/// The fields of all these kinds; a kind reads those it has.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Place<'a> {
    #[serde(borrow)]
    school: Value<'a>,
    #[serde(borrow)]
    name: Value<'a>,
    #[serde(borrow)]
    school_year: Value<'a>,
    #[serde(borrow)]
    calendar: Value<'a>,
    #[serde(borrow)]
    date: Value<'a>,
    #[serde(borrow)]
    events: Value<'a>,
    #[serde(borrow)]
    session: Value<'a>,
    #[serde(borrow)]
    grading_period: Value<'a>,
    #[serde(borrow)]
    begin_on: Value<'a>,
    #[serde(borrow)]
    end_on: Value<'a>,
    #[serde(borrow)]
    course: Value<'a>,
    #[serde(borrow)]
    subjects: Value<'a>,
    #[serde(borrow)]
    course_offering: Value<'a>,
    #[serde(borrow)]
    section: Value<'a>,
    #[serde(borrow)]
    types: Value<'a>,
    #[serde(borrow)]
    code: Value<'a>,
    #[serde(borrow)]
    calendar_type: Value<'a>,
    #[serde(borrow)]
    class_periods: Value<'a>,
    #[serde(borrow)]
    official: Value<'a>,
}

impl Place<'_> {
    fn school(&self) -> Result<SchoolId, Problem> {
        Field::at("$.data.school", &self.school).school()
    }

    fn school_year(&self, draft: &Draft<'_>) -> Result<SchoolYear, Problem> {
        Field::at("$.data.school_year", &self.school_year).school_year(draft.today())
    }

    fn date(&self, draft: &Draft<'_>) -> Result<Date, Problem> {
        Field::at("$.data.date", &self.date).date(draft.today())
    }

    /// First and last date, in this order.
    fn span(&self, draft: &Draft<'_>) -> Result<(Date, Date), Problem> {
        let begin_on = Field::at("$.data.begin_on", &self.begin_on).date(draft.today())?;
        let field = Field::at("$.data.end_on", &self.end_on);
        let end_on = field.date(draft.today())?;
        if end_on < begin_on {
            return Err(field.problem("a date not before begin_on", "is before begin_on"));
        }
        Ok((begin_on, end_on))
    }

    fn calendar(&self) -> Field<'_> {
        Field::at("$.data.calendar", &self.calendar)
    }

    fn session(&self) -> Field<'_> {
        Field::at("$.data.session", &self.session)
    }

    fn grading_period(&self) -> Field<'_> {
        Field::at("$.data.grading_period", &self.grading_period)
    }

    fn course(&self) -> Field<'_> {
        Field::at("$.data.course", &self.course)
    }

    fn course_offering(&self) -> Field<'_> {
        Field::at("$.data.course_offering", &self.course_offering)
    }

    fn section(&self) -> Field<'_> {
        Field::at("$.data.section", &self.section)
    }
}

fn read<'d>(draft: &'d Draft<'_>) -> Result<Place<'d>, Problem> {
    object("$.data", &draft.submission.record)
}

pub(super) fn school(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it = read(draft)?;
    let key = || Ok(derived_key(&[it.school()?.as_str()]));
    let entry = || {
        let name = Field::at("$.data.name", &it.name).text_or_empty(NAME, MAX_NAME_BYTES)?;
        let types = Field::at("$.data.types", &it.types).present().map_or(Ok(Vec::new()), Field::codes)?;
        Ok(Entry::School(School { school: it.school()?, name: name.to_owned(), types }))
    };
    draft.entry(reference::Kind::School, key, entry)
}

pub(super) fn calendar(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it = read(draft)?;
    let key = || Ok(derived_key(&[it.calendar().id()?]));
    let entry = || {
        let calendar = draft.reference(Kind::Calendar, it.calendar())?;
        let (school, school_year) = (it.school()?, it.school_year(draft)?);
        let code = Field::at("$.data.code", &it.code).text_or_empty(CODE, MAX_CODE_BYTES)?.to_owned();
        let calendar_type = Field::at("$.data.calendar_type", &it.calendar_type);
        let calendar_type = calendar_type.text_or_empty(CODE, MAX_CODE_BYTES)?.to_owned();
        Ok(Entry::Calendar(Calendar { calendar, school, school_year, code, calendar_type }))
    };
    draft.entry(reference::Kind::Calendar, key, entry)
}

pub(super) fn calendar_date(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it = read(draft)?;
    let key = || Ok(derived_key(&[it.calendar().id()?, &it.date(draft)?.to_string()]));
    let entry = || {
        let calendar = draft.reference(Kind::Calendar, it.calendar())?;
        let events = Field::at("$.data.events", &it.events).codes()?;
        Ok(Entry::CalendarDate(CalendarDate { calendar, date: it.date(draft)?, events }))
    };
    draft.entry(reference::Kind::CalendarDate, key, entry)
}

pub(super) fn session(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it = read(draft)?;
    let key = || Ok(derived_key(&[it.session().id()?]));
    let entry = || {
        let session = draft.reference(Kind::Session, it.session())?;
        let (school, school_year) = (it.school()?, it.school_year(draft)?);
        let (begin_on, end_on) = it.span(draft)?;
        Ok(Entry::Session(Session { session, school, school_year, begin_on, end_on }))
    };
    draft.entry(reference::Kind::Session, key, entry)
}

pub(super) fn grading_period(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it = read(draft)?;
    let key = || Ok(derived_key(&[it.grading_period().id()?]));
    let entry = || {
        let grading_period = draft.reference(Kind::GradingPeriod, it.grading_period())?;
        let (school, school_year) = (it.school()?, it.school_year(draft)?);
        let (begin_on, end_on) = it.span(draft)?;
        Ok(Entry::GradingPeriod(GradingPeriod { grading_period, school, school_year, begin_on, end_on }))
    };
    draft.entry(reference::Kind::GradingPeriod, key, entry)
}

pub(super) fn course(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it = read(draft)?;
    let key = || Ok(derived_key(&[it.course().id()?]));
    let entry = || {
        let course = draft.reference(Kind::Course, it.course())?;
        let subjects = Field::at("$.data.subjects", &it.subjects).present();
        Ok(Entry::Course(Course { course, subjects: subjects.map_or(Ok(Vec::new()), Field::codes)? }))
    };
    draft.entry(reference::Kind::Course, key, entry)
}

pub(super) fn course_offering(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it = read(draft)?;
    let key = || Ok(derived_key(&[it.course_offering().id()?]));
    let entry = || {
        Ok(Entry::CourseOffering(CourseOffering {
            course_offering: draft.reference(Kind::CourseOffering, it.course_offering())?,
            course: draft.reference(Kind::Course, it.course())?,
            session: draft.reference(Kind::Session, it.session())?,
        }))
    };
    draft.entry(reference::Kind::CourseOffering, key, entry)
}

pub(super) fn section(draft: &Draft<'_>) -> Result<Canonical, Problem> {
    let it = read(draft)?;
    let key = || Ok(derived_key(&[it.section().id()?]));
    let entry = || {
        let section = draft.reference(Kind::Section, it.section())?;
        let course_offering = draft.reference(Kind::CourseOffering, it.course_offering())?;
        let class_periods = Field::at("$.data.class_periods", &it.class_periods);
        let class_periods = draft.references(Kind::ClassPeriod, class_periods)?;
        let official = Field::at("$.data.official", &it.official).present().map_or(Ok(false), Field::boolean)?;
        Ok(Entry::Section(Section { section, course_offering, school: it.school()?, class_periods, official }))
    };
    draft.entry(reference::Kind::Section, key, entry)
}
