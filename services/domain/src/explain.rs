//! What a student's figures are made of, so that a person can follow them with a pencil: the dates and what each came to, the
//! arithmetic of each measure, the grades that stand, the rules, and what changed since an earlier moment.
//!
//! Nothing is counted here that is not counted by the measures themselves; what is told beside a value are the terms that it was
//! made of. Sentences are for people and hold no more than the facts: dates, numbers, what codes mean.

pub mod change;
mod date;
mod grade;
pub mod history;
mod number;
mod rule;
mod working;

pub use date::{CameTo, DateTold, MarkTold, SchoolTold};
pub use grade::GradeTold;
pub use rule::RuleTold;
pub use working::{Part, Term, Working};

use crate::evaluation::Evaluation;
use crate::measure::Measure;
use crate::rule::Pack;
use crate::settings::Now;

/// A student as of a date, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The dates that it speaks of.
    pub now: Now,
    /// The schools of the year with their dates.
    pub schools: Vec<SchoolTold>,
    /// Dates of which there is something to say, in order; all others of a school are whole days of presence.
    pub dates: Vec<DateTold>,
    /// Live marks of other school years, which are not told one by one.
    pub marks_of_other_years: usize,
    /// Grades that can stand for a section, with whether they do.
    pub grades: Vec<GradeTold>,
    /// The arithmetic of each measure that was asked for, in that order.
    pub workings: Vec<Working>,
    /// The rules in force, in their author's order.
    pub rules: Vec<RuleTold>,
}

impl Explanation {
    /// Explains a student as of the evaluation's dates: these measures, and these rules.
    pub fn of(evaluation: &Evaluation<'_>, measures: &[Measure], pack: &Pack) -> Self {
        let (schools, dates, marks_of_other_years) = date::tell(evaluation);
        let look = working::Look::new(evaluation);
        Self {
            now: evaluation.now,
            schools,
            dates,
            marks_of_other_years,
            grades: grade::tell(evaluation),
            workings: measures.iter().map(|&measure| look.work(measure)).collect(),
            rules: pack
                .rules_at(evaluation.home(evaluation.now.today))
                .map(|rule| RuleTold::of(rule, evaluation))
                .collect(),
        }
    }
}

/// The measures that an explanation tells when nobody says which: the catalogue's, then the windows that rules name.
pub fn usual_measures(pack: &Pack) -> Vec<Measure> {
    let mut measures = Measure::catalogued();
    for measure in pack.rules.iter().flat_map(|rule| &rule.others) {
        if !measures.contains(measure) {
            measures.push(*measure);
        }
    }
    measures
}
