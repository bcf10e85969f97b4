//! What gradebooks say while courses run: missing work, and the average so far.
//!
//! An assignment counts from its due date on, while its section's session runs and the student belongs to the section. An exempt
//! student has none of it; work that is missing has earned nothing of its points, and work that was handed in later was missing until
//! then.

use std::collections::BTreeMap;

use crate::code;
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::id::{AssignmentId, SectionId};
use crate::ledger::{Further, Work, text};

/// An average below it is low, percent. Source: Bergman and Chan, "Leveraging Parents through Low-Cost Technology" (Journal of Human
/// Resources), whose messages told of class averages below 70%.
pub const LOW_PERCENT: i64 = 70;

/// What an assignment without points weighs, hundredths of a point: its grade is in percent.
const PERCENT: i64 = 10_000;

/// A student's gradebooks on a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gradebook {
    /// Assignments that were not handed in.
    pub missing: i64,
    /// Those of them that were due in the last seven days.
    pub missing_last_week: i64,
    /// Assignments handed in late.
    pub late: i64,
    /// Sections with an average below [`LOW_PERCENT`].
    pub low_averages: i64,
    /// The lowest average of a section, hundredths of a percent, cut off.
    pub lowest_average: Option<i64>,
    /// The most weeks in a row, back from the date, at whose end a section's average was below [`LOW_PERCENT`].
    pub weeks_low: i64,
}

/// One assignment, as it counts.
#[derive(Debug, Clone, Copy)]
struct Item {
    section: SectionId,
    due_on: Date,
    is_missing: bool,
    is_late: bool,
    /// Earned, of what could be, when it is graded or missing.
    earned: Option<Average>,
    /// What it weighs, and when it was handed in, unless none of it was asked for.
    handed_in: Option<(i64, Date)>,
}

impl Item {
    /// What was earned at the end of a date: before it was handed in, nothing.
    fn earned_on(&self, date: Date) -> Option<Average> {
        match self.handed_in {
            Some((weight, on)) if on > date => Some(Average::points(0, weight)),
            _ => self.earned,
        }
    }
}

impl Gradebook {
    /// Of a student, on a date.
    pub fn of(evaluation: &Evaluation<'_>, as_of: Date) -> Self {
        // Of two records of one assignment the later in the order of source and key is used.
        let mut items: BTreeMap<AssignmentId, Item> = BTreeMap::new();
        for further in evaluation.further() {
            if let Further::Result(work) = further
                && let Some(item) = item(&work, evaluation, as_of)
            {
                items.insert(work.assignment, item);
            }
        }
        let items: Vec<Item> = items.into_values().collect();
        let mut gradebook = Self::default();
        for item in &items {
            gradebook.missing += i64::from(item.is_missing);
            gradebook.missing_last_week += i64::from(item.is_missing && item.due_on.days() + 7 > as_of.days());
            gradebook.late += i64::from(item.is_late);
        }
        let mut sections: Vec<SectionId> = items.iter().map(|item| item.section).collect();
        sections.sort_unstable();
        sections.dedup();
        for section in sections {
            let of_section: Vec<&Item> = items.iter().filter(|item| item.section == section).collect();
            gradebook.count(&of_section, as_of);
        }
        gradebook
    }

    fn count(&mut self, items: &[&Item], as_of: Date) {
        let Some(average) = average(items, as_of) else { return };
        self.low_averages += i64::from(average.is_low());
        let percent = average.hundredths();
        self.lowest_average = Some(self.lowest_average.map_or(percent, |lowest| lowest.min(percent)));
        let mut weeks = 0;
        let mut end = as_of;
        while self::average(items, end).is_some_and(Average::is_low) {
            weeks += 1;
            let Ok(before) = Date::from_days(end.days() - 7) else { break };
            end = before;
        }
        self.weeks_low = self.weeks_low.max(weeks);
    }
}

/// Points earned of points there were; more than none. In ten thousandths of hundredths, so that a share of points in hundredths of a
/// percent is exact.
#[derive(Debug, Clone, Copy)]
struct Average {
    earned: i128,
    of: i128,
}

impl Average {
    /// Points of so many.
    fn points(points: i64, of: i64) -> Self {
        let percent = i128::from(PERCENT);
        Self { earned: i128::from(points) * percent, of: i128::from(of) * percent }
    }

