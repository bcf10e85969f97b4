//! Words of a person, and secrets, planted through every door and then looked for everywhere else.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use homeroom_harness::Collector;
use homeroom_harness::guarded::Guarded;
use homeroom_harness::homeroom::{Homeroom, Options};
use homeroom_harness::webhook::{Answer, Received};
use homeroom_harness::{Smtp, WebhookSink};
use homeroom_journeys::District;
use homeroom_proto::wire::alert::Kind;
use homeroom_proto::wire::{notification, risk};
use homeroom_security::database::Database;
use homeroom_security::needle::{Needle, Search};
use homeroom_security::raw::{Ends, next};
use homeroom_security::school::KESTREL;
use homeroom_security::world::{NEIGHBOUR, read, team, teams};
use homeroom_security::{Caller, World};
use prost::Message as _;
use reqwest::Method;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::plant::{WRONG, plant_in_bad_requests};

const PATIENCE: Duration = Duration::from_mins(1);
const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TEAM: &str = "zqteam.sparrow@grand-bend.example.org";
/// As much as there is to tell: libraries that log each packet say nothing of ours.
const LOG_FILTER: &str = "info,homeroom=trace,sqlx=trace,tower=trace,axum=trace,tonic=debug,h2=info,hyper=info";

/// Where words leave Homeroom.
struct Outside {
    webhook: WebhookSink,
    smtp: Smtp,
    collector: Collector,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persons_words_stay_where_they_belong_and_secrets_are_nowhere() -> Result<()> {
    let outside = Outside {
        webhook: WebhookSink::start().await?,
        smtp: Smtp::start().await?,
        collector: Collector::start().await?,
    };
    let mut world = World::start(options(&outside)).await?;
    let adapters = start_adapters(&world.homeroom, &outside)?;
    live_through_a_day(&world, &outside).await?;
    plant_in_bad_requests(&world).await?;
    let token = mint(&world).await?;

    let (people, secrets) = (people(), secrets(&world, &token)?);
    let all: Vec<Needle> = people.iter().chain(&secrets).cloned().collect();
    let mut search = Search::default();
    look_at_answers(&world, &people, &mut search).await?;
    look_at_processes(&secrets, &mut search);
    for caller in [Caller::Nobody, Caller::Owner] {
        let metrics = world.request(caller, Method::GET, "/metrics").send().await?.error_for_status()?.text().await?;
        search.look("/metrics", metrics, &all);
    }
    look_at_tables(&Database::of(&world.homeroom)?, &people, &secrets, &mut search).await?;
    look_outside(&outside, &people, &secrets, &mut search);

    // The last spans and lines are written when processes end.
    drop(adapters);
    let homeroom = tokio::task::spawn_blocking(move || world.homeroom.stop().map(|()| world.homeroom)).await??;
    let spans = outside.collector.text();
    for span in ["POST /v1/events", "notification", "homeroom-channel-webhook"] {
        assert!(spans.contains(span), "no span `{span}` was sent");
    }
    search.look("spans", spans, &all);
    look_at_logs(homeroom.data(), &all, &mut search)?;
    search.assert_nothing(60, 200_000);
    Ok(())
}

fn options(outside: &Outside) -> Options {
    let variable = |name: &str, value: &str| (format!("HOMEROOM_TELEMETRY__{name}"), value.to_owned());
    let hook = format!("{}/zqhooktoken", outside.webhook.url);
    Options {
        teams: Some(teams(&[team("grand-bend", &[("webhook", &hook), ("mail", TEAM)])])),
        environment: vec![variable("LOG_FILTER", LOG_FILTER), variable("OTLP_ENDPOINT", &outside.collector.url)],
        ..Options::default()
    }
}

fn start_adapters(homeroom: &Homeroom, outside: &Outside) -> Result<[Guarded; 2]> {
    let telemetry =
        format!("[telemetry]\nlog-filter = \"{LOG_FILTER}\"\notlp-endpoint = \"{}\"\n", outside.collector.url);
    let secret = homeroom.secret_file("webhook.secret", WEBHOOK_SECRET)?;
    let webhook = format!("secret-files = [\"{}\"]\nallow-networks = [\"127.0.0.0/8\"]\n{telemetry}", secret.display());
    let mail = format!(
        "host = \"127.0.0.1\"\nport = {}\nsecurity = \"plain\"\nfrom = \"Homeroom <homeroom@example.org>\"\n{telemetry}",
        outside.smtp.port
    );
    Ok([homeroom.channel("webhook", &webhook)?, homeroom.channel("mail", &mail)?])
}

/// Absences open alerts, which are told by webhook (that fails at first) and mail, and recalled when a mark is taken back.
async fn live_through_a_day(world: &World, outside: &Outside) -> Result<()> {
    outside.webhook.answer(Answer::Refuse(500));
    let district = District::new(world.homeroom.edfi().await?);
    district.send_frame().await?;
    let marks = KESTREL.send(&district).await?;
    let mut alerts = world.homeroom.alerts().await?;
    let streak = alerts.next_where("streak", |c| c.rule == "absence-streak" && c.kind() == Kind::Opened).await?;
    outside.webhook.wait_for(1, PATIENCE).await?;
    outside.webhook.answer(Answer::Accept);
    outside.smtp.wait_for(1, PATIENCE).await?;
    district.edfi().delete(&marks[0].location).await?;
    alerts.next_where("recall", |c| c.alert_id == streak.alert_id && c.kind() == Kind::Recalled).await?;
    let has_recall =
        |requests: &[Received]| requests.iter().any(|r| String::from_utf8_lossy(&r.body).contains("alert.recalled"));
    let mut requests = outside.webhook.wait_for(1, PATIENCE).await?;
    while !has_recall(&requests) {
        requests = outside.webhook.wait_for(requests.len() + 1, PATIENCE).await?;
    }
    Ok(())
}

async fn mint(world: &World) -> Result<String> {
    let grant = world.request(Caller::Owner, Method::POST, "/edfi/sis/oauth/token");
    let grant = grant.header("content-type", "application/x-www-form-urlencoded").body("grant_type=client_credentials");
    let answer: Value = grant.send().await?.error_for_status()?.json().await?;
    let token = answer["access_token"].as_str().context("no token")?.to_owned();
    let students = world.http.get(format!("{}/edfi/sis/data/v3/ed-fi/students", world.homeroom.url()));
    students.bearer_auth(&token).send().await?.error_for_status()?;
    Ok(token)
}

/// Every word that stands for the person, and what senders may have meant as such.
fn people() -> Vec<Needle> {
    let mut people = KESTREL.needles();
    people.push(Needle::new("a wrong record's word", WRONG));
    people
}

fn secrets(world: &World, token: &str) -> Result<Vec<Needle>> {
    let data = world.homeroom.data();
    let (_, signature) = token.split_once('.').context("a token has two parts")?;
    let secrets = [
        ("the API secret", world.homeroom.secret().to_owned()),
        ("the API secret, as sent", Caller::Owner.authorization(world).unwrap_or_default().split_off("Basic ".len())),
        ("the key that signs tokens", read(data, "token.key")?),
        ("the pseudonym key", read(data, "pseudonym-keys/grand-bend.key")?),
        ("the neighbour's pseudonym key", read(data, &format!("pseudonym-keys/{NEIGHBOUR}.key"))?),
        ("the neighbour's secret", World::secret_of("neighbour")),
        ("the webhook's secret", WEBHOOK_SECRET.trim_start_matches("whsec_").to_owned()),
        ("a token's signature", signature.to_owned()),
    ];
    Ok(secrets.iter().map(|(what, secret)| Needle::new(what, secret)).collect())
}

/// What readers of the district, and others, are answered: pseudonyms only.
async fn look_at_answers(world: &World, people: &[Needle], search: &mut Search) -> Result<()> {
    let key = world.request(Caller::Owner, Method::GET, &format!("/v1/students/{}", KESTREL.local_id)).send().await?;
    let key: Value = key.error_for_status()?.json().await?;
    let student = hex::decode(key["student_key"].as_str().context("no key")?).or_else(|_| bytes_of(&key))?;
    let risk = "/homeroom.risk.v1.RiskQuery";
    // With the student's part of the log.
    let explained = risk::ExplainStudentRequest {
        student: student.clone().into(),
        since: "2099-01-01".to_owned(),
        ..Default::default()
    };
    let questions = [
        (
            format!("{risk}/GetStudent"),
            risk::GetStudentRequest { student: student.into(), others: vec!["all".to_owned()] }.encode_to_vec(),
        ),
        ("/homeroom.risk.v1.RiskExplanation/ExplainStudent".to_owned(), explained.encode_to_vec()),
        (format!("{risk}/ListStudents"), Vec::new()),
        (format!("{risk}/ExportMeasures"), Vec::new()),
        (format!("{risk}/GetSummary"), Vec::new()),
        ("/homeroom.notification.v1.AlertFeed/GetDeliveries".to_owned(), Vec::new()),
    ];
    let authorization = Caller::Owner.authorization(world);
    for (method, question) in questions {
        let mut stream = world
            .grpc
            .call(authorization.as_deref(), &method, vec![question], Ends::Closed)
            .await
            .with_context(|| method.clone())?;
        while let Some(answer) = next(&mut stream).await? {
            search.look(&method, answer, people);
        }
    }
    let watch = notification::WatchAlertsRequest { from_start: true, ..Default::default() }.encode_to_vec();
    let mut watch = world
        .grpc
        .call(authorization.as_deref(), "/homeroom.notification.v1.AlertFeed/WatchAlerts", vec![watch], Ends::Closed)
        .await?;
    // An opened alert, and what came after it.
    for _ in 0..2 {
        search.look("WatchAlerts", next(&mut watch).await?.context("the feed ended")?, people);
    }
    for caller in [Caller::Nobody, Caller::Neighbour, Caller::OtherSource] {
        for path in [
            "/v1/settings",
            "/edfi/sis/data/v3/ed-fi/students",
            "/edfi/lms/data/v3/ed-fi/students",
            "/edfi/sis/data/v3/ed-fi/students?limit=x",
        ] {
            let answer = world.request(caller, Method::GET, path).send().await?.text().await?;
            search.look(&format!("GET {path} by {caller:?}"), answer, people);
        }
    }
    Ok(())
}

/// A student's key that is not written in hexadecimal.
fn bytes_of(key: &Value) -> Result<Vec<u8>> {
    let key: homeroom_domain::id::StudentKey = key["student_key"].as_str().context("no key")?.parse()?;
    Ok(key.as_bytes().to_vec())
}

/// The command lines of all processes, ours and those that ours started.
fn look_at_processes(secrets: &[Needle], search: &mut Search) {
    let mut ours = 0;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(line) = fs::read(entry.path().join("cmdline")) else { continue };
        ours += usize::from(String::from_utf8_lossy(&line).contains("homeroom"));
        search.look(&format!("the command line of process {}", entry.file_name().display()), line, secrets);
    }
    assert!(ours >= 3, "only {ours} processes of ours were found");
}

