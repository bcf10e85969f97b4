//! The words that leave the platform: kind, school, rule and ids to look up with permission. Never a student, nor a fact of one.

use homeroom_domain::alert::{AlertChange, ChangeKind, Severity};
use homeroom_domain::date::Date;
use serde_json::json;
use uuid::Uuid;

use crate::plan::Recipient;

/// What a recipient reads, by person and by machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Such as `alert.opened`.
    pub kind: String,
    /// One line.
    pub subject: String,
    /// For people.
    pub text: String,
    /// JSON for machines.
    pub data: String,
}

impl Message {
    /// Says why it comes to a recipient who is told of what nobody has acknowledged.
    #[must_use]
    pub fn in_reserve(mut self, to: &Recipient) -> Self {
        if !to.after.is_zero() {
            let minutes = to.after.as_mins();
            let why = format!("\nNobody had acknowledged it {minutes} minutes after others were to be told.\n");
            self.text.push_str(&why);
        }
        self
    }
}

/// As the database, the feed and webhooks say it.
pub const fn kind_name(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Opened => "opened",
        ChangeKind::Amended => "amended",
        ChangeKind::Escalated => "escalated",
        ChangeKind::Cleared => "cleared",
        ChangeKind::Recalled => "recalled",
    }
}

/// Parses what [`kind_name`] says.
pub fn parse_kind(text: &str) -> Option<ChangeKind> {
    use ChangeKind::{Amended, Cleared, Escalated, Opened, Recalled};
    [Opened, Amended, Escalated, Cleared, Recalled].into_iter().find(|kind| kind_name(*kind) == text)
}

const fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Notice => "notice",
        Severity::Warning => "warning",
        Severity::Urgent => "urgent",
    }
}

/// The words on a change. `kind` is what it is for the reader: for one who was not told yet, a correction is an opening.
/// `late_since` is since when what they are told has been so, where that is late news. `follows` is the first word that they had,
/// when this is a later one.
pub fn render(change: &AlertChange, kind: ChangeKind, late_since: Option<Date>, follows: Option<Uuid>) -> Message {
    // A title is the district's own text: no line break may get into a mail's header.
    let title = on_a_line(&change.claim.title);
    let called = on_a_line(&change.school_name);
    let (school, of_school) = match called.trim() {
        "" => (change.school.to_string(), format!("school {}", change.school)),
        called => (format!("{called} ({})", change.school), called.to_owned()),
    };
    let (prefix, meaning) = match kind {
        ChangeKind::Opened => ("", "A rule has opened this alert."),
        ChangeKind::Amended => ("Updated: ", "What you were told is no longer exact."),
        ChangeKind::Escalated => ("More pressing: ", "This alert has risen."),
        ChangeKind::Cleared => ("Over: ", "This alert was right, and is over."),
        ChangeKind::Recalled => {
            ("Taken back: ", "The records were corrected, and this alert was not right. Please disregard it.")
        }
    };
    // Said where it is told for the first time; what follows is of its own day.
    let late = late_since.filter(|_| matches!(kind, ChangeKind::Opened | ChangeKind::Escalated));
    let late_text = late.map(|since| {
        format!(
            " It is late news: by the records of now it was so on {since} already, and need not be worked before other things."
        )
    });
    let prefix = if late.is_some() { format!("Late news: {prefix}") } else { prefix.to_owned() };
    let claim = &change.claim;
    // As the feed writes it.
    let alert_id = Uuid::from_bytes(*change.alert_id.as_bytes());
    let text = format!(
        "{prefix}{title}\n\n{meaning}{}\n\nSchool: {}\nRule: {}, version {}\nSeverity: {}\nAs of: {}\nAlert: {}, change {}\n\n\
         Whom it concerns, and why, is shown in Homeroom to those who may see it.\n",
        late_text.unwrap_or_default(),
        school,
        claim.rule,
        claim.rule_version,
        severity_name(claim.severity),
        claim.proof.as_of,
        alert_id,
        change.number,
    );
    let name = format!("alert.{}", kind_name(kind));
    let mut data = json!({
        "type": name,
        "timestamp": change.changed_at.to_string(),
        "data": {
            "alert_id": alert_id.to_string(),
            "change_number": change.number,
            "kind": kind_name(kind),
            "rule": claim.rule.as_str(),
            "rule_version": claim.rule_version,
            "severity": severity_name(claim.severity),
            "school": change.school.as_str(),
            "school_name": change.school_name,
            "as_of": claim.proof.as_of.to_string(),
        },
    });
    if let Some(since) = late {
        data["data"]["late_since"] = since.to_string().into();
    }
    if let Some(follows) = follows {
        data["data"]["follows"] = follows.to_string().into();
    }
    Message { kind: name, subject: format!("{prefix}{title} ({of_school})"), text, data: data.to_string() }
}

/// A district's own text, as it may be in a mail's header.
fn on_a_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_message_holds_nothing_of_the_student() {
        let change = sample::change(1, ChangeKind::Opened);
        let message = render(&change, ChangeKind::Opened, change.late_since, None);
        let all = format!("{message:?}");
        for secret in [change.student.to_string(), change.claim.proof.explanation.to_string(), sample::FACT.to_owned()]
        {
            assert!(!all.contains(&secret), "{secret} is in {all}");
        }
        assert!(message.data.starts_with(r#"{"type":"alert.opened","timestamp":"#), "{}", message.data);
    }

    #[test]
    fn late_news_says_that_it_is() {
        let change = AlertChange {
            late_since: homeroom_domain::date::Date::parse("2022-03-04"),
            ..sample::change(1, ChangeKind::Opened)
        };
        let message = render(&change, ChangeKind::Opened, change.late_since, None);
        assert!(message.subject.starts_with("Late news: Absent today"), "{}", message.subject);
        assert!(message.text.contains("it was so on 2022-03-04 already"), "{}", message.text);
        assert!(message.data.contains(r#""late_since":"2022-03-04""#), "{}", message.data);
        assert!(!render(&change, ChangeKind::Cleared, change.late_since, None).text.contains("ate news"));
    }

    #[test]
    fn titles_and_names_cannot_break_a_header() {
        let mut change = sample::change(2, ChangeKind::Recalled);
        change.claim.title = "Absent\r\nBcc: all@example.org".into();
        assert_eq!(
            render(&change, ChangeKind::Recalled, None, None).subject,
            "Taken back: Absent  Bcc: all@example.org (school 255901001)"
        );
        change.school_name = "Grand Bend\nHigh School".to_owned();
        let message = render(&change, ChangeKind::Recalled, None, None);
        assert_eq!(message.subject, "Taken back: Absent  Bcc: all@example.org (Grand Bend High School)");
        assert!(message.text.contains("\nSchool: Grand Bend High School (255901001)\n"), "{}", message.text);
    }
}
