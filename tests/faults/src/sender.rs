//! A sender as a student information system is one: what is not acknowledged is sent again, word for word.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
/// Bytes of a text that is to take room; names may be no longer.
const FILLER: usize = 75;
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
    /// Where the Ed-Fi API is, and a client of it with a token.
    edfi: (String, Mutex<Arc<EdFi>>),
    /// Where the Ed-Fi API keeps each student's mark.
    places: Mutex<HashMap<String, String>>,
}

impl Sender {
    /// Of this world.
    pub async fn new(world: &World) -> Result<Self> {
        let http = Client::builder().no_proxy().timeout(REQUEST).build()?;
        let events = format!("{}/v1/events", world.url(Role::Ingestion)?);
        let edfi = (world.edfi_url()?, Mutex::new(Arc::new(world.edfi().await?)));
        Ok(Self { http, events, edfi, places: Mutex::default() })
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

    /// Sends new documents by the Ed-Fi API until one is refused; the status of the refusal. What is refused may have been
    /// kept all the same, so the students are of no story.
    pub async fn is_refused_by_edfi(&self) -> Result<StatusCode> {
        let bulk = "x".repeat(FILLER);
        self.refusal(async |number| {
            let document = json!({ "studentUniqueId": format!("filler-{number}"), "firstName": bulk,
                                   "lastSurname": bulk, "birthDate": "2007-05-01" });
            Ok(self.edfi().request(Method::POST, "students").json(&document).send().await?.status())
        })
        .await
    }

    /// The same by the native door.
    pub async fn is_refused_by_native(&self) -> Result<StatusCode> {
        self.refusal(async |number| {
            let records: Vec<Value> = (0..BATCH)
                .map(|at| json!({"kind": "student", "data": {"student": format!("filler-{number}-{at}")}}))
                .collect();
            // As long as the log may take to refuse it.
            let request = self.http.post(&self.events).timeout(PATIENCE).basic_auth(KEY, Some(SECRET)).json(&records);
            Ok(request.send().await?.status())
        })
        .await
    }

    async fn refusal(&self, attempt: impl AsyncFn(u64) -> Result<StatusCode>) -> Result<StatusCode> {
        let deadline = Instant::now() + PATIENCE;
        for number in 0.. {
            match timeout(PATIENCE, attempt(number)).await? {
                Ok(status) if !status.is_success() => return Ok(status),
                Ok(_) => {}
                Err(error) if error.is::<reqwest::Error>() => {}
                Err(error) => return Err(error),
            }
            if Instant::now() > deadline {
                break;
            }
        }
        bail!("nothing was refused in {PATIENCE:?}")
    }

    /// Sends records until each is acknowledged; what became of each.
    pub(crate) async fn keep(&self, records: &[Value]) -> Result<Vec<Value>> {
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
        let answer = self.edfi().request(Method::POST, ATTENDANCE).json(&document).send().await?;
        let status = answer.status();
        self.renew_token_after(status).await?;
        if let Some(place) = answer.headers().get("location") {
            self.places().insert(student.id.clone(), place.to_str()?.to_owned());
        }
        settled("POST", status, status.is_success())
    }

    /// Gone is what it shall be, whoever deleted it: perhaps we did, and the answer was lost.
    async fn delete_edfi(&self, student: &Student) -> Result<Option<()>> {
        let place = self.places().get(&student.id).cloned().context("a mark without a place")?;
        let id = place.rsplit('/').next().unwrap_or_default();
        let answer = self.edfi().request(Method::DELETE, &format!("{ATTENDANCE}/{id}")).send().await?;
        self.renew_token_after(answer.status()).await?;
        settled("DELETE", answer.status(), answer.status().is_success() || answer.status() == StatusCode::NOT_FOUND)
    }

    fn edfi(&self) -> Arc<EdFi> {
        Arc::clone(&self.edfi.1.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A token that is not taken any more is replaced, as any client does that.
    async fn renew_token_after(&self, status: StatusCode) -> Result<()> {
        if status == StatusCode::UNAUTHORIZED {
            let client = Arc::new(EdFi::connect(&self.edfi.0, KEY, SECRET).await?);
            *self.edfi.1.lock().unwrap_or_else(PoisonError::into_inner) = client;
        }
        Ok(())
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
    status.is_server_error() || [StatusCode::TOO_MANY_REQUESTS, StatusCode::UNAUTHORIZED].contains(&status)
}

fn native_mark(student: &Student, revision: u64, withdrawn: bool) -> Value {
    json!({"kind": "attendance", "revision": revision, "withdrawn": withdrawn, "data": {
        "student": student.id, "school": student.school.to_string(), "date": TODAY, "code": "Unexcused Absence",
    }})
}
