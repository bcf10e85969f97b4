//! Credits, and whether a ninth grader is on track to graduate.

use crate::code;
use crate::date::Date;
use crate::enrollment::reaches;
use crate::evaluation::Evaluation;
use crate::ledger::{Said, Spell, Taken, text};

use super::grading::Grading;
use super::point::{CREDIT, is_over};
use super::transcript;

/// Credits that a ninth grader on track has earned by the end of the year. Source: University of Chicago Consortium on School
/// Research, the Freshman On-Track indicator: at least five full-year credits, and no more than one semester F in a core course.
pub const ON_TRACK_CREDITS: i64 = 5 * CREDIT;
/// The most semester Fs in core courses of a student on track. Same source.
pub const ON_TRACK_CORE_FAILURES: i64 = 1;

/// What the transcript says of a school year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Credits {
    /// Attempted in the year, thousandths.
    pub attempted: i64,
    /// Earned in the year, thousandths.
    pub earned: i64,
    /// Earned up to the end of the year, thousandths.
    pub earned_so_far: i64,
    /// Core courses failed in terms of the year other than its summer.
    pub core_failures: i64,
    /// The part of `earned` that is not of a summer term, thousandths.
    pub regular: i64,
    /// Whether there is anything of the year.
    any: bool,
    is_ninth_grader: bool,
    /// The part of `attempted` that is not of a summer term.
    regular_attempted: i64,
    /// Whether the student's school year is over.
    is_year_over: bool,
}

impl Credits {
    /// Of a student's school year. A transcript has no date, so it counts as soon as it is sent.
    pub fn of(evaluation: &Evaluation<'_>, as_of: Date) -> Self {
        let mut credits = Self::default();
        for taken in transcript::counted(evaluation) {
            credits.add(&taken, evaluation);
        }
        credits.is_ninth_grader = credits.any && in_grade(evaluation, as_of, &["ninth grade", "9", "09"]);
        credits.is_year_over = credits.is_ninth_grader && is_year_over(evaluation, as_of);
        credits
    }

    fn add(&mut self, taken: &Taken<'_>, evaluation: &Evaluation<'_>) {
        let earned = taken.earned.unwrap_or(0);
        self.earned_so_far += earned;
        if taken.school_year < evaluation.year() {
            return;
        }
        self.any = true;
        self.attempted += taken.attempted.unwrap_or(0);
        self.earned += earned;
        if !code::value(text(taken.term)).contains("summer") {
            self.regular += earned;
            self.regular_attempted += taken.attempted.unwrap_or(0);
            let core = evaluation.view.subjects(taken.course).is_some_and(|subjects| subjects.core);
            self.core_failures += i64::from(core && failed(taken, evaluation));
        }
    }

    /// Whether a ninth grader is on track, as the year's transcript stands; none of others, and before that can be told. Failures in
    /// core courses tell it at once. Credits do when there could be enough of them, or when no more can come: after the first term
    /// nobody has five. What was earned in summer does not count, as in the source's own definition.
    pub fn on_track(&self) -> Option<bool> {
        let failed = self.core_failures > ON_TRACK_CORE_FAILURES;
        let is_told = failed || self.regular_attempted >= ON_TRACK_CREDITS || self.is_year_over;
        (self.any && self.is_ninth_grader && is_told).then_some(self.regular >= ON_TRACK_CREDITS && !failed)
    }
}

fn failed(taken: &Taken<'_>, evaluation: &Evaluation<'_>) -> bool {
    let grading = Grading::of_district(evaluation.settings);
    let by_grade = grading.fails(taken.numeric, taken.letter.map(text));
    is_over(taken) && (by_grade || code::value(text(taken.result)) == "fail")
}

/// Whether the enrollment that stands for a date (the one that began last) is in a grade with one of these names, in lower case.
pub(crate) fn in_grade(evaluation: &Evaluation<'_>, as_of: Date, names: &[&str]) -> bool {
    let last = last_spell(evaluation, as_of);
    last.is_some_and(|spell| names.contains(&code::value(text(spell.grade_level)).as_str()))
}

/// Whether the last instructional date of that enrollment's calendar is past and no session of the year begins any more at its school,
/// or the year itself is at its end. A calendar that is sent term by term ends with each of them, and the next term's session tells.
/// When sessions end does not, since one in summer may last as long as the year.
fn is_year_over(evaluation: &Evaluation<'_>, as_of: Date) -> bool {
    let (view, year) = (evaluation.view, evaluation.year());
    let is_past = || {
        let spell = last_spell(evaluation, as_of).filter(|spell| reaches(spell.exit_on, year))?;
        let school = view.find_school(spell.school)?;
        let last = *view.calendar(spell.calendar, school, year)?.instructional.last()?;
        Some(last < as_of && !view.begins_session_after(school, year, as_of))
    };
    as_of >= year.last_day() || is_past().unwrap_or(false)
}

fn last_spell<'a>(evaluation: &Evaluation<'a>, as_of: Date) -> Option<Spell<'a>> {
    let spells = evaluation.ledger.borrowed().words().filter_map(|said| match said {
        Said::Enrollment(spell) if spell.entry_on <= as_of => Some(spell),
        _ => None,
    });
    spells.max_by_key(|spell| spell.entry_on)
}
