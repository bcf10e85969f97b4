//! HTTP with the product's own habits: short connects, bounded requests, retries where the server asks for them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::header::RETRY_AFTER;
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode};

use super::Connection;

/// How often one request is tried when the server is busy, down or restarting: with the waits below, about two minutes.
const MAX_ATTEMPTS: u32 = 12;
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// A client for an address of a connection. One without TLS needs no certificates, so a machine that has none can use it.
pub(crate) fn client(connection: &Connection, address: &str) -> Result<Client> {
    let mut builder = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(REQUEST_TIMEOUT);
    if address.starts_with("http://") {
        builder = builder.tls_certs_only([]);
    } else if let Some(pem) = connection.authorities()? {
        let authorities = Certificate::from_pem_bundle(&pem).context("the authorities of Homeroom")?;
        builder = builder.tls_certs_only(authorities);
    }
    builder.build().context("the HTTP client cannot be built")
}

/// Sends the request; again after 408, 429, a 5xx or a lost connection, as `Retry-After` or a growing wait says.
///
/// Only for requests that may be repeated: reads, and writes that are upserts.
pub(crate) async fn send(request: impl Fn() -> RequestBuilder) -> Result<Response> {
    let mut wait = FIRST_WAIT;
    for attempt in 1.. {
        let outcome = request().send().await;
        let last = attempt == MAX_ATTEMPTS;
        let pause = match outcome {
            Ok(answer) if !worth_retrying(answer.status()) || last => return Ok(answer),
            Ok(answer) => asked_wait(&answer).unwrap_or(wait),
            Err(error) if last || !(error.is_connect() || error.is_timeout() || error.is_request()) => {
                return Err(error).context("the request got no answer");
            }
            Err(_) => wait,
        };
        tokio::time::sleep(pause.min(LONGEST_WAIT)).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    unreachable!("the last attempt returns")
}

fn worth_retrying(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) || status.is_server_error()
}

fn asked_wait(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The answer when it is a success; otherwise an error with the status and what the server said, at most 2,000 characters of it.
pub(crate) async fn succeeded(answer: Response) -> Result<Response> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status();
    let path = answer.url().path().to_owned();
    let said: String = answer.text().await.unwrap_or_default().chars().take(2_000).collect();
    anyhow::bail!("`{path}` answered {status}: {said}")
}
