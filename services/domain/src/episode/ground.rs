//! What a rule's look at a student stands on: a full look, or a running count that goes on from one.

use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::id::{SchoolId, SchoolYear};
use crate::measure::Figures;
use crate::rule::claim::Cited;
use crate::rule::{Held, Rule};
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

    /// The same with earlier dates of the school year.
    fn figures_then(&self, rule: &Rule, at: Now) -> Figures;

    /// All counted anew: what looks at rules with a memory, as of any date, and says in words what has moved.
    fn student(&self) -> &Evaluation<'e>;

    /// What a rule claims with dates of the school year, where that is known already; none where it is to be found.
    #[expect(clippy::option_option, reason = "to claim nothing, and not to be known yet, are two things")]
    fn claimed(&self, rule: &Rule, at: Now) -> Option<Option<Held>>;

    /// Whether a rule is known to have ended by itself, and would be open else.
    fn has_expired(&self, rule: &Rule) -> bool;

    /// Whether a rule with a memory is known to be sound on all counted days.
    fn fails_on_no_day(&self, rule: &Rule) -> bool;

    /// The dates of which a rule speaks, with these in force.
    fn seen(&self, rule: &Rule, at: Now) -> Now;

    /// The school day so many after a date; none when the calendar does not reach so far.
    fn school_day_after(&self, from: Date, days: u32) -> Option<Date>;

    /// The facts that a proof cites which is of these dates; `listed`, or only how many they are and which.
    fn cite(&self, rule: &Rule, figures: &Figures, at: Now, listed: bool) -> Cited;

    /// Whether a rule may claim something else of earlier dates than it did when the last step was taken.
    fn may_differ(&self, rule: &Rule, at: Now) -> bool;

    /// The school whose team should have known, on an earlier date.
    fn home_then(&self, date: Date) -> Option<&SchoolId>;
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
        self.figures_then(rule, rule.seen_at(self, self.now))
    }

    fn figures_then(&self, rule: &Rule, at: Now) -> Figures {
        self.figures(&rule.others, at)
    }

    fn student(&self) -> &Evaluation<'e> {
        self
    }

    fn claimed(&self, _: &Rule, _: Now) -> Option<Option<Held>> {
        None
    }

    fn has_expired(&self, rule: &Rule) -> bool {
        self.folded(rule).is_some_and(|course| course.has_expired(self.now.as_of))
    }

    fn fails_on_no_day(&self, _: &Rule) -> bool {
        false
    }

    fn seen(&self, rule: &Rule, at: Now) -> Now {
        rule.seen_at(self, at)
    }

    fn school_day_after(&self, from: Date, days: u32) -> Option<Date> {
        self.school_day_after(from, days)
    }

    fn cite(&self, rule: &Rule, figures: &Figures, at: Now, listed: bool) -> Cited {
        rule.evidence.cite(self, figures.measures.streak, at, listed)
    }

    fn may_differ(&self, _: &Rule, _: Now) -> bool {
        true
    }

    fn home_then(&self, date: Date) -> Option<&SchoolId> {
        self.home(date)
    }
}
