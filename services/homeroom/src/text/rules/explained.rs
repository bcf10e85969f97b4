//! One rule, as a counselor reads it.

use std::collections::BTreeSet;

use homeroom_domain::measure::Measure;
use homeroom_proto::wire::rule::ShownRule;

use super::said;

/// What it means, what it looks at with the meaning of each measure, and where its numbers come from.
pub(crate) fn explained(rule: &ShownRule) -> String {
    let mut lines = vec![format!("{} ({} version {})", said(rule, "title"), rule.rule, rule.version)];
    lines.push(format!("  {}", said(rule, "meaning")));
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            lines.push(format!("  {label:<11} {value}"));
        }
    };
    line("opens when", said(rule, "opens-when"));
    line("clears when", said(rule, "clears-when"));
    line("looks at", "");
    for measure in named(rule) {
        let entry = measure.entry();
        line("", &format!("{}: {}, in {} ({})", measure.name(), entry.meaning, entry.unit.name(), entry.source));
    }
    line("presses", &format!("{}, by {}", said(rule, "severity"), said(rule, "level")));
    line("is told to", said(rule, "audience"));
    line("says", said(rule, "explanation"));
    line("clears by", said(rule, "clears"));
    line("source", said(rule, "source"));
    let told = [
        "id",
        "version",
        "title",
        "meaning",
        "opens-when",
        "clears-when",
        "severity",
        "level",
        "audience",
        "explanation",
    ];
    let rest = rule
        .fields
        .iter()
        .filter(|field| !told.contains(&field.name.as_str()) && !["clears", "source"].contains(&field.name.as_str()));
    rest.for_each(|field| line("", &format!("{}: {}", field.name, field.value)));
    lines.push(String::new());
    lines.join("\n")
}

/// The measures that its conditions name, in their order of the catalogue.
fn named(rule: &ShownRule) -> BTreeSet<Measure> {
    let words = ["opens-when", "clears-when", "level"].map(|field| said(rule, field));
    let words = words.into_iter().flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    words.filter_map(Measure::find).collect()
}

#[cfg(test)]
mod tests {
    use homeroom_proto::wire::rule::ShownField;

    use super::*;

    #[test]
    fn a_rule_is_explained_with_the_meaning_of_what_it_looks_at() {
        let field = |name: &str, value: &str| ShownField {
            name: name.to_owned(),
            value: value.to_owned(),
            origin: "district".to_owned(),
        };
        let fields = vec![
            field("title", "Away"),
            field("meaning", "Misses school."),
            field("opens-when", "tier >= 2 && (streak > 3)"),
            field("level", "tier"),
            field("severity", "1: notice"),
            field("settle-seconds", "5"),
        ];
        let text = explained(&ShownRule { rule: "away".to_owned(), version: 2, fields, schools: String::new() });
        assert!(
            text.starts_with("Away (away version 2)\n  Misses school.\n  opens when  tier >= 2 && (streak > 3)\n"),
            "{text}"
        );
        for part in ["tier: ", "streak: ", "presses     1: notice, by tier\n", "settle-seconds: 5\n"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains("clears"), "{text}");
    }
}
