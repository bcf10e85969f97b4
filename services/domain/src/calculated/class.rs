//! What is known of each class: on which dates it met, and whether the student was there. Laws and teachers look at classes, where a
//! day is present as long as half of it is.
//!
//! A class's own mark comes first. A class without one was missed when marks for the whole day say that all of it was; a part of a day
//! missed says nothing of any class. Where days are counted by their minutes, so is whether all of one was missed: an absence of 45
//! minutes is none of all classes. Where nobody took attendance nothing is known, and the date is none of the class's.

use super::{At, Calculated, by_section, daily};
use crate::calculator::{Calculator, PeriodMark, Told};
use crate::date::Date;
use crate::day::Mark;
use crate::id::{SchoolId, SectionId};
use crate::settings::Category;

/// A date on which a class met, and it is known whether the student was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClassDay {
    pub(crate) section: SectionId,
    pub(crate) date: Date,
    /// Missed, for any reason.
    pub(crate) absent: bool,
    /// Missed without excuse.
    pub(crate) unexcused: bool,
    /// Missed, nobody excused it, and the student was at school: in another class, or came late to the day.
    pub(crate) skipped: bool,
}

/// What is known of one class on a date.
struct Known {
    section: SectionId,
    absent: bool,
    unexcused: bool,
    /// Missed by its own mark, without a known excuse.
    open: bool,
}

impl<'a> Calculated<'_, 'a> {
    /// The student's classes on these dates, which are in order.
    pub(crate) fn classes(&self, school: &'a SchoolId, dates: &[Date]) -> Vec<ClassDay> {
        let shipped = Calculator::shipped();
        let mut classes = Vec::new();
        self.by_date(school, dates, |at, marks| {
            let calculator = self.counting(school, at.date).0.unwrap_or(&shipped);
            self.classes_of_date(at, marks, calculator, &mut classes);
        });
        classes
    }

    fn classes_of_date(&self, at: At<'_>, marks: &[&Mark<'_>], calculator: &Calculator, classes: &mut Vec<ClassDay>) {
        let held = by_section(marks);
        let daily = daily(marks);
        let all_day = if daily.is_empty() {
            None
        } else {
            let periods = self.periods(at, &held, calculator);
            calculator.missed_all(&self.view.bell(at.school, at.date, at.grade_level).day(&daily, &periods))
        };
        let known: Vec<Known> = self
            .sections(at, &held, calculator)
            .into_iter()
            .filter(|(section, told)| {
                matches!(told, Told::Marked(_))
                    || !self.view.meetings(*section, at.school, at.date, at.grade_level).is_empty()
            })
            .filter_map(|(section, told)| known(section, told, all_day, calculator))
            .collect();
        let came_late = daily.iter().any(|mark| calculator.treat(mark.category) == Some(Category::Tardy));
        let was_there = came_late || known.iter().any(|class| !class.absent);
        classes.extend(known.into_iter().map(|class| ClassDay {
            section: class.section,
            date: at.date,
            absent: class.absent,
            unexcused: class.unexcused,
            skipped: class.open && was_there,
        }));
    }
}

/// What is known of a class; none when nothing is. Of a day missed wholly it is told whether it is without excuse.
fn known(section: SectionId, told: Told<'_>, all_day: Option<bool>, calculator: &Calculator) -> Option<Known> {
    match (told, all_day) {
        (Told::Marked(marks), _) => Some(by_own_marks(section, marks, calculator)),
        (_, Some(unexcused)) => Some(Known { section, absent: true, unexcused, open: false }),
        (Told::Present, None) => Some(Known { section, absent: false, unexcused: false, open: false }),
        (Told::Untaken, None) => None,
    }
}

fn by_own_marks(section: SectionId, marks: &[PeriodMark], calculator: &Calculator) -> Known {
    let mut class = Known { section, absent: false, unexcused: false, open: false };
    for category in marks.iter().filter_map(|mark| calculator.treat(mark.category)) {
        class.absent |=
            matches!(category, Category::ExcusedAbsence | Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse);
        class.unexcused |= category == Category::UnexcusedAbsence;
        class.open |= matches!(category, Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse);
    }
    class
}
