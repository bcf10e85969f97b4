//! The door's addresses. Each handler authorises, parses, asks and answers; what is decided is decided elsewhere.

mod address;
mod metadata;
mod resource;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use homeroom_chassis::access::{Denied, Grant, Scope};
use http::HeaderMap;

use super::Door;
use super::problem::Problem;

/// All addresses of all connections.
pub(super) fn router(door: Door) -> Router {
    let connection = Router::new()
        .route("/", get(metadata::discovery))
        .route("/oauth/token", post(token::mint))
        .route("/oauth/token/", post(token::mint))
        .route("/oauth/token_info", post(token::explain))
        .route("/oauth/token_info/", post(token::explain))
        .route("/metadata", get(metadata::list))
        .route("/metadata/", get(metadata::list))
        .route("/metadata/data/v3/resources/swagger.json", get(metadata::resources))
        .route("/metadata/data/v3/descriptors/swagger.json", get(metadata::descriptors))
        .route("/metadata/data/v3/dependencies", get(metadata::dependencies))
        .route("/metadata/data/v3/dependencies/", get(metadata::dependencies))
        .route("/changeQueries/v1/availableChangeVersions", get(metadata::change_versions))
        .route("/changeQueries/v1/availableChangeVersions/", get(metadata::change_versions))
        .route("/data/{*path}", any(resource::serve))
        .fallback(no_such_address)
        .method_not_allowed_fallback(wrong_method);
    // Nested routers do not answer the address with the slash that clients write after the connection.
    Router::new()
        .route("/edfi/{connection}/", get(metadata::discovery))
        .nest("/edfi/{connection}", connection)
        // One count of references for each request instead of a dozen.
        .with_state(Arc::new(door))
}

async fn no_such_address() -> Response {
    Problem::no_such_address().into_response()
}

async fn wrong_method() -> Response {
    Problem::method("This address does not take the method.").into_response()
}

/// What the sender may do at this connection. A key of another source may do nothing here, not even learn what there is.
fn authorise(door: &Door, headers: &HeaderMap, connection: &str) -> Result<Grant, Problem> {
    let grant = door.state.access.http(headers, Scope::Ingest).map_err(|denied| match denied {
        Denied::Unknown => Problem::unauthenticated(),
        Denied::Forbidden => Problem::forbidden("The key does not permit sending or reading records."),
        Denied::TooFast { wait } => Problem::too_fast(wait),
    })?;
    if grant.source.as_str() != connection {
        return Err(Problem::forbidden("The key belongs to another connection."));
    }
    if door.state.pseudonyms.find(&grant.district).is_none() {
        return Err(Problem::forbidden("The service is not set up for the key's district."));
    }
    Ok(grant)
}
