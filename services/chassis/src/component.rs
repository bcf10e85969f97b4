//! What a service hands to the process that serves it, so that one process can serve several on the same listeners.

use tonic::service::Routes;

/// A built service: what it answers and what it is called. Its background work already runs on the task group.
pub struct Component {
    /// Such as `ingestion`.
    pub name: &'static str,
    /// What it answers over HTTP.
    pub http: Option<axum::Router>,
    /// What it answers over gRPC.
    pub grpc: Option<Routes>,
    /// Full names of its gRPC services, for health, such as `homeroom.risk.v1.RiskQuery`.
    pub grpc_services: Vec<&'static str>,
    /// Whether it can work now; asked by readiness probes. Never waits longer than a second.
    pub ready: Box<dyn Fn() -> Readiness + Send + Sync>,
}

/// Whether a component can work now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// It cannot, for this reason.
    NotReady(String),
}
