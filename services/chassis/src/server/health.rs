//! Health: whether the process lives, whether it can work, and its metrics.
//!
//! Liveness looks only at the process, since restarting it helps against nothing else. Readiness asks every component.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::component::Readiness;
use crate::telemetry;

/// How often gRPC health is told what the components say.
const TELL: Duration = Duration::from_secs(1);

/// One component to ask.
pub(super) struct Asked {
    pub(super) name: &'static str,
    pub(super) grpc_services: Vec<&'static str>,
    pub(super) ready: Box<dyn Fn() -> Readiness + Send + Sync>,
}

/// What readiness is made of.
pub(super) struct Health {
    components: Vec<Asked>,
    stopping: CancellationToken,
}

impl Health {
    pub(super) fn new(components: Vec<Asked>, stopping: CancellationToken) -> Self {
        Self { components, stopping }
    }

    /// Nothing is ready once the process is stopping.
    fn of(&self, component: &Asked) -> Readiness {
        if self.stopping.is_cancelled() { Readiness::NotReady("stopping".to_owned()) } else { (component.ready)() }
    }
}

/// `/healthz`, `/readyz` and `/metrics`.
pub(super) fn routes(health: Arc<Health>) -> Router {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health)
}

async fn ready(State(health): State<Arc<Health>>) -> Response {
    let mut all = !health.stopping.is_cancelled();
    let mut components = Map::new();
    for component in &health.components {
        let word = match health.of(component) {
            Readiness::Ready => "ready".to_owned(),
            Readiness::NotReady(why) => {
                all = false;
                why
            }
        };
        components.insert(component.name.to_owned(), Value::String(word));
    }
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": all, "components": components }))).into_response()
}

async fn metrics() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry::metrics_text())
}

/// Tells gRPC health what the components say until the group stops, and last that nothing is served any more.
pub(super) async fn report(health: Arc<Health>, reporter: HealthReporter) -> Result<(), Infallible> {
    let mut tick = tokio::time::interval(TELL);
    loop {
        let stopped = health.stopping.run_until_cancelled(tick.tick()).await.is_none();
        let mut all = true;
        for component in &health.components {
            let ready = health.of(component) == Readiness::Ready;
            all &= ready;
            for service in &component.grpc_services {
                reporter.set_service_status(service, word(ready)).await;
            }
        }
        // The empty name stands for the whole server.
        reporter.set_service_status("", word(all && !stopped)).await;
        if stopped {
            return Ok(());
        }
    }
}

fn word(ready: bool) -> ServingStatus {
    if ready { ServingStatus::Serving } else { ServingStatus::NotServing }
}
