//! What rules with a memory hold over the days of a student: folded from what they say of all days at once, where days are whole and
//! what is said beside them has been the same on each. Elsewhere they are looked at day by day.

use std::cell::OnceCell;
use std::sync::Arc;

use super::compiled::{Compiled, Way};
use super::memory::{Memory, still};
use super::small::Schedule;
use super::{Known, With};
use crate::evaluation::Evaluation;
use crate::marked::Days;
use crate::measure::{Measure, Part, Values};
use crate::rule::history::Course;
use crate::rule::{Pack, Rule};
use crate::year::{Frame, Look, Scratch, Year};

/// The pack whose rules are asked about, and what those with a memory come to.
#[derive(Default)]
pub(crate) struct Folded {
    pack: OnceCell<Arc<Compiled>>,
    /// What the student's dates tell it, where that is known: of a student who was away for a while it takes long to find.
    frame: OnceCell<Arc<Frame>>,
    /// What may have been otherwise on earlier days: rules that need it take the long way.
    told: OnceCell<Part>,
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

    /// The same where a count stands for the student, and knows what the student's dates tell.
    pub(super) fn look_as(&self, memory: &Memory) {
        self.folded.pack.get_or_init(|| Arc::clone(&memory.compiled));
        self.folded.frame.get_or_init(|| Arc::clone(&memory.frame));
    }

    /// What one of these rules comes to up to the as-of date; none where it takes the long way.
    pub(crate) fn folded(&self, rule: &Rule) -> Option<&Course> {
        let compiled = self.folded.pack.get()?;
        let at = compiled.position(rule)?;
        // Where those alone are asked for that take the long way, no other is folded.
        if !self.folds(*compiled.ways.get(at)?) {
            return None;
        }
        let courses = self.folded.courses.get_or_init(|| self.fold_all(compiled)).as_ref()?;
        courses.get(at)?.as_ref()
    }

    fn folds(&self, way: Way) -> bool {
        way.is_compiled && !way.needs.meets(*self.folded.told.get_or_init(|| self.told_parts()))
    }

    fn fold_all(&self, compiled: &Compiled) -> Option<Vec<Option<Course>>> {
        let schedule = Schedule::of(&self.only_school()?, self)?;
        let days = self.marked_until(self.now.as_of);
        let known = self.folded.frame.get().map(Arc::clone);
        let frame = known.or_else(|| compiled.frame(&schedule, self.view))?;
        compiled.courses(days, &frame, &Beside(self), |_, way| self.folds(way))
    }
}

impl Known {
    /// What a rule with a memory comes to up to the as-of date, by its position; none of one that takes a full look.
    pub(super) fn course(&self, at: usize, memory: &Memory, with: &With<'_>) -> Option<Course> {
        let days = self.days_until(with.now.as_of, with)?;
        let is_asked = |of, way| of == at && !memory.takes_full_look(way);
        memory.compiled.courses(days, &memory.frame, memory, is_asked)?.into_iter().nth(at)?
    }
}

impl Compiled {
    /// What rules with a memory come to over some days, by their positions; none of those that are not folded. None at all where the
    /// days are not whole, or not the first of the frame's.
    fn courses(
        &self,
        days: Days<'_>,
        frame: &Frame,
        beside: &dyn Values,
        is_folded: impl Fn(usize, Way) -> bool,
    ) -> Option<Vec<Option<Course>>> {
        let year = Year::of(days).filter(|_| !days.dates.is_empty())?;
        if frame.dates().get(..days.dates.len()) != Some(days.dates) {
            return None;
        }
        let mut scratch = Scratch::default();
        let mut look = Look::since(0, (&self.program, &year, frame), beside, &mut scratch);
        let is_asked = |at: usize| self.ways[at].remembers.is_some() && is_folded(at, self.ways[at]);
        let rules = self.rules.iter().enumerate();
        let courses = rules.map(|(at, rule)| if is_asked(at) { look.course(at, rule) } else { None });
        Some(courses.collect())
    }
}
