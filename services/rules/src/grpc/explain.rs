//! `RiskExplanation`: what a student's figures are made of, and what changed since an earlier moment; what an alert was
//! made of, and whether it comes out the same.

mod alert;
mod changes;
mod page;
mod words;

use homeroom_chassis::clock;
use homeroom_domain::date::Date;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::explain::{Explanation, usual_measures};
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_domain::measure::Measure;
use homeroom_domain::rule::Pack;
use homeroom_proto::wire::risk as wire;
use homeroom_proto::wire::risk::risk_explanation_server::RiskExplanation;
use tonic::{Request, Response, Status};

use crate::evaluate::Student;
use crate::grpc::{Risk, export, other, unavailable};
use crate::store::postgres::load;

/// What is asked.
struct Asked {
    student: StudentKey,
    as_of: Option<Date>,
    /// None for the usual ones.
    measures: Option<Vec<Measure>>,
    since: Option<changes::Asked>,
}

impl Asked {
    fn parse(request: &wire::ExplainStudentRequest) -> Result<Self, Status> {
        let student = StudentKey::from_slice(&request.student)
            .map_err(|error| Status::invalid_argument(format!("student: {error}")))?;
        let as_of = request
            .as_of
            .map(Date::from_days)
            .transpose()
            .map_err(|error| Status::invalid_argument(format!("as_of: {error}")))?;
        if request.measures.len() > other::MAX_NAMED {
            return Err(Status::invalid_argument(format!("measures: at most {} at once", other::MAX_NAMED)));
        }
        let named = request.measures.iter().map(|name| other::find(name)).collect::<Result<Vec<_>, _>>()?;
        let since = if request.since.is_empty() { None } else { Some(changes::Asked::parse(&request.since)?) };
        Ok(Self { student, as_of, measures: (!named.is_empty()).then_some(named), since })
    }

    fn measures(&self, pack: &Pack) -> Vec<Measure> {
        self.measures.clone().unwrap_or_else(|| usual_measures(pack))
    }
}

#[tonic::async_trait]
impl RiskExplanation for Risk {
    async fn explain_student(
        &self,
        request: Request<wire::ExplainStudentRequest>,
    ) -> Result<Response<wire::ExplainStudentResponse>, Status> {
        let grant = self.permit(&request)?;
        self.in_time(&grant, self.explain(&grant.district, request.into_inner())).await
    }

    async fn explain_alert(
        &self,
        request: Request<wire::ExplainAlertRequest>,
    ) -> Result<Response<wire::ExplainAlertResponse>, Status> {
        let grant = self.permit(&request)?;
        self.in_time(&grant, self.explain_alert_of(&grant.district, request.into_inner())).await
    }
}

impl Risk {
    async fn explain(
        &self,
        district: &DistrictId,
        request: wire::ExplainStudentRequest,
    ) -> Result<wire::ExplainStudentResponse, Status> {
        let asked = Asked::parse(&request)?;
        let reference = self.reference(district)?;
        let student = self.stored(district, asked.student).await?;
        let current = reference.settings.clock.now(clock::now());
        let current = current.map_err(|error| Status::failed_precondition(error.to_string()))?;
        let (now, rows) = export::rows(&student, &reference, current, asked.as_of);
        let measures = asked.measures(&reference.pack);
        let mut response = {
            let evaluation = Evaluation::new(&student.ledger, &reference.view, &reference.settings, now);
            let explanation = Explanation::of(&evaluation, &measures, &reference.pack);
            page::response(asked.student, &evaluation, &explanation, &rows)
        };
        if let Some(since) = asked.since {
            let subject =
                changes::Subject { district, student: asked.student, stored: &student, reference: &reference };
            response.changes = Some(self.changes(&subject, since, now, &measures).await?);
        }
        Ok(response)
    }

    /// The student as the tables have it.
    async fn stored(&self, district: &DistrictId, key: StudentKey) -> Result<Student, Status> {
        let found = load::students(&self.database, vec![(district.clone(), key)]).await;
        let found = found.map_err(|error| unavailable(&error))?;
        let student = found.into_iter().next().map(|(_, student)| student);
        student.ok_or_else(|| Status::not_found("the district has no such student"))
    }
}
