//! `RuleAdmin` over gRPC: authorise, parse, call, answer.

use homeroom_chassis::access::{Access, Grant, Scope};
use homeroom_chassis::clock;
use homeroom_domain::id::{DistrictId, SchoolId};
use homeroom_domain::rule::difference::Difference;
use homeroom_domain::rule::pack::Line;
use homeroom_domain::rule::{DEFAULT_PACK, Pack, Rule};
use homeroom_pg::Database;
use homeroom_proto::reference::Kind;
use homeroom_proto::scalar::timestamp_to_wire;
use homeroom_proto::wire::rule as wire;
use homeroom_proto::wire::rule::rule_admin_server::{RuleAdmin as Service, RuleAdminServer};
use tonic::{Request, Response, Status};

use super::activation::{self, Refusal, Text, Wanted, chain};
use super::history::{self, Activation};
use crate::native::store;

/// The largest request, bytes: a document, and a reason.
const MAX_REQUEST_BYTES: usize = homeroom_domain::rule::pack::MAX_BYTES + 16 * 1024;
/// The longest reason, characters: some sentences.
const MAX_REASON: usize = 1_000;
/// Activations that are listed when nobody says how many.
const LISTED: i64 = 100;

/// What is in force before anything was put in force.
const NONE: &str = "id: none\nversion: 0\nrules: []";

/// The service.
#[derive(Clone)]
pub struct RuleAdmin {
    /// Where rules are kept.
    pub database: Database,
    /// Who may do what.
    pub access: Access,
}

impl RuleAdmin {
    /// The service's full name, for health.
    pub const NAME: &'static str = "homeroom.rule.v1.RuleAdmin";

    /// The service, ready to be served.
    pub fn server(self) -> RuleAdminServer<Self> {
        RuleAdminServer::new(self).max_decoding_message_size(MAX_REQUEST_BYTES)
    }

    fn permit<T>(&self, request: &Request<T>) -> Result<Grant, Status> {
        self.access.grpc(request.metadata(), Scope::Admin)
    }

    /// The answer, when it comes in the time that the key gives its calls.
    async fn in_time<T>(
        &self,
        grant: &Grant,
        answering: impl Future<Output = Result<T, Status>>,
    ) -> Result<Response<T>, Status> {
        self.access.allowance(grant).within(Box::pin(answering)).await?.map(Response::new)
    }

    async fn document(&self, district: &DistrictId) -> Result<Option<String>, Status> {
        store::find_text(&self.database, district, Kind::RulePack).await.map_err(|error| unavailable(&error))
    }

    async fn obstacles(&self, district: &DistrictId, pack: Pack) -> Result<Vec<String>, Status> {
        let obstacle = activation::obstacle(&self.database, district, pack).await;
        Ok(obstacle.map_err(|error| unavailable(&error))?.iter().map(|refusal| chain(refusal)).collect())
    }

    async fn check_document(&self, district: &DistrictId, yaml: &str) -> Result<wire::CheckResponse, Status> {
        let pack = match Pack::parse(yaml) {
            Ok(pack) => pack,
            Err(error) => return Ok(wire::CheckResponse { mistakes: vec![chain(&error)], ..Default::default() }),
        };
        Ok(wire::CheckResponse {
            mistakes: Vec::new(),
            id: pack.id.to_string(),
            version: pack.version,
            rules: u32::try_from(pack.rules.len()).unwrap_or(u32::MAX),
            obstacles: self.obstacles(district, pack).await?,
        })
    }

    async fn in_force(&self, district: &DistrictId, asked: &wire::ShowRequest) -> Result<wire::ShowResponse, Status> {
        let at = if asked.school.is_empty() { None } else { Some(school(&asked.school)?) };
        let Some(document) = self.document(district).await? else {
            let (document, id) = (DEFAULT_PACK.to_owned(), String::new());
            return Ok(wire::ShowResponse { in_force: None, document, id, rules: Vec::new() });
        };
        let last = history::list(&self.database, district, None, 1).await.map_err(|error| unavailable(&error))?;
        let pack = sound(&document)?;
        let in_force = match last.first() {
            Some(activation) if activation.version == pack.version => to_wire(activation),
            // From a program that kept no history.
            _ => wire::Activation { version: pack.version, ..wire::Activation::default() },
        };
        let rules = pack.rules.iter().filter(|rule| at.is_none() || rule.applies_at(at.as_ref()));
        let rules = rules.map(|rule| shown(&pack, rule)).collect();
        Ok(wire::ShowResponse { in_force: Some(in_force), rules, id: pack.id.to_string(), document })
    }

    async fn differences(&self, district: &DistrictId, yaml: &str) -> Result<wire::DiffResponse, Status> {
        let after = sound(yaml)?;
        let before = match self.document(district).await? {
            Some(document) => sound(&document)?,
            None => sound(NONE)?,
        };
        let rules = after.differences(&before).into_iter().map(difference).collect();
        Ok(wire::DiffResponse { rules, obstacles: self.obstacles(district, after).await? })
    }

    async fn put(&self, grant: &Grant, wanted: Wanted) -> Result<(Activation, String), Status> {
        check_reason(&wanted.reason)?;
        let put = activation::activate(&self.database, &grant.district, clock::now(), wanted).await;
        let put = put.map_err(|error| unavailable(&error))?.map_err(|refusal| refused(&refusal))?;
        tracing::info!(district = %grant.district, key = grant.key, version = put.0.version, "the district's rules were changed");
        Ok(put)
    }

