//! What a rule claims of a student as of a date, with the proof.

mod fingerprint;
mod further;
mod marks;
mod terms;

use std::fmt;

use smallvec::SmallVec;

use crate::alert::{CitedFact, Claim, MAX_CITED_FACTS, MeasureValue, Proof, Terms};
use crate::date::Date;
use crate::day::WHOLE;
use crate::evaluation::Evaluation;
use crate::event::{AttendanceMark, Scope};
use crate::id::SchoolId;
use crate::measure::{Figures, Measure, Values, decimals};
use crate::rule::condition::Failure;
use crate::rule::{Evidence, Rule, RuleScope};
use crate::settings::{Category, Now};

pub(crate) use fingerprint::Fingerprint;
pub use further::{Described, describe_further};
pub(crate) use marks::{Citable, cite_absences};
pub(crate) use terms::plain;

/// Facts that a proof cites: the newest, and how many more there are. Whoever only keeps which they were leaves all of them off.
#[derive(Debug)]
pub(crate) struct Cited {
    pub(crate) facts: Vec<CitedFact>,
    pub(crate) left_off: u32,
    /// Of the facts and of how many are left off.
    pub(crate) fingerprint: Fingerprint,
}

impl Cited {
    /// How many there are, listed or not.
    pub(crate) fn many(&self) -> u32 {
        u32::try_from(self.facts.len()).unwrap_or(u32::MAX).saturating_add(self.left_off)
    }

    /// None of them listed.
    pub(crate) fn unlisted(self) -> Self {
        Self { left_off: self.many(), facts: Vec::new(), ..self }
    }

    /// All of them, newest first; too many are left off.
    fn of(facts: Vec<CitedFact>) -> Self {
        Self::of_more(facts, 0)
    }

    /// The same, where so many had been left off before.
    fn of_more(mut facts: Vec<CitedFact>, before: u32) -> Self {
        let left_off = facts.len().saturating_sub(MAX_CITED_FACTS);
        facts.truncate(MAX_CITED_FACTS);
        let left_off = u32::try_from(left_off).unwrap_or(u32::MAX).saturating_add(before);
        let fingerprint = Fingerprint::of(&facts, left_off);
        Self { facts, left_off, fingerprint }
    }
}

impl Rule {
    /// What the rule claims with the dates of `now`; none when it is not open, or speaks of students of other schools.
    pub fn claim(&self, evaluation: &Evaluation<'_>, now: Now) -> Result<Option<Claim>, Failure> {
        if !self.applies_at(evaluation.home(now.today)) {
            return Ok(None);
        }
        let Some(held) = self.held(evaluation, now)? else { return Ok(None) };
        let seen = self.seen_at(evaluation, now);
        let figures = evaluation.figures(&self.others, seen);
        let cited = self.evidence.cite(evaluation, figures.measures.streak, seen, true);
        let due = |from, days| evaluation.school_day_after(from, days);
        let terms = self.terms(held, self.steps(held.days), &figures, &due);
        Ok(Some(self.words(held.level, self.about(seen), &figures, terms, cited)))
    }

