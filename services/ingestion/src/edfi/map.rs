//! A change of a document becomes messages for the log. Pure; one file per family of resources.
//!
//! What a document says is a list of statements, each about one record. A change is the difference between what was said
//! before and what is said now: what is no longer said is withdrawn, what is said now is recorded, all with the change version
//! as revision. So a delete, a change of the natural key and a correction are one case.
//!
//! A document that is valid Ed-Fi may still say what Homeroom cannot hold (a school id with a slash, a date in 1750). It is
//! kept, what it said before is withdrawn, and a dead letter tells which field and why.

mod attendance;
mod conduct;
mod connection;
mod coursework;
mod fields;
mod grade;
mod reference;
mod student;

use bytes::Bytes;
use homeroom_bus::Topic;
use homeroom_domain::event::{Change, Event, Fact, Origin};
use homeroom_domain::id::{EventId, RecordKey, Revision, SourceId, StudentKey};
use homeroom_domain::reference::{Entry, ReferenceChange};
use homeroom_proto::dead_letter::{DeadLetter, Excerpt};
use homeroom_proto::directory::StudentProfile;
use homeroom_proto::event::Sent;
use homeroom_proto::reference::Kind;
use homeroom_proto::{dead_letter, directory, key, reference as reference_wire};
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use self::fields::Fields;
use super::key::Key;
use super::table::Resource;
use crate::merge::crosswalk::{Crosswalk, Whose};
use crate::named;
use crate::outbox::Message;
use crate::pseudonym::Pseudonym;

/// Fixed forever: derives the ids of events.
const EVENT_NAMESPACE: Uuid = Uuid::from_u128(0x91c2_7f66_0b3d_4e11_b6a4_52de_1f80_77ac);

/// The longest message, with room for the log's own bounds around it.
const MAX_MESSAGE_BYTES: usize = homeroom_bus::log::MAX_RECORD_BYTES / 2;

/// A document that changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The secret that makes its keys pseudonymous.
    pub(crate) pseudonym: &'a Pseudonym,
    /// Which of its students are one.
    pub(crate) crosswalk: &'a Crosswalk,
    /// Whose document it is.
    pub(crate) source: &'a SourceId,
    /// Its resource; documents of resources outside the table say nothing to us.
    pub(crate) resource: Option<&'a Resource>,
    /// Under which the door keeps it.
    pub(crate) document_id: Uuid,
    /// The change's version.
    pub(crate) revision: u64,
    /// When the change was accepted.
    pub(crate) received_at: Timestamp,
}

/// One thing that a document says, about one record.
#[derive(Debug, Clone, PartialEq)]
enum Statement {
    /// Of a student, by the district's own id.
    Fact(String, Fact),
    /// The same, when a document says several of a kind: each is named by what sets it apart.
    FactOf(String, String, Fact),
    /// A student's names.
    Profile(Box<Profile>),
    /// Of what events refer to. A document that makes several names each but the first.
    Entry(&'static str, Entry),
}

/// A student's names and own id.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Profile {
    local_id: String,
    first_name: String,
    last_name: String,
    preferred_name: String,
}

/// What Homeroom cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unmappable {
    field: String,
    expected: String,
    detail: String,
}

/// Which record a statement is about; the message's key follows from it. A student is whom the document names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Event(StudentKey, RecordKey),
    Profile(StudentKey),
    Reference(Kind, RecordKey),
}

/// The messages of a change from one body, or none, to another, or none.
pub(crate) fn messages(
    context: Context<'_>,
    before: Option<&Map<String, Value>>,
    after: Option<&Map<String, Value>>,
) -> Vec<Message> {
    // What could not be said before was never sent, so there is nothing to withdraw.
    let before = before.map(|body| Document::of(context, body).unwrap_or_default()).unwrap_or_default();
    let (after, letter) = match after.map(|body| Document::of(context, body).map_err(|why| context.dead_letter(why))) {
        Some(Ok(document)) => (document, None),
        Some(Err(letter)) => (Document::default(), Some(letter)),
        None => (Document::default(), None),
    };
    let still: Vec<_> = after.said.iter().map(|statement| context.subject(&after.natural_key, statement)).collect();
    let withdrawn = before.said.iter().map(|statement| context.subject(&before.natural_key, statement));
    let withdrawn = withdrawn.filter(|subject| !still.contains(subject)).map(|subject| context.withdrawn(subject));
    let recorded = after.said.iter().map(|statement| context.recorded(&after.natural_key, statement.clone()));
    withdrawn.chain(recorded).chain(letter).map(|message| context.fit(message)).collect()
}

