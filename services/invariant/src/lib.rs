//! What must hold of what was stored, published and told, whatever broke on the way there.
//!
//! One library, so that `homeroom verify`, the simulation and the tests that break real processes mean the same by a promise.
//! Each check takes plain values and adds what it finds to a list; an empty list is the proof. Nothing here is used to decide
//! anything, so that an error in deciding cannot hide itself.

pub mod delivery;
pub mod history;
pub mod ledger;
pub mod open;

use std::fmt;

pub use history::{Beginning, Change, History};

/// A promise that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// Of what, by ids alone, and what was found.
    pub found: String,
}

/// What is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// A change has one number and one content, however often it is read.
    OneDecision,
    /// Changes of an alert are numbered from 1 without gaps.
    Numbers,
    /// The first change opens, later ones change what is open, and nothing follows a recall.
    Sequence,
    /// A student has at most one open alert of a rule.
    OneOpen,
    /// What is open is what the facts say.
    OpenByFacts,
    /// What is stored of an alert is what was published of it.
    StoredAsTold,
    /// A ledger holds of each record the word with the highest revision, and no other.
    HighestRevision,
    /// Whoever was told hears the last word, and a recall above all.
    LastWordHeard,
    /// Only those who were told hear that it is taken back.
    NobodyElse,
    /// An alert that stands was told to those whom it is for.
    StandingTold,
    /// What arrives is a change that was published.
    WordOfChange,
    /// A second copy comes only after an attempt that ended unknown, with the same key.
    OneCopy,
}

impl Promise {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::OneDecision => "a change is decided once",
            Self::Numbers => "changes of an alert are numbered from 1 without gaps",
            Self::Sequence => "an alert opens, changes while it is open, and nothing follows its recall",
            Self::OneOpen => "a student has at most one open alert of a rule",
            Self::OpenByFacts => "what is open is what the facts say",
            Self::StoredAsTold => "what is stored of an alert is what was published",
            Self::HighestRevision => "a ledger holds the highest revision of each record",
            Self::LastWordHeard => "whoever was told hears the last word",
            Self::NobodyElse => "only those who were told hear that it is taken back",
            Self::StandingTold => "an alert that stands was told",
            Self::WordOfChange => "what arrives is a change that was published",
            Self::OneCopy => "a second copy comes only after an unknown, with the same key",
        }
    }

    /// In words, as a list of differences says it.
    pub const fn broken(self) -> &'static str {
        match self {
            Self::OneDecision => "a change of an alert was decided twice",
            Self::Numbers => "changes of an alert are missing",
            Self::Sequence => "an alert changed in a way that none can",
            Self::OneOpen => "two alerts of one rule are open",
            Self::StoredAsTold => "alerts are not stored as they were told",
            other => other.words(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise.words(), self.found)
    }
}

/// What checks have found so far.
#[derive(Debug, Default)]
pub struct Findings(Vec<Violation>);

impl Findings {
    /// Adds a violation.
    pub fn add(&mut self, promise: Promise, found: impl Into<String>) {
        self.0.push(Violation { promise, found: found.into() });
    }

    /// All of them, in the order found.
    pub fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.0.iter()
    }

    /// Whether every promise holds.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn into_vec(self) -> Vec<Violation> {
        self.0
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for violation in &self.0 {
            writeln!(f, "{violation}")?;
        }
        Ok(())
    }
}
