//! One rule, compiled: what its author wrote, checked, with the measures that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alert::Severity;
use crate::episode::Told;
use crate::id::{RuleId, SchoolId};
use crate::measure::{Kept, Measure};
use crate::rule::condition::{Condition, Number};
use crate::rule::template::Template;

/// One rule, compiled. What it told keeps it, so that it can say it again after another version is in force: whoever changes a rule
/// has one of its own from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule(Arc<Definition>);

impl Deref for Rule {
    type Target = Definition;

    fn deref(&self) -> &Definition {
        &self.0
    }
}

impl DerefMut for Rule {
    fn deref_mut(&mut self) -> &mut Definition {
        Arc::make_mut(&mut self.0)
    }
}

impl From<Definition> for Rule {
    fn from(definition: Definition) -> Self {
        Self(Arc::new(definition))
    }
}

/// What a rule is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name, which alerts cite.
    pub id: RuleId,
    /// Its version, which alerts cite. From [`DERIVED`] on, it follows from what a district or school has changed.
    pub version: u32,
    /// What an alert of it is called, without the student.
    pub title: Arc<str>,
    /// What it means, in plain language.
    pub meaning: String,
    /// What one episode of it is about.
    pub scope: RuleScope,
    /// When it opens; without `clears_when`, it clears when this no longer holds.
    pub opens_when: Condition,
    /// What must hold for an open episode to clear, once `opens_when` no longer does.
    pub clears_when: Option<Condition>,
    /// Whole days enrolled in the school year before it can open.
    pub minimum_days: u32,
    /// What it grades.
    pub level: Number,
    /// From which level on it presses how much.
    pub severity: BTreeMap<i64, Severity>,
    /// Steps while it stays open, by school days.
    pub escalation: Vec<EscalationStep>,
    /// How long a delivery waits for a correction, seconds.
    pub settle_seconds: u32,
    /// Counted days after it closed on which it does not open again.
    pub cooldown_days: u32,
    /// Counted days after which an open episode closes by itself.
    pub expires_after_days: Option<u32>,
    /// Whether it is told only when no case is open for the student.
    pub quiet_while_case_open: bool,
    /// Minute of the local day before which nobody is told for the first time.
    pub cutoff_minute: Option<u16>,
    /// Role of those who should know.
    pub audience: Arc<str>,
    /// Which facts its proof cites.
    pub evidence: Evidence,
    /// The arithmetic, in words and numbers.
    pub explanation: Template,
    /// What would clear it.
    pub clears: Template,
    /// Where the threshold comes from.
    pub source: Arc<str>,
    /// Where each number comes from that `source` does not tell of.
    pub sources: BTreeMap<String, String>,
    /// What channels translate.
    pub message_key: String,
    /// What becomes of its open alerts when another version of it does not claim them any more.
    pub on_change: OnChange,
    /// What the law, or the district, wants done by when.
    pub duties: Vec<Duty>,
    /// Referrals that are barred until something has been done.
    pub barred: Vec<Bar>,
    /// Whether it tells of a recovery.
    pub good_news: bool,
    /// A claim that held for so many days before it was told is late news.
    pub late_after_days: u32,
    /// Of students of which schools it speaks.
    pub schools: Schools,
    /// Measures that it names and that are not kept for every student, in their order: they are counted for it.
    pub(crate) others: Vec<Measure>,
    /// What it takes to say a claim again: the measures that proofs tell, then those that its sentences need beside them.
    pub(crate) spoken: Vec<Measure>,
    /// What its level follows from, of the measures that are kept.
    pub(crate) asks: Kept,
    /// What its claims follow from: that, what clears it, and what they tell.
    pub(crate) claims: Kept,
    /// Whether all that it asks for is counted from what has a date of its own.
    pub(super) dated: bool,
}

/// Versions from here on follow from what a district or school has changed of a rule, and have no order: rules that say the same
/// have the same, others another.
pub const DERIVED: u32 = 1 << 31;

/// What one episode of a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleScope {
    /// The school year so far: one open episode at a time.
    SchoolYear,
    /// One date: opens only on that day, and is over when the day is.
    Day,
}

/// Which facts a proof cites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Days absent, newest first.
    Absences,
    /// The days of the current streak.
    Streak,
    /// The marks of the date.
    Today,
    /// Failing grades in core courses.
    FailingCore,
    /// Incidents and consequences.
    Conduct,
    /// Work that was not handed in.
    MissingWork,
    /// Ties to adults and activities.
    Connections,
    /// Whatever was missed without excuse: days, parts of days, classes and late arrivals.
    Unexcused,
    /// Marks of the dates on which a class was missed.
    Classes,
    /// Failing grades in any course.
    Failing,
    /// Absences, failing grades, incidents and consequences together.
    Abc,
}

/// A step while an episode stays open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationStep {
    /// Counted days since it opened.
    pub after_school_days: u32,
    /// How much it presses from then on, at least; none: as before.
    pub severity: Option<Severity>,
    /// Who should know from then on; none: whoever did.
    pub audience: Option<Arc<str>>,
}

/// What becomes of an open alert when another version of its rule does not claim it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnChange {
    /// It ends as one that was right.
    Amend,
    /// It is taken back.
    Recall,
    /// It stays as it was told until the school year is over, or the rule claims something again.
    Keep,
}

/// What has to be done, and by when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// What.
    pub what: String,
    /// By when, from the day on which the claim began to hold.
    pub within: Within,
    /// Who wants it: a law's section.
    pub source: String,
    /// What shows that it was done.
    pub evidence: String,
}