    /// The level at which the rule would open with these measures; none when it would not.
    pub(crate) fn outcome(&self, measures: &impl Values) -> Result<Option<i64>, Failure> {
        let is_long_enough = || -> Result<bool, Failure> {
            let enrolled = measures.value(Measure::Enrolled).ok_or(Failure::NotCounted)?;
            Ok(enrolled >= i64::from(self.minimum_days) * i64::from(WHOLE))
        };
        if self.opens_when.holds(measures)? && (self.minimum_days == 0 || is_long_enough()?) {
            self.level.value(measures).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The measures that its proofs tell: those of its evidence, then the others that it names.
    pub(crate) fn told(&self) -> impl Iterator<Item = Measure> {
        self.evidence.measures().iter().chain(&self.others).copied()
    }

    /// The date that a claim made then is about.
    pub(crate) fn about(&self, now: Now) -> Date {
        match self.scope {
            RuleScope::SchoolYear => now.as_of,
            RuleScope::Day => now.today,
        }
    }

    /// A claim in words about a date, with the facts that it stands on.
    pub(crate) fn words(&self, level: i64, about: Date, figures: &Figures, terms: Terms, cited: Cited) -> Claim {
        let measures = self.told().filter_map(|of| Some(value(of, figures.value(of)?)));
        Claim {
            rule: self.id.clone(),
            rule_version: self.version,
            severity: self.severity_after(level, terms.step),
            level,
            audience: self.audience_after(terms.step).clone(),
            title: self.title.clone(),
            settle_seconds: self.settle_seconds,
            proof: Proof {
                as_of: about,
                explanation: self.explanation.fill(figures, about),
                clears_when: self.clears.fill(figures, about),
                measures: measures.collect(),
                facts: cited.facts,
                facts_left_off: cited.left_off,
                threshold_source: self.source.clone(),
            },
            terms,
        }
    }
}

/// A measure as proofs say it.
pub(crate) fn value(measure: Measure, value: i64) -> MeasureValue {
    MeasureValue { name: measure.name(), value, unit: measure.unit().name().into() }
}

impl Evidence {
    /// The measures that a proof with this evidence tells.
    pub(crate) fn measures(self) -> &'static [Measure] {
        match self {
            Self::Absences | Self::Abc => &[Measure::Enrolled, Measure::Absent, Measure::Unexcused, Measure::Tier],
            Self::Streak => &[Measure::Streak, Measure::UnexcusedStreak],
            Self::Today => &[Measure::UnexplainedAbsenceToday],
            Self::Unexcused => &[Measure::Enrolled, Measure::Unexcused],
            Self::FailingCore | Self::Failing => &[Measure::Failing, Measure::FailingCore],
            // Those that the rule names are told in any case.
            Self::Conduct | Self::MissingWork | Self::Connections | Self::Classes => &[],
        }
    }

    /// The facts, newest first; `listed`, or only how many they are and which, which is quicker.
    pub(crate) fn cite(self, evaluation: &Evaluation<'_>, streak: i64, now: Now, listed: bool) -> Cited {
        if let Some(laid) = self.marks_laid(evaluation, streak, now) {
            return laid.cite(listed);
        }
        if let Some(days) = self.days_marked(evaluation, streak, now) {
            return cite_absences(evaluation.ledger, evaluation.settings, &days, listed);
        }
        let cited = self.cite_words(evaluation, now);
        if listed { cited } else { cited.unlisted() }
    }

    /// The marks that it cites, of those of all missed days, or days without excuse, which are looked up once for all rules and
    /// dates; none where it cites other facts.
    fn marks_laid<'e>(self, evaluation: &'e Evaluation<'_>, streak: i64, now: Now) -> Option<marks::Part<'e>> {
        match self {
            Self::Absences => Some(evaluation.absences().between(Date::EPOCH, now.as_of)),
            Self::Unexcused => Some(evaluation.not_excused().between(Date::EPOCH, now.as_of)),
            // Of a date that is worth nothing, none of which can be missed, a streak may be too.
            Self::Streak if evaluation.counts_whole_days() => {
                let first = evaluation.marked_until(now.as_of).last(streak).last();
                Some(evaluation.absences().between(first.unwrap_or(now.as_of.next()), now.as_of))
            }
            _ => None,
        }
    }

    /// The days whose marks it cites, newest first; none where it cites other facts.
    fn days_marked<'e>(
        self,
        evaluation: &Evaluation<'e>,
        streak: i64,
        now: Now,
    ) -> Option<SmallVec<[(&'e SchoolId, Date); 8]>> {
        let days = || evaluation.marked_until(now.as_of);
        Some(match self {
            Self::Streak => evaluation.at_schools(days().last(streak)),
            Self::Today => evaluation.day(now.today).map(|(school, day)| (school, day.date)).into_iter().collect(),
            Self::Classes => evaluation.at_schools(further::missed_classes(evaluation, now.as_of).into_iter()),
            Self::Absences
            | Self::FailingCore
            | Self::Failing
            | Self::Conduct
            | Self::MissingWork
            | Self::Connections
            | Self::Unexcused
            | Self::Abc => return None,
        })
    }

    fn cite_words(self, evaluation: &Evaluation<'_>, now: Now) -> Cited {
        match self {
            Self::Absences | Self::Unexcused | Self::Streak | Self::Today | Self::Classes => Cited::of(Vec::new()),
            Self::FailingCore => Cited::of(failing(evaluation, now.as_of, true)),
            Self::Failing => Cited::of(failing(evaluation, now.as_of, false)),
            Self::Conduct => Cited::of(further::conduct(evaluation, now.as_of)),
            Self::MissingWork => Cited::of(further::missing_work(evaluation, now.as_of)),
            Self::Connections => Cited::of(further::connections(evaluation, now.as_of)),
            Self::Abc => further::abc(evaluation, now.as_of),
        }
    }
}

/// A mark in words, such as `unexcused absence, whole day`.
pub fn describe(mark: &AttendanceMark, category: Option<Category>) -> String {
    InWords { scope: mark.scope, share: mark.share, category }.to_string()
}

/// What a mark says, in words once it is shown.
#[derive(Debug, Clone, Copy)]
struct InWords {
    scope: Scope,
    share: Option<i32>,
    category: Option<Category>,
}

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, share, category } = *self;
        f.write_str(named(category))?;
        match (scope, share) {
            (Scope::Section(_), _) => f.write_str(", one class"),
            (Scope::Day, Some(share)) if share > 0 && share < WHOLE => {
                write!(f, ", {} of the day", decimals(i64::from(share)))
            }
            (Scope::Day, _) => f.write_str(", whole day"),
        }
    }
}

