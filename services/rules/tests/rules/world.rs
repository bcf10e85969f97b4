//! Running services with a log and a database of the test's own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use homeroom_bus::{Log as _, Offset, Partition, Record, Topic};
use homeroom_chassis::TaskGroup;
use homeroom_chassis::access::{Access, Keys, Tokens, hash_secret};
use homeroom_chassis::server::{Doors, Limits};
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::id::StudentKey;
use homeroom_harness::TestDatabase;
use homeroom_proto::wire::risk as wire;
use homeroom_proto::wire::risk::risk_query_client::RiskQueryClient;
use homeroom_rules::{Config, Report, SCHEMA, build, verify};
use sqlx::PgConnection;
use tokio::net::TcpListener;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::district::District;
use crate::fault::TestLog;

/// How long anything may take.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) log: TestLog,
    pub(crate) home: District,
    pub(crate) config: Config,
}

/// A running service. Dropping it does not stop it; the test's runtime does.
pub(crate) struct Service {
    pub(crate) tasks: TaskGroup,
    endpoint: String,
    /// Which key its questions carry.
    key: &'static str,
}

impl World {
    /// Two partitions, a district `home` that is open, and no service yet.
    pub(crate) async fn new() -> Self {
        let world = Self::empty().await;
        world.home.open().await;
        world
    }

    /// The same before anybody has said anything.
    pub(crate) async fn empty() -> Self {
        let database = homeroom_harness::test_database(&[SCHEMA]).await;
        let log = TestLog::new();
        log.create_topics(2).await.unwrap();
        let config = Config { database: database.config(&SCHEMA), ..Config::default() };
        Self { database, home: District::new("home", &log), log, config }
    }

    /// An open district and a service.
    pub(crate) async fn start() -> (Self, Service) {
        let world = Self::new().await;
        let service = world.service().await;
        (world, service)
    }

    pub(crate) async fn service(&self) -> Service {
        self.service_on(&self.log).await
    }

    pub(crate) async fn service_on(&self, log: &TestLog) -> Service {
        let tasks = TaskGroup::default();
        let component = build(&self.config, Arc::new(log.clone()), access(), &tasks).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let limits = Limits { linger_millis: 0, ..Limits::default() };
        let doors =
            Doors { grpc: Some(listener), descriptors: homeroom_proto::DESCRIPTORS, limits, ..Doors::default() };
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(doors.run(tasks.clone(), vec![component]));
        Service { tasks, endpoint, key: "home" }
    }

    /// Waits until nothing is behind and every alert change is published.
    pub(crate) async fn settled(&self, service: &Service) {
        service.settled().await;
        let mut admin = self.database.admin().await;
        until("the outbox is empty", async || count(&mut admin, "select count(*) from rules.outbox").await == 0).await;
        assert_eq!(service.tasks.failure(), None);
    }

    /// Every alert change on the topic, in order within its partition, repeats left out.
    pub(crate) async fn alerts(&self) -> Vec<AlertChange> {
        let mut seen: BTreeMap<_, AlertChange> = BTreeMap::new();
        let mut alerts = Vec::new();
        for change in self.all_alerts().await {
            if let Some(known) = seen.get(&(change.alert_id, change.number)) {
                assert_eq!(*known, change, "the same number says another thing");
                continue;
            }
            let last = alerts.iter().rfind(|known: &&AlertChange| known.alert_id == change.alert_id);
            assert_eq!(last.map_or(0, |known| known.number) + 1, change.number, "a number is missing: {change:?}");
            seen.insert((change.alert_id, change.number), change.clone());
            alerts.push(change);
        }
        alerts
    }

    /// The same with repeats.
    pub(crate) async fn all_alerts(&self) -> Vec<AlertChange> {
        let records = self.records(Topic::Alerts).await;
        records.into_iter().map(|record| homeroom_proto::alert::decode(&record.value.unwrap()).unwrap()).collect()
    }

    /// What a topic holds, partition by partition.
    pub(crate) async fn records(&self, topic: Topic) -> Vec<Record> {
        let ends = self.log.end_offsets(topic).await.unwrap();
        let mut records = Vec::new();
        for (partition, end) in (0..).map(Partition).zip(ends) {
            let mut tail = self.log.tail(topic, partition, Offset(0)).await.unwrap();
            let mut at = 0;
            while at < end.0 {
                let next = tail.next(1_000, SOON).await.unwrap();
                at = next.last().expect("the log gives what it has").offset.0 + 1;
                records.extend(next);
            }
        }
        records
    }

    /// Rule, kind of each change of one student.
    pub(crate) async fn told(&self, of: StudentKey) -> Vec<(String, ChangeKind)> {
        let changes = self.alerts().await;
        changes
            .into_iter()
            .filter(|change| change.student == of)
            .map(|change| (change.claim.rule.to_string(), change.kind))
            .collect()
    }

    pub(crate) async fn verified(&self) -> Report {
        verify(&self.database.config(&SCHEMA), Arc::new(self.log.apart())).await.unwrap()
    }

