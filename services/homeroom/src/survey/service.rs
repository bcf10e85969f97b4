//! Services that are asked how they are.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde::Serialize;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// The longest answer that is kept, in bytes.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// How many are asked at the same time.
const AT_ONCE: usize = 8;

/// What a service answered.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Service {
    /// Where it was asked.
    pub(crate) address: String,
    /// Whether it is ready, and what it says of its components; or why there is no answer.
    pub(crate) ready: Result<(bool, String), String>,
    /// Its metrics.
    #[serde(skip)]
    pub(crate) metrics: Option<String>,
}

/// Asks all of them.
pub(super) async fn ask(addresses: BTreeSet<String>) -> Vec<Service> {
    let asked = addresses.into_iter().map(async |address| {
        let (ready, metrics) = tokio::join!(get(&address, "readyz"), get(&address, "metrics"));
        Service { address, ready, metrics: metrics.ok().filter(|(ok, _)| *ok).map(|(_, text)| text) }
    });
    stream::iter(asked).buffered(AT_ONCE).collect().await
}

/// Whether the answer is a success, and its text. Nobody's certificate is looked at, as a kubelet does it: nothing secret is sent,
/// and a service is often asked by another name than the one that its certificate has.
async fn get(address: &str, path: &str) -> Result<(bool, String), String> {
    let client = reqwest::Client::builder().no_proxy().connect_timeout(ANSWER).timeout(ANSWER);
    let client = client.tls_danger_accept_invalid_certs(true).build().map_err(|error| error.to_string())?;
    let said = |error: reqwest::Error| crate::process::refusal(&error.without_url()).to_string();
    let mut answer = client.get(format!("{address}/{path}")).send().await.map_err(said)?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(said)? {
        body.extend(chunk);
        if body.len() > MOST_BYTES {
            return Err(format!("an answer of more than {MOST_BYTES} bytes"));
        }
    }
    Ok((answer.status().is_success(), String::from_utf8_lossy(&body).into_owned()))
}
