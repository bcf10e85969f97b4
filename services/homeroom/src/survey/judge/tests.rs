//! What is a warning and what a problem, by facts that are made up.

use std::collections::BTreeMap;

use homeroom_bus::Offset;
use homeroom_domain::id::{DistrictId, SourceId};
use homeroom_ingestion::survey::{DistrictSurvey, SourceSurvey};
use homeroom_pg::size::Server;

use super::*;
use crate::finding::Level;

fn now() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().expect("a time")
}

fn ago(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() - seconds).expect("a time")
}

fn sender() -> Sender {
    Sender {
        district: DistrictId::parse("springfield").expect("a district"),
        source: SourceId::parse("sis").expect("a source"),
    }
}

fn log_with(ends: &[i64]) -> LogFacts {
    let ends: Vec<_> = ends.iter().map(|end| Offset(*end)).collect();
    LogFacts {
        kind: "Apache Kafka",
        topics: Ok(()),
        ends: Topic::ALL.into_iter().map(|topic| (topic, Ok(ends.clone()))).collect(),
        heard: BTreeMap::new(),
        heard_all: true,
        waiting_since: None,
    }
}

fn server_of_tables() -> Server {
    Server { version: "15".to_owned(), connections: 10, most_connections: 100, is_standby: false, bytes: 0 }
}

/// The ingestion service's tables, which have heard from these sources so many seconds ago.
fn ingestion_heard(sources: &[(&Sender, i64)]) -> homeroom_ingestion::Survey {
    let source = |(sender, ago): &(&Sender, i64)| SourceSurvey { source: sender.source.clone(), heard_ago_s: *ago };
    let district = DistrictSurvey {
        district: sender().district,
        outbox_rows: 0,
        outbox_age_s: None,
        quarantined: 0,
        quarantined_ago_s: None,
        moves_set_aside: 0,
        sources: sources.iter().map(source).collect(),
    };
    homeroom_ingestion::Survey { server: server_of_tables(), tables: Vec::new(), districts: vec![district] }
}

fn rules_at(positions: &[i64]) -> homeroom_rules::Survey {
    let partition = |(partition, next): (i32, &i64)| homeroom_rules::survey::PartitionSurvey {
        partition,
        next_offset: *next,
        state_offset: *next,
        reference_offset: *next,
        epoch: 1,
    };
    homeroom_rules::Survey {
        server: server_of_tables(),
        tables: Vec::new(),
        partitions: (0..).zip(positions).map(partition).collect(),
        outbox_rows: 0,
        dead_letters: 0,
        failing: Vec::new(),
    }
}

fn facts() -> Facts {
    let nowhere = || "nowhere".to_owned();
    Facts {
        outline: Vec::new(),
        senders: Asked::NotConfigured(nowhere()),
        ingestion: Asked::NotConfigured(nowhere()),
        pseudonyms: Asked::NotConfigured(nowhere()),
        rules: Asked::NotConfigured(nowhere()),
        notification: Asked::NotConfigured(nowhere()),
        log: Asked::NotConfigured(nowhere()),
        services: Vec::new(),
        certificates: Vec::new(),
    }
}

/// The finding of this subject.
fn of<'a>(found: &'a [Finding], subject: &str) -> &'a Finding {
    found.iter().find(|it| it.subject == subject).expect("it was looked at")
}

fn judged(facts: &Facts) -> Vec<Finding> {
    judge(facts, Limits { quiet_hours: 72 }, now())
}

#[test]
fn what_is_not_configured_is_not_a_problem() {
    assert!(judged(&facts()).iter().all(|it| it.level == Level::NotChecked));
}

#[test]
fn a_schema_that_is_behind_says_to_migrate_and_one_ahead_does_not() {
    let mut facts = facts();
    facts.rules = Asked::Failed(Failure::Schema { found: 1, known: 2 });
    let found = judged(&facts);
    let behind = of(&found, "database of rules");
    assert_eq!(behind.level, Level::Problem);
    assert!(behind.next.as_deref().is_some_and(|next| next.contains("homeroom migrate")), "{behind:?}");
    facts.rules = Asked::Failed(Failure::Schema { found: 3, known: 2 });
    let found = judged(&facts);
    assert!(of(&found, "database of rules").next.as_deref().is_some_and(|next| next.contains("newer program")));
}

