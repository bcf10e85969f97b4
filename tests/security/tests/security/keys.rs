//! Keys that go too fast, and keys that are taken away, at every door.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use homeroom_harness::homeroom::Options;
use homeroom_security::raw::{Ends, next};
use homeroom_security::world::LEAVER;
use homeroom_security::{Caller, World};
use reqwest::{Method, StatusCode};
use tonic::{Code, Status};

use crate::methods::methods;
use crate::routes::{Need, ROUTES, Route};

/// How long a key that is taken away may still work, on a loaded machine.
const TAKEN_AWAY_WITHIN: Duration = Duration::from_secs(20);
/// A key that may ask once a second may just have got its next turn.
const TRIES: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_goes_too_fast_is_told_to_wait_and_one_that_is_taken_away_works_no_more() -> Result<()> {
    let world = World::start(Options::default()).await?;
    let mut wrong = Vec::new();
    for route in ROUTES.iter().filter(|route| !matches!(route.need, Need::Public(_))) {
        if !is_told_to_wait(&world, route).await? {
            wrong.push(format!("{} {}", route.method, route.path));
        }
    }
    for method in methods().into_iter().filter(|method| method.need.is_ok()) {
        let mut status = None;
        for _ in 0..TRIES {
            hurry(&world).await?;
            let authorization = Caller::Hasty.authorization(&world);
            let answer = world.grpc.call(authorization.as_deref(), method.path, method.messages.clone(), method.ends);
            status = answer.await.err();
            if status.as_ref().is_some_and(tells_when) {
                break;
            }
        }
        if !status.as_ref().is_some_and(tells_when) {
            wrong.push(format!("{}: {status:?}", method.path));
        }
    }
    assert!(wrong.is_empty(), "these doors do not tell a hasty key to wait:\n{}", wrong.join("\n"));
    a_key_is_taken_away(&world).await
}

/// Asks until the hasty key must wait.
async fn hurry(world: &World) -> Result<()> {
    for _ in 0..20 {
        let answer = world.request(Caller::Hasty, Method::GET, "/v1/settings").send().await?;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            return Ok(());
        }
    }
    anyhow::bail!("a hasty key is never told to wait")
}

async fn is_told_to_wait(world: &World, route: &Route) -> Result<bool> {
    let media_type =
        if route.literal.contains("oauth") { "application/x-www-form-urlencoded" } else { "application/json" };
    for _ in 0..TRIES {
        hurry(world).await?;
        let method = Method::from_bytes(route.method.as_bytes())?;
        let request = world.request(Caller::Hasty, method, route.path).header("content-type", media_type);
        let answer = request.body(route.body).send().await?;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS && answer.headers().contains_key("retry-after") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The details name `google.rpc.RetryInfo`.
fn tells_when(status: &Status) -> bool {
    let name = b"google.rpc.RetryInfo";
    status.code() == Code::ResourceExhausted && status.details().windows(name.len()).any(|window| window == name)
}

async fn a_key_is_taken_away(world: &World) -> Result<()> {
    let authorization = Caller::Leaver.authorization(world);
    let mut open = Vec::new();
    for path in ["/homeroom.risk.v1.RiskQuery/WatchStudents", "/homeroom.notification.v1.AlertFeed/WatchAlerts"] {
        open.push((path, world.grpc.call(authorization.as_deref(), path, vec![Vec::new()], Ends::Closed).await?));
    }
    for path in ["/homeroom.notification.v1.AlertFeed/Stream", "/homeroom.ingest.v1.EventIngest/Push"] {
        open.push((path, world.grpc.call(authorization.as_deref(), path, Vec::new(), Ends::Open).await?));
    }
    let file = world.homeroom.data().join("keys.toml");
    let keys = std::fs::read_to_string(&file)?;
    let kept: Vec<&str> = keys.split("[[key]]").filter(|key| !key.contains(LEAVER)).collect();
    ensure!(kept.len() + 1 == keys.split("[[key]]").count(), "the key is not in the file");
    std::fs::write(&file, kept.join("[[key]]"))?;
    let began = Instant::now();
    for (path, mut answers) in open {
        let ended = tokio::time::timeout(TAKEN_AWAY_WITHIN, async {
            loop {
                match next(&mut answers).await {
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(error) => return Some(format!("{error:#}")),
                }
            }
        });
        let why = ended.await.map_err(|_| anyhow::anyhow!("{path} of a key that is gone goes on"))?;
        ensure!(why.as_ref().is_some_and(|why| why.contains("valid key")), "{path} ends with {why:?}");
    }
    let answer = world.request(Caller::Leaver, Method::GET, "/v1/settings").send().await?;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "after {:?}", began.elapsed());
    let answer = world.request(Caller::Owner, Method::GET, "/v1/settings").send().await?;
    assert_eq!(answer.status(), StatusCode::OK);
    Ok(())
}
