//! `/data/v3/…`: documents are sent, read, changed and deleted.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use homeroom_chassis::access::{Allowance, Grant};
use homeroom_chassis::telemetry::trace::current_traceparent;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::address::base;
use super::authorise;
use crate::edfi::command::{Action, Collection, Command, Condition, Draft, Outcome};
use crate::edfi::problem::Problem;
use crate::edfi::query::{self, Page, Query};
use crate::edfi::referral::KEY_MAY_CHANGE;
use crate::edfi::table::{self, ED_FI, Resource, table};
use crate::edfi::writer::Refusal;
use crate::edfi::{Door, parse, validate};

/// The longest folder or endpoint.
const MAX_NAME: usize = 100;

/// What an address means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Collection,
    Deletes,
    KeyChanges,
    Item(Uuid),
}

/// Whose documents a request is about.
struct Place {
    collection: Collection,
    resource: Option<&'static Resource>,
    target: Target,
    /// The address of the collection.
    address: String,
}

/// Any method on `/data/{*path}`.
pub(super) async fn serve(
    State(door): State<Arc<Door>>,
    Path((connection, path)): Path<(String, String)>,
    request: Request,
) -> Response {
    match answer(&door, &connection, &path, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn answer(door: &Door, connection: &str, path: &str, request: Request) -> Result<Response, Problem> {
    let grant = authorise(door, request.headers(), connection)?;
    let allowance = door.state.access.allowance(&grant);
    let place = place(door, grant, connection, path, request.headers()).ok_or_else(Problem::no_such_address)?;
    allowance.within(Box::pin(act(door, place, request, allowance))).await.map_err(Problem::too_long)?
}

/// What an address of a connection means; none when it means nothing.
fn place(door: &Door, grant: Grant, connection: &str, path: &str, headers: &HeaderMap) -> Option<Place> {
    let (folder, endpoint, target) = split(path)?;
    let resource = if folder == ED_FI { table().find(&endpoint) } else { None };
    let endpoint = match resource {
        Some(resource) if !resource.endpoint.is_empty() => resource.endpoint.clone(),
        _ => endpoint,
    };
    let name = format!("{folder}/{endpoint}");
    let address = format!("{}/data/v3/{name}", base(door, headers, connection));
    let collection = Collection { district: grant.district, source: grant.source, resource: Arc::from(name) };
    Some(Place { collection, resource, target, address })
}

async fn act(door: &Door, place: Place, request: Request, allowance: Allowance) -> Result<Response, Problem> {
    let method = request.method().clone();
    match (&place.target, method) {
        (Target::Collection | Target::Deletes | Target::KeyChanges, Method::GET | Method::HEAD) => {
            list(door, &place, request.uri()).await
        }
        (Target::Item(id), Method::GET | Method::HEAD) => read(door, &place, *id, request.headers()).await,
        (Target::Collection, Method::POST) => upsert(door, place, request, allowance).await,
        (Target::Item(id), Method::PUT) => replace(door, *id, place, request, allowance).await,
        (Target::Item(id), Method::DELETE) => delete(door, *id, place, request.headers()).await,
        (Target::Collection, Method::PUT) => Err(Problem::method(
            "Resource collections cannot be replaced. To 'upsert' an item in the collection, use POST. To update a specific \
             item, use PUT and include the 'id' in the route.",
        )),
        (Target::Collection, Method::DELETE) => Err(Problem::method(
            "Resource collections cannot be deleted. To delete a specific item, use DELETE and include the 'id' in the route.",
        )),
        (Target::Item(_), Method::POST) => Err(Problem::method(
            "Resource items can only be updated using PUT. To 'upsert' an item in the resource collection using POST, remove \
             the 'id' from the route.",
        )),
        _ => Err(Problem::method("The resource does not take the method.")),
    }
}

/// Folder, endpoint and target of `v3/ed-fi/students/{id}`; the version may be missing, and a school year may follow it.
fn split(path: &str) -> Option<(String, String, Target)> {
    let mut steps: Vec<&str> = path.split('/').collect();
    if steps.last() == Some(&"") {
        steps.pop();
    }
    if steps.first() == Some(&"v3") {
        steps.remove(0);
        let year = steps.first().is_some_and(|step| step.len() == 4 && step.bytes().all(|byte| byte.is_ascii_digit()));
        if year {
            steps.remove(0);
        }
    }
    let (folder, endpoint, target) = match steps.as_slice() {
        [folder, endpoint] => (folder, endpoint, Target::Collection),
        [folder, endpoint, "deletes"] => (folder, endpoint, Target::Deletes),
        [folder, endpoint, "keyChanges"] => (folder, endpoint, Target::KeyChanges),
        [folder, endpoint, id] => (folder, endpoint, Target::Item(Uuid::try_parse(id).ok()?)),
        _ => return None,
    };
    let is_name = |name: &str| {
        !name.is_empty()
            && name.len() <= MAX_NAME
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    (is_name(folder) && is_name(endpoint)).then(|| (folder.to_ascii_lowercase(), (*endpoint).to_owned(), target))
}

async fn list(door: &Door, place: &Place, uri: &Uri) -> Result<Response, Problem> {
    let parameters = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
    let parameters = parameters.map_err(|_| Problem::parameter("The query string cannot be read."))?.0;
    let query = Query::parse(place.resource, &parameters)?;
    let database = &door.state.database;
    let page = match place.target {
        Target::Deletes => query::deletes(database, &place.collection, query).await.map(Some),
        Target::KeyChanges => query::key_changes(database, &place.collection, query).await.map(Some),
        _ => query::page(database, &place.collection, query).await,
    };
    let too_much = || Problem::parameter("The page would be too large. Ask for fewer items by limit.");
    let Page { json, total } = page.map_err(|error| unreadable(&error))?.ok_or_else(too_much)?;
    let mut response = json_response(json);
    if let Some(total) = total {
        response.headers_mut().insert(HeaderName::from_static("total-count"), total.into());
    }
    Ok(response)
}

async fn read(door: &Door, place: &Place, id: Uuid, headers: &HeaderMap) -> Result<Response, Problem> {
    let item = query::find(&door.state.database, &place.collection, id).await.map_err(|error| unreadable(&error))?;
    let item = item.ok_or_else(Problem::not_found)?;
    let seen = etags(headers, &header::IF_NONE_MATCH).is_some_and(|etags| etags.contains(&item.etag));
    let mut response = if seen { StatusCode::NOT_MODIFIED.into_response() } else { json_response(item.json) };
    response.headers_mut().insert(header::ETAG, quoted(&item.etag));
    Ok(response)
}

async fn upsert(door: &Door, place: Place, request: Request, allowance: Allowance) -> Result<Response, Problem> {
    let (headers, bytes) = receive(door, request, allowance).await?;
    let mut body = parse::parse(&bytes, door.state.limits.nesting).map_err(Problem::unreadable)?;
    if body.contains_key("id") {
        return Err(Problem::id_in_body());
    }
    body = check(place.resource, body)?;
    let draft = Draft::new(&place.collection, place.resource, body);
    apply(door, place, Action::Upsert(draft), &headers, bytes.len()).await
}

async fn replace(
    door: &Door,
    id: Uuid,
    place: Place,
    request: Request,
    allowance: Allowance,
) -> Result<Response, Problem> {
    let (headers, bytes) = receive(door, request, allowance).await?;
    let mut body = parse::parse(&bytes, door.state.limits.nesting).map_err(Problem::unreadable)?;
    if let Some(given) = body.remove("id")
        && given.as_str().and_then(|given| Uuid::try_parse(given).ok()) != Some(id)
    {
        return Err(Problem::bad_request("Request body id must match the id in the url."));
    }
    body = check(place.resource, body)?;
    let draft = Draft::new(&place.collection, place.resource, body);
    // A document without a natural key is its own key, and may say anything else later.
    let free = place
        .resource
        .is_none_or(|resource| resource.key.is_empty() || KEY_MAY_CHANGE.contains(&resource.endpoint.as_str()));
    apply(door, place, Action::Replace(id, draft, free), &headers, bytes.len()).await
}

async fn delete(door: &Door, id: Uuid, place: Place, headers: &HeaderMap) -> Result<Response, Problem> {
    apply(door, place, Action::Delete(id), headers, 0).await
}

/// The body, when it is JSON, not too large, and there in time.
async fn receive(door: &Door, request: Request, allowance: Allowance) -> Result<(HeaderMap, Bytes), Problem> {
    let (parts, body) = request.into_parts();
    let limit = allowance.body_bytes(door.state.limits.body_bytes);
    if let Some(media_type) = parts.headers.get(header::CONTENT_TYPE) {
        let media_type = media_type.to_str().unwrap_or_default().to_ascii_lowercase();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !(essence == "application/json" || essence == "text/json" || essence.ends_with("+json")) {
            return Err(Problem::media_type());
        }
    }
    let announced =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > limit) {
        return Err(Problem::too_large(limit));
    }
    let arrived = allowance.within(to_bytes(body, limit)).await.map_err(Problem::too_slow)?;
    let bytes = arrived.map_err(|error| {
        let cut_off = std::error::Error::source(&error).is_none_or(|cause| !cause.to_string().contains("length limit"));
        if cut_off { Problem::bad_request("The request body was cut off.") } else { Problem::too_large(limit) }
    })?;
    Ok((parts.headers, bytes))
}

/// A body in its one form. What we add to documents when they are read is not part of them.
fn check(resource: Option<&Resource>, mut body: Map<String, Value>) -> Result<Map<String, Value>, Problem> {
    for ours in ["_etag", "_lastModifiedDate"] {
        body.remove(ours);
    }
    match resource {
        Some(resource) => validate::normalise(resource, body).map_err(Problem::invalid),
        None => Ok(validate::prune_object(body)),
    }
}

async fn apply(
    door: &Door,
    place: Place,
    action: Action,
    headers: &HeaderMap,
    bytes: usize,
) -> Result<Response, Problem> {
    let condition = Condition {
        etags: etags(headers, &header::IF_MATCH),
        absent: etags(headers, &header::IF_NONE_MATCH).is_some_and(|etags| etags.iter().any(|etag| etag == "*")),
    };
    let is_put = matches!(action, Action::Replace(..));
    let Place { collection, resource, address, .. } = place;
    let name = resource_name(resource, &collection);
    let command = Command { collection, resource, action, condition, traceparent: current_traceparent() };
    let outcome = door.writer.apply(command, bytes).await;
    match outcome.map_err(refused)? {
        Outcome::Created(id, etag) => Ok(kept(StatusCode::CREATED, &address, id, &etag)),
        Outcome::Updated(id, etag) if is_put => Ok(kept(StatusCode::NO_CONTENT, &address, id, &etag)),
        Outcome::Updated(id, etag) => Ok(kept(StatusCode::OK, &address, id, &etag)),
        Outcome::Deleted => Ok(StatusCode::NO_CONTENT.into_response()),
        Outcome::NotFound => Err(Problem::not_found()),
        Outcome::Stale => Err(Problem::stale()),
        Outcome::KeyFixed => Err(Problem::key_change(&name)),
        Outcome::KeyTaken => Err(Problem::key_taken()),
    }
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Busy { reason, retry_after_s } => Problem::busy(reason, retry_after_s),
        Refusal::Unkeepable => Problem::unkeepable(),
    }
}

/// The resource as problems call it.
fn resource_name(resource: Option<&Resource>, collection: &Collection) -> String {
    match resource {
        Some(resource) if !table::is_descriptor(&collection.resource) => resource.name.clone(),
        _ => collection.resource.rsplit('/').next().unwrap_or_default().trim_end_matches('s').to_owned(),
    }
}

fn kept(status: StatusCode, address: &str, id: Uuid, etag: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let location = HeaderValue::from_str(&format!("{address}/{}", id.simple()));
    let headers = response.headers_mut();
    if let Ok(location) = location {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(header::ETAG, quoted(etag));
    response
}

fn json_response(json: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))], json).into_response()
}