/// A time from a day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// Calendar days.
    Days(u32),
    /// Days of the student's school calendar.
    SchoolDays(u32),
}

/// A referral that is barred until something has been done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Which.
    pub what: String,
    /// What lifts it.
    pub unless: Condition,
    /// Who bars it.
    pub source: String,
}

/// Of students of which schools a rule speaks. A student's school is the one whose team should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schools {
    /// All but these, which have their own variant of the rule or are without it.
    AllBut(BTreeSet<SchoolId>),
    /// These.
    Only(BTreeSet<SchoolId>),
}

impl Rule {
    /// Whether it is the other one itself, and not only says the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the rule speaks of students of this school. Of a student whom no school has, that of the district does.
    pub fn applies_at(&self, school: Option<&SchoolId>) -> bool {
        match (&self.schools, school) {
            (Schools::AllBut(schools), Some(school)) => !schools.contains(school),
            (Schools::AllBut(_), None) => true,
            (Schools::Only(schools), Some(school)) => schools.contains(school),
            (Schools::Only(_), None) => false,
        }
    }

    /// Whether it was this rule, of this version, that told something.
    pub(crate) fn tells(&self, told: &Told) -> bool {
        self.version == told.rule_version && self.id == told.rule
    }

    /// Whether all that it asks for is counted from what has a date of its own. Of grades, transcripts and gradebooks nobody can tell
    /// since when they have said what they say.
    pub(crate) fn is_dated(&self) -> bool {
        self.dated
    }

    /// The same from what is written.
    pub(super) fn has_dates(&self) -> bool {
        self.judged().into_iter().all(|measure| measure.entry().needs.iter().all(|needs| needs.has_dates()))
    }

    /// What decides whether it is open, and at which level.
    pub(crate) fn judged(&self) -> Vec<Measure> {
        let mut named = Vec::new();
        self.opens_when.name(&mut named);
        self.level.name(&mut named);
        self.clears_when.iter().for_each(|when| when.name(&mut named));
        named
    }

    /// Each number that its conditions compare with or grade by.
    pub fn numbers(&self) -> BTreeSet<i64> {
        let mut numbers = BTreeSet::new();
        self.opens_when.number(&mut numbers);
        self.level.number(&mut numbers);
        if let Some(clears_when) = &self.clears_when {
            clears_when.number(&mut numbers);
        }
        numbers
    }

    /// How much a level presses: by the highest bound that it reaches, else by the lowest bound.
    pub fn severity(&self, level: i64) -> Severity {
        let reached = self.severity.range(..=level).next_back();
        reached.or_else(|| self.severity.first_key_value()).map_or(Severity::Notice, |(_, severity)| *severity)
    }

    /// How many steps an episode has taken that has been open for so many counted days.
    pub(crate) fn steps(&self, days: u32) -> u32 {
        let taken = self.escalation.iter().filter(|step| step.after_school_days <= days).count();
        u32::try_from(taken).unwrap_or(u32::MAX)
    }

    /// The steps that were taken, by their number.
    fn taken(&self, steps: u32) -> &[EscalationStep] {
        let taken = usize::try_from(steps).unwrap_or(usize::MAX).min(self.escalation.len());
        &self.escalation[..taken]
    }

    /// How much a level presses after so many steps: a step never takes from it.
    pub(crate) fn severity_after(&self, level: i64, steps: u32) -> Severity {
        let stepped = self.taken(steps).iter().filter_map(|step| step.severity).max();
        stepped.map_or(self.severity(level), |severity| severity.max(self.severity(level)))
    }

    /// Who should know after so many steps.
    pub(crate) fn audience_after(&self, steps: u32) -> &Arc<str> {
        let last = self.taken(steps).iter().rev().find_map(|step| step.audience.as_ref());
        last.unwrap_or(&self.audience)
    }

    /// What it takes to say a claim again.
    pub(super) fn to_say(&self) -> Vec<Measure> {
        let mut spoken: Vec<Measure> = self.told().collect();
        for sentence in [&self.explanation, &self.clears] {
            for measure in sentence.needs() {
                if !spoken.contains(&measure) {
                    spoken.push(measure);
                }
            }
        }
        spoken
    }

    /// What the level follows from at which it opens with some measures.
    pub(super) fn asked(&self) -> Kept {
        let mut asked = Vec::new();
        self.opens_when.name(&mut asked);
        self.level.name(&mut asked);
        asked.extend((self.minimum_days > 0).then_some(Measure::Enrolled));
        Kept::of(asked)
    }

    /// What its claims follow from: that, what clears it, and what they tell.
    pub(super) fn claimed(&self) -> Kept {
        let mut others = self.spoken.clone();
        self.clears_when.iter().for_each(|when| when.name(&mut others));
        // A class is missed on a day of absence too.
        let of_facts = if self.evidence == Evidence::Classes { Kept::OF_DAYS } else { Kept::default() };
        self.asks.with(Kept::of(others)).with(of_facts)
    }

    /// Measures that are counted for it beside those that are kept.
    pub(super) fn named(&self) -> Vec<Measure> {
        let mut named = self.judged();
        self.explanation.name(&mut named);
        self.clears.name(&mut named);
        self.barred.iter().for_each(|bar| bar.unless.name(&mut named));
        named.retain(|measure| !measure.is_kept());
        named.sort_unstable();
        named.dedup();
        named
    }
}