/// What a document says, and under which natural key.
#[derive(Default)]
struct Document {
    natural_key: String,
    said: Vec<Statement>,
}

impl Document {
    fn of(context: Context<'_>, body: &Map<String, Value>) -> Result<Self, Unmappable> {
        let said = statements(context, body)?;
        Ok(Self { natural_key: Key::of(context.resource, body).canonical, said })
    }
}

/// What a document says.
fn statements(context: Context<'_>, body: &Map<String, Value>) -> Result<Vec<Statement>, Unmappable> {
    let fields = Fields::new(context.pseudonym, body);
    match context.endpoint() {
        "students" => student::profile(fields),
        "studentSchoolAssociations" => student::enrollment(fields),
        "studentSectionAssociations" => student::membership(fields),
        "studentSchoolAttendanceEvents" => attendance::daily(fields),
        "studentSectionAttendanceEvents" => attendance::section(fields),
        "grades" => grade::grade(fields),
        "schools" => reference::school(fields),
        "calendars" => reference::calendar(fields),
        "calendarDates" => reference::calendar_date(fields),
        "sessions" => reference::session(fields),
        "gradingPeriods" => reference::grading_periods(fields),
        "courses" => reference::course(fields),
        "courseOfferings" => reference::course_offering(fields),
        "sections" => reference::section(fields),
        "classPeriods" => reference::class_period(fields),
        "bellSchedules" => reference::bell_schedule(fields),
        "sectionAttendanceTakenEvents" => attendance::taken(fields),
        "disciplineIncidents" => conduct::incident(fields),
        "studentDisciplineIncidentBehaviorAssociations" => conduct::behavior(fields),
        "disciplineActions" => conduct::action(fields),
        "gradebookEntries" => coursework::assignment(fields),
        "studentGradebookEntries" => coursework::result(fields),
        "courseTranscripts" => coursework::transcript(fields),
        "cohorts" => connection::cohort(fields),
        "studentCohortAssociations" => connection::membership(fields),
        "studentProgramAssociations" => connection::program(fields),
        _ => Ok(Vec::new()),
    }
}

