//! Whoever was told is told again, by webhook and by mail; what is corrected in time is never told; no name leaves.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use homeroom_domain::id::StudentKey;
use homeroom_harness::guarded::Guarded;
use homeroom_harness::homeroom::{Alerts, Homeroom, Options};
use homeroom_harness::{Smtp, WebhookSink};
use homeroom_journeys::district::{District, HIGH, TODAY};
use homeroom_journeys::{Log, start_with};
use homeroom_proto::wire::alert::Kind;
use serde_json::Value;

crate::on_both_logs!(a_recall_reaches_webhook_and_mail_that_were_told, a_tardy_arrival_cancels_the_message_unsent);

const PATIENCE: Duration = Duration::from_mins(1);

/// A Homeroom whose high school has a team with a webhook and a mailbox.
struct Told {
    // Dropped in this order: adapters before the feed that they read.
    _adapters: [Guarded; 2],
    homeroom: Homeroom,
    webhook: WebhookSink,
    mail: Smtp,
}

impl Told {
    async fn start(log: Log) -> Result<Self> {
        let (webhook, mail) = (WebhookSink::start().await?, Smtp::start().await?);
        let teams = format!(
            "teams:\n- name: High school\n  district: grand-bend\n  schools: [{HIGH}]\n  channels: [{{webhook: \"{}\"}}, \
             {{mail: team@example.org}}]\n",
            webhook.url
        );
        let homeroom = start_with(log, Options { teams: Some(teams), ..Options::default() })?;
        let secret = homeroom.secret_file("webhook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
        let signed = format!("secret-files = [\"{}\"]\nallow-networks = [\"127.0.0.0/8\"]\n", secret.display());
        let posted = format!(
            "host = \"127.0.0.1\"\nport = {}\nsecurity = \"plain\"\nfrom = \"Homeroom <homeroom@example.org>\"\n",
            mail.port
        );
        let adapters = [homeroom.channel("webhook", &signed)?, homeroom.channel("mail", &posted)?];
        Ok(Self { _adapters: adapters, homeroom, webhook, mail })
    }

    /// Waits for a webhook of this type about this alert; its `webhook-id`.
    async fn webhook(&self, kind: &str, alert_id: &str) -> Result<String> {
        let mut count = 1;
        loop {
            let requests = self.webhook.wait_for(count, PATIENCE).await.with_context(|| format!("no {kind}"))?;
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

    /// Waits for a mail about this alert that says this.
    async fn mail(&self, words: &str, alert_id: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Long lines are folded by a `=` at their end.
            let known: Vec<String> =
                self.mail.messages().iter().map(|mail| mail.replace("=\r\n", "").replace("=\n", "")).collect();
            if let Some(mail) = known.iter().find(|mail| mail.contains(words) && mail.contains(alert_id)) {
                return Ok(mail.clone());
            }
            ensure!(Instant::now() < deadline, "no mail says `{words}` of {alert_id}: {known:#?}");
            self.mail.wait_for(known.len() + 1, PATIENCE).await?;
        }
    }

    /// Everything that left, as text.
    fn everything(&self) -> String {
        let posts =
            self.webhook.requests().into_iter().map(|request| String::from_utf8_lossy(&request.body).into_owned());
        posts.chain(self.mail.messages()).collect::<Vec<_>>().join("\n")
    }
}

async fn a_recall_reaches_webhook_and_mail_that_were_told(log: Log) -> Result<()> {
    let told = Told::start(log).await?;
    let district = District::new(told.homeroom.edfi().await?);
    district.send_frame().await?;
    district.enroll("604822", HIGH).await?;
    let marks = district.miss_last("604822", HIGH, 3).await?;
    let mut alerts = told.homeroom.alerts().await?;
    let streak = alerts.next_where("streak", |c| c.rule == "absence-streak" && c.kind() == Kind::Opened).await?;
    let first = told.webhook("alert.opened", &streak.alert_id).await?;
    told.mail("A rule has opened this alert", &streak.alert_id).await?;

    district.edfi().delete(&marks[2].location).await?;
    alerts.next_where("recall", |c| c.alert_id == streak.alert_id && c.kind() == Kind::Recalled).await?;
    let second = told.webhook("alert.recalled", &streak.alert_id).await?;
    assert_ne!(first, second, "each word has a key of its own");
    told.mail("Please disregard it", &streak.alert_id).await?;

    let everything = told.everything();
    for name in ["Canary", "Feathers", "604822"] {
        assert!(!everything.contains(name), "{name} left the platform: {everything}");
    }
    let signed = |request: &homeroom_harness::webhook::Received| request.headers.contains_key("webhook-signature");
    assert!(told.webhook.requests().iter().all(signed));
    a_case(&told, &district, &mut alerts).await?;
    told.homeroom.run(&["verify"]).map(drop)
}

/// While somebody is at work for a student, what may wait for that is not told; then it is.
async fn a_case(told: &Told, district: &District, alerts: &mut Alerts) -> Result<()> {
    let file = told.homeroom.data().join("ours.yaml");
    std::fs::write(&file, "id: ours\nversion: 2\nuses: [streaks, attendance-tiers]\n")?;
    let file = file.to_str().context("a path")?;
    told.homeroom.run(&["rules", "activate", file, "--reason", "with streaks that may wait"])?;
    district.enroll("604950", HIGH).await?;
    told.homeroom.run(&["case", "open", "--local-id", "604950"])?;
    district.miss_last("604950", HIGH, 2).await?;
    let waits = alerts.next_where("what may wait", |c| c.rule == "two-days-absent" && c.kind() == Kind::Opened).await?;
    let tier = alerts.next_where("tier", |c| c.student == waits.student && c.rule == "attendance-tier").await?;
    told.webhook("alert.opened", &tier.alert_id).await?;
    assert!(!told.everything().contains(&waits.alert_id), "the case is open");
    let student = StudentKey::from_slice(&waits.student)?;
    let open = told.homeroom.run(&["case", "list"])?;
    let lines: Vec<&str> = open.lines().collect();
    assert!(lines.len() == 2 && lines[1].contains(&student.to_string()), "{open}");
    told.homeroom.run(&["case", "close", "--local-id", "604950"])?;
    told.webhook("alert.opened", &waits.alert_id).await.map(drop)
}

async fn a_tardy_arrival_cancels_the_message_unsent(log: Log) -> Result<()> {
    let told = Told::start(log).await?;
    let district = District::new(told.homeroom.edfi().await?);
    district.send_frame().await?;
    district.enroll("604822", HIGH).await?;
    let mut alerts = told.homeroom.alerts().await?;
    let absence = district.mark("604822", HIGH, TODAY, "Unexcused Absence").await?;
    let opened = alerts.next_where("alert", |c| c.rule == "unexplained-absence").await?;
    assert!(opened.settle_seconds > 0, "the rule waits for a correction");
    district.edfi().delete(&absence.location).await?;
    district.mark("604822", HIGH, TODAY, "Tardy").await?;
    alerts.next_where("recall", |c| c.alert_id == opened.alert_id && c.kind() == Kind::Recalled).await?;

    // An alert that is told at once comes after it, so anything that would have been told of it has left by then.
    district.enroll("604900", HIGH).await?;
    district.miss_last("604900", HIGH, 3).await?;
    let streak = alerts.next_where("streak", |c| c.rule == "absence-streak").await?;
    told.webhook("alert.opened", &streak.alert_id).await?;
    told.mail("A rule has opened this alert", &streak.alert_id).await?;
    let everything = told.everything();
    assert!(!everything.contains(&opened.alert_id), "nobody was to be told: {everything}");
    told.homeroom.run(&["verify"]).map(drop)
}
