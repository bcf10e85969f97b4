//! The canary's whole way: a student who does not exist is marked, told of, corrected and taken back, and no person's list, count or
//! message holds anything of it.

use anyhow::{Result, ensure};
use homeroom_harness::WebhookSink;
use homeroom_harness::homeroom::Options;
use homeroom_journeys::{Log, start_with};

use crate::on_both_logs;

/// Everybody is told of everything, also where only the canary is.
fn teams(webhook: &str) -> String {
    let team = |district: &str| {
        format!(
            "- name: {district}\n  district: {district}\n  schools: [\"*\"]\n  channels: [{{webhook: \"{webhook}\"}}]\n"
        )
    };
    format!("teams:\n{}{}", team("grand-bend"), team("grand-bend--canary"))
}

async fn a_canary_is_told_of_and_nobody_sees_it(log: Log) -> Result<()> {
    let webhook = WebhookSink::start().await?;
    let options = Options { teams: Some(teams(&webhook.url)), ..Options::default() };
    let homeroom = start_with(log, options)?;
    let file = homeroom.data().join("canary.env");
    let file = file.to_string_lossy();
    // Twice the same student: the first round left nothing behind.
    for _ in 0..2 {
        let told = homeroom.run(&["canary", "--once", "--within", "120", "--env-file", &file])?;
        ensure!(told.contains("canary: alert after ") && told.contains("recall after "), "{told}");
    }
    let people = homeroom.summary().await?;
    // The district as a whole, which has no name, is always there.
    let no_school = people.schools.iter().all(|it| it.school.is_empty() && it.students == 0);
    ensure!(
        people.students == 0 && no_school && people.open_alerts == 0,
        "the canary is counted among people: {people:?}"
    );
    let exported = homeroom.run(&["export", "measures"])?;
    ensure!(!exported.contains("canary"), "{exported}");
    // What is planned is planned in the transaction that puts an alert on the feed, where the canary has seen it.
    ensure!(homeroom.deliveries_as("canary", &secret(&file)?).await? == 0, "somebody is told of the canary");
    ensure!(webhook.requests().is_empty());
    // With a key of people's district it changes nothing.
    let own = homeroom.data().join("local.env");
    let refused = homeroom.run(&["canary", "--once", "--env-file", &own.to_string_lossy()]);
    let refused = refused.expect_err("people have this district").to_string();
    ensure!(refused.contains("ends with `--canary`"), "{refused}");
    Ok(())
}

/// The secret that an environment file holds.
fn secret(file: &str) -> Result<String> {
    let text = std::fs::read_to_string(file)?;
    Ok(text.lines().find_map(|line| line.strip_prefix("HOMEROOM_SECRET=")).unwrap_or_default().to_owned())
}

on_both_logs!(a_canary_is_told_of_and_nobody_sees_it);
