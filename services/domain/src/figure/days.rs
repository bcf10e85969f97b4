//! What several measures of one student are counted from, each counted when it is first asked for.

use std::cell::OnceCell;

use super::{Federal, number};
use crate::calculated::ClassDay;
use crate::date::Date;
use crate::day::Day;
use crate::evaluation::Evaluation;
use crate::id::SchoolId;
use crate::marked::{self, Marked};
use crate::measure::{Among, Clock, Measures};
use crate::projection::Outlook;
use crate::settings::Now;
use crate::window::{End, Window};

/// The days of a student's school year up to a date, for the district as a whole or at one school.
pub(super) struct Days<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
    pub(super) school: Option<&'e SchoolId>,
    pub(super) as_of: Date,
    today: Date,
    counted: OnceCell<Vec<Day>>,
    marked: OnceCell<(Vec<Date>, Vec<Marked>)>,
    in_minutes: OnceCell<Vec<Day>>,
    end: OnceCell<End>,
    to_come: OnceCell<i64>,
    last_year: OnceCell<Measures>,
    classes: OnceCell<Vec<ClassDay>>,
    federal: OnceCell<Vec<Federal>>,
}

impl<'e, 'a> Days<'e, 'a> {
    pub(super) fn new(evaluation: &'e Evaluation<'a>, school: Option<&'e SchoolId>, now: Now) -> Self {
        Self {
            evaluation,
            school,
            as_of: now.as_of,
            today: now.today,
            counted: OnceCell::new(),
            marked: OnceCell::new(),
            in_minutes: OnceCell::new(),
            end: OnceCell::new(),
            to_come: OnceCell::new(),
            last_year: OnceCell::new(),
            classes: OnceCell::new(),
            federal: OnceCell::new(),
        }
    }

    /// The counted days, in order.
    pub(super) fn counted(&self) -> &[Day] {
        self.counted.get_or_init(|| self.evaluation.counted_days(self.school, self.as_of))
    }

    /// The same in few bytes.
    pub(super) fn marked(&self) -> marked::Days<'_> {
        if self.school.is_none() {
            return self.evaluation.marked_until(self.as_of);
        }
        let (dates, marked) = self.marked.get_or_init(|| marked::of(self.counted()));
        marked::Days { dates, marked }
    }

    /// The same with the minutes of each, as far as they are known.
    pub(super) fn in_minutes(&self) -> &[Day] {
        if self.school.is_none() {
            return self.evaluation.minutes_until(self.as_of);
        }
        self.in_minutes.get_or_init(|| self.evaluation.days_in_minutes(self.school, self.as_of))
    }

    /// Whether no day has minutes, so that each is what its marks say.
    pub(super) fn have_no_minutes(&self) -> bool {
        self.evaluation.knows_no_minutes()
    }

    /// Where a clock's windows end.
    pub(super) fn end_of_clock(&self, clock: Clock) -> End {
        let goes_by_school_months = matches!(clock, Clock::OhioMonth | Clock::OhioNonmedicalMonth);
        if goes_by_school_months { self.end() } else { End { as_of: self.as_of, school_month: self.as_of } }
    }

    /// Where windows end.
    pub(super) fn end(&self) -> End {
        let end = || End { as_of: self.as_of, school_month: self.evaluation.school_month(self.school, self.as_of) };
        *self.end.get_or_init(end)
    }

    /// Where one part of the year ends: few go by school months, which take a look at the calendar.
    pub(super) fn end_of(&self, among: Among) -> End {
        match among {
            Among::Window(Window::SchoolMonth) => self.end(),
            Among::Window(_) | Among::Weekday(_) => End { as_of: self.as_of, school_month: self.as_of },
        }
    }

    /// The school year before.
    pub(super) fn last_year(&self) -> &Measures {
        self.last_year.get_or_init(|| self.evaluation.last_year(self.school))
    }

    /// The student's classes, as far as it is known whether the student was there.
    pub(super) fn classes(&self) -> &[ClassDay] {
        self.classes.get_or_init(|| self.classes_until(self.as_of))
    }

    fn classes_until(&self, last: Date) -> Vec<ClassDay> {
        // Most looks are at students of whom nothing of the kind is known, and would go over a year of dates.
        if self.evaluation.has_classes() { self.evaluation.classes(self.school, last) } else { Vec::new() }
    }

    /// Classes skipped today.
    pub(super) fn skipped_today(&self) -> i64 {
        let classes = self.classes_until(self.today);
        number(classes.iter().filter(|class| class.date == self.today && class.skipped).count())
    }

    /// What federal reporting counts: at the school, or at each school of the year, since a student who moves counts at each.
    pub(super) fn federal(&self) -> &[Federal] {
        let at = |school: &SchoolId| {
            let (dates, marked) = marked::of(&self.evaluation.counted_days(Some(school), self.as_of));
            Federal::of(marked::Days { dates: &dates, marked: &marked })
        };
        self.federal.get_or_init(|| match self.school {
            Some(school) => vec![at(school)],
            None => self.evaluation.schools(self.as_of).into_iter().map(at).collect(),
        })
    }

    /// What was counted so far, and what the calendar has still.
    pub(super) fn outlook(&self) -> Outlook {
        let (enrolled, absent) = self.marked().sums();
        Outlook {
            enrolled,
            absent,
            to_come: *self.to_come.get_or_init(|| self.evaluation.to_come(self.school, self.as_of)),
        }
    }
}
