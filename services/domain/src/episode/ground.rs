//! What a rule's look at a student stands on: a full look, or a running count that goes on from one.

use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::id::{SchoolId, SchoolYear};
use crate::measure::Figures;
use crate::rule::Rule;
use crate::rule::claim::Cited;
use crate::settings::Now;

/// A student's measures with the dates in force, and the facts behind them.
pub(crate) trait Ground<'e> {
    /// The dates in force.
    fn now(&self) -> Now;

    /// The school year that is counted.
    fn year(&self) -> SchoolYear;

    /// The school whose team should know, today.
    fn home(&self) -> Option<&SchoolId>;

    /// The school that today is counted at; none when it does not count.
    fn school_today(&self) -> Option<&SchoolId>;

    /// The measures that are kept, and those that a rule names beside them.
    fn figures(&self, rule: &Rule) -> Figures;

    /// The same at the close of an earlier date of the school year.
    fn figures_at_close(&self, rule: &Rule, date: Date) -> Figures;

    /// What looks at rules with a memory; none where there is no such rule.
    fn student(&self) -> Option<&Evaluation<'e>>;

    /// The facts that a proof cites; `listed`, or only how many they are and which.
    fn cite(&self, rule: &Rule, figures: &Figures, listed: bool) -> Cited;

    /// What looks again at an earlier date; none when nothing of what was told of earlier dates can have changed since the last step.
    fn anew(&self) -> Option<&Evaluation<'e>>;
}

impl<'e> Ground<'e> for Evaluation<'e> {
    fn now(&self) -> Now {
        self.now
    }

    fn year(&self) -> SchoolYear {
        self.year()
    }

    fn home(&self) -> Option<&SchoolId> {
        self.home(self.now.today)
    }

    fn school_today(&self) -> Option<&SchoolId> {
        self.day(self.now.today).map(|(school, _)| school)
    }

    fn figures(&self, rule: &Rule) -> Figures {
        self.figures(&rule.others, rule.seen_at(self, self.now))
    }

    fn figures_at_close(&self, rule: &Rule, date: Date) -> Figures {
        self.figures(&rule.others, Now { today: date, as_of: date })
    }

    fn student(&self) -> Option<&Evaluation<'e>> {
        Some(self)
    }

    fn cite(&self, rule: &Rule, figures: &Figures, listed: bool) -> Cited {
        rule.evidence.cite(self, figures.measures.streak, rule.seen_at(self, self.now), listed)
    }

    fn anew(&self) -> Option<&Evaluation<'e>> {
        Some(self)
    }
}
