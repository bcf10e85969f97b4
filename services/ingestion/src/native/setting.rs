//! `GET`/`PUT` of `/v1/settings`, `/v1/rule-pack` and `/v1/calculators`, `POST /v1/clock`: how a district counts, and what time it has there.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use homeroom_chassis::access::{Grant, Scope};
use homeroom_chassis::clock;
use homeroom_chassis::problem::Problem;
use homeroom_domain::calculator;
use homeroom_domain::rule::{self, Pack};
use homeroom_domain::settings::Settings;
use homeroom_proto::reference;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Deserialize;

use super::event::too_slow;
use super::{Native, Refused, document, store};
use crate::rule::activation;

/// The largest settings document or rule pack, bytes.
const MAX_DOCUMENT_BYTES: usize = rule::pack::MAX_BYTES;

/// The id of the rules that `homeroom canary` puts in force.
const CANARY: &str = "canary";

pub(super) async fn get_settings(State(native): State<Native>, headers: HeaderMap) -> Result<Json<Settings>, Refused> {
    let grant = native.access.http(&headers, Scope::Admin)?;
    let settings = store::find_settings(&native.database, &grant.district).await.map_err(unavailable)?;
    Ok(Json(settings.unwrap_or_default()))
}

pub(super) async fn put_settings(State(native): State<Native>, request: Request) -> Result<Json<Settings>, Refused> {
    let (grant, body) = admit(&native, request).await?;
    let now = clock::now();
    let settings = document::parse_settings(&body, now)?;
    let decide = move |current: Option<Settings>| document::not_behind(settings.clone(), current.as_ref());
    change(&native, &grant, now, decide).await
}

/// The body of `POST /v1/clock`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Moved {
    now: DateTime,
}

pub(super) async fn post_clock(State(native): State<Native>, request: Request) -> Result<Json<Settings>, Refused> {
    let (grant, body) = admit(&native, request).await?;
    let to: Moved = serde_json::from_slice(&body).map_err(|_| {
        document::invalid().field("$.now", "the district's local time, such as 2022-04-14T08:40:00", "is none")
    })?;
    let now = clock::now();
    let decide = move |current: Option<Settings>| document::moved(current, to.now, now);
    change(&native, &grant, now, decide).await
}

/// Keeps the settings that `decide` makes of those in force.
async fn change<F>(native: &Native, grant: &Grant, now: Timestamp, decide: F) -> Result<Json<Settings>, Refused>
where
    F: Fn(Option<Settings>) -> Result<Settings, Problem> + Send + Sync + 'static,
{
    let changed = store::change_settings(&native.database, &grant.district, now, decide).await.map_err(unavailable)?;
    let settings = changed?;
    tracing::info!(district = %grant.district, key = grant.key, "the district's settings were changed");
    Ok(Json(settings))
}

pub(super) async fn get_rule_pack(State(native): State<Native>, headers: HeaderMap) -> Result<Response, Refused> {
    let grant = native.access.http(&headers, Scope::Admin)?;
    let yaml = store::find_text(&native.database, &grant.district, reference::Kind::RulePack).await;
    let yaml = yaml.map_err(unavailable)?;
    let version = yaml.as_deref().and_then(|yaml| Pack::parse(yaml).ok()).map_or(0, |pack| pack.version);
    let yaml = yaml.unwrap_or_else(|| rule::DEFAULT_PACK.to_owned());
    let headers = [(header::CONTENT_TYPE, "application/yaml".to_owned()), (header::ETAG, format!("\"{version}\""))];
    Ok((headers, yaml).into_response())
}

/// What the district's author wrote, else what is shipped.
async fn written(
    native: &Native,
    grant: &Grant,
    kind: reference::Kind,
    shipped: &'static str,
) -> Result<Response, Refused> {
    let yaml = store::find_text(&native.database, &grant.district, kind).await.map_err(unavailable)?;
    let yaml = yaml.unwrap_or_else(|| shipped.to_owned());
    Ok(([(header::CONTENT_TYPE, "application/yaml")], yaml).into_response())
}