fn quoted(etag: &str) -> HeaderValue {
    // An etag is hexadecimal digits.
    HeaderValue::from_str(&format!("\"{etag}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The etags that a header names, without quotes and weakness.
fn etags(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    let mut etags = Vec::new();
    for value in headers.get_all(name) {
        let value = value.to_str().unwrap_or_default();
        etags.extend(value.split(',').map(|etag| etag.trim().trim_start_matches("W/").trim_matches('"').to_owned()));
    }
    (!etags.is_empty()).then_some(etags)
}

fn unreadable(error: &homeroom_pg::Error) -> Problem {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(error = %error, cause, "documents cannot be read");
    Problem::busy("The documents cannot be read at the moment.", 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_year_and_a_slash_and_no_version() {
        let students = Some(("ed-fi".to_owned(), "students".to_owned(), Target::Collection));
        for path in ["v3/ed-fi/students", "v3/Ed-Fi/students/", "v3/2022/ed-fi/students", "ed-fi/students"] {
            assert_eq!(split(path), students, "{path}");
        }
        assert_eq!(split("v3/ed-fi/students/deletes").unwrap().2, Target::Deletes);
        let id = Uuid::from_u128(7);
        assert_eq!(split(&format!("v3/ed-fi/students/{}", id.simple())).unwrap().2, Target::Item(id));
        for path in ["v3", "v3/ed-fi", "v3/ed-fi/students/7", "v3/ed-fi/a b", "v3/ed-fi/students/x/y"] {
            assert_eq!(split(path), None, "{path}");
        }
    }
}
