//! Rules are changed and taken back: alerts follow, each names the version that it is of, and the history says why.

use anyhow::{Context as _, Result};
use homeroom_domain::rule::DEFAULT_PACK;
use homeroom_harness::homeroom::Homeroom;
use homeroom_journeys::district::{District, HIGH};
use homeroom_journeys::{Log, start};
use homeroom_proto::wire::alert::{AlertChange, Kind};
use serde_json::Value;

crate::on_both_logs!(stricter_rules_open_alerts_and_are_taken_back);

const TIER: &str = "attendance-tier";
const STREAK: &str = "absence-streak";

/// The first rules in a version, with a streak of so many days, whose alerts are taken back by a version that does not claim them.
fn rules(version: u32, days: u32) -> Result<String> {
    let (from, to) = ("opens-when: streak >= 3", format!("on-change: recall\n    opens-when: streak >= {days}"));
    let at = DEFAULT_PACK.find(&format!("id: {STREAK}\n")).context("the rule")?;
    let (before, rule) = DEFAULT_PACK.split_at(at);
    anyhow::ensure!(rule.contains(from), "the rule opens otherwise: {rule}");
    let rule = rule.replacen("version: 1", &format!("version: {version}"), 1).replacen(from, &to, 1);
    Ok(format!("{before}{rule}").replacen("version: 1\nrules", &format!("version: {version}\nrules"), 1))
}

fn written(homeroom: &Homeroom, text: &str) -> Result<String> {
    let file = homeroom.data().join("rules.yaml");
    std::fs::write(&file, text)?;
    Ok(file.to_str().context("a path")?.to_owned())
}

async fn stricter_rules_open_alerts_and_are_taken_back(log: Log) -> Result<()> {
    let homeroom = start(log)?;
    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    district.enroll("604822", HIGH).await?;
    district.miss_last("604822", HIGH, 2).await?;
    let mut alerts = homeroom.alerts().await?;
    alerts.next_where("tier", |c| c.rule == TIER && c.level == 2).await?;
    assert!(alerts.seen().iter().all(|change| change.rule != STREAK), "two days are no streak yet");

    let file = written(&homeroom, &rules(2, 3)?)?;
    homeroom.run(&["rules", "activate", &file, "--reason", "as before, but taken back", "--expect", "1"])?;
    let file = written(&homeroom, &rules(3, 2)?)?;
    assert!(homeroom.run(&["rules", "check", &file])?.ends_with("it can be activated\n"));
    let diff = homeroom.run(&["rules", "diff", &file, "--preview"])?;
    assert!(diff.contains("absence-streak changes, version 2 to 3\n  opens-when\n"), "{diff}");
    assert!(!diff.contains("attendance-tier changes"), "{diff}");
    homeroom.run(&["rules", "activate", &file, "--reason", "two days are enough", "--expect", "2"])?;
    let opened = alerts.next_where("streak", |c| c.rule == STREAK && c.kind() == Kind::Opened).await?;
    assert_eq!(opened.rule_version, 3);
    homeroom.run(&["verify"])?;
    let shown = homeroom.run(&["rules", "show"])?;
    assert!(shown.contains("version 3") && shown.contains("two days are enough"), "{shown}");
    assert!(homeroom.run(&["rules", "explain", STREAK])?.contains("opens when  streak >= 2"));

    homeroom.run(&["rules", "rollback", "2", "--reason", "too many to call"])?;
    let is_over = |c: &AlertChange| c.alert_id == opened.alert_id && c.kind() != Kind::Opened;
    let over = alerts.next_where("end of the streak's alert", is_over).await?;
    assert_eq!((over.kind(), over.reason.as_str()), (Kind::Recalled, "the rule has changed"));
    homeroom.run(&["verify"])?;
    let again = homeroom.run(&["explain", "--alert", &opened.alert_id])?;
    assert_eq!(again.matches("the log comes to the same, word for word").count(), 2, "{again}");

    let history = homeroom.run(&["rules", "history", "--json"])?;
    let told = history.lines().map(|line| {
        let of: Value = serde_json::from_str(line)?;
        Ok((of["version"].clone(), of["reason"].clone(), of["again"].clone(), of["activated_by"].clone()))
    });
    let told = told.collect::<Result<Vec<_>>>()?;
    let key = Value::from(homeroom.key());
    let expected = [
        (4.into(), "too many to call".into(), 2.into(), key.clone()),
        (3.into(), "two days are enough".into(), Value::Null, key.clone()),
        (2.into(), "as before, but taken back".into(), Value::Null, key.clone()),
        (1.into(), "".into(), Value::Null, key),
    ];
    assert_eq!(told, expected);
    Ok(())
}
