//! A sender as a student information system is one: what is not acknowledged is sent again, word for word.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use homeroom_harness::homeroom::EdFi;
use homeroom_journeys::district::{HIGH, MIDDLE, TODAY, mark_document};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::world::{KEY, Role, SECRET, World};
use crate::{PATIENCE, POLL};

/// How long one request may take before the sender gives it up and sends again.
const REQUEST: Duration = Duration::from_secs(10);
/// Records in one request.
const BATCH: usize = 100;
const ATTENDANCE: &str = "studentSchoolAttendanceEvents";

/// An enrolled student.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Student {
    /// The district's own id.
    pub id: String,
    /// The pseudonymous key.
    pub key: Vec<u8>,
    /// The school.
    pub school: i64,
}

/// By which door a word goes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// `POST /v1/events`.
    Native,
    /// The Ed-Fi API.
    EdFi,
}

/// A client of both doors.
pub struct Sender {
    http: Client,
    events: String,
    edfi: EdFi,
    /// Where the Ed-Fi API keeps each student's mark.
    places: Mutex<HashMap<String, String>>,
}

impl Sender {
    /// Of this world.
    pub async fn new(world: &World) -> Result<Self> {
        let http = Client::builder().no_proxy().timeout(REQUEST).build()?;
        let events = format!("{}/v1/events", world.url(Role::Ingestion)?);
        Ok(Self { http, events, edfi: world.edfi().await?, places: Mutex::default() })
    }

    /// Registers and enrolls so many students, at both schools in turn.
    pub async fn enroll(&self, prefix: &str, count: usize) -> Result<Vec<Student>> {
        let mut students = Vec::with_capacity(count);
        let all: Vec<(String, i64)> =
            (0..count).map(|n| (format!("{prefix}-{n}"), if n % 2 == 0 { HIGH } else { MIDDLE })).collect();
        for part in all.chunks(BATCH) {
            let register = |(id, _): &(String, i64)| json!({"kind": "student", "data": {"student": id}});
            let results = self.keep(&part.iter().map(register).collect::<Vec<_>>()).await?;
            for ((id, school), result) in part.iter().zip(results) {
                let key = result["student_key"].as_str().with_context(|| format!("no student key in {result}"))?;
                students.push(Student { id: id.clone(), key: hex::decode(key)?, school: *school });
            }
            let enroll = |(id, school): &(String, i64)| {
                json!({"kind": "enrollment", "data": {
                    "student": id, "school": school.to_string(), "entry_on": "2022-03-28", "primary_school": true,
                }})
            };
            self.keep(&part.iter().map(enroll).collect::<Vec<_>>()).await?;
        }
        Ok(students)
    }

    /// Says that the student is absent today without an excuse, or takes that back; returns when it is acknowledged.
    /// `revision` grows with each word on one student, and stays when a word is repeated.
    pub async fn mark(&self, student: &Student, door: Door, revision: u64, absent: bool) -> Result<()> {
        match (door, absent) {
            (Door::Native, _) => self.keep(&[native_mark(student, revision, !absent)]).await.map(drop),
            (Door::EdFi, true) => self.insist(|| self.post_edfi(student)).await,
            (Door::EdFi, false) => self.insist(|| self.delete_edfi(student)).await,
        }
    }

    /// Says of many students at once that they are absent today, by the native door.
    pub async fn mark_all(&self, students: &[Student]) -> Result<()> {
        for part in students.chunks(BATCH) {
            let marks: Vec<Value> = part.iter().map(|student| native_mark(student, 1, false)).collect();
            self.keep(&marks).await?;
        }
        Ok(())
    }

    /// Sends records until each is acknowledged; what became of each.
    async fn keep(&self, records: &[Value]) -> Result<Vec<Value>> {
        self.insist(|| self.post_native(records)).await
    }

    /// Tries until it succeeds; an answer that no repeat can change is an error at once.
    async fn insist<T, F: Future<Output = Result<Option<T>>>>(&self, attempt: impl Fn() -> F) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let why = match timeout(REQUEST, attempt()).await {
                Ok(Ok(Some(done))) => return Ok(done),
                Ok(Ok(None)) => "it was put off".to_owned(),
                Ok(Err(error)) if error.is::<reqwest::Error>() => format!("{error:#}"),
                Ok(Err(error)) => return Err(error),
                Err(_) => format!("no answer in {REQUEST:?}"),
            };
            if Instant::now() > deadline {
                bail!("nothing was acknowledged in {PATIENCE:?}; the last time: {why}");
            }
            sleep(POLL * 5).await;
        }
    }

    async fn post_native(&self, records: &[Value]) -> Result<Option<Vec<Value>>> {
        let request = self.http.post(&self.events).basic_auth(KEY, Some(SECRET)).json(records);
        let answer = request.send().await?;
        if may_be_repeated(answer.status()) {
            return Ok(None);
        }
        let status = answer.status();
        let body: Value = answer.json().await?;
        let results = body["results"].as_array().with_context(|| format!("{status}: {body}"))?;
        if results.iter().any(|result| result["outcome"] == "retry") {
            return Ok(None);
        }
        match results.iter().find(|result| result["outcome"] != "accepted") {
            Some(refused) => bail!("{status}: {refused}"),
            None => Ok(Some(results.clone())),
        }
    }

    async fn post_edfi(&self, student: &Student) -> Result<Option<()>> {
        let document = mark_document(&student.id, student.school, TODAY, "Unexcused Absence");
        let answer = self.edfi.request(Method::POST, ATTENDANCE).json(&document).send().await?;
        let status = answer.status();
        if let Some(place) = answer.headers().get("location") {
            self.places().insert(student.id.clone(), place.to_str()?.to_owned());
        }
        settled("POST", status, status.is_success())
    }

    /// Gone is what it shall be, whoever deleted it: perhaps we did, and the answer was lost.
    async fn delete_edfi(&self, student: &Student) -> Result<Option<()>> {
        let place = self.places().get(&student.id).cloned().context("a mark without a place")?;
        let id = place.rsplit('/').next().unwrap_or_default();
        let answer = self.edfi.request(Method::DELETE, &format!("{ATTENDANCE}/{id}")).send().await?;
        settled("DELETE", answer.status(), answer.status().is_success() || answer.status() == StatusCode::NOT_FOUND)
    }

    fn places(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn settled(what: &str, status: StatusCode, good: bool) -> Result<Option<()>> {
    match status {
        _ if good => Ok(Some(())),
        status if may_be_repeated(status) => Ok(None),
        status => bail!("{what} of a mark answered {status}"),
    }
}

fn may_be_repeated(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn native_mark(student: &Student, revision: u64, withdrawn: bool) -> Value {
    json!({"kind": "attendance", "revision": revision, "withdrawn": withdrawn, "data": {
        "student": student.id, "school": student.school.to_string(), "date": TODAY, "code": "Unexcused Absence",
    }})
}
