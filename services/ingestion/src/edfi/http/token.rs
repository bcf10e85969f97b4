//! Tokens: `client_credentials` by form or JSON, key and secret in the header or in the body.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Form, FromRequest as _, Path, Request, State};
use axum::response::{IntoResponse as _, Json, Response};
use homeroom_chassis::access::{Denied, Grant, Scope};
use homeroom_chassis::clock;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::authorise;
use crate::edfi::Door;
use crate::edfi::command::Collection;
use crate::edfi::problem::Problem;
use crate::edfi::query::{self, Query};

/// More than any form of ours needs.
const MAX_FORM_BYTES: usize = 16 * 1024;

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenForm {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InfoForm {
    token: Option<String>,
}

/// `POST /oauth/token`.
pub(super) async fn mint(State(door): State<Arc<Door>>, Path(connection): Path<String>, request: Request) -> Response {
    let headers = request.headers().clone();
    let Some(form) = read::<TokenForm>(request).await else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request");
    };
    match form.grant_type.as_deref() {
        Some("client_credentials") => {}
        None => return refuse(StatusCode::BAD_REQUEST, "invalid_request"),
        Some(_) => return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
    }
    let access = &door.state.access;
    let entered = match (form.client_id, form.client_secret) {
        (Some(key), Some(secret)) => access.login(&key, &secret, Scope::Ingest),
        _ => access.http(&headers, Scope::Ingest),
    };
    let grant = match entered {
        Ok(grant) if grant.source.as_str() == connection => grant,
        Err(Denied::TooFast { wait }) => return Problem::too_fast(wait).into_response(),
        Ok(_) | Err(_) => return refuse(StatusCode::UNAUTHORIZED, "invalid_client"),
    };
    let (token, lifetime) = access.tokens().mint(&grant, clock::now());
    let answer = json!({"access_token": token, "expires_in": lifetime.as_secs(), "token_type": "bearer"});
    no_store(Json(answer).into_response())
}

/// `POST /oauth/token_info`: what a token may see.
pub(super) async fn explain(
    State(door): State<Arc<Door>>,
    Path(connection): Path<String>,
    request: Request,
) -> Response {
    let caller = request.headers().clone();
    if let Err(problem) = authorise(&door, &caller, &connection) {
        return problem.into_response();
    }
    let Some(form) = read::<InfoForm>(request).await else {
        return Problem::bad_request("The body must hold a token.").into_response();
    };
    let bearer = form.token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
    let headers: HeaderMap = bearer.into_iter().map(|bearer| (header::AUTHORIZATION, bearer)).collect();
    let Ok(grant) = authorise(&door, &headers, &connection) else {
        return Json(json!({"active": false})).into_response();
    };
    match organizations(&door, &grant).await {
        Ok(organizations) => Json(json!({
            "active": true,
            "api_client_id": 1,
            "namespace_prefixes": ["uri://ed-fi.org"],
            "education_organizations": organizations,
            "student_identification_systems": [],
            "assigned_profiles": [],
        }))
        .into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// The district and its schools, as far as they were sent.
async fn organizations(door: &Door, grant: &Grant) -> Result<Vec<Value>, Problem> {
    let mut organizations = Vec::new();
    for (endpoint, id, kind) in [
        ("localEducationAgencies", "localEducationAgencyId", "edfi.LocalEducationAgency"),
        ("schools", "schoolId", "edfi.School"),
    ] {
        let collection = Collection {
            district: grant.district.clone(),
            source: grant.source.clone(),
            resource: format!("ed-fi/{endpoint}").into(),
        };
        let page = query::page(&door.state.database, &collection, Query::first(500)).await;
        let page =
            page.ok().flatten().ok_or_else(|| Problem::busy("The documents cannot be read at the moment.", 5))?;
        let documents: Vec<Value> = serde_json::from_str(&page.json).unwrap_or_default();
        organizations.extend(documents.iter().map(|document| {
            let agency = match document.pointer("/localEducationAgencyReference/localEducationAgencyId") {
                Some(agency) => agency.clone(),
                None => document.get("localEducationAgencyId").cloned().unwrap_or_default(),
            };
            json!({
                "education_organization_id": document.get(id),
                "local_education_agency_id": agency,
                "type": kind,
                "name_of_institution": document.get("nameOfInstitution"),
            })
        }));
    }
    Ok(organizations)
}

/// A form's values, whether sent as a form or as JSON; an empty body is an empty form.
async fn read<T: DeserializeOwned + Default>(request: Request) -> Option<T> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_FORM_BYTES).await.ok()?;
    if body.is_empty() {
        return Some(T::default());
    }
    let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media_type.contains("json") {
        return serde_json::from_slice(&body).ok();
    }
    let request = Request::from_parts(parts, Body::from(body));
    Form::<T>::from_request(request, &()).await.ok().map(|Form(form)| form)
}

fn refuse(status: StatusCode, error: &'static str) -> Response {
    let mut response = (status, Json(json!({"error": error}))).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
    }
    no_store(response)
}

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