pub(super) async fn put_rule_pack(State(native): State<Native>, request: Request) -> Result<StatusCode, Refused> {
    let expected = expected_version(request.headers())?;
    let (grant, body) = admit(&native, request).await?;
    let yaml = std::str::from_utf8(&body).map_err(|_| document::invalid().detail("the rule pack is not UTF-8"))?;
    let pack = Pack::parse(yaml).map_err(|error| document::invalid().detail(activation::chain(&error)))?;
    if pack.id.as_str() == CANARY && !grant.district.is_canary() {
        let detail = "rules with the id `canary` are for a district of a canary's own, whose id ends with `--canary`";
        return Err(document::invalid().detail(detail).into());
    }
    // Who says which version they knew of relies on it to tell one text from another.
    let grows = expected.is_some();
    let text = activation::Text::Written { yaml: yaml.to_owned(), pack, grows };
    let wanted = activation::Wanted { text, by: grant.key.clone(), reason: String::new(), expected };
    let put = activation::activate(&native.database, &grant.district, clock::now(), wanted).await;
    put.map_err(unavailable)?.map_err(|refusal| document::cannot_activate(&refusal))?;
    tracing::info!(district = %grant.district, key = grant.key, "the district's rules were changed");
    Ok(StatusCode::NO_CONTENT)
}

/// The version that has to be in force, as `If-Match` says it; none when it says nothing, or that any may be.
fn expected_version(headers: &HeaderMap) -> Result<Option<u32>, Problem> {
    let Some(sent) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let tag = sent.to_str().unwrap_or_default().trim();
    if tag == "*" {
        return Ok(None);
    }
    let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|tag| tag.parse().ok());
    let wrong = || document::invalid().field("If-Match", "the ETag of `GET /v1/rule-pack`", "is none");
    version.map(Some).ok_or_else(wrong)
}

pub(super) async fn get_calculators(State(native): State<Native>, headers: HeaderMap) -> Result<Response, Refused> {
    let grant = native.access.http(&headers, Scope::Admin)?;
    written(&native, &grant, reference::Kind::Calculators, calculator::SHIPPED).await
}

pub(super) async fn put_calculators(State(native): State<Native>, request: Request) -> Result<StatusCode, Refused> {
    let (grant, body) = admit(&native, request).await?;
    let yaml = std::str::from_utf8(&body).map_err(|_| document::invalid().detail("the document is not UTF-8"))?;
    calculator::parse(yaml).map_err(|error| document::invalid().detail(error.to_string()))?;
    let now = clock::now();
    store::put_calculators(&native.database, &grant.district, now, yaml.to_owned()).await.map_err(unavailable)?;
    tracing::info!(district = %grant.district, key = grant.key, "how the district counts days was changed");
    Ok(StatusCode::NO_CONTENT)
}

/// For editors that check a document while it is written.
pub(super) async fn get_calculators_schema() -> Response {
    ([(header::CONTENT_TYPE, "application/schema+json")], calculator::SCHEMA).into_response()
}

/// The same for rules.
pub(super) async fn get_rule_pack_schema() -> Response {
    ([(header::CONTENT_TYPE, "application/schema+json")], rule::pack::SCHEMA).into_response()
}

/// Who sends a document, and the document.
async fn admit(native: &Native, request: Request) -> Result<(Grant, bytes::Bytes), Refused> {
    let grant = native.access.http(request.headers(), Scope::Admin)?;
    let allowance = native.access.allowance(&grant);
    let most = allowance.body_bytes(MAX_DOCUMENT_BYTES);
    let body = allowance.within(to_bytes(request.into_body(), most)).await.map_err(too_slow)?.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "the body is too large, or did not arrive whole")
            .detail(format!("at most {most} bytes are taken"))
    })?;
    Ok((grant, body))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unavailable(error: homeroom_pg::Error) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "settings cannot be read or kept");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "database-unavailable", "settings cannot be read or kept now")
        .retry_after(super::answer::LOG_RETRY_AFTER)
}
