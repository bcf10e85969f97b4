//! Facts of classes, conduct, coursework and connections as proofs cite them and people read them.

use super::{Cited, describe_grade, failing};
use crate::alert::CitedFact;
use crate::course::gradebook;
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::event::{AssignmentResult, Connection, CourseTranscript, Fact};
use crate::id::SchoolId;
use crate::measure::{Unit, decimals};
use crate::standing;
use crate::view::View;

/// Such a fact in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// What kind of fact it is.
    pub kind: &'static str,
    /// When, if that is known.
    pub date: Option<Date>,
    /// Where, if it is of one school.
    pub school: Option<SchoolId>,
    /// What it says.
    pub what: String,
    /// The source's code.
    pub code: String,
}

/// Describes a fact of conduct, coursework or connections; none of others.
pub fn describe_further(fact: &Fact, view: &View) -> Option<Described> {
    let of = |kind, date, what, code: &str| Described { kind, date, school: None, what, code: code.to_owned() };
    Some(match fact {
        Fact::Behavior(behavior) => {
            let incident = view.incident(behavior.incident);
            let date = incident.map(|incident| incident.date);
            let school = incident.map(|incident| incident.school.clone());
            Described { school, ..of("behavior", date, "a part in an incident".to_owned(), &behavior.code) }
        }
        Fact::Discipline(discipline) => {
            let what = discipline.length.map_or_else(
                || "a consequence".to_owned(),
                |length| format!("a consequence of {} school days", decimals(length)),
            );
            let school = Some(discipline.school.clone());
            Described { school, ..of("discipline", Some(discipline.begin_on), what, &discipline.code) }
        }
        Fact::AssignmentResult(result) => {
            let assignment = view.assignment(result.assignment);
            let what = result_in_words(result, assignment.and_then(|assignment| assignment.points));
            let school = assignment.and_then(|assignment| view.section(assignment.section));
            let school = school.map(|section| section.school.clone());
            let date = assignment.map(|assignment| assignment.due_on);
            Described { school, ..of("assignment result", date, what, &result.status) }
        }
        Fact::CourseTranscript(transcript) => {
            of("course transcript", None, transcript_in_words(transcript), &transcript.result)
        }
        Fact::Connection(connection) => {
            let group = view.group(connection.with).filter(|_| connection.kind.is_empty());
            let code = group.map_or(&connection.kind, |group| &group.kind);
            of("connection", Some(connection.begin_on), connection_in_words(connection), code)
        }
        Fact::SurveyScore(survey) => {
            let what = format!("{} of 100", decimals(survey.score));
            of("survey score", Some(survey.taken_on), what, &survey.survey)
        }
        Fact::Registration
        | Fact::Enrollment(_)
        | Fact::SectionMembership(_)
        | Fact::AttendanceMark(_)
        | Fact::Grade(_) => return None,
    })
}

const NOT_HANDED_IN: &str = "not handed in";

fn result_in_words(result: &AssignmentResult, of: Option<i64>) -> String {
    match (result.points, of) {
        _ if gradebook::is_missing(&result.status) => NOT_HANDED_IN.to_owned(),
        (Some(points), Some(of)) => format!("{} of {} points", decimals(points), decimals(of)),
        (Some(points), None) => format!("{} points", decimals(points)),
        (None, _) => result.numeric.map_or_else(|| "no grade".to_owned(), |of| describe_grade(Some(of), None)),
    }
}

fn transcript_in_words(transcript: &CourseTranscript) -> String {
    let credits = |thousandths: Option<i64>| Unit::CreditThousandths.show(thousandths.unwrap_or(0));
    let grade = describe_grade(transcript.numeric, transcript.letter.as_deref());
    let (earned, attempted) = (credits(transcript.earned), credits(transcript.attempted));
    format!("{grade}, {earned} of {attempted} credits in {}", transcript.school_year)
}

fn connection_in_words(connection: &Connection) -> String {
    connection.end_on.map_or_else(
        || format!("since {}", connection.begin_on),
        |end| format!("from {} to {end}", connection.begin_on),
    )
}

/// Incidents and consequences that count on a date.
pub(super) fn conduct(evaluation: &Evaluation<'_>, as_of: Date) -> Vec<CitedFact> {
    cite(evaluation, as_of, |fact| {
        let is_conduct = matches!(fact, Fact::Behavior(_) | Fact::Discipline(_));
        (is_conduct && standing::further_not_counted(evaluation, &fact, as_of).is_none()).then_some(fact)
    })
}

/// Work that was not handed in by a date.
pub(super) fn missing_work(evaluation: &Evaluation<'_>, as_of: Date) -> Vec<CitedFact> {
    let mut cited = cite(evaluation, as_of, |fact| {
        let is_missing = matches!(&fact, Fact::AssignmentResult(result)
            if gradebook::is_missing_on(&result.status, result.fulfilled_on, as_of));
        (is_missing && standing::further_not_counted(evaluation, &fact, as_of).is_none()).then_some(fact)
    });
    // Whatever was said of it later.
    for fact in &mut cited {
        fact.what = NOT_HANDED_IN.into();
    }
    cited
}

/// Connections, those that had ended by a date too: an end after it says nothing of that date.
pub(super) fn connections(evaluation: &Evaluation<'_>, as_of: Date) -> Vec<CitedFact> {
    cite(evaluation, as_of, |fact| match fact {
        Fact::Connection(tie) if tie.begin_on <= as_of => {
            let end_on = tie.end_on.filter(|end| *end < as_of);
            Some(Fact::Connection(Connection { end_on, ..tie }))
        }
        _ => None,
    })
}

/// Facts as they were, newest first. One that is of no school is told with the student's own.
fn cite(evaluation: &Evaluation<'_>, as_of: Date, as_it_was: impl Fn(Fact) -> Option<Fact>) -> Vec<CitedFact> {
    let home = evaluation.home(as_of);
    let cited = evaluation.ledger.facts().filter_map(|live| {
        let origin = live.origin();
        let described = describe_further(&as_it_was(live.fact)?, evaluation.view)?;
        Some(CitedFact {
            date: described.date?,
            school: described.school.or_else(|| home.cloned())?,
            what: described.what.into(),
            code: described.code.into(),
            origin,
        })
    });
    let mut cited: Vec<CitedFact> = cited.collect();
    cited.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.origin.key.cmp(&b.origin.key)));
    cited
}

/// The dates on which some class was missed, newest first.
pub(super) fn missed_classes(evaluation: &Evaluation<'_>, as_of: Date) -> Vec<Date> {
    let missed = evaluation.classes(None, as_of).into_iter().filter(|class| class.absent);
    let mut dates: Vec<Date> = missed.map(|class| class.date).collect();
    dates.sort_unstable_by(|a, b| b.cmp(a));
    dates.dedup();
    dates
}

/// Absences, failing grades, incidents and consequences together, newest first.
pub(super) fn abc(evaluation: &Evaluation<'_>, as_of: Date) -> Cited {
    let absences = evaluation.absences().between(Date::EPOCH, as_of).cite(true);
    let mut facts = absences.facts;
    facts.extend(conduct(evaluation, as_of));
    facts.extend(failing(evaluation, as_of, false));
    facts.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.origin.key.cmp(&b.origin.key)));
    Cited::of_more(facts, absences.left_off)
}
