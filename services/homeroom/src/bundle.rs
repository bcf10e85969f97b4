//! What a support bundle holds: texts, made of [`Facts`]. What is not known to be harmless is left out.

pub(crate) mod archive;
mod setting;

use anyhow::Result;
use homeroom_bus::Offset;
use serde_json::{Map, Value, json};

use crate::command::doctor;
use crate::finding::{self, Finding};
use crate::survey::{Asked, Facts, Failure, LogFacts};

/// One file of a bundle.
pub(crate) struct File {
    /// Its name.
    pub(crate) name: String,
    /// What it says.
    pub(crate) text: String,
}

/// All of them.
pub(crate) fn files(facts: &Facts, found: &[Finding]) -> Result<Vec<File>> {
    let file = |name: &str, text: String| File { name: name.to_owned(), text };
    let pretty = |value: &Value| serde_json::to_string_pretty(value);
    let mut files = vec![
        file("doctor.txt", finding::text(found)),
        file("doctor.json", pretty(&doctor::json(found))?),
        file("versions.json", pretty(&versions(facts))?),
        file("configuration.txt", setting::describe(&facts.outline)),
        file("log.json", pretty(&facts.log.answer().map_or(Value::Null, log))?),
        file("ingestion.json", pretty(&told(&facts.ingestion))?),
        file("rules.json", pretty(&told(&facts.rules))?),
        file("notification.json", pretty(&told(&facts.notification))?),
        file("services.json", pretty(&serde_json::to_value(&facts.services)?)?),
    ];
    let metrics = facts.services.iter().zip(1..).filter_map(|(service, number)| {
        let metrics = service.metrics.as_ref()?;
        Some(file(&format!("metrics-{number}.txt"), format!("# of {}\n{metrics}", service.address)))
    });
    files.extend(metrics);
    Ok(files)
}

/// Tables as they are surveyed: sizes, positions, counts, ages.
fn told<T: serde::Serialize>(asked: &Asked<T>) -> Value {
    match asked {
        Asked::Answered(survey) => serde_json::to_value(survey).unwrap_or(Value::Null),
        Asked::NotConfigured(why) => json!({ "not_looked_at": why }),
        Asked::Failed(failure) => json!({ "failed": why(failure) }),
    }
}

fn why(failure: &Failure) -> String {
    match failure {
        Failure::Config(problem) | Failure::Away(problem) => problem.clone(),
        Failure::Schema { found, known } => format!("its schema is at {found}, expected {known}"),
    }
}

fn versions(facts: &Facts) -> Value {
    let schema = |schema: &homeroom_pg::Schema| json!({ "schema": schema.name, "expected": schema.version() });
    let server = facts.rules.answer().map(|it| it.server.version.clone());
    json!({
        "homeroom": env!("CARGO_PKG_VERSION"),
        "schemas": crate::process::SCHEMAS.iter().map(schema).collect::<Vec<_>>(),
        "postgresql": server,
        "system": std::env::consts::OS,
        "processor": std::env::consts::ARCH,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
    })
}

fn log(log: &LogFacts) -> Value {
    let offsets = |ends: &Vec<Offset>| ends.iter().map(|end| end.0).collect::<Vec<_>>();
    let end = |ends: &Result<Vec<Offset>, String>| ends.as_ref().map_or_else(|why| json!(why), |it| json!(offsets(it)));
    let ends: Map<String, Value> = log.ends.iter().map(|(topic, ends)| (topic.name().to_owned(), end(ends))).collect();
    let heard: Map<String, Value> =
        log.heard.iter().map(|(sender, at)| (sender.to_string(), json!(at.to_string()))).collect();
    json!({
        "kind": log.kind,
        "topics": log.topics.as_ref().map_or_else(Clone::clone, |()| "as they should be".to_owned()),
        "end_offsets": ends,
        "last_heard_from": heard,
        "waiting_since": log.waiting_since.map(|at| at.to_string()),
    })
}