    /// Waits, verifies and asserts that nothing differs.
    pub(crate) async fn exact(&self, service: &Service) {
        self.settled(service).await;
        let report = self.verified().await;
        assert!(report.differences.is_empty(), "{:?}", report.differences);
    }

    /// Runs statements as the owner of the database.
    pub(crate) async fn execute(&self, statements: &'static str) {
        sqlx::raw_sql(statements).execute(&mut self.database.admin().await).await.unwrap();
    }

    pub(crate) async fn count(&self, select: &'static str) -> i64 {
        count(&mut self.database.admin().await, select).await
    }
}

impl Service {
    /// The same service asked with another key.
    pub(crate) fn asked_by(&self, key: &'static str) -> Self {
        Self { tasks: self.tasks.clone(), endpoint: self.endpoint.clone(), key }
    }

    pub(crate) fn channel(&self) -> Channel {
        Channel::from_shared(self.endpoint.clone()).unwrap().connect_lazy()
    }

    pub(crate) fn client(&self) -> RiskQueryClient<Channel> {
        RiskQueryClient::new(self.channel())
    }

    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let credentials = base64::prelude::BASE64_STANDARD.encode(format!("{}:s3cret", self.key));
        request.metadata_mut().insert("authorization", format!("Basic {credentials}").parse().unwrap());
        request
    }

    pub(crate) async fn student(&self, of: StudentKey) -> Result<wire::GetStudentResponse, tonic::Status> {
        let request =
            self.request(wire::GetStudentRequest { student: of.as_bytes().to_vec().into(), others: Vec::new() });
        self.client().get_student(request).await.map(tonic::Response::into_inner)
    }

    /// A student's row of the district as a whole.
    pub(crate) async fn whole(&self, of: StudentKey) -> wire::Measures {
        self.student(of).await.unwrap().measures.into_iter().find(|row| row.school.is_empty()).unwrap()
    }

    pub(crate) async fn summary(&self) -> Result<wire::GetSummaryResponse, tonic::Status> {
        let request = self.request(wire::GetSummaryRequest {});
        self.client().get_summary(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn settled(&self) {
        let mut last = None;
        let wait = until_true(async || {
            last = Some(self.summary().await);
            match last.as_ref().unwrap() {
                Ok(summary) => summary.events_behind == 0 && summary.students_behind == 0,
                Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::Unavailable) => false,
                Err(status) => panic!("{status}"),
            }
        });
        let done = tokio::time::timeout(SOON, wait).await.is_ok();
        assert!(done, "still behind: {last:?}; {:?}", self.tasks.failure());
    }

    pub(crate) async fn export(&self, as_of: Option<i32>) -> Vec<wire::Measures> {
        let request = self.request(wire::ExportMeasuresRequest { as_of, others: Vec::new() });
        let mut answers = self.client().export_measures(request).await.unwrap().into_inner();
        let mut rows = Vec::new();
        while let Some(answer) = answers.message().await.unwrap() {
            rows.push(answer.measures.unwrap());
        }
        rows.sort_by(|a, b| (&a.student, &a.school).cmp(&(&b.student, &b.school)));
        rows
    }

    /// Stops it as a signal would.
    pub(crate) async fn stop(self) {
        self.tasks.stop();
        tokio::time::timeout(SOON, self.tasks.drained()).await.expect("it drains");
        assert_eq!(self.tasks.failure(), None);
    }

    /// Ends it where it stands, as a crash would.
    pub(crate) async fn crash(self) {
        self.tasks.cut();
        tokio::time::timeout(SOON, self.tasks.drained()).await.expect("it is cut");
    }
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, condition: impl AsyncFnMut() -> bool) {
    assert!(tokio::time::timeout(SOON, until_true(condition)).await.is_ok(), "it never came to be: {what}");
}

async fn until_true(mut condition: impl AsyncFnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    while !condition().await {
        looks.tick().await;
    }
}

pub(crate) async fn count(admin: &mut PgConnection, select: &'static str) -> i64 {
    sqlx::query_scalar(select).fetch_one(admin).await.unwrap()
}

/// Keys `home` and `other` of two districts, and `hasty` and `head` of the first.
pub(crate) fn access() -> Access {
    let hash = hash_secret("s3cret");
    let key = |name: &str| {
        format!(
            "[[key]]\nid = '{name}'\ndistrict = '{name}'\nsource = 'sis'\nscopes = ['read']\nsecret-sha256 = '{hash}'\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    // Another key of the first, in a hurry.
    let hasty = key("home").replacen("id = 'home'", "id = 'hasty'", 1) + "limits = { request-seconds = 1 }\n";
    // And who may change how it counts.
    let head = key("home").replacen("id = 'home'", "id = 'head'", 1).replacen("['read']", "['read', 'admin']", 1);
    std::fs::write(&file, key("home") + &key("other") + &hasty + &head).unwrap();
    Access::new(Keys::load(&file).unwrap(), Tokens::new(&"a signing key of some length".to_owned().into()))
}
