//! What clients read before they send: discovery, OpenAPI, the order of resources, change versions. No token is needed except
//! for the last.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Json, Response};
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::address::base;
use super::authorise;
use crate::edfi::problem::Problem;
use crate::edfi::{Door, openapi, query};

/// `GET /`.
pub(super) async fn discovery(
    State(door): State<Arc<Door>>,
    Path(connection): Path<String>,
    headers: HeaderMap,
) -> Json<Value> {
    let base = base(&door, &headers, &connection);
    Json(json!({
        "version": "7.3",
        "informationalVersion": "7.3",
        "suite": "3",
        "build": "7.3.0.0",
        "apiMode": "Shared Instance",
        "applicationName": "Homeroom",
        "dataModels": [{"name": "Ed-Fi", "version": "5.2.0", "informationalVersion": "The Ed-Fi Data Standard v5.2"}],
        "urls": {
            "dependencies": format!("{base}/metadata/data/v3/dependencies"),
            "openApiMetadata": format!("{base}/metadata/"),
            "oauth": format!("{base}/oauth/token"),
            "dataManagementApi": format!("{base}/data/v3/"),
            "xsdMetadata": format!("{base}/metadata/xsd"),
            "changeQueries": format!("{base}/changeQueries/v1/"),
        },
    }))
}

/// `GET /metadata/`.
pub(super) async fn list(
    State(door): State<Arc<Door>>,
    Path(connection): Path<String>,
    headers: HeaderMap,
) -> Json<Value> {
    let base = base(&door, &headers, &connection);
    let document = |name: &str, folder: &str| json!({"name": name, "endpointUri": format!("{base}/metadata/data/v3/{folder}/swagger.json"), "prefix": ""});
    Json(json!([document("Resources", "resources"), document("Descriptors", "descriptors")]))
}

/// `GET /metadata/data/v3/resources/swagger.json`.
pub(super) async fn resources(
    State(door): State<Arc<Door>>,
    Path(connection): Path<String>,
    headers: HeaderMap,
) -> Response {
    json_text(openapi::resources(&base(&door, &headers, &connection)))
}

/// `GET /metadata/data/v3/descriptors/swagger.json`.
pub(super) async fn descriptors(
    State(door): State<Arc<Door>>,
    Path(connection): Path<String>,
    headers: HeaderMap,
) -> Response {
    json_text(openapi::descriptors(&base(&door, &headers, &connection)))
}

/// `GET /metadata/data/v3/dependencies`.
pub(super) async fn dependencies() -> Json<&'static Value> {
    Json(openapi::dependencies())
}

/// `GET /changeQueries/v1/availableChangeVersions`.
pub(super) async fn change_versions(
    State(door): State<Arc<Door>>,
    Path(connection): Path<String>,
    headers: HeaderMap,
) -> Response {
    let grant = match authorise(&door, &headers, &connection) {
        Ok(grant) => grant,
        Err(problem) => return problem.into_response(),
    };
    match query::versions(&door.state.database, &grant.district).await {
        Ok((oldest, newest)) => {
            Json(json!({"oldestChangeVersion": oldest, "newestChangeVersion": newest})).into_response()
        }
        Err(error) => {
            tracing::error!(error = %error, "change versions cannot be read");
            Problem::busy("The documents cannot be read at the moment.", 5).into_response()
        }
    }
}

fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}
