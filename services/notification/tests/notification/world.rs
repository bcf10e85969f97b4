//! A running service with a log, a database whose clock is ours, routing and keys.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use homeroom_bus::memory::MemoryLog;
use homeroom_bus::{Log as _, NewRecord, Topic};
use homeroom_chassis::TaskGroup;
use homeroom_chassis::access::{Access, Keys, Tokens, hash_secret};
use homeroom_chassis::component::Readiness;
use homeroom_chassis::config::SecretFile;
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::id::AlertId;
use homeroom_harness::TestDatabase;
use homeroom_notification::{Config, SCHEMA, build};
use homeroom_proto::wire::notification as pb;
use jiff::Timestamp;
use pb::alert_feed_client::AlertFeedClient;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Request;
use tonic::transport::{Channel, Server};

use crate::adapter::Adapter;
use crate::sample;

/// How long anything may take on a loaded machine.
pub(crate) const SOON: Duration = Duration::from_mins(1);

pub(crate) type Client = AlertFeedClient<Channel>;

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) log: MemoryLog,
    pub(crate) tasks: TaskGroup,
    pub(crate) endpoint: String,
    pub(crate) folder: TempDir,
    pub(crate) config: Config,
    /// Whether the service says that it can work.
    pub(crate) ready: Box<dyn Fn() -> Readiness + Send + Sync>,
    now: Arc<AtomicI64>,
    _server: JoinSet<()>,
}

pub(crate) const TEAM: &str = r#"
teams:
  - name: Team
    district: grand-bend
    schools: ["*"]
    channels:
      - mail: team@example.org
"#;

/// No team at all.
pub(crate) const NOBODY: &str = "teams: []";

impl World {
    /// A service with one team, told by mail.
    pub(crate) async fn start() -> Self {
        Self::start_with(TEAM, |_| {}).await
    }

    pub(crate) async fn start_with(routing: &str, change: impl FnOnce(&mut Config)) -> Self {
        // Clients of HTTP need one; a second call finds the first one's.
        rustls::crypto::ring::default_provider().install_default().ok();
        let database = homeroom_harness::test_database(&[SCHEMA]).await;
        let log = MemoryLog::default();
        log.create_topics(4).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let routing_file = folder.path().join("routing.yaml");
        std::fs::write(&routing_file, routing).unwrap();
        let mut config =
            Config { database: database.config(&SCHEMA), routing_file: Some(routing_file), ..Config::default() };
        config.routing_poll_ms = 20;
        config.feed.poll_ms = 20;
        config.feed.sweep_ms = 20;
        config.forget_s = 0;
        change(&mut config);
        let now: Timestamp = "2022-04-13T14:05:00Z".parse().unwrap();
        set_clock(&database, now).await;
        let now = Arc::new(AtomicI64::new(now.as_microsecond()));
        Self::serve(database, log, folder, config, now).await
    }

    async fn serve(
        database: TestDatabase,
        log: MemoryLog,
        folder: TempDir,
        config: Config,
        now: Arc<AtomicI64>,
    ) -> Self {
        let tasks = TaskGroup::default();
        let access = access(&folder);
        let component = build(&config, Arc::new(log.clone()), access, &tasks).await.unwrap();
        let ready = component.ready;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        let routes = component.grpc.unwrap();
        server.spawn(async move {
            Server::builder().add_routes(routes).serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { database, log, tasks, endpoint, folder, config, ready, now, _server: server }
    }

    /// Stops the service as a signal would.
    pub(crate) async fn stop(&self) {
        self.tasks.stop();
        tokio::time::timeout(SOON, self.tasks.drained()).await.expect("it drains");
        assert_eq!(self.tasks.failure(), None);
    }

    /// Stops the service, unless it is, and starts it again on what it left.
    pub(crate) async fn restart(self) -> Self {
        self.stop().await;
        Self::serve(self.database, self.log, self.folder, self.config, self.now).await
    }

    /// Waits until the service has ended by itself, and starts it again on what it left; answers why it ended.
    pub(crate) async fn restart_failed(self) -> (Self, String) {
        tokio::time::timeout(SOON, self.tasks.stopping().cancelled()).await.expect("it ends");
        tokio::time::timeout(SOON, self.tasks.drained()).await.expect("it drains");
        let why = self.tasks.failure().expect("it ended by itself");
        (Self::serve(self.database, self.log, self.folder, self.config, self.now).await, why)
    }

    /// Another process of the same service.
    pub(crate) async fn another(&self) -> Self {
        let (database, log, config) = (self.database.clone(), self.log.clone(), self.config.clone());
        Self::serve(database, log, tempfile::tempdir().unwrap(), config, Arc::clone(&self.now)).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now.load(Ordering::SeqCst)).unwrap()
    }

    /// Lets the time pass that the database tells.
    pub(crate) async fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        set_clock(&self.database, self.now()).await;
    }

    /// A change, decided now, without a settle window.
    pub(crate) fn change(&self, alert: u8, number: u32, kind: ChangeKind) -> AlertChange {
        let mut change = sample::change(number, kind);
        change.alert_id = AlertId::new([alert; 16]);
        change.changed_at = self.now();
        change.claim.settle_seconds = 0;
        change
    }

    pub(crate) async fn publish(&self, change: &AlertChange) {
        self.publish_together(&[change]).await;
    }

    /// As one batch of records.
    pub(crate) async fn publish_together(&self, changes: &[&AlertChange]) {
        self.append(changes.iter().map(|change| homeroom_proto::alert::encode(change)).collect()).await;
    }

