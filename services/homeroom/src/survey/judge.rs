//! What the facts mean, and what to do about them. Pure.

mod position;
mod tables;

use std::collections::BTreeMap;

use homeroom_bus::Topic;
use homeroom_domain::id::SourceId;
use jiff::Timestamp;

use super::{Asked, Certificate, Facts, Failure, LogFacts, Sender, Service};
use crate::finding::{Finding, span};

pub(crate) use position::{behind, consistent};

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 60 * MINUTE_S;
const DAY_S: i64 = 24 * HOUR_S;

/// From when on something is worth saying.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// A source that was silent for longer, in hours.
    pub(crate) quiet_hours: i64,
}

/// What waits for longer is late, and nobody may know it: `HomeroomDeliveriesWait` and `HomeroomOutboxWaits` of the chart's alerts
/// have the same five minutes.
const LATE_S: i64 = 5 * MINUTE_S;
/// A certificate that ends sooner should have been renewed: the chart renews a month before the end.
const RENEW_S: i64 = 21 * DAY_S;
/// One that ends so soon stops everybody within a weekend.
const ENDS_S: i64 = 3 * DAY_S;
/// The share of a server's connections, in percent, beyond which the next rollout may find none.
const CONNECTIONS_PERCENT: i64 = 90;

/// What the facts mean at this moment.
pub(crate) fn judge(facts: &Facts, limits: Limits, now: Timestamp) -> Vec<Finding> {
    let mut found = vec![
        answered("database of ingestion", &facts.ingestion, |it| tables::server(&it.server, it.tables.len())),
        answered("database of rules", &facts.rules, |it| tables::server(&it.server, it.tables.len())),
        answered("database of notification", &facts.notification, |it| tables::server(&it.server, it.tables.len())),
    ];
    found.extend(server(facts));
    found.push(log(&facts.log));
    if let Some(log) = facts.log.answer() {
        found.extend(topics(log));
    }
    found.extend(facts.services.iter().map(service));
    found.extend(position::findings(facts, now));
    found.extend(tables::findings(facts));
    found.extend(sources(facts, limits, now));
    found.extend(facts.certificates.iter().map(|it| certificate(it, now)));
    found
}

/// Whether something answered.
fn answered<T>(subject: &str, asked: &Asked<T>, says: impl Fn(&T) -> String) -> Finding {
    match asked {
        Asked::Answered(answer) => Finding::ok(subject, says(answer)),
        Asked::NotConfigured(why) => Finding::not_checked(subject, why),
        Asked::Failed(Failure::Config(problem)) => Finding::problem(subject, problem, "correct the configuration"),
        Asked::Failed(Failure::Away(problem)) => Finding::problem(
            subject,
            problem,
            "is PostgreSQL up, and may this machine reach it (NetworkPolicy, DNS, password)?",
        ),
        Asked::Failed(Failure::Schema { found, known }) if found < known => {
            let says = format!("its schema is at version {found}, this program expects {known}");
            Finding::problem(subject, says, "run `homeroom migrate` of this version, then start the services")
        }
        Asked::Failed(Failure::Schema { found, known }) => {
            let says = format!("its schema has version {found}, this program knows it up to {known}");
            Finding::problem(subject, says, "run a newer program; nothing is migrated back")
        }
    }
}

/// The server, once: services mostly share it.
fn server(facts: &Facts) -> Option<Finding> {
    let servers = [
        facts.ingestion.answer().map(|it| &it.server),
        facts.rules.answer().map(|it| &it.server),
        facts.notification.answer().map(|it| &it.server),
    ];
    let server = servers.into_iter().flatten().next()?;
    let says = format!("{} of {} connections are open", server.connections, server.most_connections);
    Some(if server.is_standby {
        Finding::problem("PostgreSQL", "it is a standby, and takes no writes", "point the services at the primary")
    } else if server.connections * 100 >= server.most_connections * CONNECTIONS_PERCENT {
        let next = "raise `max_connections`, or lower `max-connections` of the services, before more processes start";
        Finding::warning("PostgreSQL", says, next)
    } else {
        Finding::ok("PostgreSQL", says)
    })
}

fn log(asked: &Asked<LogFacts>) -> Finding {
    match asked {
        Asked::Failed(Failure::Away(problem)) => Finding::problem(
            "log",
            problem,
            "start the brokers, or correct `[log.kafka]`; what is accepted meanwhile waits in PostgreSQL, and what is counted in the log",
        ),
        other => answered("log", other, |log| format!("{} answers", log.kind)),
    }
}

