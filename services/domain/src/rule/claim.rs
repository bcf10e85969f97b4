//! What a rule claims of a student as of a date, with the proof.

mod further;

use crate::alert::{CitedFact, Claim, MAX_CITED_FACTS, MeasureValue, Proof};
use crate::calculator::treated;
use crate::code;
use crate::date::Date;
use crate::day::{Day, WHOLE};
use crate::evaluation::Evaluation;
use crate::event::{AttendanceMark, Scope};
use crate::id::SchoolId;
use crate::ledger::Live;
use crate::measure::{Figures, Measure, Values, decimals};
use crate::rule::condition::Failure;
use crate::rule::{Evidence, Rule, RuleScope};
use crate::settings::{Category, Now};

pub use further::{Described, describe_further};

impl Rule {
    /// What the rule claims with the dates of `now`; none when it does not open.
    pub fn claim(&self, evaluation: &Evaluation<'_>, now: Now) -> Result<Option<Claim>, Failure> {
        let measures = evaluation.figures(&self.others, now);
        if !self.opens_when.holds(&measures)? {
            return Ok(None);
        }
        let level = self.level.value(&measures)?;
        Ok(Some(Claim {
            rule: self.id.clone(),
            rule_version: self.version,
            severity: self.severity(level),
            level,
            audience: self.audience.clone(),
            title: self.title.clone(),
            settle_seconds: self.settle_seconds,
            proof: self.proof(evaluation, &measures, now),
        }))
    }

    /// The level that the rule would claim with these measures; none when it does not open.
    pub(crate) fn outcome(&self, measures: &impl Values) -> Result<Option<i64>, Failure> {
        if self.opens_when.holds(measures)? { self.level.value(measures).map(Some) } else { Ok(None) }
    }

    /// The level that the rule would claim with the dates of `now`; none when it does not open.
    pub(crate) fn level_at(&self, evaluation: &Evaluation<'_>, now: Now) -> Result<Option<i64>, Failure> {
        self.outcome(&evaluation.figures(&self.others, now))
    }

    /// Whether the rule would claim anything: a claim without its words.
    pub(crate) fn holds(&self, evaluation: &Evaluation<'_>, now: Now) -> Result<bool, Failure> {
        self.level_at(evaluation, now).map(|level| level.is_some())
    }

    /// The measures that its proofs tell: those of its evidence, then the others that it names.
    pub(crate) fn told(&self) -> impl Iterator<Item = Measure> {
        self.evidence.measures().iter().chain(&self.others).copied()
    }

    fn proof(&self, evaluation: &Evaluation<'_>, measures: &Figures, now: Now) -> Proof {
        let about = match self.scope {
            RuleScope::SchoolYear => now.as_of,
            RuleScope::Day => now.today,
        };
        let mut facts = self.evidence.cite(evaluation, measures.measures.streak, now);
        let left_off = facts.len().saturating_sub(MAX_CITED_FACTS);
        facts.truncate(MAX_CITED_FACTS);
        Proof {
            as_of: about,
            explanation: self.explanation.fill(measures, about),
            clears_when: self.clears.fill(measures, about),
            measures: self.told().filter_map(|of| Some(value(of, measures.value(of)?))).collect(),
            facts,
            facts_left_off: u32::try_from(left_off).unwrap_or(u32::MAX),
            threshold_source: self.source.clone(),
        }
    }
}

/// A measure as proofs say it.
pub(crate) fn value(measure: Measure, value: i64) -> MeasureValue {
    MeasureValue { name: measure.name().into_owned(), value, unit: measure.unit().name().to_owned() }
}

impl Evidence {
    /// The measures that a proof with this evidence tells.
    pub(crate) fn measures(self) -> &'static [Measure] {
        match self {
            Self::Absences => &[Measure::Enrolled, Measure::Absent, Measure::Unexcused, Measure::Tier],
            Self::Streak => &[Measure::Streak, Measure::UnexcusedStreak],
            Self::Today => &[Measure::UnexplainedAbsenceToday],
            Self::FailingCore => &[Measure::Failing, Measure::FailingCore],
            // Those that the rule names are told in any case.
            Self::Conduct | Self::MissingWork | Self::Connections => &[],
        }
    }

    /// The facts, newest first.
    fn cite(self, evaluation: &Evaluation<'_>, streak: i64, now: Now) -> Vec<CitedFact> {
        let days = || evaluation.days(now.as_of).into_iter().rev();
        match self {
            Self::Absences => marks_of(evaluation, days().filter(|(_, day)| day.absent > 0)),
            Self::Streak => {
                let length = usize::try_from(streak).unwrap_or(0);
                marks_of(evaluation, days().take(length))
            }
            Self::Today => marks_of(evaluation, evaluation.day(now.today).into_iter()),
            Self::FailingCore => failing_core(evaluation, now.as_of),
            Self::Conduct => further::conduct(evaluation, now.as_of),
            Self::MissingWork => further::missing_work(evaluation, now.as_of),
            Self::Connections => further::connections(evaluation, now.as_of),
        }
    }
}

fn marks_of<'a>(evaluation: &Evaluation<'_>, days: impl Iterator<Item = (&'a SchoolId, Day)>) -> Vec<CitedFact> {
    let mut cited = Vec::new();
    for (school, day) in days {
        let marks = evaluation.ledger.marks_on(day.date, school);
        cited.extend(marks.iter().filter_map(|mark| cite_mark(evaluation, mark)));
    }
    cited
}

fn cite_mark(evaluation: &Evaluation<'_>, mark: &Live<AttendanceMark>) -> Option<CitedFact> {
    let category = code::attendance(&mark.fact.code, &evaluation.settings.codes);
    let absent = matches!(
        category.map(treated),
        Some(
            Category::ExcusedAbsence | Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse | Category::Partial
        )
    );
    absent.then(|| CitedFact {
        date: mark.fact.date,
        school: mark.fact.school.clone(),
        what: describe(&mark.fact, category),
        code: mark.fact.code.clone(),
        origin: mark.origin(),
    })
}

/// A mark in words, such as `unexcused absence, whole day`.
pub fn describe(mark: &AttendanceMark, category: Option<Category>) -> String {
    let name = match category {
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
    };
    match (mark.scope, mark.share) {
        (Scope::Section(_), _) => format!("{name}, one class"),
        (Scope::Day, Some(share)) if share > 0 && share < WHOLE => {
            format!("{name}, {} of the day", decimals(i64::from(share)))
        }
        (Scope::Day, _) => format!("{name}, whole day"),
    }
}

fn failing_core(evaluation: &Evaluation<'_>, as_of: Date) -> Vec<CitedFact> {
    let mut cited: Vec<CitedFact> = evaluation
        .standings(as_of)
        .into_iter()
        .filter(|standing| standing.failing && standing.core)
        .map(|standing| {
            let (grade_type, numeric, letter) = standing.grade();
            CitedFact {
                date: standing.period_end,
                school: standing.school.clone(),
                what: describe_grade(numeric, letter),
                code: grade_type.to_owned(),
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