    pub(crate) async fn append(&self, values: Vec<bytes::Bytes>) {
        self.append_as("a student", values).await;
    }

    /// With this key, which decides the partition.
    pub(crate) async fn append_as(&self, key: &str, values: Vec<bytes::Bytes>) {
        let headers = vec![("traceparent".to_owned(), TRACE.into())];
        let record = |value| NewRecord { key: key.to_owned().into(), value: Some(value), headers: headers.clone() };
        for appended in self.log.append(Topic::Alerts, values.into_iter().map(record).collect()).await {
            appended.unwrap();
        }
    }

    pub(crate) fn client(&self) -> Client {
        let channel = Channel::from_shared(self.endpoint.clone()).unwrap().connect_lazy();
        AlertFeedClient::new(channel)
    }

    /// An adapter of the mail channel that takes up to ten at once.
    pub(crate) async fn adapter(&self) -> Adapter {
        Adapter::open(self, "mail", 10).await
    }

    /// The key file of an adapter.
    pub(crate) fn key_file(&self) -> SecretFile {
        secret_file(&self.folder, "feed.key", "feed:s3cret")
    }

    /// Settles outside a stream.
    pub(crate) async fn settle(&self, settlement: pb::Settlement) -> pb::Standing {
        let request = request("feed", pb::SettleRequest { settlement: Some(settlement) });
        self.client().settle(request).await.unwrap().into_inner().result.unwrap().standing()
    }

    /// How many rows of a table of the service fulfil a condition.
    pub(crate) async fn count(&self, rows: &str) -> i64 {
        let count = format!("select count(*) from notification.{rows}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&mut self.database.admin().await).await.unwrap()
    }

    /// Waits until so many rows of a table fulfil a condition.
    pub(crate) async fn until_count(&self, rows: &str, expected: i64) {
        let mut last = -1;
        let wait = async {
            while last != expected {
                last = self.count(rows).await;
            }
        };
        let came = tokio::time::timeout(SOON, wait).await;
        assert!(came.is_ok(), "{rows}: {last} rows, not {expected}");
    }

    pub(crate) async fn deliveries(&self) -> Vec<pb::DeliveryState> {
        let request = request("feed", pb::GetDeliveriesRequest { alert_id: String::new(), limit: 0 });
        self.client().get_deliveries(request).await.unwrap().into_inner().deliveries
    }

    /// Waits until the deliveries' change numbers and states are these.
    pub(crate) async fn until_states(&self, expected: &[(u32, &str)]) {
        let expected: BTreeSet<(u32, String)> =
            expected.iter().map(|(number, state)| (*number, (*state).to_owned())).collect();
        let mut last = BTreeSet::new();
        let wait = async {
            loop {
                last = self.deliveries().await.into_iter().map(|d| (d.change_number, d.state)).collect();
                if last == expected {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let came = tokio::time::timeout(SOON, wait).await;
        assert!(came.is_ok(), "the deliveries are {last:?}, not {expected:?}");
    }

    pub(crate) fn route(&self, routing: &str) {
        let file: &PathBuf = self.config.routing_file.as_ref().unwrap();
        std::fs::write(file, routing).unwrap();
    }
}

/// Lets the service's clock run again, this much ahead of the processes' own.
pub(crate) async fn run_clock(database: &TestDatabase, ahead_s: i64) {
    replace_clock(database, &format!("statement_timestamp() + interval '{ahead_s} seconds'")).await;
}

/// Stops the service's clock, which is the database's, at this moment. The processes' own clocks run on, years ahead, and
/// nothing here may depend on them.
async fn set_clock(database: &TestDatabase, now: Timestamp) {
    replace_clock(database, &format!("timestamptz '{now}'")).await;
}

async fn replace_clock(database: &TestDatabase, now: &str) {
    let clock = format!(
        "create or replace function notification.clock() returns timestamptz language sql stable parallel safe
         as $$ select {now} $$"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(clock)).execute(&mut database.admin().await).await.unwrap();
}

pub(crate) const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A request by one of the keys `feed`, `mail` (of that channel only), `elsewhere` (another district) and `reader` (another
/// scope).
pub(crate) fn request<T>(key: &str, message: T) -> Request<T> {
    use base64::Engine as _;
    let mut request = Request::new(message);
    let credentials = base64::prelude::BASE64_STANDARD.encode(format!("{key}:s3cret"));
    request.metadata_mut().insert("authorization", format!("Basic {credentials}").parse().unwrap());
    request
}

pub(crate) fn secret_file(folder: &TempDir, name: &str, secret: &str) -> SecretFile {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.path().join(name);
    std::fs::write(&path, secret).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    SecretFile::new(path)
}

fn access(folder: &TempDir) -> Access {
    let hash = hash_secret("s3cret");
    let key = |id: &str, district: &str, scope: &str| {
        format!(
            "[[key]]\nid = '{id}'\ndistrict = '{district}'\nsource = 'sis'\nscopes = ['{scope}']\nsecret-sha256 = '{hash}'\n"
        )
    };
    let keys = [
        key("feed", "grand-bend", "feed"),
        key("mail", "grand-bend", "feed") + "channels = ['mail']\n",
        key("hasty", "grand-bend", "feed") + "limits = { request-seconds = 1 }\n",
        key("elsewhere", "elsewhere", "feed"),
        key("reader", "grand-bend", "read"),
    ];
    let file = secret_file(folder, "keys.toml", &keys.concat());
    Access::new(
        Keys::load(file.path()).unwrap(),
        Tokens::new(&"a signing key of some length, for tests".to_owned().into()),
    )
}
