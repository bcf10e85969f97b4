//! What an administrator of a district asks of students who are one.

use anyhow::{Context as _, Result};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Url};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;

use super::{Connection, http};

/// Two students that are, or were, one.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Merge {
    /// The key of whom was merged into the other.
    pub(crate) from: String,
    /// The key of the other.
    pub(crate) into: String,
    /// Since when they are one; none when they were.
    pub(crate) merged_at: Option<String>,
    /// Since when they are two again.
    pub(crate) split_at: Option<String>,
    /// `moving`, `moved` when everything that was sent before has been brought over, or `set aside` when it cannot be.
    pub(crate) state: String,
    /// Records that were.
    pub(crate) records: u64,
    /// Why it does not go on.
    pub(crate) problem: Option<String>,
}

/// The newest of each.
#[derive(Debug, Deserialize)]
pub(crate) struct List {
    /// Students that are one.
    pub(crate) merges: Vec<Merge>,
    /// Students that were.
    pub(crate) splits: Vec<Merge>,
}

/// Merges a student into another, by the district's own ids. A repeat changes nothing.
pub(crate) async fn merge(connection: &Connection, from: &str, into: &str) -> Result<Merge> {
    ask(connection, Method::POST, &[], json!({ "from": from, "into": into }).to_string()).await
}

/// Ends the merge of a student.
pub(crate) async fn split(connection: &Connection, from: &str) -> Result<Merge> {
    ask(connection, Method::DELETE, &[from], String::new()).await
}

/// What is merged, and was.
pub(crate) async fn list(connection: &Connection) -> Result<List> {
    ask(connection, Method::GET, &[], String::new()).await
}

async fn ask<T: for<'de> Deserialize<'de>>(
    connection: &Connection,
    method: Method,
    more: &[&str],
    body: String,
) -> Result<T> {
    let mut address = Url::parse(&connection.url).context("HOMEROOM_URL")?;
    let mut path = address.path_segments_mut().ok().context("HOMEROOM_URL has no path")?;
    path.pop_if_empty().extend(["v1", "students", "merges"]).extend(more);
    drop(path);
    let client = http::client(connection, &connection.url)?;
    let request = || {
        client
            .request(method.clone(), address.clone())
            .basic_auth(&connection.key, Some(connection.secret.expose_secret()))
            .header(CONTENT_TYPE, "application/json")
            .body(body.clone())
    };
    let answer = http::succeeded(http::send(request).await?).await?;
    answer.json().await.context("the answer is not what is merged")
}
