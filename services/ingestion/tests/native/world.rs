//! The service as it is served, with keys for each role, and what is in its log.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::memory::MemoryLog;
use homeroom_bus::{Log, Offset, Partition, Record, Topic};
use homeroom_chassis::TaskGroup;
use homeroom_chassis::access::{Access, Keys, Tokens, hash_secret};
use homeroom_chassis::server::{self, Limits};
use homeroom_domain::event::Event;
use homeroom_domain::reference::ReferenceChange;
use homeroom_harness::{TestDatabase, test_database};
use homeroom_ingestion::{Config, SCHEMA};
use homeroom_proto::dead_letter::{self, DeadLetter};
use homeroom_proto::{event, reference};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(crate) const DISTRICT: &str = "grand-bend";
const SECRET: &str = "the secret of every key of these tests";
/// How long anything may take on a loaded machine.
pub(crate) const SOON: Duration = Duration::from_mins(1);

/// What a key of the tests may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Sends records of the district.
    Sis,
    /// The same, in small bodies.
    Narrow,
    /// The same, within a second.
    Hasty,
    /// The same, under a name of its own, for one test alone.
    Quiet,
    /// Asks.
    Reader,
    /// Sets.
    Admin,
    /// Sends and sets for another district.
    Neighbour,
}

impl Role {
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Sis => "sis",
            Self::Narrow => "narrow",
            Self::Hasty => "hasty",
            Self::Quiet => "quiet",
            Self::Reader => "reader",
            Self::Admin => "admin",
            Self::Neighbour => "neighbour",
        }
    }

    /// The value of an `authorization` header.
    pub(crate) fn authorization(self) -> String {
        use base64::Engine as _;
        let pair = format!("{}:{SECRET}", self.key());
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    }
}

/// A running service.
pub(crate) struct World {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
    pub(crate) database: TestDatabase,
    client: Client,
    tasks: TaskGroup,
    _files: TempDir,
}

