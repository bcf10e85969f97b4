//! What the tables say: what waits, what is set aside, what cannot be evaluated.

use homeroom_pg::size::Server;

use super::super::Facts;
use super::{DAY_S, LATE_S};
use crate::finding::{Finding, span};

/// A database that answers.
pub(super) fn server(server: &Server, tables: usize) -> String {
    let mib = server.bytes / (1024 * 1024);
    format!(
        "PostgreSQL {} answers, schema as this version knows it, {tables} tables, database {mib} MiB",
        server.version
    )
}

/// Everything that the tables say.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(survey) = facts.ingestion.answer() {
        found.extend(survey.districts.iter().flat_map(accepted));
    }
    if let Some(survey) = facts.rules.answer() {
        found.push(not_understood("events not understood", survey.dead_letters));
        found.extend(failing(survey));
    }
    if let Some(survey) = facts.notification.answer() {
        found.push(not_understood("alert changes not understood", survey.dead_letters));
        found.extend(survey.districts.iter().flat_map(told));
    }
    found
}

/// What was accepted of a district: is it in the log, was it understood?
fn accepted(district: &homeroom_ingestion::survey::DistrictSurvey) -> Vec<Finding> {
    let name = &district.district;
    let mut found = vec![match district.outbox_age_s {
        Some(age) if age >= LATE_S => Finding::problem(
            format!("outbox of {name}"),
            format!("{} accepted records are not in the log, the first for {}", district.outbox_rows, span(age)),
            "is the log there, may ingestion write, is the district's pseudonym key there? See HomeroomOutboxWaits",
        ),
        _ => Finding::ok(format!("outbox of {name}"), format!("{} records on their way", district.outbox_rows)),
    }];
    let subject = format!("quarantine of {name}");
    found.push(match (district.quarantined, district.quarantined_ago_s) {
        (rows, Some(ago)) if ago < DAY_S => Finding::warning(
            subject,
            format!("{rows} records, the last of {} ago", span(ago)),
            "`homeroom dead-letters` says field, expectation and source; correct the sender or map the code",
        ),
        (0, _) => Finding::ok(subject, "empty"),
        (rows, ago) => Finding::ok(subject, format!("{rows} records, none since {}", span(ago.unwrap_or_default()))),
    });
    if district.moves_set_aside > 0 {
        found.push(Finding::warning(
            format!("merged students of {name}"),
            format!("{} moves of records are set aside", district.moves_set_aside),
            "`homeroom students merges` says why",
        ));
    }
    found
}

fn not_understood(subject: &str, letters: i64) -> Finding {
    match letters {
        0 => Finding::ok(subject, "none"),
        _ => Finding::warning(
            subject,
            format!("{letters}"),
            "`homeroom dead-letters` says why; is an older version running?",
        ),
    }
}

/// Rules that say nothing of somebody.
fn failing(survey: &homeroom_rules::Survey) -> Vec<Finding> {
    let lately = |it: &&homeroom_rules::survey::FailingRule| it.last_failed_ago_s < DAY_S;
    let failing = survey.failing.iter().filter(lately).map(|it| {
        let says =
            format!("it failed {} times, last {} ago: {}", it.failures, span(it.last_failed_ago_s), it.last_failure);
        let next = "`homeroom risk rules` names it; correct it and activate it under a higher version";
        Finding::warning(format!("rule {} of {}", it.rule, it.district), says, next)
    });
    failing.collect()
}

/// Whether a district's people are told.
fn told(district: &homeroom_notification::survey::DistrictSurvey) -> Vec<Finding> {
    let name = &district.district;
    let mut found = vec![match district.overdue_age_s {
        Some(age) if age >= LATE_S => Finding::problem(
            format!("deliveries of {name}"),
            format!("{} are due and nobody has taken them, the first for {}", district.overdue, span(age)),
            "do the adapters run, and does the other side accept? See HomeroomDeliveriesWait and HomeroomChannelFails",
        ),
        age => Finding::ok(
            format!("deliveries of {name}"),
            format!("{} are due, the oldest undelivered for {}", district.overdue, span(age.unwrap_or_default())),
        ),
    }];
    if district.given_up_today > 0 {
        found.push(Finding::warning(
            format!("given up of {name}"),
            format!("{} deliveries of the last day were given up or expired", district.given_up_today),
            "the log of notification says why; the alerts are on the feed",
        ));
    }
    found
}
