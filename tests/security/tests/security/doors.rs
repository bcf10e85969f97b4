//! Every route and method tried by every caller: each cell of the table is refused, or answered, as it must be.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _};
use homeroom_harness::homeroom::Options;
use homeroom_journeys::District;
use homeroom_security::caller::Standing;
use homeroom_security::needle::Search;
use homeroom_security::raw::{Ends, next};
use homeroom_security::school::KESTREL;
use homeroom_security::world::DISTRICT;
use homeroom_security::{Caller, World};
use prost::Message as _;
use reqwest::Method;
use serde_json::Value;
use tonic::Code;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, ServerReflectionResponse, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};

use crate::methods::{methods, services};
use crate::routes::{METHODS, Need, ROUTES, Route};

/// Requests at a time.
const AT_ONCE: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_door_refuses_whom_it_must() -> Result<()> {
    let world = World::start(Options::default()).await?;
    let district = District::new(world.homeroom.edfi().await?);
    district.send_schools().await?;
    KESTREL.send(&district).await?;

    every_route_that_is_described_has_a_row(&world).await?;
    every_service_that_is_there_has_rows(&world).await?;
    a_large_message_of_a_stranger_is_not_read(&world).await;
    let mut search = Search::default();
    let mut wrong = Vec::new();
    for route in ROUTES {
        for caller in Caller::all() {
            wrong.extend(try_route(&world, route, caller, &mut search).await?);
        }
    }
    wrong.extend(methods_without_a_row(&world).await?);
    wrong.extend(every_resource_is_closed(&world).await?);
    wrong.extend(try_methods(&world).await);
    assert!(wrong.is_empty(), "{} doors answer otherwise than they must:\n{}", wrong.len(), wrong.join("\n"));
    search.assert_nothing(300, 10_000);
    Ok(())
}

/// Tries one cell; what is wrong with the answer.
async fn try_route(world: &World, route: &Route, caller: Caller, search: &mut Search) -> Result<Option<String>> {
    let media_type =
        if route.literal.contains("oauth") { "application/x-www-form-urlencoded" } else { "application/json" };
    let method = Method::from_bytes(route.method.as_bytes())?;
    let request = world.request(caller, method, route.path).header("content-type", media_type).body(route.body);
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    let challenged = answer.headers().contains_key("www-authenticate");
    let text = answer.text().await?;
    let standing = caller.standing();
    let cell = format!("{} {} by {caller:?}", route.method, route.path);
    let ours = matches!(standing, Standing::Known { district, source: "sis", .. } if district == DISTRICT);
    if !ours {
        search.look(&cell, &text, &KESTREL.needles());
    }
    let as_it_must = match route.need.refusal(&standing) {
        Some(refusal) => status == refusal && (status != 401 || challenged),
        None if ours => status == route.allowed,
        None => ![401, 403].contains(&status) && status < 500,
    };
    let reason = if let Need::Public(reason) = route.need { reason } else { "" };
    Ok((!as_it_must).then(|| format!("{cell}: {status} {text} {reason}")))
}

/// A method that was added to a route answers something else than 405 or the door's refusal.
async fn methods_without_a_row(world: &World) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for path in ROUTES.iter().map(|route| route.path).collect::<BTreeSet<_>>() {
        let has_row = |method: &str| ROUTES.iter().any(|route| route.path == path && route.method == method);
        for method in METHODS.into_iter().filter(|method| !has_row(method)) {
            // Where there is a GET, the router answers HEAD with it, and so with the same refusal.
            let get = ROUTES.iter().find(|route| route.path == path && route.method == "GET" && method == "HEAD");
            // All methods of `any` have rows at two paths; the others of its paths are the same handler.
            if get.is_none() && path.contains("/data/") && !path.contains("/metadata/") {
                continue;
            }
            let caller = if get.is_some() { Caller::Nobody } else { Caller::Owner };
            let must = get.map_or(405, |get| get.need.refusal(&caller.standing()).unwrap_or(get.allowed));
            let status = world.request(caller, Method::from_bytes(method.as_bytes())?, path).send().await?.status();
            if status != must {
                wrong.push(format!("{method} {path} has no row and answers {status}"));
            }
        }
    }
    Ok(wrong)
}