/// Topics as they must be; one that this configuration's user may not see is not known to be wrong.
fn topics(log: &LogFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    let unseen: Vec<_> =
        Topic::ALL.into_iter().filter(|topic| log.ends.get(topic).is_some_and(Result::is_err)).collect();
    match &log.topics {
        Ok(()) => found.push(Finding::ok("topics", "each is there and as it should be")),
        Err(_) if !unseen.is_empty() => {}
        Err(problem) => {
            let next = "`homeroom topics create` makes missing ones; a wrong setting is changed in Kafka";
            found.push(Finding::problem("topics", problem, next));
        }
    }
    for topic in unseen {
        if let Some(Err(problem)) = log.ends.get(&topic) {
            let next = "`homeroom topics check` with the set-up job's configuration says more; `topics create` makes missing ones";
            found.push(Finding::warning(format!("topic {topic}"), problem, next));
        }
    }
    found
}

fn service(service: &Service) -> Finding {
    let subject = format!("service {}", service.address);
    match &service.ready {
        Ok((true, _)) => Finding::ok(subject, "it is ready"),
        Ok((false, says)) => {
            Finding::problem(subject, says.trim(), "its log says more; see the component that is not ready above")
        }
        Err(problem) => Finding::problem(subject, problem, "does it run, and is it reachable from here?"),
    }
}

/// When each source that has a key was last heard from.
fn sources(facts: &Facts, limits: Limits, now: Timestamp) -> Vec<Finding> {
    let (tables, log) = (facts.ingestion.answer(), facts.log.answer());
    if tables.is_none() && log.is_none() {
        return Vec::new();
    }
    let senders = match &facts.senders {
        Asked::Answered(senders) => senders.clone(),
        // Without keys, those are known that the log has heard from: the tables also remember those whose key is long gone.
        Asked::NotConfigured(_) => log.into_iter().flat_map(|log| log.heard.keys().cloned()).collect(),
        Asked::Failed(_) => return vec![answered("keys", &facts.senders, |_| String::new())],
    };
    let heard = heard(facts, now);
    // Tables know of every source; the log only when all of it was looked at.
    let sure = tables.is_some() || log.is_some_and(|log| log.heard_all);
    senders.iter().map(|sender| source(sender, heard.get(sender).copied(), sure, limits)).collect()
}

/// How many seconds ago each source was last heard from: by the tables or the log, since the tables are written every few seconds.
fn heard(facts: &Facts, now: Timestamp) -> BTreeMap<Sender, i64> {
    let districts = facts.ingestion.answer().into_iter().flat_map(|it| &it.districts);
    let of_tables = districts.flat_map(|it| {
        let sender = |source: &SourceId| Sender { district: it.district.clone(), source: source.clone() };
        it.sources.iter().map(move |it| (sender(&it.source), it.heard_ago_s))
    });
    let log = facts.log.answer().into_iter().flat_map(|it| &it.heard);
    let of_log = log.map(|(sender, at)| (sender.clone(), now.as_second() - at.as_second()));
    let mut heard = BTreeMap::new();
    for (sender, ago) in of_tables.chain(of_log) {
        heard.entry(sender).and_modify(|last: &mut i64| *last = ago.min(*last)).or_insert(ago);
    }
    heard
}

fn source(sender: &Sender, heard_ago: Option<i64>, sure: bool, limits: Limits) -> Finding {
    let subject = format!("source {sender}");
    let next = "ask whoever runs it whether its jobs run; its key may have been refused (see HomeroomAccessRefused)";
    match heard_ago {
        Some(ago) if ago < limits.quiet_hours * HOUR_S => {
            Finding::ok(subject, format!("the last news came {} ago", span(ago)))
        }
        _ if !sure => Finding::not_checked(
            subject,
            format!(
                "no recent news among the newest {} records of each partition that could be read; the database of ingestion knows",
                super::log::NEWEST
            ),
        ),
        Some(ago) => Finding::warning(subject, format!("it is quiet: the last news came {} ago", span(ago)), next),
        None => Finding::warning(subject, "it is quiet: no news of it is known", next),
    }
}

fn certificate(certificate: &Certificate, now: Timestamp) -> Finding {
    let subject = format!("certificate {}", certificate.file.display());
    let next = "renew it (`kubectl get certificates` with cert-manager)";
    match &certificate.ends {
        Err(problem) => Finding::problem(subject, problem, "correct the file; a process that starts anew needs it"),
        Ok(end) => match end.as_second() - now.as_second() {
            ..=0 => Finding::problem(subject, format!("it ended at {end}"), next),
            left if left < ENDS_S => Finding::problem(subject, format!("it ends in {}", span(left)), next),
            left if left < RENEW_S => Finding::warning(subject, format!("it ends in {}", span(left)), next),
            left => Finding::ok(subject, format!("it is good for {}", span(left))),
        },
    }
}

#[cfg(test)]
mod tests;
