//! Alerts: what a rule opened, changed or took back, with the proof.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::date::Date;
use crate::event::Origin;
use crate::id::{AlertId, DistrictId, RuleId, SchoolId, StudentKey};

/// One change of one alert. `alert_id` and `number` are the same however often it is computed, so readers drop repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertChange {
    /// The episode.
    pub alert_id: AlertId,
    /// 1 for the opening, then without gaps.
    pub number: u32,
    /// What happened to it.
    pub kind: ChangeKind,
    /// The institution.
    pub district: DistrictId,
    /// Whom it concerns.
    pub student: StudentKey,
    /// The school whose team is told.
    pub school: SchoolId,
    /// As people called it then; empty when the district had not said. A step leaves it to who tells of it: no rule depends on it.
    pub school_name: String,
    /// What the alert now claims; for a recall or clearing, what it claimed last.
    pub claim: Claim,
    /// Why it changed, in words; empty for an opening.
    pub reason: String,
    /// When the rules service decided.
    pub changed_at: Timestamp,
    /// When the record that caused it was accepted; none when the clock or reference data did.
    pub caused_at: Option<Timestamp>,
    /// The district's local time of the decision.
    pub district_time: DateTime,
    /// Late news, of an opening or a rise: by the facts of now the claim held on this date already, at this level or above, and
    /// on every date since. None of what is news.
    pub late_since: Option<Date>,
    /// Of a rise for nothing but duties whose date has come: which, by their places among the claim's duties. Empty of all others.
    pub fallen_due: Vec<u32>,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ChangeKind {
    /// It holds now.
    Opened,
    /// What was told is no longer exact.
    Amended,
    /// Its level rose.
    Escalated,
    /// It was right, and is over.
    Cleared,
    /// It was not right: facts disproved it.
    Recalled,
}

/// How much it presses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Notice,
    /// To be worked this week.
    Warning,
    /// To be worked today.
    Urgent,
}

/// What an alert says of a student, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The rule that says it.
    pub rule: RuleId,
    /// Its version.
    pub rule_version: u32,
    /// How much it presses.
    pub severity: Severity,
    /// What the rule grades, such as the tier.
    pub level: i64,
    /// Role of those who should know.
    pub audience: Arc<str>,
    /// What it is, in a few words, without the student.
    pub title: Arc<str>,
    /// How long a delivery waits for a correction, seconds.
    pub settle_seconds: u32,
    /// Why it says so.
    pub proof: Proof,
    /// What it asks of those who are told. The first format of stored claims has none.
    #[serde(skip)]
    pub terms: Terms,
}

/// What a claim asks of those who are told, and how it is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// What channels translate; empty of claims that were told before there was one, and then the rule's id.
    pub message_key: String,
    /// Whether it tells of a recovery.
    pub good_news: bool,
    /// Whether nobody need be told while a case is open for the student.
    pub quiet_while_case_open: bool,
    /// Minute of the district's local day before which nobody is told for the first time.
    pub cutoff_minute: Option<u16>,
    /// How many steps of its escalation it has taken.
    pub step: u32,
    /// The date on which it began to hold, of a rule that counts from it.
    pub since: Option<Date>,
    /// What has to be done, by when.
    pub duties: Vec<DueDuty>,
    /// Referrals that are barred now.
    pub barred: Vec<BarredReferral>,
}

/// What has to be done about an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDuty {
    /// What.
    pub what: String,
    /// By when; none when the calendar does not reach so far.
    pub due_on: Option<Date>,
    /// Who wants it.
    pub source: String,
    /// What shows that it was done; empty when nobody has said.
    pub evidence: String,
}

/// A referral that is barred until something has been done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarredReferral {
    /// Which.
    pub what: String,
    /// Who bars it.
    pub source: String,
}

/// Why an alert says what it says, checkable by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The last date that the measures include.
    pub as_of: Date,
    /// The arithmetic, in words and numbers.
    pub explanation: Arc<str>,
    /// What would clear it, in words.
    pub clears_when: Arc<str>,
    /// The measures that the rule looks at.
    pub measures: Vec<MeasureValue>,
    /// The facts behind it, newest first, at most [`MAX_CITED_FACTS`].
    pub facts: Vec<CitedFact>,
    /// How many more facts there are than listed.
    pub facts_left_off: u32,
    /// Where the threshold comes from.
    pub threshold_source: Arc<str>,
}

/// The most facts that a proof lists; a student's year can hold hundreds, and an alert must fit a message.
pub const MAX_CITED_FACTS: usize = 20;

/// A measure's value when the claim was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureValue {
    /// Its name in the catalogue.
    pub name: Cow<'static, str>,
    /// Its value.
    pub value: i64,
    /// Its unit.
    pub unit: Cow<'static, str>,
}

/// A fact that a proof stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CitedFact {
    /// Its date; for a grade the end of its grading period.
    pub date: Date,
    /// The school.
    pub school: SchoolId,
    /// What it is, in words.
    pub what: Arc<str>,
    /// The source's code, as sent.
    pub code: Arc<str>,
    /// Which record said it.
    pub origin: Origin,
}
