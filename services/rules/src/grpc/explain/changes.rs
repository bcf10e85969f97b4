//! What changed since an earlier moment: the student's part of the log, and the reference topic, folded up to then and up to now.
//!
//! Tables hold last words only, so the one partition that the student's events are in is read from its beginning. That may be much,
//! so one such read is under way at a time, it ends with its caller and after [`PATIENCE`], and records of others are not decoded.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use homeroom_bus::partitioner::partition_of;
use homeroom_bus::{Offset, Partition, Topic};
use homeroom_chassis::clock;
use homeroom_domain::date::Date;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::{Fact, Scope};
use homeroom_domain::explain::change::{Basis, Compared, Kind, Moved, Shift, Since, moment_of};
use homeroom_domain::explain::history::{Changed, Heard, History};
use homeroom_domain::id::{DistrictId, SectionId, StudentKey};
use homeroom_domain::ledger::Ledger;
use homeroom_domain::measure::Measure;
use homeroom_domain::reference::Entry;
use homeroom_domain::settings::{Clock, Now};
use homeroom_domain::view::Touched;
use homeroom_proto::wire::risk as wire;
use jiff::Timestamp;
use jiff::civil::{self, DateTime};
use tonic::Status;

use super::words;
use crate::evaluate::Student;
use crate::grpc::{Risk, unavailable};
use crate::reference::{self, District, since};
use crate::store::postgres::load;

/// How long the log may be read for one question.
const PATIENCE: Duration = Duration::from_mins(2);
/// Records read at once, and how long one read may bring nothing while records are known to be there.
pub(super) const BATCH: usize = 5_000;
const SILENCE: Duration = Duration::from_secs(10);
/// The most words of one student that are folded: more than any student's years have.
const MOST_WORDS: usize = 100_000;
/// The most changed records that are told, each with what it did, which takes a count of the year for each.
pub(super) const MOST_RECORDS: usize = 200;
/// The most changed reference records that are told.
const MOST_REFERENCE: usize = 100;

/// Since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked(DateTime);

impl Asked {
    /// A date, for its end, or a time.
    pub(super) fn parse(text: &str) -> Result<Self, Status> {
        let end = civil::time(23, 59, 59, 0);
        let of_date = Date::parse(text).map(|date| date.to_civil().to_datetime(end));
        let time = of_date.or_else(|| text.parse().ok());
        let wrong =
            || Status::invalid_argument("since: a date such as 2022-04-12 or a time such as 2022-04-12T16:00:00");
        time.map(Self).ok_or_else(wrong)
    }
}

/// Of whom.
pub(super) struct Subject<'s> {
    pub(super) district: &'s DistrictId,
    pub(super) student: StudentKey,
    pub(super) stored: &'s Student,
    pub(super) reference: &'s District,
}

impl Risk {
    /// What changed, as of the dates of an explanation.
    pub(super) async fn changes(
        &self,
        subject: &Subject<'_>,
        since: Asked,
        now: Now,
        measures: &[Measure],
    ) -> Result<wire::Changes, Status> {
        self.reading_the_log(self.read_and_tell(subject, since, now, measures)).await
    }

    /// Answers by reading the log: one at a time, and not for ever.
    pub(super) async fn reading_the_log<T>(
        &self,
        answering: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        let busy = || Status::resource_exhausted("the log is being read for another such question; try again later");
        let _reading = self.reading.try_acquire().map_err(|_| busy())?;
        let late =
            || Status::deadline_exceeded("the student's part of the log is too long to be read for one question");
        let told = tokio::time::timeout(PATIENCE, Box::pin(answering));
        let told = self.stopping.run_until_cancelled(told).await;
        told.ok_or_else(|| Status::unavailable("the service is stopping"))?.map_err(|_| late())?
    }

    async fn read_and_tell(
        &self,
        subject: &Subject<'_>,
        Asked(local): Asked,
        now: Now,
        measures: &[Measure],
    ) -> Result<wire::Changes, Status> {
        let end = reference::end(&*self.log).await.map_err(|error| silent(&error))?;
        let nothing = || Status::failed_precondition("nothing was known of the district at that time");
        let clocks = since::clocks(&*self.log, subject.district, end).await.map_err(|failure| failed(&failure))?;
        let moment = moment_of(&clocks, local, clock::now()).ok_or_else(nothing)?;
        let history = self.history(subject).await?;
        let known = since::Known::read(&*self.log, subject.district, end, moment, sections(&history, moment)).await;
        let (then, reference) = known.map_err(|failure| failed(&failure))?.told();
        let settings = then.settings();
        let dates = settings.clock.now(moment).map_err(|error| Status::failed_precondition(error.to_string()))?;
        let since = Since {
            history: &history,
            moment,
            then: Basis { view: &then, settings: &settings },
            now: Basis { view: &subject.reference.view, settings: &subject.reference.settings },
            earlier: dates.as_of.min(now.as_of),
            later: now,
        };
        let compared = since.compare(measures);
        let telling = Telling { since: &since, stored: &subject.stored.ledger, compared: &compared, clocks: &clocks };
        let mut changes = telling.records().await?;
        telling.reference(reference, &mut changes)?;
        changes.incomplete = *compared.known() != subject.stored.ledger;
        changes.since = local.to_string();
        Ok(changes)
    }