#[test]
fn a_lag_is_as_bad_as_it_is_old() {
    let mut facts = facts();
    facts.rules = Asked::Answered(rules_at(&[5, 7]));
    for (age, level) in [(1, Level::Ok), (60, Level::Warning), (300, Level::Problem)] {
        facts.log = Asked::Answered(LogFacts { waiting_since: Some(ago(age)), ..log_with(&[9, 7]) });
        let found = judged(&facts);
        let lag = of(&found, "lag of rules");
        assert_eq!(lag.level, level, "{lag:?}");
        assert!(lag.says.starts_with("4 events wait"), "{lag:?}");
    }
}

#[test]
fn a_log_that_ends_before_the_tables_is_a_problem() {
    let mut facts = facts();
    facts.rules = Asked::Answered(rules_at(&[5, 7]));
    facts.log = Asked::Answered(log_with(&[5, 6]));
    assert_eq!(of(&judged(&facts), "log of rules").level, Level::Problem);
    facts.log = Asked::Answered(log_with(&[5]));
    assert_eq!(of(&judged(&facts), "log of rules").level, Level::Problem);
    facts.log = Asked::Answered(log_with(&[5, 7]));
    assert!(judged(&facts).iter().all(|it| it.subject != "log of rules"));
}

#[test]
fn a_source_with_a_key_that_nobody_heard_from_is_quiet() {
    let mut facts = facts();
    facts.senders = Asked::Answered(vec![sender()]);
    facts.log = Asked::Answered(log_with(&[5]));
    assert_eq!(of(&judged(&facts), "source springfield/sis").level, Level::Warning);
    for (hours, level) in [(71, Level::Ok), (73, Level::Warning)] {
        let heard = BTreeMap::from([(sender(), ago(hours * HOUR_S))]);
        facts.log = Asked::Answered(LogFacts { heard, ..log_with(&[5]) });
        assert_eq!(of(&judged(&facts), "source springfield/sis").level, level);
    }
}

#[test]
fn what_the_tables_have_heard_was_heard_however_much_others_sent() {
    let mut facts = facts();
    facts.senders = Asked::Answered(vec![sender()]);
    facts.log = Asked::Answered(LogFacts { heard_all: false, ..log_with(&[5_000]) });
    let level = |facts: &Facts| of(&judged(facts), "source springfield/sis").level;
    assert_eq!(level(&facts), Level::NotChecked, "it may have sent what was not looked at");
    for (hours, expected) in [(71, Level::Ok), (73, Level::Warning)] {
        facts.ingestion = Asked::Answered(ingestion_heard(&[(&sender(), hours * HOUR_S)]));
        assert_eq!(level(&facts), expected);
    }
    facts.ingestion = Asked::Answered(ingestion_heard(&[]));
    assert_eq!(level(&facts), Level::Warning, "the tables know of every source");
    // What came within the last seconds is in the log before it is in the tables.
    let heard = BTreeMap::from([(sender(), ago(1))]);
    facts.log = Asked::Answered(LogFacts { heard, heard_all: false, ..log_with(&[5_000]) });
    assert_eq!(level(&facts), Level::Ok);
    facts.log = Asked::Failed(Failure::Away("no answer".to_owned()));
    facts.ingestion = Asked::Answered(ingestion_heard(&[(&sender(), 5)]));
    assert_eq!(level(&facts), Level::Ok, "without the log too");
}

#[test]
fn a_lag_whose_age_is_not_known_is_not_said_to_be_well() {
    let mut facts = facts();
    facts.rules = Asked::Answered(rules_at(&[5, 7]));
    facts.log = Asked::Answered(log_with(&[9, 7]));
    assert_eq!(of(&judged(&facts), "lag of rules").level, Level::NotChecked);
}

#[test]
fn a_certificate_is_told_before_it_ends() {
    let levels = [(-1, Level::Problem), (2, Level::Problem), (20, Level::Warning), (22, Level::Ok)];
    for (days, level) in levels {
        let it = Certificate { file: "tls.crt".into(), ends: Ok(ago(-days * DAY_S)) };
        assert_eq!(certificate(&it, now()).level, level, "{days} days");
    }
}

#[test]
fn a_standby_and_a_full_server_are_told() {
    let mut facts = facts();
    let mut rules = rules_at(&[]);
    rules.server.connections = 90;
    facts.rules = Asked::Answered(rules.clone());
    assert_eq!(of(&judged(&facts), "PostgreSQL").level, Level::Warning);
    rules.server.is_standby = true;
    facts.rules = Asked::Answered(rules);
    assert_eq!(of(&judged(&facts), "PostgreSQL").level, Level::Problem);
}