/// Every row of every table. A person's words may be in ingestion's, and in the records of one topic.
async fn look_at_tables(database: &Database, people: &[Needle], secrets: &[Needle], search: &mut Search) -> Result<()> {
    let mut admin = database.admin().await?;
    let (mut topics, mut planted) = (0, 0);
    for table in database.tables().await? {
        let path = table.path();
        let rows = rows(&mut admin, &format!("select t::text from {path} t")).await?;
        search.look(&path, &rows, secrets);
        if table.schema != "ingestion" && !(table.schema == "bus" && table.name == "records") {
            search.look(&path, rows, people);
        }
    }
    for name in self::rows(&mut admin, "select name from bus.topics").await?.lines() {
        let records =
            format!("select r::text from bus.records r join bus.topics using (topic_id) where name = '{name}'");
        let records = rows(&mut admin, &records).await?;
        topics += usize::from(!records.is_empty());
        if name.contains("directory") {
            planted += usize::from(records.contains(&hex::encode(KESTREL.first)));
        } else {
            search.look(&format!("topic {name}"), records, people);
        }
    }
    assert_eq!((topics, planted), (5, 1), "every topic has records, and the one that may hold names does");
    Ok(())
}

async fn rows(admin: &mut PgConnection, select: &str) -> Result<String> {
    let rows: Vec<Option<String>> = sqlx::query_scalar(AssertSqlSafe(select.to_owned())).fetch_all(admin).await?;
    Ok(rows.into_iter().flatten().collect::<Vec<_>>().join("\n"))
}