    /// The student's words in the log, as far as the stored state includes them.
    async fn history(&self, subject: &Subject<'_>) -> Result<History, Status> {
        self.words(subject).await.map(|reading| reading.history)
    }

    /// The same, with the place of each.
    pub(super) async fn words(&self, subject: &Subject<'_>) -> Result<Reading, Status> {
        let Subject { district, student, stored, .. } = subject;
        let key: Bytes = homeroom_proto::key::events(district, student);
        let partitions = self.log.partitions(Topic::Events).await.map_err(|error| silent(&error))?;
        let partition = partition_of(&key, partitions);
        let end = stored.included_offset;
        let given_up = load::given_up(&self.database, partition.0, 0..end).await;
        let given_up = given_up.map_err(|error| unavailable(&error))?;
        let mut reading = Reading { key, given_up, history: History::default(), offsets: Vec::new() };
        let mut tail = self.log.tail(Topic::Events, partition, Offset(0)).await.map_err(|error| silent(&error))?;
        let mut at = 0;
        while at < end {
            let records = tail.next(BATCH, SILENCE).await.map_err(|error| silent(&error))?;
            let Some(last) = records.last() else { return Err(ends_early(partition, at)) };
            at = last.offset.0 + 1;
            for record in records.into_iter().filter(|record| record.offset.0 < end) {
                reading.take(&record)?;
            }
            // A log in memory never waits, and others on this thread do.
            tokio::task::yield_now().await;
        }
        Ok(reading)
    }
}

pub(super) fn silent(error: &homeroom_bus::Error) -> Status {
    Status::unavailable(error.to_string())
}

pub(super) fn failed(failure: &since::Failure) -> Status {
    match failure {
        since::Failure::Log(error) => silent(error),
        since::Failure::TooMany { .. } => Status::failed_precondition(failure.to_string()),
    }
}

/// Sections that the student's facts name, now or at a moment.
pub(super) fn sections(history: &History, moment: Timestamp) -> BTreeSet<SectionId> {
    let of = |fact: &Fact| match fact {
        Fact::SectionMembership(membership) => Some(membership.section),
        Fact::Grade(grade) => Some(grade.section),
        Fact::AttendanceMark(mark) => match mark.scope {
            Scope::Section(section) => Some(section),
            Scope::Day => None,
        },
        _ => None,
    };
    let named = |ledger: Ledger| ledger.facts().filter_map(|live| of(&live.fact)).collect::<BTreeSet<_>>();
    &named(history.ledger_at(moment)) | &named(history.ledger())
}

fn ends_early(partition: Partition, at: i64) -> Status {
    Status::unavailable(format!(
        "partition {} of the events gives nothing at {at}, before what the state includes",
        partition.0
    ))
}

/// One student's words, among those of a partition.
pub(super) struct Reading {
    key: Bytes,
    /// Events that could not be applied.
    given_up: BTreeSet<i64>,
    pub(super) history: History,
    /// Where each of them lies in its partition.
    pub(super) offsets: Vec<i64>,
}

impl Reading {
    /// How many of the words lie below an offset.
    pub(super) fn before(&self, offset: i64) -> usize {
        self.offsets.partition_point(|at| *at < offset)
    }

    fn take(&mut self, record: &homeroom_bus::Record) -> Result<(), Status> {
        if record.key != self.key || self.given_up.contains(&record.offset.0) {
            return Ok(());
        }
        // What cannot be understood has no effect, here as for the state.
        let Ok(event) = homeroom_proto::event::decode(record.value.as_deref().unwrap_or_default()) else {
            return Ok(());
        };
        if self.history.len() == MOST_WORDS {
            let problem = format!("the log has more than {MOST_WORDS} words on the student");
            return Err(Status::failed_precondition(problem));
        }
        self.offsets.push(record.offset.0);
        self.history.take(Heard { origin: event.origin, received_at: event.received_at, change: event.change });
        Ok(())
    }
}

/// What a record said, and what it says.
type Said = (Option<wire::Fact>, Option<wire::Fact>);

/// What there is to tell.
struct Telling<'t> {
    since: &'t Since<'t>,
    stored: &'t Ledger,
    compared: &'t Compared<'t, 't>,
    clocks: &'t [(Timestamp, Clock)],
}

