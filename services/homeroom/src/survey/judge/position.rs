//! How far services are in the log, and whether what they have belongs to that log at all.

use homeroom_bus::{Offset, Topic};
use jiff::Timestamp;

use super::super::{Facts, LogFacts};
use super::{LATE_S, MINUTE_S};
use crate::finding::{Finding, span};

/// How far behind, and since when.
pub(super) fn findings(facts: &Facts, now: Timestamp) -> Vec<Finding> {
    let Some(log) = facts.log.answer() else { return Vec::new() };
    let mut found = Vec::new();
    if let Some(rules) = facts.rules.answer() {
        let positions: Vec<_> = rules.partitions.iter().map(|it| (it.partition, it.next_offset)).collect();
        found.extend(lost("rules", &positions, log, Topic::Events));
        if let Some(lag) = behind(&positions, log, Topic::Events) {
            found.push(events(lag, log.waiting_since.map(|at| now.as_second() - at.as_second())));
        }
        found.extend(reference(rules, log));
        if rules.outbox_rows > 0 {
            let says = format!("{} alert changes are on their way to the log", rules.outbox_rows);
            found.push(Finding::ok("outbox of rules", says));
        }
    }
    if let Some(notification) = facts.notification.answer() {
        let positions: Vec<_> = notification.inbox.iter().map(|it| (it.partition, it.next_offset)).collect();
        found.extend(lost("notification", &positions, log, Topic::Alerts));
        if let Some(lag) = behind(&positions, log, Topic::Alerts) {
            found.push(Finding::ok("lag of notification", format!("{lag} alert changes wait in the log")));
        }
    }
    found
}

/// How many records of a topic are beyond these positions, by partition; none when that is not known. A partition without a position
/// has not been begun.
pub(crate) fn behind(positions: &[(i32, i64)], log: &LogFacts, topic: Topic) -> Option<i64> {
    let ends = log.ends.get(&topic)?.as_ref().ok()?;
    let position = |partition: i32| positions.iter().find(|(at, _)| *at == partition).map_or(0, |(_, next)| *next);
    Some((0_i32..).zip(ends).map(|(partition, end)| (end.0 - position(partition)).max(0)).sum())
}

/// Positions that the log does not reach, or partitions that it does not have: it is another log, or has lost records.
pub(crate) fn consistent(positions: &[(i32, i64)], ends: &[Offset]) -> Result<(), String> {
    for (partition, next) in positions {
        let end = usize::try_from(*partition).ok().and_then(|at| ends.get(at));
        match end {
            None => return Err(format!("the log has no partition {partition}, and the tables do")),
            Some(end) if end.0 < *next => {
                return Err(format!("partition {partition} ends at {}, and the tables are at {next}", end.0));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn lost(service: &str, positions: &[(i32, i64)], log: &LogFacts, topic: Topic) -> Option<Finding> {
    let ends = log.ends.get(&topic)?.as_ref().ok()?;
    let problem = consistent(positions, ends).err()?;
    Some(Finding::problem(
        format!("log of {service}"),
        format!("{topic}: {problem}"),
        "the log is another one, or has lost records: stop the services and look which, before anything is written",
    ))
}

fn events(lag: i64, age: Option<i64>) -> Finding {
    let says = format!("{lag} events wait in the log");
    match age.filter(|_| lag > 0) {
        Some(age) if age >= LATE_S => Finding::problem(
            "lag of rules",
            format!("{says}, the first for {}", span(age)),
            "does a rules process run and own the partitions (its /readyz)? After a full load, wait: `homeroom risk progress`",
        ),
        Some(age) if age >= MINUTE_S => Finding::warning(
            "lag of rules",
            format!("{says}, the first for {}", span(age)),
            "look again in a minute: a backlog shrinks; see HomeroomEventsLate",
        ),
        None if lag > 0 => {
            Finding::not_checked("lag of rules", format!("{says}; since when could not be found out, look again"))
        }
        _ => Finding::ok("lag of rules", says),
    }
}

/// Whether everyone was looked at with the reference records of now.
fn reference(rules: &homeroom_rules::Survey, log: &LogFacts) -> Option<Finding> {
    let end = log.ends.get(&Topic::Reference)?.as_ref().ok()?.first()?;
    let behind = rules.partitions.iter().filter(|it| it.reference_offset < end.0).count();
    Some(match behind {
        0 => Finding::ok("reference data", "everyone was looked at with it"),
        _ => Finding::ok(
            "reference data",
            format!("{behind} partitions are being looked at again; `homeroom risk progress` tells how far"),
        ),
    })
}