/// What the native API says of itself is in the table, and nothing else is.
async fn every_route_that_is_described_has_a_row(world: &World) -> Result<()> {
    let described = document(world, "/openapi.json").await?;
    let paths = described["paths"].as_object().context("no paths")?;
    for (path, methods) in paths {
        for method in methods.as_object().context("no methods")?.keys() {
            let has_row = |route: &&Route| route.literal == path && route.method.eq_ignore_ascii_case(method);
            assert!(ROUTES.iter().any(|route| has_row(&route)), "say in `ROUTES` who may use {method} {path}");
        }
    }
    assert!(paths.len() >= 5, "{paths:?}");
    Ok(())
}

/// Every method of every resource that the metadata lists is closed to nobody and to another source.
async fn every_resource_is_closed(world: &World) -> Result<Vec<String>> {
    let mut doors = Vec::new();
    for kind in ["resources", "descriptors"] {
        let swagger = document(world, &format!("/edfi/sis/metadata/data/v3/{kind}/swagger.json")).await?;
        for (path, methods) in swagger["paths"].as_object().context("no paths")? {
            let path = format!("/edfi/sis/data/v3{}", path.replace("{id}", "00000000000000000000000000000007"));
            for method in methods.as_object().context("no methods")?.keys() {
                doors.push((path.clone(), Method::from_bytes(method.to_uppercase().as_bytes())?));
            }
        }
    }
    assert!(doors.len() > 1000, "only {} doors were found", doors.len());
    let tries = doors.iter().flat_map(|door| [(door, Caller::Nobody, 401), (door, Caller::OtherSource, 403)]);
    let tries = tries.map(async |((path, method), caller, refusal)| {
        let request = world.request(caller, method.clone(), path).header("content-type", "application/json");
        let status = request.body("{}").send().await?.status().as_u16();
        anyhow::Ok((status != refusal).then(|| format!("{method} {path} by {caller:?}: {status}")))
    });
    let wrong: Vec<_> = futures_util::stream::iter(tries).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(wrong.into_iter().flatten().collect())
}

async fn document(world: &World, path: &str) -> Result<Value> {
    Ok(world.request(Caller::Nobody, Method::GET, path).send().await?.error_for_status()?.json().await?)
}

/// The services that the server says it has are those of the table.
async fn every_service_that_is_there_has_rows(world: &World) -> Result<()> {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let mut stream = world.grpc.call(None, method, vec![request.encode_to_vec()], Ends::Closed).await?;
    let answer = next(&mut stream).await?.context("reflection says nothing")?;
    let answer = ServerReflectionResponse::decode(&*answer)?.message_response;
    let Some(MessageResponse::ListServicesResponse(listed)) = answer else { anyhow::bail!("no list: {answer:?}") };
    let listed: BTreeSet<String> = listed.service.into_iter().map(|service| service.name).collect();
    assert_eq!(listed, services(), "say in `methods` who may call each");
    Ok(())
}

/// A stranger's message is not even read: what cannot be decoded is refused as anything else is.
async fn a_large_message_of_a_stranger_is_not_read(world: &World) {
    let method = "/homeroom.risk.v1.RiskQuery/ReplayPack";
    let answer = world.grpc.call(None, method, vec![vec![u8::MAX; 16]], Ends::Closed).await;
    assert_eq!(answer.map_or_else(|status| status.code(), |_stream| Code::Ok), Code::Unauthenticated);
}

/// Tries every method by every caller; what is wrong with the answers.
async fn try_methods(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    for method in methods() {
        for caller in Caller::all() {
            let authorization = caller.authorization(world);
            let answer =
                world.grpc.call(authorization.as_deref(), method.path, method.messages.clone(), method.ends).await;
            let code = answer.map_or_else(|status| status.code(), |_stream| Code::Ok);
            let as_it_must = match method.refusal(&caller.standing()) {
                Some(refusal) => code == refusal,
                None => code == method.allowed,
            };
            if !as_it_must {
                wrong.push(format!("{} by {caller:?}: {code:?}", method.path));
            }
        }
    }
    wrong
}
