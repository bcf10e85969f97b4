//! `RiskQuery`: questions about the exact risk state, answered from the committed tables.

mod explain;
mod export;
mod list;
mod other;
mod preview;
mod progress;
mod replay;
mod student;
mod summary;
mod watch;

pub(crate) use preview::PREVIEWS;
pub(crate) use watch::WATCHERS;

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use homeroom_bus::Log;
use homeroom_chassis::access::{Access, Grant, Scope};
use homeroom_domain::id::DistrictId;
use homeroom_pg::Database;
use homeroom_proto::wire::risk as wire;
use homeroom_proto::wire::risk::risk_query_server::RiskQuery;
use tokio::sync::{Semaphore, watch as channel};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::evaluate::Row;
use crate::reference::{District, Snapshot};

/// Answers questions. Clones share everything.
#[derive(Clone)]
pub(crate) struct Risk {
    pub database: Database,
    pub log: Arc<dyn Log>,
    pub access: Access,
    pub snapshots: channel::Receiver<Arc<Snapshot>>,
    pub stopping: CancellationToken,
    /// Room for watchers.
    pub watchers: Arc<Semaphore>,
    /// Room for previews and replays.
    pub previews: Arc<Semaphore>,
    /// Room for one who reads the log to tell what changed.
    pub reading: Arc<Semaphore>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Risk {
    fn permit<T>(&self, request: &Request<T>) -> Result<Grant, Status> {
        self.access.grpc(request.metadata(), Scope::Read)
    }

    /// The answer, when it comes in the time that the key gives its calls. A stream lasts as long as its caller reads.
    async fn in_time<T>(
        &self,
        grant: &Grant,
        answering: impl Future<Output = Result<T, Status>>,
    ) -> Result<Response<T>, Status> {
        self.access.allowance(grant).within(Box::pin(answering)).await?.map(Response::new)
    }

    fn reference(&self, district: &DistrictId) -> Result<District, Status> {
        // The first snapshot has everything that was in force at start; before it nothing is known, least of all that nothing is there.
        if !self.snapshots.has_changed().unwrap_or(true) {
            return Err(Status::unavailable("the reference records are not read yet; try again"));
        }
        let snapshot = self.snapshots.borrow();
        let known = snapshot.districts.get(district).filter(|district| district.view.has_settings());
        known.cloned().ok_or_else(|| Status::failed_precondition("the district has no settings yet"))
    }
}

#[tonic::async_trait]
impl RiskQuery for Risk {
    type WatchStudentsStream = Answers<wire::WatchStudentsResponse>;
    type ExportMeasuresStream = Answers<wire::ExportMeasuresResponse>;
    type PreviewChangeStream = Answers<wire::PreviewChangeResponse>;
    type ReplayPackStream = Answers<wire::ReplayPackResponse>;

    async fn get_student(
        &self,
        request: Request<wire::GetStudentRequest>,
    ) -> Result<Response<wire::GetStudentResponse>, Status> {
        let grant = self.permit(&request)?;
        self.in_time(&grant, self.find_student(&grant.district, request.into_inner())).await
    }

    async fn list_students(
        &self,
        request: Request<wire::ListStudentsRequest>,
    ) -> Result<Response<wire::ListStudentsResponse>, Status> {
        let grant = self.permit(&request)?;
        self.in_time(&grant, self.list(&grant.district, request.into_inner())).await
    }

    async fn watch_students(
        &self,
        request: Request<wire::WatchStudentsRequest>,
    ) -> Result<Response<Self::WatchStudentsStream>, Status> {
        let grant = self.permit(&request)?;
        let answers = self.watch(grant.district.clone(), request.into_inner()).await?;
        Ok(Response::new(Box::pin(self.access.while_permitted(grant, Scope::Read, answers))))
    }

    async fn export_measures(
        &self,
        request: Request<wire::ExportMeasuresRequest>,
    ) -> Result<Response<Self::ExportMeasuresStream>, Status> {
        let grant = self.permit(&request)?;
        self.export(grant.district, &request.into_inner()).map(Response::new)
    }

    async fn get_summary(
        &self,
        request: Request<wire::GetSummaryRequest>,
    ) -> Result<Response<wire::GetSummaryResponse>, Status> {
        let grant = self.permit(&request)?;
        self.in_time(&grant, self.summary(&grant.district)).await
    }

    async fn get_progress(
        &self,
        request: Request<wire::GetProgressRequest>,
    ) -> Result<Response<wire::GetProgressResponse>, Status> {
        let grant = self.permit(&request)?;
        self.in_time(&grant, self.progress(&grant.district)).await
    }

    async fn preview_change(
        &self,
        request: Request<wire::PreviewChangeRequest>,
    ) -> Result<Response<Self::PreviewChangeStream>, Status> {
        let grant = self.access.grpc(request.metadata(), Scope::Admin)?;
        let answers = self.preview(grant.district.clone(), request.into_inner())?;
        Ok(Response::new(Box::pin(self.access.while_permitted(grant, Scope::Admin, answers))))
    }

    async fn replay_pack(
        &self,
        request: Request<wire::ReplayPackRequest>,
    ) -> Result<Response<Self::ReplayPackStream>, Status> {
        let grant = self.access.grpc(request.metadata(), Scope::Admin)?;
        let answers = self.replay(grant.district.clone(), &request.into_inner())?;
        Ok(Response::new(Box::pin(self.access.while_permitted(grant, Scope::Admin, answers))))
    }
}

/// A database error as callers may see it: without its text, which goes to the log.
fn unavailable(error: &homeroom_pg::Error) -> Status {
    tracing::error!(error = %error, source = ?std::error::Error::source(error).map(ToString::to_string), "a question could not be answered");
    Status::unavailable("the state cannot be read now; try again")
}

fn measures(student: &[u8], row: &Row) -> wire::Measures {
    let count = |many: i64| i32::try_from(many).unwrap_or(i32::MAX);
    let it = &row.measures;
    wire::Measures {
        student: student.to_vec().into(),
        school: row.school.as_ref().map(ToString::to_string).unwrap_or_default(),
        enrolled: it.enrolled,
        absent: it.absent,
        unexcused: it.unexcused,
        tardy: it.tardy,
        tier: it.tier().map(i32::from),
        streak: count(it.streak),
        unexcused_streak: count(it.unexcused_streak),
        unexplained_absence_today: it.unexplained_absence_today,
        failing: count(it.failing),
        failing_core: count(it.failing_core),
        open_alerts: i32::try_from(row.open_alerts).unwrap_or(i32::MAX),
        others: Vec::new(),
    }
}