impl Context<'_> {
    fn subject(self, natural_key: &str, statement: &Statement) -> Subject {
        match statement {
            Statement::Fact(student, fact) => {
                Subject::Event(self.pseudonym.student(student), self.record_of(natural_key, student, fact))
            }
            Statement::FactOf(part, student, _) => {
                Subject::Event(self.pseudonym.student(student), self.record(natural_key, part))
            }
            Statement::Profile(profile) => Subject::Profile(self.pseudonym.student(&profile.local_id)),
            Statement::Entry(part, entry) => Subject::Reference(Kind::of(entry), self.record(natural_key, part)),
        }
    }

    fn recorded(self, natural_key: &str, statement: Statement) -> Message {
        match statement {
            Statement::Fact(student, fact) => {
                let record = self.record_of(natural_key, &student, &fact);
                self.event(self.pseudonym.student(&student), record, Change::Recorded(fact))
            }
            Statement::FactOf(part, student, fact) => {
                let (student, record) = (self.pseudonym.student(&student), self.record(natural_key, &part));
                self.event(student, record, Change::Recorded(fact))
            }
            Statement::Profile(profile) => self.profile(self.pseudonym.student(&profile.local_id), Some(*profile)),
            Statement::Entry(part, entry) => {
                let record = self.record(natural_key, part);
                self.reference(Kind::of(&entry), record, Change::Recorded(entry))
            }
        }
    }

    fn withdrawn(self, subject: Subject) -> Message {
        match subject {
            Subject::Event(student, record) => self.event(student, record, Change::Withdrawn),
            Subject::Reference(kind, record) => self.reference(kind, record, Change::Withdrawn),
            Subject::Profile(student) => self.profile(student, None),
        }
    }

    /// The key of a student's record.
    fn record_of(self, natural_key: &str, student: &str, fact: &Fact) -> RecordKey {
        self.pseudonym.document(self.source, self.endpoint(), natural_key, student, fact)
    }

    /// The key of the record that a statement is about. A document that makes several statements names each but the first.
    fn record(self, natural_key: &str, part: &str) -> RecordKey {
        let kind = if part.is_empty() { self.endpoint().to_owned() } else { format!("{}/{part}", self.endpoint()) };
        self.pseudonym.record(self.source, &kind, natural_key)
    }

    fn endpoint(&self) -> &str {
        self.resource.map(|resource| resource.endpoint.as_str()).unwrap_or_default()
    }

    fn event(self, student: StudentKey, record: RecordKey, change: Change<Fact>) -> Message {
        let district = self.pseudonym.district();
        let word = if matches!(change, Change::Withdrawn) { "withdrawn" } else { "recorded" };
        let name = format!("{district}\0{}\0{record}\0{}\0{word}", self.source, self.revision);
        let Whose { student, sent_as } = self.crosswalk.whose(student);
        let event = Event {
            event_id: EventId::from(named::id(&EVENT_NAMESPACE, &[name.as_bytes()])),
            district: district.clone(),
            student,
            origin: self.origin(record),
            received_at: self.received_at,
            occurred_at: None,
            change,
        };
        let value = Some(Sent { event, sent_as, moved_to: None }.encode());
        Message { topic: Topic::Events, key: key::events(district, &student), value }
    }

    fn reference(self, kind: Kind, record: RecordKey, change: Change<Entry>) -> Message {
        let district = self.pseudonym.district();
        let message = ReferenceChange {
            district: district.clone(),
            origin: self.origin(record),
            received_at: self.received_at,
            change,
        };
        let value = Some(reference_wire::encode(&message));
        Message { topic: Topic::Reference, key: key::reference(district, kind, &record), value }
    }

    fn profile(self, student: StudentKey, profile: Option<Profile>) -> Message {
        let district = self.pseudonym.district();
        let whose = self.crosswalk.whose(student);
        let value = profile.map(|profile| {
            directory::encode(&StudentProfile {
                district: district.clone(),
                student,
                local_id: profile.local_id,
                first_name: profile.first_name,
                last_name: profile.last_name,
                preferred_name: profile.preferred_name,
                revision: Revision(self.revision),
                same_as: whose.sent_as.map(|_| whose.student),
            })
        });
        Message { topic: Topic::Directory, key: key::directory(district, &student), value }
    }

    /// The document itself is kept by the door, which reads it back; the letter says which one it is.
    fn dead_letter(self, why: Unmappable) -> Message {
        let (district, source) = (self.pseudonym.district(), self.source);
        let letter = DeadLetter {
            district: Some(district.clone()),
            source: Some(source.clone()),
            position: None,
            record: Excerpt::omitted(0),
            field: why.field,
            expected: why.expected,
            detail: format!("{} document {}: {}", self.endpoint(), self.document_id.simple(), why.detail),
            received_at: self.received_at,
            quarantine_id: None,
        };
        let key = key::dead_letters(Some(district), Some(source));
        Message { topic: Topic::DeadLetters, key, value: Some(dead_letter::encode(&letter)) }
    }

    /// The message, or a dead letter in its place when the log could never take it: it would stop all behind it.
    fn fit(self, message: Message) -> Message {
        let bytes = message.value.as_ref().map_or(0, Bytes::len) + message.key.len();
        if bytes <= MAX_MESSAGE_BYTES {
            return message;
        }
        let why = Unmappable {
            field: "$".to_owned(),
            expected: format!("what becomes a message of at most {MAX_MESSAGE_BYTES} bytes"),
            detail: format!("it has {bytes} bytes"),
        };
        self.dead_letter(why)
    }

    fn origin(self, key: RecordKey) -> Origin {
        Origin { source: self.source.clone(), key, revision: Revision(self.revision) }
    }
}

#[cfg(test)]
mod tests;