/// What a request came to.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(memory_log().await, |_| {}).await
    }

    /// With a key for a source that no other world expects: gauges are of the whole process.
    pub(crate) async fn with_a_quiet_source() -> Self {
        Self::open(memory_log().await, |_| {}, key_file() + &key(Role::Quiet, DISTRICT, "\"ingest\"")).await
    }

    pub(crate) async fn with(log: Arc<dyn Log>, change: impl FnOnce(&mut homeroom_ingestion::config::Limits)) -> Self {
        Self::open(log, change, key_file()).await
    }

    async fn open(
        log: Arc<dyn Log>,
        change: impl FnOnce(&mut homeroom_ingestion::config::Limits),
        key_file: String,
    ) -> Self {
        homeroom_chassis::tls::install_provider();
        let files = tempfile::tempdir().unwrap();
        let database = test_database(&[SCHEMA]).await;
        let mut config = Config { database: database.config(&SCHEMA), ..Config::default() };
        config.pseudonym_keys = files.path().join("pseudonyms");
        change(&mut config.limits);
        std::fs::create_dir(&config.pseudonym_keys).unwrap();
        for district in [DISTRICT, "other"] {
            let secret = format!("a long secret of {district}");
            write_secret(&config.pseudonym_keys.join(format!("{district}.key")), &secret);
        }
        let keys = files.path().join("keys.toml");
        std::fs::write(&keys, key_file).unwrap();
        let tokens = Tokens::new(&"a signing key of thirty-two bytes or more".to_owned().into());
        let access = Access::new(Keys::load(&keys).unwrap(), tokens);
        let tasks = TaskGroup::default();
        let component = homeroom_ingestion::build(&config, Arc::clone(&log), access, &tasks).await.unwrap();
        let (http, grpc) = (listener().await, listener().await);
        let addresses = (http.local_addr().unwrap(), grpc.local_addr().unwrap());
        server::serve_http(&tasks, http, component.http.unwrap(), None, Limits::default()).unwrap();
        let descriptors = homeroom_proto::DESCRIPTORS;
        server::serve_grpc(&tasks, grpc, component.grpc.unwrap(), descriptors, None, Limits::default()).unwrap();
        let client = Client::new();
        Self { log, http: addresses.0, grpc: addresses.1, database, client, tasks, _files: files }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.http))
    }

    /// Sends records as the district's SIS.
    pub(crate) async fn post(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::POST, "/v1/events").header("content-type", content_type).body(body);
        answer(request.header("authorization", Role::Sis.authorization())).await
    }

    /// Sends a JSON value as the district's SIS.
    pub(crate) async fn post_json(&self, body: &Value) -> Answer {
        self.post("application/json", serde_json::to_vec(body).unwrap()).await
    }

    /// All records of a topic, partition by partition.
    pub(crate) async fn records(&self, topic: Topic) -> Vec<Record> {
        let mut records = Vec::new();
        for (partition, end) in (0..).zip(self.log.end_offsets(topic).await.unwrap()) {
            let mut tail = self.log.tail(topic, Partition(partition), Offset(0)).await.unwrap();
            let expected = records.len() + usize::try_from(end.0).unwrap();
            while records.len() < expected {
                records.extend(tail.next(1_000, SOON).await.unwrap());
            }
        }
        records
    }

    pub(crate) async fn events(&self) -> Vec<Event> {
        let records = self.records(Topic::Events).await;
        records.iter().map(|record| event::decode(record.value.as_ref().unwrap()).unwrap()).collect()
    }

    pub(crate) async fn references(&self) -> Vec<ReferenceChange> {
        let records = self.records(Topic::Reference).await;
        records.iter().map(|record| reference::decode(record.value.as_ref().unwrap()).unwrap()).collect()
    }

    /// The letters of the topic, once there are as many: the relay brings them.
    pub(crate) async fn dead_letters(&self, expected: usize) -> Vec<DeadLetter> {
        let deadline = tokio::time::Instant::now() + SOON;
        loop {
            let records = self.records(Topic::DeadLetters).await;
            if records.len() >= expected {
                return records.iter().map(|it| dead_letter::decode(it.value.as_ref().unwrap()).unwrap()).collect();
            }
            assert!(tokio::time::Instant::now() < deadline, "{} of {expected} letters", records.len());
            tokio::task::yield_now().await;
        }
    }

    /// What `GET /v1/dead-letters` answers to a role.
    pub(crate) async fn quarantine(&self, role: Role, query: &str) -> Answer {
        let request = self.request(Method::GET, &format!("/v1/dead-letters{query}"));
        answer(request.header("authorization", role.authorization())).await
    }

    /// Runs a statement as the owner of the database.
    pub(crate) async fn execute(&self, statement: &'static str) {
        let mut admin = self.database.admin().await;
        sqlx::query(statement).execute(&mut admin).await.unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

pub(crate) async fn memory_log() -> Arc<dyn Log> {
    let log = MemoryLog::default();
    log.create_topics(4).await.unwrap();
    Arc::new(log)
}

/// Sends a request and reads what it came to.
pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status();
    let body = response.bytes().await.unwrap();
    Answer { status, retry_after, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
}

impl Answer {
    /// The outcome of each record.
    pub(crate) fn outcomes(&self) -> Vec<&str> {
        self.results().iter().map(|result| result["outcome"].as_str().unwrap()).collect()
    }

    pub(crate) fn results(&self) -> &[Value] {
        self.body["results"].as_array().unwrap_or_else(|| panic!("there are no results: {self:?}"))
    }

    /// The problem's type, without what every type begins with.
    pub(crate) fn problem(&self) -> &str {
        self.body["type"].as_str().unwrap().strip_prefix("urn:homeroom:problem:").unwrap()
    }
}

/// A complete mark of a student, with the fields of `changes` over it.
pub(crate) fn mark(student: &str, changes: &Value) -> Value {
    let mut data = json!({
        "student": student, "school": "255901001", "date": "2022-04-13", "code": "Unexcused Absence",
    });
    for (name, value) in changes.as_object().unwrap() {
        data[name] = value.clone();
    }
    json!({ "kind": "attendance", "data": data })
}

fn key(role: Role, district: &str, scopes: &str) -> String {
    let (id, hash) = (role.key(), hash_secret(SECRET));
    format!(
        "[[key]]\nid = \"{id}\"\ndistrict = \"{district}\"\nsource = \"{id}\"\nscopes = [{scopes}]\nsecret-sha256 = \"{hash}\"\n"
    )
}

fn key_file() -> String {
    [
        key(Role::Sis, DISTRICT, "\"ingest\""),
        key(Role::Narrow, DISTRICT, "\"ingest\"") + "limits = { body-bytes = 1000 }\n",
        key(Role::Hasty, DISTRICT, "\"ingest\"") + "limits = { request-seconds = 1 }\n",
        key(Role::Reader, DISTRICT, "\"read\""),
        key(Role::Admin, DISTRICT, "\"admin\""),
        key(Role::Neighbour, "other", "\"ingest\", \"read\", \"admin\""),
    ]
    .concat()
}

/// A secret that others could read is refused.
fn write_secret(path: &Path, secret: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, secret).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}
