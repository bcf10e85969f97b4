//! A door to send to, with a database and log of its own, and the words that tests say it in.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use homeroom_bus::{Log as _, Offset, Partition, Record, Topic};
use homeroom_chassis::access::{Access, Keys, Tokens, hash_secret};
use homeroom_chassis::component::Readiness;
use homeroom_chassis::lifecycle::TaskGroup;
use homeroom_domain::event::Event;
use homeroom_harness::postgres::{TestDatabase, test_database};
use homeroom_ingestion::config::Limits;
use homeroom_ingestion::{Config, SCHEMA};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use secrecy::SecretString;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::gate::{Gated, gated};

/// The secret of every key of the tests.
pub(crate) const SECRET: &str = "the secret of the tests";
/// How long anything may take on a loaded machine.
pub(crate) const SOON: Duration = Duration::from_mins(1);

/// The door, and what is behind it.
pub(crate) struct Door {
    router: Router,
    ready: Box<dyn Fn() -> Readiness + Send + Sync>,
    tasks: TaskGroup,
    pub(crate) log: Gated,
    pub(crate) database: TestDatabase,
    limits: Limits,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no `{name}`: {self:?}")).to_str().unwrap()
    }

    /// The path of the document that was made.
    pub(crate) fn location(&self) -> String {
        let location = self.header("location");
        location
            .strip_prefix("http://homeroom.test/edfi/sis/data/v3/")
            .unwrap_or_else(|| panic!("{location}"))
            .to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

/// A door with the shipped limits.
pub(crate) async fn door() -> Door {
    door_with(Limits::default()).await
}

/// A door with limits of the test's own.
pub(crate) async fn door_with(limits: Limits) -> Door {
    Box::pin(start(test_database(&[SCHEMA]).await, gated().await, limits)).await
}

async fn start(database: TestDatabase, log: Gated, limits: Limits) -> Door {
    let directory = tempfile::tempdir().unwrap();
    for district in ["grand-bend", "other"] {
        private(&directory.path().join(format!("{district}.key")), &format!("the pseudonym secret of {district}"));
    }
    let keys = directory.path().join("keys.toml");
    private(&keys, &key_file());
    let access =
        Access::new(Keys::load(&keys).unwrap(), Tokens::new(&SecretString::from("a signing key of the tests")));
    let config = Config {
        database: database.config(&SCHEMA),
        pseudonym_keys: directory.path().to_owned(),
        public_url: Some("http://homeroom.test/".to_owned()),
        limits: limits.clone(),
    };
    let tasks = TaskGroup::default();
    let component = homeroom_ingestion::build(&config, Arc::new(log.clone()), access, &tasks).await.unwrap();
    Door { router: component.http.unwrap(), ready: component.ready, tasks, log, database, limits }
}

/// Keys `sis`, `narrow` and `hasty` (which have limits) and `lms` of one district, `elsewhere` of another, and one that may not send.
fn key_file() -> String {
    const NONE: &str = "{}";
    let keys = [
        ("sis", "grand-bend", "sis", "ingest", NONE),
        ("narrow", "grand-bend", "sis", "ingest", "{ body-bytes = 1000 }"),
        ("hasty", "grand-bend", "sis", "ingest", "{ request-seconds = 1 }"),
        ("lms", "grand-bend", "lms", "ingest", NONE),
        ("elsewhere", "other", "sis", "ingest", NONE),
        ("reader", "grand-bend", "sis", "read", NONE),
    ];
    let hash = hash_secret(SECRET);
    let line = |(id, district, source, scope, limits)| {
        format!(
            "[[key]]\nid = \"{id}\"\ndistrict = \"{district}\"\nsource = \"{source}\"\nscopes = [\"{scope}\"]\n\
             secret-sha256 = \"{hash}\"\nlimits = {limits}\n"
        )
    };
    keys.map(line).concat()
}

fn private(path: &Path, content: &str) {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

impl Door {
    /// Stops this process and starts another on the same database and log.
    pub(crate) async fn restarted(self) -> Self {
        self.tasks.stop();
        self.tasks.drained().await;
        Box::pin(start(self.database, self.log, self.limits)).await
    }

    /// What a probe is told.
    pub(crate) fn readiness(&self) -> Readiness {
        (self.ready)()
    }

    /// A number that the owner of the database reads.
    pub(crate) async fn number(&self, select: &str) -> i64 {
        let select = sqlx::AssertSqlSafe(select.to_owned());
        sqlx::query_scalar(select).fetch_one(&mut self.database.admin().await).await.unwrap()
    }

    /// Runs statements as the owner of the database.
    pub(crate) async fn execute(&self, statements: &str) {
        let statements = sqlx::AssertSqlSafe(statements.to_owned());
        sqlx::raw_sql(statements).execute(&mut self.database.admin().await).await.unwrap();
    }

    /// Any request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// A request of a key at the connection `sis`.
    pub(crate) async fn as_key(&self, key: &str, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        self.send(request(key, method, path, &[]).body(body.into()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.as_key("sis", Method::POST, &format!("data/v3/{path}"), body.to_string()).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.as_key("sis", Method::PUT, &format!("data/v3/{path}"), body.to_string()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.as_key("sis", Method::GET, &format!("data/v3/{path}"), Body::empty()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.as_key("sis", Method::DELETE, &format!("data/v3/{path}"), Body::empty()).await
    }

    /// The first records of a topic, in order within each key, once there are as many.
    pub(crate) async fn records(&self, topic: Topic, count: usize) -> Vec<Record> {
        let partitions = self.log.partitions(topic).await.unwrap();
        let deadline = tokio::time::Instant::now() + SOON;
        loop {
            let mut records = Vec::new();
            for partition in 0..partitions {
                let mut tail = self.log.tail(topic, Partition(partition), Offset(0)).await.unwrap();
                records.extend(tail.next(usize::MAX, Duration::ZERO).await.unwrap());
            }
            if records.len() >= count {
                return records;
            }
            assert!(tokio::time::Instant::now() < deadline, "{} of {count} records of {topic}", records.len());
            tokio::task::yield_now().await;
        }
    }

    /// The first events, once there are as many.
    pub(crate) async fn events(&self, count: usize) -> Vec<Event> {
        let records = self.records(Topic::Events, count).await;
        records.iter().map(|record| homeroom_proto::event::decode(record.value.as_ref().unwrap()).unwrap()).collect()
    }

    /// How many rows wait to be published, as the owner of the database sees it.
    pub(crate) async fn outbox_rows(&self) -> i64 {
        let mut admin = self.database.admin().await;
        let row: (i64,) = sqlx::query_as("select count(*) from ingestion.outbox").fetch_one(&mut admin).await.unwrap();
        row.0
    }

    /// When another process may relay, in microseconds since 1970.
    pub(crate) async fn lease_ends_at(&self) -> i64 {
        let mut admin = self.database.admin().await;
        let sql = "select (extract(epoch from leased_until) * 1000000)::bigint from ingestion.relay_lease";
        sqlx::query_scalar(sql).fetch_one(&mut admin).await.unwrap()
    }

    /// Waits until the outbox holds as many rows.
    pub(crate) async fn outbox_is(&self, rows: i64) {
        let deadline = tokio::time::Instant::now() + SOON;
        while self.outbox_rows().await != rows {
            assert!(tokio::time::Instant::now() < deadline, "the outbox never has {rows} rows");
            tokio::task::yield_now().await;
        }
    }
}

/// The beginning of a request at the connection `sis`.
pub(crate) fn request(key: &str, method: Method, path: &str, headers: &[(&str, &str)]) -> http::request::Builder {
    use base64::Engine as _;
    let basic = base64::prelude::BASE64_STANDARD.encode(format!("{key}:{SECRET}"));
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/edfi/sis/{path}"))
        .header("authorization", format!("Basic {basic}"))
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
}

/// A mark of the Grand Bend sample.
pub(crate) fn mark(category: &str, date: &str) -> Value {
    json!({
        "attendanceEventCategoryDescriptor": format!("uri://ed-fi.org/AttendanceEventCategoryDescriptor#{category}"),
        "eventDate": date,
        "schoolReference": {"schoolId": 255_901_001},
        "sessionReference": {"schoolId": 255_901_001, "schoolYear": 2022, "sessionName": "2021-2022 Fall Semester"},
        "studentReference": {"studentUniqueId": "604822"}
    })
}

/// A school.
pub(crate) fn school(id: i64) -> Value {
    json!({"schoolId": id, "nameOfInstitution": format!("School {id}"),
        "educationOrganizationCategories": [{"educationOrganizationCategoryDescriptor": "uri://ed-fi.org/EducationOrganizationCategoryDescriptor#School"}],
        "gradeLevels": [{"gradeLevelDescriptor": "uri://ed-fi.org/GradeLevelDescriptor#Ninth grade"}]})
}

/// A student whose names are nowhere else.
pub(crate) fn student(id: &str) -> Value {
    json!({"studentUniqueId": id, "firstName": "Quetzalina", "lastSurname": "Zzyzxworth", "birthDate": "2010-01-02"})
}
