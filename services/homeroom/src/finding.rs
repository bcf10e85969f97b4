//! What was found of a running system: one line each, with what to do next.

use std::fmt::Write as _;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// Not looked at: nothing here says where it is.
    NotChecked,
    /// It works, and will not for long, or somebody should look.
    Warning,
    /// Something does not work: people may not be told.
    Problem,
}

/// One thing that was looked at. It never holds a secret, nor a word of a student.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) level: Level,
    /// What was looked at, such as `database of rules`.
    pub(crate) subject: String,
    /// What was found.
    pub(crate) says: String,
    /// What to do; none when there is nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl Finding {
    /// Nothing to do.
    pub(crate) fn ok(subject: impl Into<String>, says: impl Into<String>) -> Self {
        Self { level: Level::Ok, subject: subject.into(), says: says.into(), next: None }
    }

    /// Nothing was looked at.
    pub(crate) fn not_checked(subject: impl Into<String>, says: impl Into<String>) -> Self {
        Self { level: Level::NotChecked, subject: subject.into(), says: says.into(), next: None }
    }

    /// Something to look at.
    pub(crate) fn warning(subject: impl Into<String>, says: impl Into<String>, next: impl Into<String>) -> Self {
        Self { level: Level::Warning, subject: subject.into(), says: says.into(), next: Some(next.into()) }
    }

    /// Something to do now.
    pub(crate) fn problem(subject: impl Into<String>, says: impl Into<String>, next: impl Into<String>) -> Self {
        Self { level: Level::Problem, subject: subject.into(), says: says.into(), next: Some(next.into()) }
    }
}

/// How many of a level there are.
pub(crate) fn count(findings: &[Finding], level: Level) -> usize {
    findings.iter().filter(|finding| finding.level == level).count()
}

/// For people: a line each, what to do below it, and the sum.
pub(crate) fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.subject.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { level, subject, says, next } in findings {
        let word = match level {
            Level::Ok => "ok",
            Level::NotChecked => "-",
            Level::Warning => "WARNING",
            Level::Problem => "PROBLEM",
        };
        // Writing to a string cannot fail.
        writeln!(text, "{word:<8} {subject:<width$}  {says}").ok();
        if let Some(next) = next {
            writeln!(text, "{:<8} {:<width$}  -> {next}", "", "").ok();
        }
    }
    let of = |level| count(findings, level);
    writeln!(
        text,
        "{} problems, {} warnings, {} as they should be, {} not checked",
        of(Level::Problem),
        of(Level::Warning),
        of(Level::Ok),
        of(Level::NotChecked)
    )
    .ok();
    text
}

/// A span of time as people say it.
pub(crate) fn span(seconds: i64) -> String {
    match seconds {
        ..=119 => format!("{} s", seconds.max(0)),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_says_what_to_do_and_all_are_counted() {
        let findings = [
            Finding::ok("log", "Apache Kafka answers"),
            Finding::problem("database of rules", "it does not answer", "start it"),
        ];
        let expected = "ok       log                Apache Kafka answers\n\
                        PROBLEM  database of rules  it does not answer\n\
                        \u{20}                           -> start it\n\
                        1 problems, 0 warnings, 1 as they should be, 0 not checked\n";
        assert_eq!(text(&findings), expected);
    }

    #[test]
    fn spans_are_told_in_the_unit_that_fits() {
        assert_eq!([0, 119, 120, 7_200, 172_800].map(span), ["0 s", "119 s", "2 min", "2 h", "2 days"]);
    }
}