const fn named(category: Option<Category>) -> &'static str {
    match category {
        Some(Category::ExcusedAbsence) => "excused absence",
        Some(Category::UnexcusedAbsence) => "unexcused absence",
        Some(Category::AbsenceUnknownExcuse) => "absence, excuse unknown",
        Some(Category::Partial) => "partial absence",
        Some(Category::Tardy) => "tardy",
        Some(Category::EarlyDeparture) => "early departure",
        Some(Category::Present) => "present",
        Some(Category::SuspendedOut) => "suspended",
        Some(Category::SuspendedIn) => "suspended at school",
        Some(Category::Remote) => "taking part remotely",
        Some(Category::Activity) => "school activity",
        Some(Category::MedicalAbsence) => "absence, medical excuse",
        Some(Category::ExcusedTardy) => "tardy, excused",
        None => "unmapped code",
    }
}

/// The grades that fail, of core courses or of all.
fn failing(evaluation: &Evaluation<'_>, as_of: Date, core_only: bool) -> Vec<CitedFact> {
    let mut cited: Vec<CitedFact> = evaluation
        .standings(as_of)
        .into_iter()
        .filter(|standing| standing.failing && (standing.core || !core_only))
        .map(|standing| {
            let (grade_type, numeric, letter) = standing.grade();
            CitedFact {
                date: standing.period_end,
                school: standing.school.clone(),
                what: describe_grade(numeric, letter).into(),
                code: grade_type.into(),
                origin: standing.origin(),
            }
        })
        .collect();
    cited.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.origin.key.cmp(&b.origin.key)));
    cited
}

/// A grade in words, such as `grade 63`.
pub fn describe_grade(numeric: Option<i64>, letter: Option<&str>) -> String {
    match (numeric, letter) {
        (Some(numeric), _) => format!("grade {}", decimals(numeric)),
        (None, Some(letter)) => format!("grade {letter}"),
        (None, None) => "grade without a value".to_owned(),
    }
}
