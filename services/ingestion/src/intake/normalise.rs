//! From a submission to its canonical record. Pure: the moment and the district's secret are handed in.

use std::borrow::Cow;

use homeroom_domain::date::Date;
use homeroom_domain::event::{Change, Event, Fact, Origin};
use homeroom_domain::id::{DistrictId, EventId, GroupId, Revision, SourceId};
use homeroom_domain::reference::{Entry, ReferenceChange};
use homeroom_proto::event::Sent;
use homeroom_proto::reference;
use jiff::Timestamp;
use jiff::tz::Offset;
use uuid::Uuid;

use super::canonical::{Canonical, EncodedEvent};
use super::field::{Field, Value};
use super::submission::FORMER_STUDENT;
use super::{
    Kind, Problem, Submission, attendance, bell, conduct, connection, coursework, enrollment, grade, place, student,
};
use crate::merge::crosswalk::{Crosswalk, Whose};
use crate::pseudonym::Pseudonym;
use crate::reference_id;

/// What a record is normalised with: who sent it, and when it came.
#[derive(Debug, Clone, Copy)]
pub struct Context<'c> {
    /// The district's pseudonyms.
    pub pseudonym: &'c Pseudonym,
    /// Which of its students are one.
    pub crosswalk: &'c Crosswalk,
    /// The feed.
    pub source: &'c SourceId,
    /// When it came.
    pub received_at: Timestamp,
    /// The date by which far-off dates are refused; a day more or less does not matter.
    pub today: Date,
    /// The revision of a record that comes without one.
    pub arrival: u64,
}

/// The canonical record of a submission, or what is wrong with it.
pub fn normalise(context: &Context<'_>, submission: &Submission<'_>) -> Result<Canonical, Problem> {
    let draft = Draft { context, submission };
    match submission.kind {
        Kind::Student => student::normalise(&draft),
        Kind::Enrollment => enrollment::enrollment(&draft),
        Kind::SectionMembership => enrollment::membership(&draft),
        Kind::Attendance => attendance::mark(&draft),
        Kind::AttendanceTaken => attendance::taken(&draft),
        Kind::Grade => grade::normalise(&draft),
        Kind::Behavior => conduct::behavior(&draft),
        Kind::Discipline => conduct::discipline(&draft),
        Kind::AssignmentResult => coursework::result(&draft),
        Kind::CourseTranscript => coursework::transcript(&draft),
        Kind::Connection => connection::connection(&draft),
        Kind::SurveyScore => connection::survey(&draft),
        Kind::Incident => conduct::incident(&draft),
        Kind::Assignment => coursework::assignment(&draft),
        Kind::Group => connection::group(&draft),
        Kind::School => place::school(&draft),
        Kind::Calendar => place::calendar(&draft),
        Kind::CalendarDate => place::calendar_date(&draft),
        Kind::Session => place::session(&draft),
        Kind::GradingPeriod => place::grading_period(&draft),
        Kind::Course => place::course(&draft),
        Kind::CourseOffering => place::course_offering(&draft),
        Kind::Section => place::section(&draft),
        Kind::ClassPeriod => bell::class_period(&draft),
        Kind::BellSchedule => bell::bell_schedule(&draft),
    }
}

impl<'c> Context<'c> {
    /// The context of records that come now.
    pub fn new(pseudonym: &'c Pseudonym, crosswalk: &'c Crosswalk, source: &'c SourceId, now: Timestamp) -> Self {
        let civil = Offset::UTC.to_datetime(now).date();
        // The clock of a machine that is off by centuries makes every date too late, and is seen at once.
        let today = Date::from_civil(civil).or_else(|_| Date::from_days(0)).expect("1970-01-01 is a date");
        let arrival = u64::try_from(now.as_microsecond()).unwrap_or(0);
        Self { pseudonym, crosswalk, source, received_at: now, today, arrival }
    }

    /// The same for a record that comes without a revision and gets this one; see [`Arrivals`](super::Arrivals).
    #[must_use]
    pub const fn arriving(self, arrival: u64) -> Self {
        Self { arrival, ..self }
    }

    fn district(&self) -> &'c DistrictId {
        self.pseudonym.district()
    }
}

/// A submission on its way: what its kind's module needs to finish it.
pub(super) struct Draft<'d> {
    context: &'d Context<'d>,
    pub(super) submission: &'d Submission<'d>,
}

