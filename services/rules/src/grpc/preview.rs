//! A preview of a change: every stored student, page by page, evaluated with what is in force and with what would be. Nothing is
//! written, and who leaves ends it.

use std::sync::Arc;
use std::time::Duration;

use homeroom_domain::calculator;
use homeroom_domain::id::DistrictId;
use homeroom_domain::reference::Entry;
use homeroom_domain::rule::Pack;
use homeroom_domain::rule::succession::Retired;
use homeroom_domain::settings::ClockError;
use homeroom_pg::Districts;
use homeroom_proto::wire::risk as wire;
use homeroom_proto::wire::risk::preview_change_request::Change;
use homeroom_proto::wire::risk::preview_change_response::Step;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::grpc::{Answers, Risk, unavailable};
use crate::preview::{Comparison, Preview, Tiers};
use crate::reference::District;
use crate::reference::supposed::suppose;
use crate::store::postgres::load;
use crate::store::{Found, Key};

/// The most previews of a process: each takes a processor, and the workers need theirs.
pub(crate) const PREVIEWS: usize = 1;
/// Students read and evaluated at once: some milliseconds, so that other work of the same thread hardly waits.
const PAGE: i64 = 100;
/// Steps that wait for a slow reader, and how long for. Others may want a preview too.
pub(super) const QUEUE: usize = 16;
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

type Sender = mpsc::Sender<Result<wire::PreviewChangeResponse, Status>>;

impl Risk {
    pub(super) fn preview(
        &self,
        district: DistrictId,
        request: wire::PreviewChangeRequest,
    ) -> Result<Answers<wire::PreviewChangeResponse>, Status> {
        let change =
            request.change.ok_or_else(|| Status::invalid_argument("change: say what would be put in force"))?;
        let entry = check(change, &self.reference(&district)?)?;
        let previewing = Arc::clone(&self.previews).try_acquire_owned().map_err(|_| {
            Status::resource_exhausted("this process makes another preview; try again when that has ended")
        })?;
        let (sender, answers) = mpsc::channel(QUEUE);
        let risk = self.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "the task ends with its stream, which the server drains at shutdown"
        )]
        tokio::spawn(async move {
            let _previewing = previewing;
            tokio::select! {
                () = sender.closed() => {}
                () = risk.stopping.cancelled() => {}
                // The reader may have gone too, and then nobody is there to be told.
                last = risk.compare(&district, entry, &sender) => drop(sender.send_timeout(last, PATIENCE).await),
            }
        });
        Ok(Box::pin(ReceiverStream::new(answers)))
    }

    /// Sends progress, and answers with the result.
    async fn compare(
        &self,
        district: &DistrictId,
        entry: Entry,
        sender: &Sender,
    ) -> Result<wire::PreviewChangeResponse, Status> {
        let supposed = suppose(&*self.log, district, entry).await;
        let supposed = supposed
            .map_err(|error| {
                tracing::error!(error = %error, "the reference records cannot be read for a preview");
                Status::unavailable("the reference records cannot be read now; try again")
            })?
            .ok_or_else(|| Status::failed_precondition("the district has no settings yet"))?;
        let comparison = Comparison::new(supposed, homeroom_chassis::clock::now()).map_err(|error| no_clock(&error))?;
        let students = self.count_students(district).await?;
        let mut preview = Preview::default();
        let mut after = Vec::new();
        loop {
            let page = self.students_behind_key(district, after).await?;
            let Some((last, _)) = page.last() else { break };
            after = last.1.as_bytes().to_vec();
            for (key, student) in page {
                add(&comparison, &key, student, &mut preview)?;
            }
            let progress = wire::PreviewProgress { students_done: preview.students, students };
            let step = wire::PreviewChangeResponse { step: Some(Step::Progress(progress)) };
            sender.send_timeout(Ok(step), PATIENCE).await.map_err(|_| Status::cancelled("the preview was not read"))?;
        }
        Ok(wire::PreviewChangeResponse { step: Some(Step::Preview(to_wire(&preview))) })
    }

    pub(super) async fn count_students(&self, district: &DistrictId) -> Result<i64, Status> {
        let id = district.to_string();
        let districts = Districts::one(district);
        let counted = self.database.run("rules.student.count", &districts, move |tx| {
            let id = id.clone();
            Box::pin(async move {
                let count = sqlx::query_scalar("select count(*) from students where district = $1 and live");
                Ok(count.bind(id).fetch_one(tx).await?)
            })
        });
        counted.await.map_err(|error| unavailable(&error))
    }

    pub(super) async fn students_behind_key(
        &self,
        district: &DistrictId,
        after: Vec<u8>,
    ) -> Result<Vec<Found>, Status> {
        let id = district.clone();
        let districts = Districts::one(district);
        let read = self.database.run("rules.student.page", &districts, move |tx| {
            let (id, after) = (id.clone(), after.clone());
            Box::pin(async move { load::page(tx, &id, &after, PAGE).await })
        });
        read.await.map_err(|error| unavailable(&error))
    }
}

fn add(
    comparison: &Comparison,
    key: &Key,
    student: crate::evaluate::Student,
    preview: &mut Preview,
) -> Result<(), Status> {
    comparison.add(key, student, preview).map_err(|error| no_clock(&error))
}

pub(super) fn no_clock(error: &ClockError) -> Status {
    Status::invalid_argument(format!("the clock cannot be read: {error}"))
}

/// What would be put in force, if that can be.
fn check(change: Change, district: &District) -> Result<Entry, Status> {
    let refused = |error: &dyn std::error::Error| Status::invalid_argument(chain(error));
    match change {
        Change::Settings(settings) => {
            let settings = homeroom_proto::settings::from_wire(settings).map_err(|error| refused(&error))?;
            if settings.clock.offset_seconds < district.settings.clock.offset_seconds {
                return Err(Status::invalid_argument("settings: a district's clock only moves forward"));
            }
            Ok(Entry::Settings(settings))
        }
        Change::RulePack(yaml) => {
            let pack = Pack::parse(&yaml).map_err(|error| refused(&error))?;
            pack.follow(Some(&district.pack), Retired::default()).map_err(|error| refused(&error))?;
            Ok(Entry::RulePack(yaml))
        }
        Change::Calculators(yaml) => {
            calculator::parse(&yaml).map_err(|error| refused(&error))?;
            Ok(Entry::Calculators(yaml))
        }
    }
}

/// An author wants all of it: which rule, which field, and where in its condition.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn to_wire(preview: &Preview) -> wire::Preview {
    let tiers = |[none_missed, some, many, most, _]: &Tiers| vec![*none_missed, *some, *many, *most];
    wire::Preview {
        tiers: preview
            .tiers
            .iter()
            .map(|(school, (before, after))| wire::TierChange {
                school: school.as_ref().map(ToString::to_string).unwrap_or_default(),
                before: tiers(before),
                without_tier_before: before[4],
                after: tiers(after),
                without_tier_after: after[4],
            })
            .collect(),
        rules: preview
            .rules
            .iter()
            .map(|((rule, school), it)| wire::RuleChange {
                rule: rule.to_string(),
                school: school.as_ref().map(ToString::to_string).unwrap_or_default(),
                opened: it.opened,
                opened_late: it.opened_late,
                amended: it.amended,
                escalated: it.escalated,
                cleared: it.cleared,
                recalled: it.recalled,
                failures: it.failures,
            })
            .collect(),
        students: preview.students,
        students_changed: preview.changed,
    }
}
