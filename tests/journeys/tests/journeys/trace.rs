//! One trace from the record that was sent to the message that was delivered, with metrics and logs, through a collector that others run.

use std::time::Duration;

use anyhow::{Result, ensure};
use homeroom_conformance::collector::Rotel;
use homeroom_harness::homeroom::Options;
use homeroom_harness::{Collector, WebhookSink};
use homeroom_journeys::district::{DAYS_BEFORE, District, HIGH, mark_document};
use homeroom_journeys::{Log, start_with};
use reqwest::Method;
use tokio::time::Instant;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(100);

/// Spans of the sender's own trace, in the order in which they come about; batches in between are linked to it.
const IN_THE_TRACE: [&str; 2] = ["rules.alert.decide", "channel.delivery.send"];
const LINKED_TO_IT: [&str; 2] = ["rules.batch.fold", "notification.alert.apply"];

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_post_to_the_delivery() -> Result<()> {
    let (behind, webhook) = (Collector::start().await?, WebhookSink::start().await?);
    let collector = Rotel::start(&behind.url).await?;
    let teams = format!(
        "teams:\n- name: High school\n  district: grand-bend\n  schools: [{HIGH}]\n  channels: [{{webhook: \"{}\"}}]\n",
        webhook.url
    );
    let environment = [("ENDPOINT", collector.url.as_str()), ("METRICS", "true")]
        .map(|(what, value)| (format!("HOMEROOM_TELEMETRY__OTLP_{what}"), value.to_owned()));
    let homeroom = start_with(
        Log::Postgres,
        Options { teams: Some(teams), environment: environment.to_vec(), ..Options::default() },
    )?;
    let secret = homeroom.secret_file("webhook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
    let adapter = format!(
        "secret-files = [\"{}\"]\nallow-networks = [\"127.0.0.0/8\"]\n\n[telemetry]\notlp-endpoint = \"{}\"\notlp-logs = true\n",
        secret.display(),
        collector.url
    );
    let _adapter = homeroom.channel("webhook", &adapter)?;
    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    district.enroll("604822", HIGH).await?;
    district.miss_last("604822", HIGH, 2).await?;
    let third = mark_document("604822", HIGH, DAYS_BEFORE[DAYS_BEFORE.len() - 3], "Unexcused Absence");
    let request = district.edfi().request(Method::POST, "studentSchoolAttendanceEvents").json(&third);
    request.header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01")).send().await?.error_for_status()?;
    webhook.wait_for(1, PATIENCE).await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let spans = behind.spans();
        let in_it = |name: &&str| spans.iter().any(|span| span.name == **name && span.trace == TRACE);
        let linked =
            |name: &&str| spans.iter().any(|span| span.name == **name && span.links.iter().any(|link| link == TRACE));
        let request = spans.iter().any(|span| span.trace == TRACE && span.name.starts_with("POST "));
        let has_all = behind.log_lines() > 0 && behind.metrics().iter().any(|name| name.starts_with("homeroom"));
        if request && has_all && IN_THE_TRACE.iter().all(in_it) && LINKED_TO_IT.iter().all(linked) {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "not all has come: {:?}, {} lines, {spans:?}",
            behind.metrics(),
            behind.log_lines()
        );
        tokio::time::sleep(PAUSE).await;
    }
}
