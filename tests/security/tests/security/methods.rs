//! Every gRPC method with what it needs. A method without a row here fails, as does a service that the running binary has.

use std::collections::BTreeSet;

use homeroom_chassis::access::Scope;
use homeroom_proto::wire::{notification, risk, rule};
use homeroom_security::caller::Standing;
use homeroom_security::raw::Ends;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Code;

/// One method.
pub(crate) struct Method {
    /// `/package.Service/Method`.
    pub(crate) path: &'static str,
    /// The scope that it needs; none for one that everybody may call, with the reason.
    pub(crate) need: Result<Scope, &'static str>,
    /// What is sent.
    pub(crate) messages: Vec<Vec<u8>>,
    /// Whether the caller's side stays open.
    pub(crate) ends: Ends,
    /// What the district's own key with every scope is answered.
    pub(crate) allowed: Code,
}

const PROBED: Result<Scope, &str> =
    Err("an orchestrator asks before it has any secret; it tells only whether services are ready");
const DESCRIBED: Result<Scope, &str> = Err("the same description for everybody, published with the source");

impl Method {
    fn new(path: &'static str, need: Result<Scope, &'static str>, message: Vec<u8>, allowed: Code) -> Self {
        Self { path, need, messages: vec![message], ends: Ends::Closed, allowed }
    }

    /// How the caller is refused; none when it may call.
    pub(crate) fn refusal(&self, standing: &Standing) -> Option<Code> {
        match (self.need, standing) {
            (Err(_public), _) => None,
            (Ok(_), Standing::Unknown) => Some(Code::Unauthenticated),
            (Ok(scope), Standing::Known { scopes, .. }) => (!scopes.contains(&scope)).then_some(Code::PermissionDenied),
        }
    }
}

/// All of them.
pub(crate) fn methods() -> Vec<Method> {
    let read = Ok(Scope::Read);
    let feed = Ok(Scope::Feed);
    let nobody = risk::GetStudentRequest { student: vec![7; 16].into(), others: Vec::new() }.encode_to_vec();
    let nothing = risk::PreviewChangeRequest { change: None }.encode_to_vec();
    let no_outcome = risk::ReplayPackRequest { outcome: "luck".to_owned(), ..Default::default() }.encode_to_vec();
    let no_student = risk::ExplainStudentRequest { student: vec![7; 16].into(), ..Default::default() }.encode_to_vec();
    let no_alert = risk::ExplainAlertRequest {
        alert_id: "0b6f0000-0000-5000-8000-000000000007".to_owned(),
        ..risk::ExplainAlertRequest::default()
    };
    let admin = Ok(Scope::Admin);
    let no_rules = rule::DiffRequest { document: "none".to_owned() }.encode_to_vec();
    let never = rule::RollbackRequest { version: 7, reason: "a test".to_owned(), ..Default::default() }.encode_to_vec();
    let watch = notification::WatchAlertsRequest { from_start: true, ..Default::default() }.encode_to_vec();
    vec![
        Method {
            messages: Vec::new(),
            ..Method::new("/homeroom.ingest.v1.EventIngest/Push", Ok(Scope::Ingest), Vec::new(), Code::Ok)
        },
        Method::new("/homeroom.risk.v1.RiskQuery/GetStudent", read, nobody, Code::NotFound),
        Method::new("/homeroom.risk.v1.RiskQuery/ListStudents", read, Vec::new(), Code::Ok),
        Method::new("/homeroom.risk.v1.RiskQuery/WatchStudents", read, Vec::new(), Code::Ok),
        Method::new("/homeroom.risk.v1.RiskQuery/ExportMeasures", read, Vec::new(), Code::Ok),
        Method::new("/homeroom.risk.v1.RiskQuery/GetSummary", read, Vec::new(), Code::Ok),
        Method::new("/homeroom.risk.v1.RiskQuery/GetProgress", read, Vec::new(), Code::Ok),
        Method::new("/homeroom.risk.v1.RiskQuery/PreviewChange", Ok(Scope::Admin), nothing, Code::InvalidArgument),
        Method::new("/homeroom.risk.v1.RiskQuery/ReplayPack", Ok(Scope::Admin), no_outcome, Code::InvalidArgument),
        Method::new("/homeroom.risk.v1.RiskExplanation/ExplainStudent", read, no_student, Code::NotFound),
        Method::new("/homeroom.risk.v1.RiskExplanation/ExplainAlert", read, no_alert.encode_to_vec(), Code::NotFound),
        Method::new("/homeroom.rule.v1.RuleAdmin/Check", admin, Vec::new(), Code::Ok),
        Method::new("/homeroom.rule.v1.RuleAdmin/Show", admin, Vec::new(), Code::Ok),
        Method::new("/homeroom.rule.v1.RuleAdmin/Diff", admin, no_rules, Code::InvalidArgument),
        Method::new("/homeroom.rule.v1.RuleAdmin/Activate", admin, Vec::new(), Code::InvalidArgument),
        Method::new("/homeroom.rule.v1.RuleAdmin/Rollback", admin, never, Code::NotFound),
        Method::new("/homeroom.rule.v1.RuleAdmin/History", admin, Vec::new(), Code::Ok),
        Method {
            ends: Ends::Open,
            ..Method::new("/homeroom.notification.v1.AlertFeed/Stream", feed, Vec::new(), Code::Ok)
        },
        Method::new("/homeroom.notification.v1.AlertFeed/Settle", feed, Vec::new(), Code::InvalidArgument),
        Method::new("/homeroom.notification.v1.AlertFeed/WatchAlerts", feed, watch, Code::Ok),
        Method::new("/homeroom.notification.v1.AlertFeed/GetDeliveries", feed, Vec::new(), Code::Ok),
        Method::new("/homeroom.notification.v1.AlertFeed/Acknowledge", feed, Vec::new(), Code::InvalidArgument),
        Method::new("/homeroom.notification.v1.AlertFeed/RecordDutyDone", feed, Vec::new(), Code::InvalidArgument),
        Method::new("/homeroom.notification.v1.AlertFeed/ListDuties", feed, Vec::new(), Code::InvalidArgument),
        Method::new("/homeroom.notification.v1.AlertFeed/ListCases", feed, Vec::new(), Code::Ok),
        Method::new("/homeroom.notification.v1.AlertFeed/OpenCase", feed, Vec::new(), Code::InvalidArgument),
        Method::new("/homeroom.notification.v1.AlertFeed/CloseCase", feed, Vec::new(), Code::InvalidArgument),
        Method::new("/grpc.health.v1.Health/Check", PROBED, Vec::new(), Code::Ok),
        Method::new("/grpc.health.v1.Health/Watch", PROBED, Vec::new(), Code::Ok),
        Method::new("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", DESCRIBED, Vec::new(), Code::Ok),
    ]
}

/// The services that have a method in the table.
pub(crate) fn services() -> BTreeSet<String> {
    methods()
        .iter()
        .filter_map(|method| Some(method.path.trim_start_matches('/').split_once('/')?.0.to_owned()))
        .collect()
}

#[test]
fn every_method_that_is_described_has_a_row() {
    let rows: BTreeSet<String> = methods().iter().map(|method| method.path.to_owned()).collect();
    let mut described = BTreeSet::new();
    for set in [
        homeroom_proto::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    ] {
        for file in FileDescriptorSet::decode(set).expect("descriptors").file {
            for service in &file.service {
                let path = |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
                described.extend(service.method.iter().map(|method| path(method.name())));
            }
        }
    }
    assert_eq!(rows, described, "say in `methods` who may call each");
}