impl Telling<'_> {
    /// Measures and records.
    async fn records(&self) -> Result<wire::Changes, Status> {
        let since = self.since;
        let moved = self.compared.moved();
        let mut changes = wire::Changes { earlier: since.earlier.days(), ..wire::Changes::default() };
        let mut corrections = Vec::new();
        for changed in since.history.changes_since(since.moment) {
            match Kind::of(&changed, since.now.view, since.earlier) {
                Kind::New => changes.new_records += 1,
                _ if corrections.len() == MOST_RECORDS => changes.records_left_off += 1,
                kind => corrections.push((changed, kind)),
            }
        }
        let said = self.before_and_after(&corrections);
        for ((changed, kind), said) in corrections.iter().zip(said) {
            changes.records.push(self.record(changed, *kind, said)?);
            // Each takes a count of the year, and others on this thread wait.
            tokio::task::yield_now().await;
        }
        changes.moved =
            moved.iter().filter(|it| it.then != it.now || it.corrected != it.then).map(moved_told).collect();
        Ok(changes)
    }

    fn evaluation(&self) -> Evaluation<'_> {
        Evaluation::new(self.stored, self.since.now.view, self.since.now.settings, self.since.later)
    }

    /// What each record said and says, by one look at the student.
    fn before_and_after(&self, corrections: &[(Changed, Kind)]) -> Vec<Said> {
        let evaluation = self.evaluation();
        corrections.iter().map(|(changed, _)| words::before_and_after(&evaluation, changed)).collect()
    }

    fn record(&self, changed: &Changed, kind: Kind, (before, after): Said) -> Result<wire::RecordChange, Status> {
        let shifts = self.compared.by_record(&changed.record);
        Ok(wire::RecordChange {
            kind: kind.name().to_owned(),
            before,
            after,
            source: changed.record.0.to_string(),
            record_key: changed.record.1.as_bytes().to_vec().into(),
            revision: changed.revision.0,
            accepted_at: self.local(changed.received_at)?,
            shifts: shifts.iter().map(shift_told).collect(),
        })
    }

    /// Reference records that may concern the student, and what all of them did.
    fn reference(&self, records: Vec<since::Changed>, changes: &mut wire::Changes) -> Result<(), Status> {
        let view = self.since.now.view;
        let leans_on = self.evaluation().leans_on();
        let concerns = |entry: &Entry| match view.touched(entry) {
            Touched::School(school) => leans_on.contains(&school),
            Touched::Everyone => true,
            Touched::Nobody => false,
        };
        for change in records {
            let now = match &change.now.change {
                homeroom_domain::event::Change::Recorded(entry) => Some(entry),
                homeroom_domain::event::Change::Withdrawn => None,
            };
            let Some(entry) = now.or(change.before.as_ref()).filter(|entry| concerns(entry)) else { continue };
            if changes.reference.len() == MOST_REFERENCE {
                changes.reference_left_off += 1;
                continue;
            }
            let kind = match (&change.before, now) {
                (_, None) => Kind::Withdrawn.name(),
                (None, Some(_)) => Kind::New.name(),
                (Some(_), Some(_)) => Kind::Corrected.name(),
            };
            changes.reference.push(wire::ReferenceRecordChange {
                kind: kind.to_owned(),
                what: words::kind(entry).to_owned(),
                before: change.before.as_ref().map(words::says).unwrap_or_default(),
                after: now.map(words::says).unwrap_or_default(),
                source: change.now.origin.source.to_string(),
                revision: change.now.origin.revision.0,
                accepted_at: self.local(change.now.received_at)?,
            });
        }
        changes.by_reference = self.compared.by_reference().iter().map(shift_told).collect();
        Ok(())
    }

    /// A moment as the district's clock showed it.
    fn local(&self, at: Timestamp) -> Result<String, Status> {
        let in_force = self.clocks.iter().rev().find(|(begin, _)| *begin <= at).or(self.clocks.first());
        let clock = in_force.map_or(&self.since.now.settings.clock, |(_, clock)| clock);
        let local = clock.local(at);
        local.map(|local| local.to_string()).map_err(|error| Status::failed_precondition(error.to_string()))
    }
}

fn moved_told(moved: &Moved) -> wire::Moved {
    let show = |value| moved.measure.show(value);
    wire::Moved {
        name: moved.measure.name().into_owned(),
        then: show(moved.then),
        corrected: show(moved.corrected),
        now: show(moved.now),
    }
}

fn shift_told(shift: &Shift) -> wire::Shift {
    wire::Shift {
        name: shift.measure.name().into_owned(),
        without: shift.measure.show(shift.without),
        with: shift.measure.show(shift.with),
    }
}
