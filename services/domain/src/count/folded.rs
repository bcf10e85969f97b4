//! What rules with a memory hold over the days of a full look: folded from what they say of all days at once, where days are whole and
//! what is said beside them has been the same on each. Elsewhere they are looked at day by day.

use std::cell::OnceCell;
use std::sync::Arc;

use super::compiled::Compiled;
use super::memory::still;
use super::small::Schedule;
use crate::evaluation::Evaluation;
use crate::measure::{Measure, Part, Values};
use crate::rule::history::Course;
use crate::rule::{Pack, Rule};
use crate::year::{Look, Scratch, Year};

/// The pack whose rules are asked about, and what those with a memory come to.
#[derive(Default)]
pub(crate) struct Folded {
    pack: OnceCell<Arc<Compiled>>,
    /// By their positions; none of those that take the long way, or of a student of whom all do.
    courses: OnceCell<Option<Vec<Option<Course>>>>,
}

/// What is said beside marks, where it is the same on all days.
struct Beside<'e, 'a>(&'e Evaluation<'a>);

impl Values for Beside<'_, '_> {
    fn value(&self, measure: Measure) -> Option<i64> {
        Some(still(measure, Part::NONE, self.0))
    }
}

impl Evaluation<'_> {
    /// Tells by which pack's rules the student is looked at.
    pub(crate) fn look_through(&self, pack: &Pack) {
        if pack.rules.iter().any(Rule::has_memory) {
            self.folded.pack.get_or_init(|| pack.compiled());
        }
    }

    /// What one of these rules comes to up to the as-of date; none where it takes the long way.
    pub(crate) fn folded(&self, rule: &Rule) -> Option<&Course> {
        let compiled = self.folded.pack.get()?;
        let courses = self.folded.courses.get_or_init(|| self.fold_all(compiled)).as_ref()?;
        courses.get(compiled.position(rule)?)?.as_ref()
    }

    fn fold_all(&self, compiled: &Compiled) -> Option<Vec<Option<Course>>> {
        let schedule = Schedule::of(&self.only_school()?, self)?;
        let days = self.marked_until(self.now.as_of);
        let year = Year::of(days).filter(|_| !days.dates.is_empty())?;
        let framed = compiled.framed(&schedule, self.view)?;
        if framed.frame.dates().get(..days.dates.len()) != Some(days.dates) {
            return None;
        }
        let (told, beside, mut scratch) = (self.told_parts(), Beside(self), Scratch::default());
        let mut look = Look::since(0, (&compiled.program, &year, &framed.frame), &beside, &mut scratch);
        let rules = compiled.rules.iter().zip(&compiled.ways).enumerate();
        let courses = rules.map(|(at, (rule, way))| {
            let is_folded = way.remembers.is_some() && way.is_compiled && !way.needs.meets(told);
            if is_folded { look.course(at, rule) } else { None }
        });
        Some(courses.collect())
    }
}
