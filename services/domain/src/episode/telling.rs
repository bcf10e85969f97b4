//! What a step tells: each change as values, and in words when somebody asks for words.

use crate::alert::{AlertChange, ChangeKind};
use crate::date::Date;
use crate::id::{RuleId, SchoolId};

/// One change of one alert, as values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The rule whose alert it is.
    pub rule: RuleId,
    /// What the rule grades.
    pub level: i64,
    /// The school whose team is told.
    pub school: SchoolId,
    /// 1 for the opening, then without gaps.
    pub number: u32,
    /// Late news, as [`AlertChange::late_since`] says.
    pub late_since: Option<Date>,
}

/// What whoever takes a step keeps of a change. Words with their facts take far longer to make than all else of a step, and are of
/// its moment: they are made in it, or never.
pub trait Telling: Sized {
    /// Whether it needs the facts in words.
    const IN_WORDS: bool;

    /// From a change; `words` says it in words.
    fn of(change: Change, words: impl FnOnce(Change) -> AlertChange) -> Self;

    /// What happened.
    fn kind(&self) -> ChangeKind;

    /// The rule whose alert it is.
    fn rule(&self) -> &RuleId;
}

impl Telling for Change {
    const IN_WORDS: bool = false;

    fn of(change: Change, _: impl FnOnce(Change) -> AlertChange) -> Self {
        change
    }

    fn kind(&self) -> ChangeKind {
        self.kind
    }

    fn rule(&self) -> &RuleId {
        &self.rule
    }
}

impl Telling for AlertChange {
    const IN_WORDS: bool = true;

    fn of(change: Change, words: impl FnOnce(Change) -> AlertChange) -> Self {
        words(change)
    }

    fn kind(&self) -> ChangeKind {
        self.kind
    }

    fn rule(&self) -> &RuleId {
        &self.claim.rule
    }
}
