//! The running Homeroom, as an outside client sees it.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use homeroom_domain::date::Date;
use homeroom_proto::wire::notification::WatchAlertsRequest;
use homeroom_proto::wire::notification::alert_feed_client::AlertFeedClient;
use homeroom_proto::wire::risk::risk_query_client::RiskQueryClient;
use homeroom_proto::wire::risk::{GetSummaryRequest, GetSummaryResponse};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;

/// Records in one setup request.
const BATCH: usize = 500;
/// How long the services may take to catch up before a run.
const PATIENCE: Duration = Duration::from_mins(2);

/// An enrolled student.
#[derive(Debug, Clone)]
pub(crate) struct Student {
    /// The district's own id.
    pub(crate) id: String,
    /// The pseudonymous key, in hexadecimal digits.
    pub(crate) key: String,
}

/// The doors and the key, and a school whose only calendar the run's students follow.
#[derive(Clone)]
pub(crate) struct Target {
    doors: Doors,
    school: String,
    authorization: String,
    http: reqwest::Client,
}

/// Where the services listen; in one process or several.
#[derive(Debug, Clone)]
pub(crate) struct Doors {
    /// HTTP of ingestion.
    pub(crate) ingestion: String,
    /// gRPC of rules.
    pub(crate) rules: Channel,
    /// gRPC of notification.
    pub(crate) notification: Channel,
}

impl Target {
    /// With this key.
    pub(crate) fn new(doors: Doors, key: &str, secret: &str, school: &str) -> anyhow::Result<Self> {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{key}:{secret}"));
        let authorization = format!("Basic {pair}");
        Ok(Self { doors, school: school.to_owned(), authorization, http: client()? })
    }

    /// As the file that `deploy/local/up` writes says.
    pub(crate) fn from_file(file: &Path, school: &str) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let variables: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
        let get =
            |name: &str| variables.get(name).copied().with_context(|| format!("`{}` has no {name}", file.display()));
        let grpc = Channel::from_shared(get("HOMEROOM_GRPC")?.to_owned())?.connect_lazy();
        let doors = Doors { ingestion: get("HOMEROOM_URL")?.to_owned(), rules: grpc.clone(), notification: grpc };
        Self::new(doors, get("HOMEROOM_KEY")?, get("HOMEROOM_SECRET")?, school)
    }

    /// Registers and enrolls students from a date on.
    pub(crate) async fn enroll(&self, run: &str, students: u32, entry_on: &str) -> anyhow::Result<Vec<Student>> {
        let ids: Vec<String> = (0..students).map(|n| format!("load-{run}-{n}")).collect();
        let mut enrolled = Vec::with_capacity(ids.len());
        for part in ids.chunks(BATCH) {
            let registrations: Vec<Value> =
                part.iter().map(|id| json!({"kind": "student", "data": {"student": id}})).collect();
            for (id, result) in part.iter().zip(self.post(&registrations).await?) {
                let key = result["student_key"].as_str().with_context(|| format!("no student key in {result}"))?;
                enrolled.push(Student { id: id.clone(), key: key.to_owned() });
            }
            let enrollments: Vec<Value> = part
                .iter()
                .map(|id| json!({"kind": "enrollment", "data": {"student": id, "school": self.school, "entry_on": entry_on, "primary_school": true}}))
                .collect();
            self.post(&enrollments).await?;
        }
        Ok(enrolled)
    }

    /// Marks a student absent.
    pub(crate) async fn mark(&self, student: &str, date: &str) -> anyhow::Result<()> {
        let mark = json!({"kind": "attendance", "data": {"student": student, "school": self.school, "date": date, "code": "absent-unexcused"}});
        self.post(&[mark]).await.map(|_| ())
    }

    /// Sends records, of which each must be accepted; what became of each.
    pub(crate) async fn post(&self, records: &[Value]) -> anyhow::Result<Vec<Value>> {
        let request = self
            .http
            .post(format!("{}/v1/events", self.doors.ingestion))
            .header("authorization", &self.authorization)
            .json(records);
        let response = request.send().await?;
        let status = response.status();
        let body: Value = response.json().await?;
        let results = body["results"].as_array().with_context(|| format!("{status}: {body}"))?;
        match results.iter().find(|result| result["outcome"] != "accepted") {
            Some(refused) => bail!("{status}: {refused}"),
            None => Ok(results.clone()),
        }
    }

    /// Where the services listen.
    pub(crate) fn doors(&self) -> &Doors {
        &self.doors
    }

    /// Events that the rules service has not seen yet.
    pub(crate) async fn events_behind(&self) -> anyhow::Result<u64> {
        Ok(u64::try_from(self.summary().await?.events_behind)?)
    }

    /// The district's date.
    pub(crate) async fn today(&self) -> anyhow::Result<String> {
        let days = self.summary().await?.today;
        Ok(Date::from_days(days)?.to_string())
    }

    /// Waits until the rules service has seen everything that was sent.
    pub(crate) async fn wait_until_caught_up(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let summary = self.summary().await?;
            if summary.events_behind == 0 && summary.students_behind == 0 {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{} events behind after {PATIENCE:?}", summary.events_behind);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn summary(&self) -> anyhow::Result<GetSummaryResponse> {
        let mut client = RiskQueryClient::new(self.doors.rules.clone());
        Ok(client.get_summary(self.authorized(GetSummaryRequest {})?).await?.into_inner())
    }

    /// Students of alert changes from now on, each with the moment of its arrival.
    pub(crate) async fn watch(&self) -> anyhow::Result<mpsc::Receiver<(String, Instant)>> {
        let mut client = AlertFeedClient::new(self.doors.notification.clone());
        let mut changes = client.watch_alerts(self.authorized(WatchAlertsRequest::default())?).await?.into_inner();
        let (sender, receiver) = mpsc::channel(100_000);
        let reader = async move {
            while let Ok(Some(response)) = changes.message().await {
                let student = response.change.map(|change| hex::encode(&change.student)).unwrap_or_default();
                if sender.send((student, Instant::now())).await.is_err() {
                    return;
                }
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the reader ends with the process, which measures and exits")]
        tokio::spawn(reader);
        Ok(receiver)
    }

    fn authorized<T>(&self, message: T) -> anyhow::Result<tonic::Request<T>> {
        let mut request = tonic::Request::new(message);
        let value: MetadataValue<Ascii> = self.authorization.parse()?;
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }
}

fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .tls_certs_only([])
        .timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(256)
        .build()?)
}
