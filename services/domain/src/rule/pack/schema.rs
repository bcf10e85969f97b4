//! The published schema: made of the table of fields, and held to what is read.

use serde_json::{Map, Value, json};

use super::field::{Field, Kind, Need, RULE, SEVERITIES};
use super::{Pack, SCHEMA};
use crate::rule::{DEFAULT_PACK, shipped};

/// The schema as the table has it.
fn schema() -> Value {
    let days = json!({ "type": "integer", "minimum": 1, "maximum": 366 });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rules",
        "description": "A pack of rules, or a district's document, which may use shipped packs and say what is otherwise.",
        "type": "object",
        "required": ["id", "version"],
        "additionalProperties": false,
        "properties": {
            "id": { "$ref": "#/$defs/id", "description": "Its name." },
            "version": { "type": "integer", "minimum": 0, "description": "Grows with each change." },
            "title": { "type": "string", "description": "What it is called." },
            "uses": {
                "type": "array", "items": { "$ref": "#/$defs/id" },
                "description": "Shipped packs whose rules are in force too, in this order.",
            },
            "rules": { "type": "array", "items": { "$ref": "#/$defs/rule" }, "description": "Its own rules." },
            "overrides": {
                "$ref": "#/$defs/changes",
                "description": "What the district says of rules otherwise than their packs, by the rule's id.",
            },
            "schools": {
                "type": "object", "additionalProperties": { "$ref": "#/$defs/changes" },
                "description": "The same for students whose school is this one, by the school's id.",
            },
        },
        "$defs": {
            "id": { "type": "string", "pattern": "^[a-z0-9-]+$" },
            "days": days,
            "severity": { "enum": SEVERITIES },
            "rule": object(|field| field.need != Need::Layered, |field| field.need.is_required()),
            "changes": { "type": "object", "additionalProperties": { "$ref": "#/$defs/change" } },
            "change": object(|field| field.need.may_be_changed(), |_| false),
        },
    })
}

fn object(has: fn(&Field) -> bool, needs: fn(&Field) -> bool) -> Value {
    let fields = RULE.iter().filter(|field| has(field));
    let properties: Map<String, Value> = fields.map(|field| (field.name.to_owned(), described(field))).collect();
    let required: Vec<&str> = RULE.iter().filter(|field| needs(field)).map(|field| field.name).collect();
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
}

fn described(field: &Field) -> Value {
    let mut described = kind(field.kind);
    described["description"] = field.doc.into();
    described
}

fn kind(kind: Kind) -> Value {
    let text = || json!({ "type": "string" });
    let parts = |required: &[&str], properties: Value| {
        let part =
            json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties });
        json!({ "type": "array", "items": part })
    };
    match kind {
        Kind::Id => json!({ "$ref": "#/$defs/id" }),
        Kind::Text | Kind::Sentence => text(),
        // `true` and `1` are conditions and levels too, as YAML reads them.
        Kind::Condition => json!({ "type": ["string", "boolean"] }),
        Kind::Level => json!({ "type": ["string", "integer"] }),
        Kind::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Time => json!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::OneOf(words) => json!({ "enum": words }),
        Kind::Severities => json!({
            "type": "object", "minProperties": 1,
            "propertyNames": { "pattern": "^-?[0-9]+$" }, "additionalProperties": { "$ref": "#/$defs/severity" },
        }),
        Kind::Escalation => parts(
            &["after-school-days"],
            json!({ "after-school-days": { "$ref": "#/$defs/days" }, "severity": { "$ref": "#/$defs/severity" }, "audience": text() }),
        ),
        Kind::Duties => parts(
            &["what", "source"],
            json!({
                "what": text(), "within-days": { "$ref": "#/$defs/days" }, "within-school-days": { "$ref": "#/$defs/days" },
                "source": text(), "evidence": text(),
            }),
        ),
        Kind::Barred => parts(
            &["what", "unless", "source"],
            json!({ "what": text(), "unless": { "type": ["string", "boolean"] }, "source": text() }),
        ),
        Kind::Sources => json!({
            "type": "object", "propertyNames": { "pattern": "^-?[0-9]+$" }, "additionalProperties": text(),
        }),
    }
}

