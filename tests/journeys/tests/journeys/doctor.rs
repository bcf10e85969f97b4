//! What an operator asks of a running system: how it is, a bundle for whoever helps, and whether a backup belongs to the log. On a
//! real Kafka and PostgreSQL; what is wrong is made so for each question, and says what to do.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use flate2::read::GzDecoder;
use homeroom_chassis::access::hash_secret;
use homeroom_domain::id::StudentKey;
use homeroom_harness::homeroom::{Homeroom, Options, program};
use homeroom_harness::{TestDatabase, test_database};
use homeroom_journeys::district::{District, HIGH, TODAY};
use homeroom_journeys::{Log, start_with};
use homeroom_pg::{Migration, Schema};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::{Instant, timeout};

/// The student's id; the name is `Canary Feathers`.
const STUDENT: &str = "canary-604822";
/// In a record that nobody understands.
const NONSENSE: &str = "canary-nonsense";
/// Another sender's secret; it never sends.
const SILENT_SECRET: &str = "canary-secret-of-a-sender";
/// A password of a database that does not let anybody in.
const PASSWORD: &str = "canary-password";
/// Longer than the command may take, whatever does not answer.
const BOUND: Duration = Duration::from_mins(2);

/// The rules service's tables as its first migration has them.
const FIRST_RULES: Schema = Schema {
    name: "rules",
    migrations: &[Migration {
        version: 20_261_125_120_000,
        name: "state",
        sql: include_str!("../../../../services/rules/migrations/20261125120000_state.sql"),
    }],
};

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_told_what_is_wrong_and_what_to_do() -> Result<()> {
    let key = format!(
        "[[key]]\nid = \"silent\"\ndistrict = \"grand-bend\"\nsource = \"silent\"\nscopes = [\"ingest\"]\nsecret-sha256 = \"{}\"\n",
        hash_secret(SILENT_SECRET)
    );
    let options = Options { files: vec![("more-keys.toml".to_owned(), key)], ..Options::default() };
    let homeroom = start_with(Log::Kafka, options)?;
    let student = one_alert(&homeroom).await?;
    // All at once: what does not answer takes its time.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let behind = test_database(&[FIRST_RULES]).await;
    let (healthy, dead, outdated, bundle, backup) = tokio::join!(
        healthy(&homeroom),
        nothing_answers(&homeroom, &silent),
        schema_is_behind(&homeroom, &behind),
        bundle(&homeroom, &student),
        backup(&homeroom),
    );
    healthy?;
    dead?;
    outdated?;
    bundle?;
    backup
}

/// A district with a student who is absent, and a record that nobody understands; the student's key.
async fn one_alert(homeroom: &Homeroom) -> Result<String> {
    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    district.enroll(STUDENT, HIGH).await?;
    district.mark(STUDENT, HIGH, TODAY, "Unexcused Absence").await?;
    let nonsense = format!("[{{\"kind\": \"{NONSENSE}\", \"student\": \"{STUDENT}\"}}]");
    let post = reqwest::Client::builder().no_proxy().build()?.post(format!("{}/v1/events", homeroom.url()));
    let post = post.basic_auth(homeroom.key(), Some(homeroom.secret())).header("content-type", "application/json");
    post.body(nonsense).send().await?;
    let mut alerts = homeroom.alerts().await?;
    let alert = alerts.next_where("the alert", |change| change.rule == "unexplained-absence").await?;
    Ok(StudentKey::from_slice(&alert.student)?.to_string())
}

