//! What a claim asks of those who are told: duties with their dates, what is barred, and how it is to be told.

use crate::alert::{BarredReferral, DueDuty, Terms};
use crate::date::Date;
use crate::measure::Figures;
use crate::rule::{Bar, Held, Rule, Within};

/// Finds the school day so many after a date; none when the calendar does not reach so far.
pub(crate) type Due<'a> = &'a dyn Fn(Date, u32) -> Option<Date>;

impl Rule {
    /// Whether claims tell since when they hold: duties and steps are counted from then on.
    pub(crate) fn tells_since(&self) -> bool {
        !self.duties.is_empty() || !self.escalation.is_empty()
    }

    /// Whether its claims ask for nothing, however long they hold.
    pub(crate) fn asks_for_nothing(&self) -> bool {
        !self.tells_since() && self.barred.is_empty()
    }

    /// What a claim asks for that has taken so many steps.
    pub(crate) fn terms(&self, held: Held, steps: u32, figures: &Figures, due: Due<'_>) -> Terms {
        let since = held.since.filter(|_| self.tells_since());
        let due_on = |within: Within| within.after(since?, due);
        let duties = self.duties.iter().map(|duty| DueDuty {
            what: duty.what.clone(),
            due_on: due_on(duty.within),
            source: duty.source.clone(),
            evidence: duty.evidence.clone(),
        });
        let barred =
            barred(self, figures).map(|bar| BarredReferral { what: bar.what.clone(), source: bar.source.clone() });
        Terms { step: steps, since, duties: duties.collect(), barred: barred.collect(), ..plain(self) }
    }
}

impl Rule {
    /// How many of its duties have fallen due by a date, of a claim that holds since another.
    pub(crate) fn fallen_due(&self, since: Date, today: Date, due: Due<'_>) -> usize {
        let has_come = |on: Option<Date>| on.is_some_and(|on| on <= today);
        self.duties.iter().filter(|duty| has_come(duty.within.after(since, due))).count()
    }
}

impl Within {
    /// The date so long after one; none when the calendar does not reach so far.
    fn after(self, since: Date, due: Due<'_>) -> Option<Date> {
        match self {
            Self::Days(days) => Date::from_days(since.days().checked_add_unsigned(days)?).ok(),
            Self::SchoolDays(days) => due(since, days),
        }
    }
}

/// The same of a rule that asks for nothing.
pub(crate) fn plain(rule: &Rule) -> Terms {
    Terms {
        message_key: rule.message_key.clone(),
        good_news: rule.good_news,
        quiet_while_case_open: rule.quiet_while_case_open,
        cutoff_minute: rule.cutoff_minute,
        ..Terms::default()
    }
}

/// What is barred with these measures. When it cannot be told whether it is, it is.
fn barred<'r>(rule: &'r Rule, figures: &Figures) -> impl Iterator<Item = &'r Bar> {
    rule.barred.iter().filter(|bar| !bar.unless.holds(figures).unwrap_or(false))
}