#[test]
fn the_published_schema_is_that_of_the_table() {
    let made = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    assert!(made == SCHEMA, "pack.schema.json is to be:\n{made}");
}

/// What a schema of these few words refuses in a document.
fn refused(schema: &Value, at: &Value, of: &Value) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let referred = of.pointer(name.trim_start_matches('#')).expect("what is referred to is there");
        return refused(referred, at, of);
    }
    let is = |name: &str| match name {
        "object" => at.is_object(),
        "array" => at.is_array(),
        "string" => at.is_string(),
        "integer" => at.is_i64() || at.is_u64(),
        "boolean" => at.is_boolean(),
        _ => false,
    };
    let of_type = match &schema["type"] {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    };
    let of_enum = schema["enum"].as_array().is_none_or(|words| words.contains(at));
    let bound = |name: &str| schema[name].as_i64();
    let number = at.as_i64().unwrap_or_default();
    let in_bounds =
        bound("minimum").is_none_or(|least| number >= least) && bound("maximum").is_none_or(|most| number <= most);
    if !of_type || !of_enum || !in_bounds {
        return Some(format!("{at} is not {schema}"));
    }
    if let Some(part) =
        at.as_array().and_then(|parts| parts.iter().find_map(|part| refused(&schema["items"], part, of)))
    {
        return Some(part);
    }
    refused_part(schema, at.as_object()?, of)
}

fn refused_part(schema: &Value, parts: &Map<String, Value>, of: &Value) -> Option<String> {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(name) = required.into_iter().find(|name| !parts.contains_key(*name)) {
        return Some(format!("`{name}` is lacking"));
    }
    if parts.len() < usize::try_from(schema["minProperties"].as_u64().unwrap_or(0)).unwrap_or(0) {
        return Some("nothing is there".to_owned());
    }
    let is_number = |name: &str| name.parse::<i64>().is_ok();
    parts.iter().find_map(|(name, part)| {
        if !schema["propertyNames"].is_null() && !is_number(name) {
            return Some(format!("`{name}` is no number"));
        }
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => Some(format!("`{name}` is unknown")),
            (Value::Null, Value::Null) => None,
            (Value::Null, other) => refused(other, part, of),
            (known, _) => refused(known, part, of),
        }
    })
}

fn refuses(yaml: &str) -> Option<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let document: Value = serde_saphyr::from_str(yaml).unwrap();
    refused(&schema, &document, &schema)
}

#[test]
fn the_schema_takes_every_pack_that_is_shipped() {
    for (id, yaml) in shipped() {
        assert_eq!(refuses(yaml), None, "{id}");
    }
    assert_eq!(refuses(super::tests::LAYERED), None);
    assert_eq!(refuses(&super::tests::own(super::tests::EVERYTHING)), None);
}

#[test]
fn what_the_schema_refuses_is_refused_when_read() {
    for (from, to) in [
        ("audience:", "audiense:"),
        ("    audience: success-team\n", ""),
        ("scope: school-year", "scope: for-ever"),
        ("evidence: absences", "evidence: [absences]"),
        ("severity: {1: warning}", "severity: {1: loud}"),
        ("severity: {1: warning}", "severity: {one: warning}"),
        ("severity: {1: warning}", "severity: {}"),
        ("settle-seconds: 0", "settle-seconds: -1"),
        ("settle-seconds: 0", "settle-seconds: 0\n    minimum-days: 400"),
        ("settle-seconds: 0", "settle-seconds: 0\n    off: true"),
        ("settle-seconds: 0", "settle-seconds: 0\n    duties: [{what: A letter}]"),
        ("settle-seconds: 0", "settle-seconds: 0\n    escalation: [{severity: urgent}]"),
        ("rules:", "overrides: {attendance-tier: {evidence: streak}}\nrules:"),
        ("version: 1", "version: one"),
    ] {
        let wrong = DEFAULT_PACK.replacen(from, to, 1);
        assert_ne!(wrong, DEFAULT_PACK, "{from}");
        assert!(refuses(&wrong).is_some() && Pack::parse(&wrong).is_err(), "{to}");
    }
}