    /// A share in hundredths of a percent of so many points.
    fn share(share: i64, of: i64) -> Self {
        Self { earned: i128::from(share) * i128::from(of), of: i128::from(of) * i128::from(PERCENT) }
    }

    fn is_low(self) -> bool {
        self.earned * 100 < i128::from(LOW_PERCENT) * self.of
    }

    fn hundredths(self) -> i64 {
        i64::try_from(self.earned * 10_000 / self.of).unwrap_or(i64::MAX)
    }
}

/// A section's average at the end of a date.
fn average(items: &[&Item], at: Date) -> Option<Average> {
    let graded = items.iter().filter(|item| item.due_on <= at).filter_map(|item| item.earned_on(at));
    let sum = graded.fold(Average { earned: 0, of: 0 }, |sum, one| Average {
        earned: sum.earned + one.earned,
        of: sum.of + one.of,
    });
    (sum.of > 0).then_some(sum)
}

fn item(work: &Work<'_>, evaluation: &Evaluation<'_>, as_of: Date) -> Option<Item> {
    let assignment = evaluation.view.assignment(work.assignment)?;
    evaluation.view.section(assignment.section)?;
    if reason(assignment.section, assignment.due_on, evaluation, as_of).is_some() {
        return None;
    }
    let handed = handed_in_on(text(work.status), work.fulfilled_on, as_of);
    let of = assignment.points.filter(|points| *points > 0);
    let weight = of.unwrap_or(PERCENT);
    let earned = match (handed, work.points.filter(|_| of.is_some()), work.numeric) {
        (Handed::Missing, ..) => Some(Average::points(0, weight)),
        (Handed::In, Some(points), _) => Some(Average::points(points, weight)),
        (Handed::In, None, Some(numeric)) => Some(Average::share(numeric, weight)),
        (Handed::Exempt, ..) | (Handed::In, None, None) => None,
    };
    Some(Item {
        section: assignment.section,
        due_on: assignment.due_on,
        is_missing: handed == Handed::Missing,
        is_late: handed == Handed::In && code::value(text(work.lateness)) == "late",
        earned,
        handed_in: work.fulfilled_on.filter(|_| handed != Handed::Exempt).map(|on| (weight, on)),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handed {
    In,
    Missing,
    Exempt,
}

/// What a submission status means: the Data Standard's, and the words that learning systems use.
fn handed_in(status: &str) -> Handed {
    match code::value(status).as_str() {
        "not submitted" | "not-submitted" | "missing" => Handed::Missing,
        "exempt" | "excused" => Handed::Exempt,
        _ => Handed::In,
    }
}

/// The same as of a date: what was handed in after it was missing then.
fn handed_in_on(status: &str, fulfilled_on: Option<Date>, as_of: Date) -> Handed {
    match handed_in(status) {
        Handed::In if fulfilled_on.is_some_and(|on| on > as_of) => Handed::Missing,
        handed => handed,
    }
}

/// Whether nothing was handed in by a date.
pub(crate) fn is_missing_on(status: &str, fulfilled_on: Option<Date>, as_of: Date) -> bool {
    handed_in_on(status, fulfilled_on, as_of) == Handed::Missing
}

/// Whether a submission status says that nothing was handed in.
pub(crate) fn is_missing(status: &str) -> bool {
    handed_in(status) == Handed::Missing
}

/// Why an assignment's result does not count on a date, when assignment and section are known.
pub(crate) fn not_counted(work: &Work<'_>, evaluation: &Evaluation<'_>, as_of: Date) -> Option<&'static str> {
    let assignment = evaluation.view.assignment(work.assignment)?;
    reason(assignment.section, assignment.due_on, evaluation, as_of)
}

fn reason(section: SectionId, due_on: Date, evaluation: &Evaluation<'_>, as_of: Date) -> Option<&'static str> {
    let session = evaluation.view.section(section)?.session;
    if due_on > as_of {
        return Some("its assignment is not due yet");
    }
    if as_of < session.begin_on || session.end_on < as_of {
        return Some("its section's session does not run now");
    }
    let mut memberships = evaluation.memberships().iter().filter(|membership| membership.section == section).peekable();
    // A result without a membership is as good a sign of one as a mark is.
    let left = memberships.peek().is_some()
        && !memberships.any(|it| it.begin_on <= as_of && it.end_on.is_none_or(|end| as_of <= end));
    left.then_some("the student does not belong to its section now")
}
