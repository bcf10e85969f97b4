//! Students looked at, one after the other. A ledger of whole days at one school is read at once, with all that its calendar's dates
//! tell kept from student to student; any other is evaluated in full, day by day. What comes of both is the same.

use std::cell::LazyCell;

use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::ledger::Ledger;
use homeroom_domain::settings::{Now, Settings};
use homeroom_domain::view::View;
use homeroom_domain::year::{self, Scratch, Years};

use crate::plan::Plan;
use crate::seen::{Seen, Sight};

/// Who looks.
pub struct Look<'a> {
    plan: &'a Plan,
    view: &'a View,
    settings: &'a Settings,
    years: Years<'a>,
    scratch: Scratch,
}

impl<'a> Look<'a> {
    /// At students of a district with this reference data, as of the plan's last date.
    pub fn new(plan: &'a Plan, view: &'a View, settings: &'a Settings) -> Self {
        let years = Years::new(plan.program(), view, settings, plan.to());
        Self { plan, view, settings, years, scratch: Scratch::default() }
    }

    /// Looks at a student; none when no day of the plan's dates counts.
    pub fn at(&mut self, ledger: &Ledger) -> Option<Seen> {
        let (plan, view, settings) = (self.plan, self.view, self.settings);
        let last = Now { today: plan.to(), as_of: plan.to() };
        let evaluate = || Evaluation::new(ledger, view, settings, last);
        let Some(student) = self.years.student(ledger) else { return Seen::of(plan, evaluate()) };
        let evaluation = LazyCell::new(evaluate);
        let mut year = year::Look::new(plan.program(), &student.year, student.frame, &mut self.scratch);
        Seen::at(plan, &Sight { student: Some(&student), evaluation }, Some(&mut year))
    }
}