impl<'d> Draft<'d> {
    /// The district.
    pub(super) fn district(&self) -> &'d DistrictId {
        self.context.district()
    }

    /// By which far-off dates are refused.
    pub(super) fn today(&self) -> Date {
        self.context.today
    }

    /// Grows with each word on one key.
    pub(super) fn revision(&self) -> Revision {
        Revision(if self.submission.revision == 0 { self.context.arrival } else { self.submission.revision })
    }

    /// The id of what a field refers to, the same for every record of the district that names it.
    pub(super) fn reference<T: From<Uuid>>(&self, kind: Kind, field: Field<'_>) -> Result<T, Problem> {
        Ok(self.id_of(kind, field.id()?).into())
    }

    /// Those of incidents and groups with the district's secret, as [`reference_id::incident`] says.
    fn id_of(&self, kind: Kind, id: &str) -> Uuid {
        match kind {
            Kind::Incident | Kind::Group => self.context.pseudonym.reference(kind.as_str(), id),
            _ => reference_id::reference_id(self.district(), kind.as_str(), id),
        }
    }

    /// The ids of all that a list refers to; none when it is not there.
    pub(super) fn references<T: From<Uuid>>(&self, kind: Kind, field: Field<'_>) -> Result<Vec<T>, Problem> {
        let ids = field.present().map_or(Ok(Vec::new()), Field::ids)?;
        Ok(ids.iter().map(|id| self.id_of(kind, id).into()).collect())
    }

    /// The same, when the field is there.
    pub(super) fn optional_reference<T: From<Uuid>>(
        &self,
        kind: Kind,
        path: &'static str,
        value: &Value<'_>,
    ) -> Result<Option<T>, Problem> {
        Field::at(path, value).present().map(|field| self.reference(kind, field)).transpose()
    }

    /// The pseudonym of whoever a field names.
    pub(super) fn person(&self, field: Field<'_>) -> Result<GroupId, Problem> {
        Ok(self.context.pseudonym.person(field.id()?))
    }

    /// The event of a student's record. `key` derives the natural key, when the sender gives none; `fact` is not asked for a
    /// withdrawal.
    pub(super) fn event(
        &self,
        student: &Value<'_>,
        key: impl FnOnce() -> Result<String, Problem>,
        fact: impl FnOnce() -> Result<Fact, Problem>,
    ) -> Result<EncodedEvent, Problem> {
        let local_id = Field::at("$.data.student", student).id()?;
        let Whose { student, sent_as } = self.whose(local_id);
        let former = self.former()?.filter(|former| former.student != student);
        let event = Event {
            // Made of the rest.
            event_id: EventId::new([0; 16]),
            district: self.district().clone(),
            student,
            origin: self.origin(key)?,
            received_at: self.context.received_at,
            occurred_at: self.submission.occurred_at,
            change: self.change(fact)?,
        };
        let left = former.map(|Whose { student, sent_as }| {
            let event = Event { student, change: Change::Withdrawn, ..event.clone() };
            EncodedEvent::new(&Sent { event, sent_as, moved_to: None })
        });
        Ok(EncodedEvent::new(&Sent { event, sent_as, moved_to: None }).leaving(left))
    }

    /// Whose the record was before, when its sender says that it was another student's.
    fn former(&self) -> Result<Option<Whose>, Problem> {
        let Submission { kind, key, former_student, .. } = self.submission;
        if former_student.is_empty() {
            return Ok(None);
        }
        if *kind == Kind::Student {
            let expected = "none, since a student is no other one; `POST /v1/students/merges` says that two are one";
            return Err(Problem::new(FORMER_STUDENT, expected, "is given"));
        }
        if key.is_empty() {
            return Err(Problem::new("$.key", "the key under which the former student has the record", "is not given"));
        }
        Ok(Some(self.whose(former_student)))
    }

    /// For whom the records count that are sent as the student with this id.
    pub(super) fn whose(&self, local_id: &str) -> Whose {
        self.context.crosswalk.whose(self.context.pseudonym.student(local_id))
    }

    /// The reference record.
    pub(super) fn entry(
        &self,
        kind: reference::Kind,
        key: impl FnOnce() -> Result<String, Problem>,
        entry: impl FnOnce() -> Result<Entry, Problem>,
    ) -> Result<Canonical, Problem> {
        if !self.submission.former_student.is_empty() {
            return Err(Problem::new(FORMER_STUDENT, "none, since the record is of no student", "is given"));
        }
        let change = ReferenceChange {
            district: self.district().clone(),
            origin: self.origin(key)?,
            received_at: self.context.received_at,
            change: self.change(entry)?,
        };
        Ok(Canonical::Reference { kind, change: Box::new(change) })
    }

    fn origin(&self, derive: impl FnOnce() -> Result<String, Problem>) -> Result<Origin, Problem> {
        let sent = &self.submission.key;
        let natural_key = if sent.is_empty() { Cow::Owned(derive()?) } else { Cow::Borrowed(sent.as_ref()) };
        let kind = self.submission.kind.as_str();
        Ok(Origin {
            source: self.context.source.clone(),
            key: self.context.pseudonym.record(self.context.source, kind, &natural_key),
            revision: self.revision(),
        })
    }

    fn change<T>(&self, content: impl FnOnce() -> Result<T, Problem>) -> Result<Change<T>, Problem> {
        if self.submission.withdrawn { Ok(Change::Withdrawn) } else { content().map(Change::Recorded) }
    }
}

/// A natural key of the values of fields, in the order given.
pub(super) fn derived_key(parts: &[&str]) -> String {
    reference_id::canonical_key(parts)
}
