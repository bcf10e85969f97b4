//! Every role, adapter and command with TLS everywhere, by configuration alone: an absence becomes mail and a webhook.

use std::time::Duration;

use anyhow::Result;
use homeroom_chassis::tls::TlsFiles;
use homeroom_domain::rule::DEFAULT_PACK;
use homeroom_harness::{Collector, Smtp, WebhookSink};
use homeroom_journeys::District;
use homeroom_security::school::KESTREL;
use homeroom_security::tls::broker::SecureBroker;
use homeroom_security::tls::cluster::Cluster;
use homeroom_security::tls::postgres::SecurePostgres;
use homeroom_security::tls::{Authority, HERE};
use homeroom_security::world::{DISTRICT, team, teams};
use serde_json::json;
use tonic::transport::{Identity, ServerTlsConfig};

const PATIENCE: Duration = Duration::from_mins(1);
const TEAM: &str = "team@grand-bend.example.org";
/// Noon on 2022-04-13 in Chicago, seconds since 1970.
const NOON: i64 = 1_649_869_200;

/// What is outside.
struct Outside {
    webhook: WebhookSink,
    smtp: Smtp,
    collector: Collector,
}

impl Outside {
    async fn start(authority: &Authority) -> Result<Self> {
        let hook = authority.give("webhook", HERE)?;
        let mail = authority.give("mail", HERE)?;
        let spans = authority.give("collector", HERE)?;
        let identity = Identity::from_pem(std::fs::read(&spans.cert)?, std::fs::read(&spans.key)?);
        Ok(Self {
            webhook: WebhookSink::start_tls(&TlsFiles { cert: hook.cert, key: hook.key, client_ca: None }).await?,
            smtp: Smtp::start_starttls(&mail.cert, &mail.key).await?,
            collector: Collector::start_tls(ServerTlsConfig::new().identity(identity)).await?,
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_absence_is_told_by_mail_and_webhook_and_nothing_is_said_in_the_clear() -> Result<()> {
    let authority = Authority::new()?;
    let outside = Outside::start(&authority).await?;
    let (broker, postgres) = tokio::try_join!(SecureBroker::start(&authority), SecurePostgres::start(&authority, &[]))?;
    let teams = teams(&[team(DISTRICT, &[("webhook", &outside.webhook.url), ("mail", TEAM)])]);
    let mut cluster = Cluster::start(&authority, &broker, &postgres, &outside.collector.url, &teams).await?;
    let ca = authority.ca().display().to_string();
    let secret = authority.secret("webhook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?.display().to_string();
    let networks = "allow-networks = [\"127.0.0.0/8\"]";
    let webhook = format!("secret-files = [{secret:?}]\n{networks}\nca-file = {ca:?}");
    let refusal = cluster.channel_without_certificate("webhook", &webhook)?;
    assert!(refusal.contains("an adapter shows a certificate"), "{refusal}");
    cluster.channel("webhook", &webhook).await?;
    let from = "from = \"Homeroom <homeroom@example.org>\"\nsecurity = \"starttls\"";
    cluster
        .channel("mail", &format!("host = \"{HERE}\"\nport = {}\n{from}\nca-file = {ca:?}", outside.smtp.port))
        .await?;

    let offset_seconds = NOON - homeroom_chassis::clock::now().as_second();
    let settings = json!({ "clock": { "time_zone": "America/Chicago", "offset_seconds": offset_seconds } });
    cluster.put("settings", "application/json", settings.to_string()).await?;
    cluster.put("rule-pack", "application/yaml", DEFAULT_PACK.to_owned()).await?;
    let district = District::new(cluster.edfi().await?);
    district.send_frame().await?;
    KESTREL.send(&district).await?;
    outside.webhook.wait_for(1, PATIENCE).await?;
    outside.smtp.wait_for(1, PATIENCE).await?;

    let rows = cluster.command(&["export", "measures", "--ca-file", &ca])?;
    assert!(rows.lines().count() >= 2, "{rows}");
    let risk = cluster.command(&["risk", "--local-id", KESTREL.local_id, "--ca-file", &ca])?;
    assert!(risk.contains("absence-streak") || risk.contains("streak"), "{risk}");
    // Without the authority nobody believes the servers.
    let doubted = cluster.command(&["export", "measures"]);
    assert!(doubted.is_err(), "{doubted:?}");
    let verified = cluster.verify()?;
    assert!(verified.contains(" 0 differences"), "{verified}");
    drop(cluster);
    let spans = outside.collector.text();
    assert!(spans.contains("homeroom-ingestion") && spans.contains("homeroom-notification"), "no spans came");
    Ok(())
}