/// Runs the command against it, with these variables in place of what its configuration says.
async fn ask(homeroom: &Homeroom, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Output> {
    let mut command = Command::new(program()?);
    command.args(arguments).arg("--env-file").arg(homeroom.data().join("local.env"));
    command.env_remove("DATABASE_URL").env_remove("KAFKA_BOOTSTRAP_SERVERS");
    command.envs(variables.iter().copied()).kill_on_drop(true);
    timeout(BOUND, command.output()).await.context("it hangs")?.context("it cannot be run")
}

/// What was found, and with which code it ended.
async fn found(homeroom: &Homeroom, arguments: &[&str], variables: &[(&str, &str)]) -> Result<(Value, Option<i32>)> {
    let output = ask(homeroom, &[arguments, &["--json"]].concat(), variables).await?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    for planted in [STUDENT, NONSENSE, SILENT_SECRET, PASSWORD] {
        ensure!(!told.contains(planted), "`{planted}` is told: {told}");
    }
    Ok((serde_json::from_slice(&output.stdout).with_context(|| told)?, output.status.code()))
}

/// The level of one finding, and all that it says.
fn of(told: &Value, subject: &str) -> (String, String) {
    let findings = told["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = findings.iter().find(|it| it["subject"] == subject);
    found.map_or_else(
        || ("missing".to_owned(), told.to_string()),
        |it| (it["level"].as_str().unwrap_or_default().to_owned(), it.to_string()),
    )
}

async fn healthy(homeroom: &Homeroom) -> Result<()> {
    let deadline = Instant::now() + BOUND;
    let (told, code) = loop {
        let (told, code) = found(homeroom, &["doctor"], &[]).await?;
        // Whom a service has heard from it writes every few seconds, and a busy machine counts the last events a little later.
        let settled = ["source grand-bend/sis", "lag of rules"].iter().all(|subject| of(&told, subject).0 == "ok");
        if settled || Instant::now() > deadline {
            break (told, code);
        }
    };
    assert_eq!((code, &told["problems"]), (Some(0), &Value::from(0)), "{told}");
    let service = format!("service {}", homeroom.url());
    let fine = ["database of ingestion", "database of rules", "database of notification", "log", "topics"];
    for subject in fine.into_iter().chain([&*service, "lag of rules", "source grand-bend/sis"]) {
        assert_eq!(of(&told, subject).0, "ok", "{subject}: {told}");
    }
    let (level, says) = of(&told, "source grand-bend/silent");
    assert!(level == "warning" && says.contains("quiet"), "{says}");
    let (level, says) = of(&told, "quarantine of grand-bend");
    assert!(level == "warning" && says.contains("homeroom dead-letters"), "{says}");
    // As soon as the last record is older than no time at all, its sender is quiet too.
    let (told, code) = found(homeroom, &["doctor", "--quiet-hours", "0"], &[]).await?;
    assert_eq!((code, of(&told, "source grand-bend/sis").0), (Some(0), "warning".to_owned()), "{told}");
    Ok(())
}

/// Brokers that let one connect and never say a word, and databases of the same kind.
async fn nothing_answers(homeroom: &Homeroom, silent: &TcpListener) -> Result<()> {
    let address = silent.local_addr()?.to_string();
    let database = format!("postgresql://homeroom_rules:{PASSWORD}@{address}/homeroom");
    let began = Instant::now();
    let variables = [("KAFKA_BOOTSTRAP_SERVERS", &*address), ("HOMEROOM_RULES__DATABASE__URL", &*database)];
    let (told, code) = found(homeroom, &["doctor"], &variables).await?;
    assert_eq!(code, Some(1), "{told}");
    for (subject, next) in [("log", "start the brokers"), ("database of rules", "is PostgreSQL up")] {
        let (level, says) = of(&told, subject);
        assert!(level == "problem" && says.contains(next), "{subject}: {says}");
    }
    assert_eq!(of(&told, "database of ingestion").0, "ok", "what answers is told all the same: {told}");
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    Ok(())
}

async fn schema_is_behind(homeroom: &Homeroom, database: &TestDatabase) -> Result<()> {
    let url = database.config(&FIRST_RULES).load_url()?;
    let url = secrecy::ExposeSecret::expose_secret(&url);
    let (told, code) = found(homeroom, &["doctor"], &[("HOMEROOM_RULES__DATABASE__URL", url)]).await?;
    let (level, says) = of(&told, "database of rules");
    assert_eq!((code, &*level), (Some(1), "problem"), "{says}");
    assert!(says.contains("20261125120000") && says.contains("homeroom migrate"), "{says}");
    Ok(())
}

async fn bundle(homeroom: &Homeroom, student: &str) -> Result<()> {
    let password = [("HOMEROOM_MIGRATE__DATABASE__URL", &*format!("postgresql://owner:{PASSWORD}@db/homeroom"))];
    let output = ask(homeroom, &["support-bundle", "--out", "-"], &password).await?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = unpack(&output.stdout)?;
    let names: Vec<_> = files.iter().map(|(name, _)| name.rsplit('/').next().unwrap_or_default()).collect();
    for name in ["doctor.txt", "versions.json", "configuration.txt", "log.json", "rules.json", "metrics-1.txt"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let mut planted = vec![STUDENT.to_owned(), student.to_owned(), NONSENSE.to_owned(), PASSWORD.to_owned()];
    planted.extend(["Feathers", SILENT_SECRET].map(str::to_owned));
    for file in ["api-secret", "token.key", "pseudonym-keys/grand-bend.key"] {
        planted.push(std::fs::read_to_string(homeroom.data().join(file))?.trim().to_owned());
    }
    for (name, text) in &files {
        for canary in &planted {
            assert!(!text.contains(&**canary), "{name} holds `{canary}`");
        }
    }
    let of = |name: &str| files.iter().find(|(it, _)| it.ends_with(name)).map(|(_, text)| text.clone());
    let rules = of("rules.json").unwrap_or_default();
    assert!(rules.contains("\"table\": \"students\""), "sizes of tables are there: {rules}");
    assert!(of("metrics-1.txt").unwrap_or_default().contains("homeroom_pg_transaction_seconds"));
    Ok(())
}

fn unpack(bundle: &[u8]) -> Result<Vec<(String, String)>> {
    let mut archive = tar::Archive::new(GzDecoder::new(bundle));
    let mut files = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        files.push((name, text));
    }
    Ok(files)
}

/// It belongs to its own log, not to another one, and not to keys of others.
async fn backup(homeroom: &Homeroom) -> Result<()> {
    let deadline = Instant::now() + BOUND;
    let told = loop {
        let (told, code) = found(homeroom, &["backup", "check"], &[]).await?;
        // What has just been told of may still be on its way to who tells it.
        if code == Some(0) && of(&told, "what was told").0 == "ok" {
            break told;
        }
        ensure!(Instant::now() < deadline, "{told}");
    };
    for subject in ["pseudonym keys", "state", "deliveries", "what was told"] {
        assert_eq!(of(&told, subject).0, "ok", "{told}");
    }
    let prefix = format!("t{}.", uuid::Uuid::new_v4().simple());
    let other = [("HOMEROOM_LOG__KAFKA__TOPIC_PREFIX", &*prefix)];
    let config = homeroom.data().join("homeroom.toml");
    let made = Command::new(program()?)
        .args(["topics", "create", "--partitions", "4", "--config"])
        .arg(config)
        .envs(other)
        .output()
        .await?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (told, code) = found(homeroom, &["backup", "check"], &other).await?;
    let (level, says) = of(&told, "state");
    assert_eq!((code, &*level), (Some(1), "problem"), "{told}");
    assert!(says.contains("ends at 0"), "{says}");

    let keys = homeroom.data().join("keys-of-others");
    std::fs::create_dir(&keys)?;
    homeroom.secret_file("keys-of-others/springfield.key", &"0".repeat(64))?;
    let path = keys.display().to_string();
    let (told, code) = found(homeroom, &["backup", "check"], &[("HOMEROOM_INGESTION__PSEUDONYM_KEYS", &path)]).await?;
    let (level, says) = of(&told, "pseudonym keys");
    assert!(code == Some(1) && level == "problem" && says.contains("grand-bend"), "{told}");
    Ok(())
}
