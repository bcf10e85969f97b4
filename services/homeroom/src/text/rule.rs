//! Rules for people: what each has told, and which of them fail.

use homeroom_proto::wire::risk::RuleSummary;

/// A row per rule under a heading.
pub(crate) fn rows(rules: &[RuleSummary]) -> Vec<Vec<String>> {
    let mut rows = vec![["rule", "opened", "open now"].map(str::to_owned).to_vec()];
    rows.extend(rules.iter().map(|rule| vec![name(rule), rule.opened_ever.to_string(), rule.open.to_string()]));
    rows
}

/// A line for each rule that could not be evaluated at times; whoever wrote it must hear of that.
pub(crate) fn failures(rules: &[RuleSummary]) -> String {
    let failing = rules.iter().filter(|rule| rule.failures > 0);
    let line = |rule: &RuleSummary| {
        let times = if rule.failures == 1 { "once".to_owned() } else { format!("{} times", rule.failures) };
        let why = if rule.last_failure.is_empty() { "reasons not kept" } else { &rule.last_failure };
        format!("rule {} failed {times}, last for: {why}\n", rule.rule)
    };
    failing.map(line).collect()
}

fn name(rule: &RuleSummary) -> String {
    if rule.title.is_empty() { rule.rule.clone() } else { format!("{} ({})", rule.title, rule.rule) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_fails_is_named_with_the_reason() {
        let rule = |rule: &str, failures, last_failure: &str| RuleSummary {
            rule: rule.to_owned(),
            failures,
            last_failure: last_failure.to_owned(),
            ..RuleSummary::default()
        };
        let rules = [rule("sound", 0, ""), rule("share", 1, "division by zero"), rule("long", 7, "")];
        assert_eq!(
            failures(&rules),
            "rule share failed once, last for: division by zero\nrule long failed 7 times, last for: reasons not kept\n"
        );
    }
}
