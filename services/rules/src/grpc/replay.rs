//! A replay of rules over past dates: every stored student, page by page, looked at once for all packs. Nothing is written, nothing
//! of a student is kept, and who leaves ends it.

use std::collections::HashMap;
use std::sync::Arc;

use homeroom_domain::date::Date;
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_domain::rule::Pack;
use homeroom_proto::wire::risk as wire;
use homeroom_proto::wire::risk::replay_pack_response::Step;
use homeroom_replay::Outcome;
use homeroom_replay::{Look, MOST_GROUPS, MOST_MEMBERS, Plan, Report, Tally};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::preview::{PATIENCE, QUEUE, chain, no_clock};
use crate::grpc::{Answers, Risk};
use crate::reference::District;
use crate::store::Found;

type Sender = mpsc::Sender<Result<wire::ReplayPackResponse, Status>>;

/// What is replayed, and which students are in which groups.
struct Replay {
    plan: Plan,
    groups: HashMap<StudentKey, Vec<usize>>,
    reference: District,
}

impl Risk {
    pub(super) fn replay(
        &self,
        district: DistrictId,
        request: &wire::ReplayPackRequest,
    ) -> Result<Answers<wire::ReplayPackResponse>, Status> {
        let replay = check(request, self.reference(&district)?)?;
        let replaying = Arc::clone(&self.previews).try_acquire_owned().map_err(|_| {
            Status::resource_exhausted("this process makes another preview or replay; try again when that has ended")
        })?;
        let (sender, answers) = mpsc::channel(QUEUE);
        let risk = self.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "the task ends with its stream, which the server drains at shutdown"
        )]
        tokio::spawn(async move {
            let _replaying = replaying;
            tokio::select! {
                () = sender.closed() => {}
                () = risk.stopping.cancelled() => {}
                // The reader may have gone too, and then nobody is there to be told.
                last = risk.replay_all(&district, &replay, &sender) => drop(sender.send_timeout(last, PATIENCE).await),
            }
        });
        Ok(Box::pin(ReceiverStream::new(answers)))
    }

    /// Sends progress, and answers with the report.
    async fn replay_all(
        &self,
        district: &DistrictId,
        replay: &Replay,
        sender: &Sender,
    ) -> Result<wire::ReplayPackResponse, Status> {
        let students = self.count_students(district).await?;
        let mut tally = Tally::new(&replay.plan);
        let mut look = Look::new(&replay.plan, &replay.reference.view, &replay.reference.settings);
        let mut students_done = 0;
        let mut after = Vec::new();
        loop {
            let page = self.students_behind_key(district, after).await?;
            let Some((last, _)) = page.last() else { break };
            after = last.1.as_bytes().to_vec();
            for found in &page {
                replay.add(found, &mut look, &mut tally);
                students_done += i64::from(found.1.ledger.says_anything());
                // A year of many rules takes a while, and others of this thread wait.
                tokio::task::yield_now().await;
            }
            let progress = wire::ReplayProgress { students_done, students };
            let step = wire::ReplayPackResponse { step: Some(Step::Progress(progress)) };
            sender.send_timeout(Ok(step), PATIENCE).await.map_err(|_| Status::cancelled("the replay was not read"))?;
        }
        let report = homeroom_replay::wire::to_wire(&Report::new(&replay.plan, &tally));
        Ok(wire::ReplayPackResponse { step: Some(Step::Report(report)) })
    }
}

impl Replay {
    fn add(&self, ((_, key), student): &Found, look: &mut Look<'_>, tally: &mut Tally) {
        if let Some(seen) = look.at(&student.ledger) {
            tally.add(&self.plan, &seen, self.groups.get(key).map(Vec::as_slice).unwrap_or_default());
        }
    }
}

/// What can be replayed of what is asked for.
fn check(request: &wire::ReplayPackRequest, reference: District) -> Result<Replay, Status> {
    let refused = |error: &dyn std::error::Error| Status::invalid_argument(chain(error));
    let first = if request.pack.is_empty() { Ok((*reference.pack).clone()) } else { Pack::parse(&request.pack) };
    let mut packs = vec![first.map_err(|error| refused(&error))?];
    if !request.compare.is_empty() {
        packs.push(Pack::parse(&request.compare).map_err(|error| refused(&error))?);
    }
    let outcome = match request.outcome.as_str() {
        "" => None,
        name => Some(Outcome::find(name).ok_or_else(|| {
            Status::invalid_argument("outcome: one of `chronic`, `failed-course` and `off-track`, or empty")
        })?),
    };
    let dates = dates(request.from, request.to, &reference)?;
    let columns: Vec<u32> = request.groups.iter().map(|group| group.column).collect();
    let plan = Plan::new(packs, dates, outcome, request.budget, columns).map_err(|error| refused(&error))?;
    Ok(Replay { plan, groups: groups(&request.groups)?, reference })
}

/// The dates that were asked for; else from the school year's first to the last in force.
fn dates(from: Option<i32>, to: Option<i32>, reference: &District) -> Result<(Date, Date), Status> {
    let date =
        |days, field| Date::from_days(days).map_err(|error| Status::invalid_argument(format!("{field}: {error}")));
    let in_force = reference.settings.clock.now(homeroom_chassis::clock::now()).map_err(|error| no_clock(&error))?;
    let to = to.map_or(Ok(in_force.as_of), |to| date(to, "to"))?;
    if to > in_force.as_of {
        return Err(Status::invalid_argument(format!("to: the last date that is complete is {}", in_force.as_of)));
    }
    let begins = || {
        let year = i16::try_from(to.school_year().0 - 1).unwrap_or(i16::MAX);
        Date::from_civil(jiff::civil::date(year, 7, 1)).unwrap_or(to)
    };
    let from = from.map_or_else(|| Ok(begins()), |from| date(from, "from"))?;
    Ok((from, to))
}

/// The positions of the groups that each student is in.
fn groups(groups: &[wire::ReplayGroup]) -> Result<HashMap<StudentKey, Vec<usize>>, Status> {
    if groups.len() > MOST_GROUPS {
        return Err(Status::invalid_argument(format!("groups: at most {MOST_GROUPS} are looked at apart")));
    }
    let members: usize = groups.iter().map(|group| group.students.len() / 16).sum();
    if members > MOST_MEMBERS {
        return Err(Status::invalid_argument(format!("groups: {members} members are more than {MOST_MEMBERS}")));
    }
    let mut of: HashMap<StudentKey, Vec<usize>> = HashMap::new();
    for (at, group) in groups.iter().enumerate() {
        let (keys, rest) = group.students.as_chunks::<16>();
        if !rest.is_empty() {
            return Err(Status::invalid_argument("groups: a student's key has 16 bytes"));
        }
        for key in keys {
            let key = StudentKey::from_slice(key)
                .map_err(|_| Status::invalid_argument("groups: a student's key has 16 bytes"))?;
            let known = of.entry(key).or_default();
            if known.iter().any(|other| groups[*other].column == group.column) {
                return Err(Status::invalid_argument("groups: a student is in two groups of one column"));
            }
            known.push(at);
        }
    }
    Ok(of)
}
