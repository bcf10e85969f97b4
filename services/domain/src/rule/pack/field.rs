//! What a pack and a rule may say: each field once, from which reading, mistakes and the published schema come.

/// A field of a rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) need: Need,
    pub(super) doc: &'static str,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name of lower-case letters, digits and hyphens.
    Id,
    /// A sentence for people.
    Text,
    /// A sentence with `{placeholders}`.
    Sentence,
    /// A condition in CEL.
    Condition,
    /// A whole number in CEL.
    Level,
    /// A whole number within bounds.
    Number(u32, u32),
    /// A time of the day, hours and minutes.
    Time,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// From which level on it presses how much.
    Severities,
    /// Steps while it stays open.
    Escalation,
    /// What has to be done by when.
    Duties,
    /// What is barred until something was done.
    Barred,
    /// Where numbers come from.
    Sources,
}

/// Who may, or must, say a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Each rule says it; it is what makes the rule this rule, and nobody else changes it.
    Own,
    /// A rule may say it, and nobody else changes it.
    OwnOptional,
    /// Each rule says it, and a district or school may say something else.
    Required,
    /// A rule may say it, and a district or school too.
    Optional,
    /// Only a district or school says it.
    Layered,
}

impl Need {
    pub(super) const fn is_required(self) -> bool {
        matches!(self, Self::Own | Self::Required)
    }

    pub(super) const fn may_be_changed(self) -> bool {
        matches!(self, Self::Required | Self::Optional | Self::Layered)
    }
}

/// Longer than any school year, in days.
const YEAR: u32 = 366;
/// A day, in seconds: a word that waits longer is none of the same day.
const MOST_SETTLE: u32 = u32::MAX;

pub(super) const SCOPES: &[&str] = &["school-year", "day"];
pub(super) const EVIDENCE: &[&str] = &[
    "absences",
    "streak",
    "today",
    "failing-core",
    "conduct",
    "missing-work",
    "connections",
    "unexcused",
    "classes",
    "failing",
    "abc",
];
pub(super) const ON_CHANGE: &[&str] = &["amend", "recall", "keep"];
pub(super) const SEVERITIES: &[&str] = &["notice", "warning", "urgent"];

const fn field(name: &'static str, kind: Kind, need: Need, doc: &'static str) -> Field {
    Field { name, kind, need, doc }
}

/// The fields of a rule.
pub(super) const RULE: [Field; 29] = [
    field("id", Kind::Id, Need::Own, "Its name, which alerts cite."),
    field("version", Kind::Number(0, u32::MAX), Need::Own, "Grows whenever the rule says something else."),
    field("title", Kind::Text, Need::Required, "What an alert of it is called, without the student."),
    field("meaning", Kind::Text, Need::Required, "What it means, in plain language."),
    field("scope", Kind::OneOf(SCOPES), Need::Own, "What one alert is about: the school year so far, or one date."),
    field("opens-when", Kind::Condition, Need::Required, "When it opens, in CEL over the measures."),
    field(
        "clears-when",
        Kind::Condition,
        Need::Optional,
        "Once open, it stays so until this holds and `opens-when` does not. Absent: it clears when `opens-when` no longer holds.",
    ),
    field(
        "minimum-days",
        Kind::Number(0, YEAR),
        Need::Optional,
        "Whole days enrolled in the school year before it can open.",
    ),
    field("level", Kind::Level, Need::Required, "What it grades, such as the tier: a whole number, in CEL."),
    field("severity", Kind::Severities, Need::Required, "From which level on it presses how much."),
    field("escalation", Kind::Escalation, Need::Optional, "Steps while it stays open, by school days since it opened."),
    field("settle-seconds", Kind::Number(0, MOST_SETTLE), Need::Required, "How long a message waits for a correction."),
    field(
        "cutoff",
        Kind::Time,
        Need::Optional,
        "Local time of day, such as 09:30, before which nobody is told: what is corrected by then rings nobody.",
    ),
    field(
        "cooldown-days",
        Kind::Number(0, YEAR),
        Need::Optional,
        "Counted days after it closed on which it does not open again.",
    ),
    field(
        "expires-after-days",
        Kind::Number(1, YEAR),
        Need::Optional,
        "Counted days after which it closes by itself; it opens again only after a day on which it did not hold.",
    ),
    field(
        "late-after-days",
        Kind::Number(1, YEAR),
        Need::Optional,
        "A claim that held for so many days before it was told is late news.",
    ),
    field(
        "quiet-while-case-open",
        Kind::Flag,
        Need::OwnOptional,
        "Whether nobody is told while a case is open for the student.",
    ),
    field("audience", Kind::Text, Need::Required, "Role of those who should know."),
    field("evidence", Kind::OneOf(EVIDENCE), Need::Own, "Which facts its proof cites."),
    field("explanation", Kind::Sentence, Need::Required, "The arithmetic, in words and numbers."),
    field("clears", Kind::Sentence, Need::Required, "What would clear it."),
    field("source", Kind::Text, Need::Required, "Where its threshold comes from."),
    field("sources", Kind::Sources, Need::OwnOptional, "Where each number comes from that `source` does not tell of."),
    field("message-key", Kind::Text, Need::OwnOptional, "What channels translate; the rule's id when absent."),
    field(
        "on-change",
        Kind::OneOf(ON_CHANGE),
        Need::Optional,
        "What becomes of its open alerts when another version of it does not claim them any more.",
    ),
    field(
        "duties",
        Kind::Duties,
        Need::OwnOptional,
        "What has to be done by when, from the day on which the claim began to hold. On each such date an open alert is told again.",
    ),
    field("barred", Kind::Barred, Need::OwnOptional, "Referrals that are barred until something has been done."),
    field("good-news", Kind::Flag, Need::OwnOptional, "Whether it tells of a recovery, which is never urgent."),
    field("off", Kind::Flag, Need::Layered, "Takes the rule out."),
];

/// The field of this name.
pub(super) fn find(name: &str) -> Option<&'static Field> {
    RULE.iter().find(|field| field.name == name)
}
