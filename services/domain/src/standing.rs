//! Whether a fact counts, and if not, why: what a person asks when a number is not what they expected.

use crate::behavior;
use crate::connection;
use crate::course::{self, gradebook, transcript};
use crate::date::Date;
use crate::day;
use crate::enrollment;
use crate::evaluation::Evaluation;
use crate::event::{AttendanceMark, Enrollment, Fact, Scope};
use crate::ledger::Further;

/// Why a live fact does not count now, in words; none when it does.
pub fn not_counted(evaluation: &Evaluation<'_>, fact: &Fact) -> Option<&'static str> {
    if !evaluation.ledger.registered() {
        return Some("the student is not known");
    }
    match fact {
        Fact::Registration => None,
        Fact::Enrollment(spell) if !evaluation.view.knows_school(&spell.school) => Some("its school is not known"),
        Fact::Enrollment(spell) if never_came(evaluation, spell) => Some("the student never came"),
        Fact::Enrollment(spell) => {
            let calendar = evaluation.view.calendar(spell.calendar, &spell.school, evaluation.year());
            calendar.is_none().then_some("its calendar is not known, or the school has several")
        }
        Fact::SectionMembership(membership) => {
            evaluation.view.section(membership.section).is_none().then_some("its section is not known")
        }
        Fact::AttendanceMark(mark) => mark_not_counted(evaluation, mark),
        Fact::Grade(grade) => course::not_counted(grade, evaluation.view, evaluation.year(), evaluation.now.as_of),
        Fact::Behavior(_)
        | Fact::Discipline(_)
        | Fact::AssignmentResult(_)
        | Fact::CourseTranscript(_)
        | Fact::Connection(_)
        | Fact::SurveyScore(_) => further_not_counted(evaluation, fact, evaluation.now.as_of),
    }
}

fn never_came(evaluation: &Evaluation<'_>, spell: &Enrollment) -> bool {
    let calculator = evaluation.view.calculator(spell.calendar, &spell.school, evaluation.year());
    enrollment::never_came(spell.entry_on, spell.exit_on, &spell.exit_type, calculator)
}

/// Why a fact of conduct, coursework or connections does not count on a date: what was told of an earlier date is proved by what
/// counted then.
pub(crate) fn further_not_counted(evaluation: &Evaluation<'_>, fact: &Fact, as_of: Date) -> Option<&'static str> {
    let further = Further::of(fact)?;
    evaluation.view.missing(&further).or_else(|| match &further {
        Further::Behavior(act) => behavior::act_not_counted(act, evaluation, as_of),
        Further::Discipline(consequence) => behavior::consequence_not_counted(consequence, evaluation, as_of),
        Further::Result(work) => gradebook::not_counted(work, evaluation, as_of),
        Further::Transcript(taken) => transcript::not_counted(taken, evaluation),
        Further::Connection(tie) => connection::tie_not_counted(tie, evaluation, as_of),
        Further::Survey(score) => connection::score_not_counted(score, evaluation, as_of),
    })
}

fn mark_not_counted(evaluation: &Evaluation<'_>, mark: &AttendanceMark) -> Option<&'static str> {
    if let Some(reason) = day::unknown_parent(mark, evaluation.view) {
        return Some(reason);
    }
    if mark.date.school_year() != evaluation.year() {
        return Some("it is of another school year");
    }
    if mark.date > evaluation.now.as_of {
        return Some("its date is not closed yet");
    }
    if !evaluation.enrolled(&mark.school, mark.date) {
        return Some("the student is not enrolled at the school on that date");
    }
    if !evaluation.counts(&mark.school, mark.date) {
        return Some("the date is not instructional there, or its calendar is not known");
    }
    let outranked = matches!(mark.scope, Scope::Section(_))
        && evaluation
            .ledger
            .live_on(&mark.school, mark.date)
            .any(|other| other.fact.scope == Scope::Day && day::unknown_parent(&other.fact, evaluation.view).is_none());
    outranked.then_some("a mark for the whole day outranks it")
}
