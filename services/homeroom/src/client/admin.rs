//! What an administrator of a district does: its settings, its rules, the clock of a sample, the key of a student, a record in
//! quarantine.

use anyhow::{Context as _, Result};
use homeroom_domain::id::StudentKey;
use jiff::civil::DateTime;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{Connection, http};

/// How a district counts, and what time it has there.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// IANA name.
    pub(crate) time_zone: &'static str,
    /// Seconds added to real time.
    pub(crate) clock_offset_seconds: i64,
    /// A numeric grade below it fails, hundredths of a point.
    pub(crate) failing_below: i64,
}

/// What a sender brought and nobody understood, at most 64 KiB of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Quarantined {
    /// As it came, when it is text.
    pub(crate) record: Option<String>,
    /// Else in base64.
    pub(crate) record_base64: Option<String>,
}

#[derive(Deserialize)]
struct DeadLetters {
    dead_letters: Vec<Quarantined>,
}

#[derive(Deserialize)]
struct Students {
    student_keys: Vec<Option<String>>,
}

/// Puts settings in force.
pub(crate) async fn put_settings(connection: &Connection, settings: &Settings) -> Result<()> {
    let body = json!({
        "clock": { "time_zone": settings.time_zone, "offset_seconds": settings.clock_offset_seconds },
        "failing_below": settings.failing_below,
    });
    let answer = send(connection, Method::PUT, "v1/settings", "application/json", &body.to_string()).await?;
    http::succeeded(answer).await.map(drop)
}

/// Puts a rule pack (YAML) in force.
pub(crate) async fn put_rule_pack(connection: &Connection, pack: &str) -> Result<()> {
    let answer = send(connection, Method::PUT, "v1/rule-pack", "application/yaml", pack).await?;
    http::succeeded(answer).await.map(drop)
}

/// Moves a sample district's clock to a local time there. Says whether it moved: one that is further already stays, since a
/// clock only moves forward.
pub(crate) async fn advance_clock(connection: &Connection, local: DateTime) -> Result<bool> {
    let body = json!({ "now": local.to_string() });
    let answer = send(connection, Method::POST, "v1/clock", "application/json", &body.to_string()).await?;
    if answer.status() == StatusCode::CONFLICT {
        return Ok(false);
    }
    http::succeeded(answer).await.map(|_| true)
}

/// The most students whose keys are asked for at once.
pub(crate) const MOST_STUDENTS: usize = 1_000;

/// The key of the student with this id of the district's own.
pub(crate) async fn find_student(connection: &Connection, local_id: &str) -> Result<StudentKey> {
    let mut keys = find_students(connection, &[local_id]).await?;
    keys.pop().flatten().context("this is no student's id")
}

/// The keys of students by these ids, in their order; none for what is no student's id. Ids go in the body: an address is written
/// down in many places.
pub(crate) async fn find_students(connection: &Connection, local_ids: &[&str]) -> Result<Vec<Option<StudentKey>>> {
    let body = json!({ "local_ids": local_ids }).to_string();
    let answer = send(connection, Method::POST, "v1/student-keys", "application/json", &body).await?;
    let students: Students =
        http::succeeded(answer).await?.json().await.context("the answer is not a list of students' keys")?;
    anyhow::ensure!(
        students.student_keys.len() == local_ids.len(),
        "the answer has not as many keys as were asked for"
    );
    let key = |key: String| key.parse().context("the answer is not a list of students' keys");
    students.student_keys.into_iter().map(|sent| sent.map(key).transpose()).collect()
}

/// A record in quarantine; none when it is no longer kept there, or is another district's.
pub(crate) async fn find_quarantined(connection: &Connection, id: Uuid) -> Result<Option<Quarantined>> {
    let path = format!("v1/dead-letters?records=true&quarantine_id={id}");
    let answer = send(connection, Method::GET, &path, "application/json", "").await?;
    let mut found: DeadLetters =
        http::succeeded(answer).await?.json().await.context("the answer is not a list of dead letters")?;
    Ok(found.dead_letters.pop())
}

async fn send(connection: &Connection, method: Method, path: &str, content_type: &str, body: &str) -> Result<Response> {
    let client = http::client(connection, &connection.url)?;
    http::send(|| {
        client
            .request(method.clone(), format!("{}/{path}", connection.url))
            .basic_auth(&connection.key, Some(connection.secret.expose_secret()))
            .header(CONTENT_TYPE, content_type)
            .body(body.to_owned())
    })
    .await
}
