//! Whoever was told is told again: by webhook, on the live feed, and never with a name.

use std::time::Duration;

use anyhow::{Context as _, Result};
use homeroom_harness::WebhookSink;
use homeroom_harness::homeroom::Options;
use homeroom_journeys::district::{District, HIGH};
use homeroom_journeys::{Log, start_with};
use homeroom_proto::wire::alert::Kind;
use serde_json::Value;

crate::on_both_logs!(a_recall_reaches_the_webhook_that_was_told);

const PATIENCE: Duration = Duration::from_mins(1);

async fn a_recall_reaches_the_webhook_that_was_told(log: Log) -> Result<()> {
    let sink = WebhookSink::start().await?;
    let teams = format!(
        "teams:\n- name: High school\n  district: grand-bend\n  schools: [{HIGH}]\n  channels: [{{webhook: \"{}\"}}]\n",
        sink.url
    );
    let homeroom = start_with(log, Options { teams: Some(teams), ..Options::default() })?;
    let secret = homeroom.secret_file("webhook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
    let settings = format!("secret-files = [\"{}\"]\nallow-networks = [\"127.0.0.0/8\"]\n", secret.display());
    let _adapter = homeroom.channel("webhook", &settings)?;

    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    district.enroll("604822", HIGH).await?;
    let marks = district.miss_last("604822", HIGH, 3).await?;
    let mut alerts = homeroom.alerts().await?;
    let streak = alerts.next_where("streak", |c| c.rule == "absence-streak" && c.kind() == Kind::Opened).await?;
    let told = wait_for_words(&sink, "alert.opened", &streak.alert_id).await?;

    district.edfi().delete(&marks[2].location).await?;
    alerts.next_where("recall", |c| c.alert_id == streak.alert_id && c.kind() == Kind::Recalled).await?;
    let recalled = wait_for_words(&sink, "alert.recalled", &streak.alert_id).await?;
    assert_ne!(told, recalled, "each word has a key of its own");

    for request in sink.requests() {
        let words = String::from_utf8_lossy(&request.body).into_owned();
        for name in ["Canary", "Feathers", "604822"] {
            assert!(!words.contains(name), "{name} left the platform: {words}");
        }
        assert!(request.headers.contains_key("webhook-signature"), "each request is signed");
    }
    homeroom.run(&["verify"]).map(drop)
}

/// Waits for a webhook of this type about this alert; its `webhook-id`.
async fn wait_for_words(sink: &WebhookSink, kind: &str, alert_id: &str) -> Result<String> {
    let mut count = 1;
    loop {
        let requests = sink.wait_for(count, PATIENCE).await.with_context(|| format!("no {kind} of {alert_id}"))?;
        let found = requests.iter().find(|request| {
            let words: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            words["type"] == kind && words.to_string().contains(alert_id)
        });
        if let Some(request) = found {
            let id = request.headers.get("webhook-id").context("a webhook without an id")?;
            return Ok(id.to_str()?.to_owned());
        }
        count = requests.len() + 1;
    }
}
