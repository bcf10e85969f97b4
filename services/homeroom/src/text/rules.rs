//! Rules in force, and what others would change, for people.

mod explained;

use homeroom_proto::wire::rule::{Activation, DiffResponse, FieldDifference, RuleDifference, ShowResponse, ShownRule};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) use explained::explained;

/// What is in force: each rule with its lines, and where each is said.
pub(crate) fn shown(shown: &ShowResponse) -> String {
    let Some(in_force) = &shown.in_force else {
        return "no rules are in force: `--document` prints the shipped ones, to begin with\n".to_owned();
    };
    let width = shown.rules.iter().flat_map(|rule| &rule.fields).map(|field| field.origin.len()).max().unwrap_or(0);
    let mut lines = vec![format!("{} {}", shown.id, activation(in_force))];
    for rule in &shown.rules {
        lines.extend([String::new(), format!("{} version {}", named(&rule.rule, &rule.schools), rule.version)]);
        let said = rule.fields.iter().filter(|field| !NUMBERING.contains(&field.name.as_str()));
        lines.extend(said.map(|field| format!("  {:<width$}  {}: {}", field.origin, field.name, field.value)));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Lines that only number a rule: its heading says them.
const NUMBERING: [&str; 2] = ["id", "version"];

/// A rule, and of which schools it speaks when that is not all.
fn named(rule: &str, schools: &str) -> String {
    if schools.is_empty() { rule.to_owned() } else { format!("{rule} (schools: {schools})") }
}

/// One activation on one line.
pub(crate) fn activation(of: &Activation) -> String {
    let by = if of.activated_by.is_empty() { "before it was kept who" } else { &of.activated_by };
    let parts = [
        Some(format!("version {}", of.version)),
        of.again.map(|again| format!("the text of version {again} again")),
        moment(of).map(|at| format!("since {at}")),
        Some(format!("by {by}")),
    ];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if of.reason.is_empty() { text } else { format!("{text}: {}", of.reason.replace('\n', " ")) }
}

/// The same for scripts.
pub(crate) fn activation_to_json(of: &Activation) -> Value {
    json!({
        "number": of.number,
        "version": of.version,
        "activated_at": moment(of).map(|at| at.to_string()),
        "activated_by": of.activated_by,
        "reason": of.reason,
        "again": of.again,
    })
}

/// To the second.
fn moment(of: &Activation) -> Option<Timestamp> {
    Timestamp::from_second(of.activated_at.as_ref()?.seconds).ok()
}

/// What a document would change, rule by rule.
pub(crate) fn differences(found: &DiffResponse) -> String {
    let nothing = found.rules.is_empty().then(|| "no rule would be another\n".to_owned());
    let obstacles = found.obstacles.iter().map(|obstacle| format!("it cannot be activated: {obstacle}\n"));
    found.rules.iter().map(difference).chain(nothing).chain(obstacles).collect()
}

fn difference(of: &RuleDifference) -> String {
    let rule = named(&of.rule, &of.schools);
    let heading = match (of.version_before, of.version_after) {
        (None, Some(version)) => format!("{rule} is new, version {version}"),
        (Some(version), None) => return format!("{rule} is taken out, version {version}\n"),
        (Some(before), Some(after)) if before == after => format!("{rule} changes, still version {after}"),
        (before, after) => format!("{rule} changes, version {} to {}", before.unwrap_or(0), after.unwrap_or(0)),
    };
    let is_new = of.version_before.is_none();
    let fields: String = of.fields.iter().map(|field| changed(field, is_new)).collect();
    format!("{heading}\n{fields}")
}

fn changed(field: &FieldDifference, is_new: bool) -> String {
    match (field.before.as_str(), field.after.as_str()) {
        (_, after) if is_new => format!("  {}: {after}\n", field.name),
        ("", after) => format!("  {} is said now: {after}\n", field.name),
        (before, "") => format!("  {} is not said any more: {before}\n", field.name),
        (before, after) => format!("  {}\n    was  {before}\n    is   {after}\n", field.name),
    }
}

/// What a rule says of a field; empty when it says nothing.
fn said<'r>(rule: &'r ShownRule, name: &str) -> &'r str {
    rule.fields.iter().find(|field| field.name == name).map_or("", |field| field.value.as_str())
}

#[cfg(test)]
mod tests {
    use homeroom_proto::wire::rule::ShownField;

    use super::*;

    fn field(name: &str, value: &str, origin: &str) -> ShownField {
        ShownField { name: name.to_owned(), value: value.to_owned(), origin: origin.to_owned() }
    }

    #[test]
    fn each_line_says_where_it_is_said() {
        let in_force = Activation { version: 7, activated_by: "office".to_owned(), ..Activation::default() };
        let fields = vec![field("title", "Away", "streaks"), field("level", "1", "district")];
        let rules = vec![ShownRule { rule: "streak".to_owned(), version: 2, fields, schools: "7".to_owned() }];
        let response = ShowResponse { in_force: Some(in_force), id: "ours".to_owned(), rules, document: String::new() };
        assert_eq!(
            shown(&response),
            "ours version 7, by office\n\nstreak (schools: 7) version 2\n  streaks   title: Away\n  district  level: 1\n"
        );
        assert!(shown(&ShowResponse::default()).starts_with("no rules are in force"));
    }

    #[test]
    fn an_activation_says_who_when_and_why() {
        let at = prost_types::Timestamp { seconds: 1_795_000_000, nanos: 5 };
        let of = Activation {
            number: 3,
            version: 9,
            activated_at: Some(at),
            activated_by: "office".to_owned(),
            reason: "too\nmany".to_owned(),
            again: Some(4),
        };
        let text = "version 9, the text of version 4 again, since 2026-11-18T11:06:40Z, by office: too many";
        assert_eq!(activation(&of), text);
        assert_eq!(activation_to_json(&of)["again"], 4);
        assert_eq!(
            activation(&Activation { version: 1, ..Activation::default() }),
            "version 1, by before it was kept who"
        );
    }

    #[test]
    fn differences_are_told_in_words() {
        let change = |name: &str, before: &str, after: &str| FieldDifference {
            name: name.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        };
        let of = |rule: &str, before, after, fields| RuleDifference {
            rule: rule.to_owned(),
            version_before: before,
            version_after: after,
            fields,
            schools: String::new(),
        };
        let found = DiffResponse {
            rules: vec![
                of("tier", Some(1), Some(2), vec![change("opens-when", "tier >= 1", "tier >= 2")]),
                of("fresh", None, Some(1), vec![change("title", "", "Fresh")]),
                of("gone", Some(3), None, vec![change("title", "Gone", "")]),
            ],
            obstacles: vec!["the version is 1".to_owned()],
        };
        assert_eq!(
            differences(&found),
            "tier changes, version 1 to 2\n  opens-when\n    was  tier >= 1\n    is   tier >= 2\nfresh is new, version 1\n  \
             title: Fresh\ngone is taken out, version 3\nit cannot be activated: the version is 1\n"
        );
        assert_eq!(differences(&DiffResponse::default()), "no rule would be another\n");
    }
}