    async fn activations(
        &self,
        district: &DistrictId,
        asked: wire::HistoryRequest,
    ) -> Result<wire::HistoryResponse, Status> {
        let limit = if asked.limit == 0 { LISTED } else { i64::from(asked.limit) };
        let before = (asked.before != 0).then_some(asked.before);
        let listed = history::list(&self.database, district, before, limit).await;
        let listed = listed.map_err(|error| unavailable(&error))?;
        Ok(wire::HistoryResponse { activations: listed.iter().map(to_wire).collect() })
    }
}

#[tonic::async_trait]
impl Service for RuleAdmin {
    async fn check(&self, request: Request<wire::CheckRequest>) -> Result<Response<wire::CheckResponse>, Status> {
        let grant = self.permit(&request)?;
        self.in_time(&grant, self.check_document(&grant.district, &request.get_ref().document)).await
    }

    async fn show(&self, request: Request<wire::ShowRequest>) -> Result<Response<wire::ShowResponse>, Status> {
        let grant = self.permit(&request)?;
        self.in_time(&grant, self.in_force(&grant.district, request.get_ref())).await
    }

    async fn diff(&self, request: Request<wire::DiffRequest>) -> Result<Response<wire::DiffResponse>, Status> {
        let grant = self.permit(&request)?;
        self.in_time(&grant, self.differences(&grant.district, &request.get_ref().document)).await
    }

    async fn activate(
        &self,
        request: Request<wire::ActivateRequest>,
    ) -> Result<Response<wire::ActivateResponse>, Status> {
        let grant = self.permit(&request)?;
        let wire::ActivateRequest { document: yaml, reason, expected_version: expected } = request.into_inner();
        let text = Text::Written { pack: sound(&yaml)?, yaml, grows: true };
        let wanted = Wanted { text, by: grant.key.clone(), reason, expected };
        let answer = async {
            let (activation, _) = self.put(&grant, wanted).await?;
            Ok(wire::ActivateResponse { activation: Some(to_wire(&activation)) })
        };
        self.in_time(&grant, answer).await
    }

    async fn rollback(
        &self,
        request: Request<wire::RollbackRequest>,
    ) -> Result<Response<wire::RollbackResponse>, Status> {
        let grant = self.permit(&request)?;
        let wire::RollbackRequest { version, reason, expected_version: expected } = request.into_inner();
        let wanted = Wanted { text: Text::Again(version), by: grant.key.clone(), reason, expected };
        let answer = async {
            let (activation, document) = self.put(&grant, wanted).await?;
            Ok(wire::RollbackResponse { activation: Some(to_wire(&activation)), document })
        };
        self.in_time(&grant, answer).await
    }

    async fn history(&self, request: Request<wire::HistoryRequest>) -> Result<Response<wire::HistoryResponse>, Status> {
        let grant = self.permit(&request)?;
        self.in_time(&grant, self.activations(&grant.district, request.into_inner())).await
    }
}

fn sound(yaml: &str) -> Result<Pack, Status> {
    Pack::parse(yaml).map_err(|error| Status::invalid_argument(chain(&error)))
}

/// It is kept for ever and shown to people.
fn check_reason(reason: &str) -> Result<(), Status> {
    let wrong = |what: &str| Err(Status::invalid_argument(format!("reason: {what}")));
    match reason.trim() {
        "" => wrong("say why, for those who look it up"),
        _ if reason.chars().count() > MAX_REASON => wrong("is longer than 1,000 characters"),
        _ if reason.chars().any(|c| c.is_control() && c != '\n') => wrong("has control characters"),
        _ => Ok(()),
    }
}

fn refused(refusal: &Refusal) -> Status {
    let text = chain(refusal);
    match refusal {
        Refusal::Changed { .. } => Status::aborted(text),
        Refusal::Unknown(_) => Status::not_found(text),
        Refusal::NotGrown { .. } | Refusal::Succession(_) | Refusal::Again(_) => Status::failed_precondition(text),
    }
}

/// A database error as callers may see it: without its text, which goes to the log.
fn unavailable(error: &homeroom_pg::Error) -> Status {
    tracing::error!(error = error as &dyn std::error::Error, "rules cannot be read or kept");
    Status::unavailable("rules cannot be read or kept now; try again")
}

fn school(id: &str) -> Result<SchoolId, Status> {
    SchoolId::parse(id).map_err(|error| Status::invalid_argument(format!("school: {error}")))
}

fn shown(pack: &Pack, rule: &Rule) -> wire::ShownRule {
    let field = |line: &Line| wire::ShownField {
        name: line.field.to_owned(),
        value: line.text.clone(),
        origin: line.origin.to_string(),
    };
    wire::ShownRule {
        rule: rule.id.to_string(),
        version: rule.version,
        fields: pack.origins(rule).iter().map(field).collect(),
        schools: rule.schools.to_string(),
    }
}

fn difference(of: Difference) -> wire::RuleDifference {
    let field = |field: homeroom_domain::rule::difference::Changed| wire::FieldDifference {
        name: field.name.to_owned(),
        before: field.before,
        after: field.after,
    };
    wire::RuleDifference {
        rule: of.rule.to_string(),
        version_before: of.before,
        version_after: of.after,
        fields: of.fields.into_iter().map(field).collect(),
        schools: of.schools,
    }
}

fn to_wire(activation: &Activation) -> wire::Activation {
    wire::Activation {
        number: activation.number,
        version: activation.version,
        activated_at: Some(timestamp_to_wire(activation.activated_at)),
        activated_by: activation.activated_by.clone(),
        reason: activation.reason.clone(),
        again: activation.again,
    }
}