/// What left the platform.
fn look_outside(outside: &Outside, people: &[Needle], secrets: &[Needle], search: &mut Search) {
    let team = [Needle::new("a team's mail address", TEAM)];
    for request in outside.webhook.requests() {
        let all = format!("{:?}\n{}", request.headers, String::from_utf8_lossy(&request.body));
        for needles in [people, secrets, &team] {
            search.look("a webhook", &all, needles);
        }
    }
    for mail in outside.smtp.messages() {
        // Long lines of a mail are folded, and those of base64 broken.
        let unfolded = mail.replace("=\r\n", "").replace("=\n", "");
        let joined = mail.replace(['\r', '\n'], "");
        for text in [mail, unfolded, joined] {
            search.look("a mail", &text, people);
            search.look("a mail", &text, secrets);
        }
    }
}

/// Every log that processes of ours, and PostgreSQL, wrote.
fn look_at_logs(data: &Path, needles: &[Needle], search: &mut Search) -> Result<()> {
    let mut needles = needles.to_vec();
    needles.push(Needle::new("a team's mail address", TEAM));
    needles.push(Needle::new("the secret part of a webhook's address", "zqhooktoken"));
    let mut waiting = vec![data.to_owned()];
    let mut logs = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder)?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "log") {
                logs.push(path);
            }
        }
    }
    for log in &logs {
        let text = fs::read(log)?;
        search.look(&log.display().to_string(), &text, &needles);
    }
    let names: Vec<String> = logs.iter().filter_map(|log| Some(log.file_name()?.to_str()?.to_owned())).collect();
    for name in ["test.log", "channel-webhook.log", "channel-mail.log", "postgres.log"] {
        assert!(names.iter().any(|log| log == name), "{name} was not searched: {names:?}");
    }
    let main = fs::read_to_string(data.join("test.log"))?;
    for level in [" INFO ", " DEBUG "] {
        assert!(main.contains(level), "the log has no{level}lines: it is not as talkative as it should be");
    }
    Ok(())
}
