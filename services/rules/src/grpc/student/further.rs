//! Conduct, coursework and connections, in the words that a person reads.

use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::{AssignmentResult, Connection, CourseTranscript, Fact};
use homeroom_domain::measure::{Further, decimals};
use homeroom_domain::rule::claim::describe_grade;
use homeroom_proto::wire::risk as wire;

/// What the student's facts come to beside the measures, as far as it can be told.
pub(super) fn figures(evaluation: &Evaluation<'_>) -> Vec<wire::Figure> {
    let told = Further::all().filter_map(|of| {
        let (entry, value) = (of.entry(), of.value(evaluation, evaluation.now.as_of)?);
        Some(wire::Figure {
            name: entry.name.to_owned(),
            value,
            shown: entry.unit.show(value),
            unit: entry.unit.name().to_owned(),
            meaning: entry.meaning.to_owned(),
            source: entry.source.to_owned(),
        })
    });
    told.collect()
}

/// Fills in what such a fact is; others are passed over.
pub(super) fn describe(of: &Fact, evaluation: &Evaluation<'_>, fact: &mut wire::Fact) {
    let view = evaluation.view;
    match of {
        Fact::Behavior(behavior) => {
            "behavior".clone_into(&mut fact.kind);
            if let Some(incident) = view.incident(behavior.incident) {
                fact.date = Some(incident.date.days());
                fact.school = incident.school.to_string();
            }
            "a part in an incident".clone_into(&mut fact.what);
            behavior.code.clone_into(&mut fact.code);
        }
        Fact::Discipline(discipline) => {
            "discipline".clone_into(&mut fact.kind);
            fact.date = Some(discipline.begin_on.days());
            fact.school = discipline.school.to_string();
            fact.what = discipline.length.map_or_else(
                || "a consequence".to_owned(),
                |length| format!("a consequence of {} school days", decimals(length)),
            );
            discipline.code.clone_into(&mut fact.code);
        }
        Fact::AssignmentResult(result) => {
            "assignment result".clone_into(&mut fact.kind);
            let assignment = view.assignment(result.assignment);
            fact.date = assignment.map(|assignment| assignment.due_on.days());
            fact.what = result_in_words(result, assignment.and_then(|assignment| assignment.points));
            result.status.clone_into(&mut fact.code);
        }
        Fact::CourseTranscript(transcript) => {
            "course transcript".clone_into(&mut fact.kind);
            fact.what = transcript_in_words(transcript);
            transcript.result.clone_into(&mut fact.code);
        }
        Fact::Connection(connection) => {
            "connection".clone_into(&mut fact.kind);
            fact.date = Some(connection.begin_on.days());
            fact.what = connection_in_words(connection);
            let group = view.group(connection.with).filter(|_| connection.kind.is_empty());
            group.map_or(&connection.kind, |group| &group.kind).clone_into(&mut fact.code);
        }
        Fact::SurveyScore(survey) => {
            "survey score".clone_into(&mut fact.kind);
            fact.date = Some(survey.taken_on.days());
            fact.what = format!("{} of 100", decimals(survey.score));
            survey.survey.clone_into(&mut fact.code);
        }
        Fact::Registration
        | Fact::Enrollment(_)
        | Fact::SectionMembership(_)
        | Fact::AttendanceMark(_)
        | Fact::Grade(_) => {}
    }
}

fn result_in_words(result: &AssignmentResult, of: Option<i64>) -> String {
    match (result.points, of) {
        (Some(points), Some(of)) => format!("{} of {} points", decimals(points), decimals(of)),
        (Some(points), None) => format!("{} points", decimals(points)),
        (None, _) => {
            result.numeric.map_or_else(|| "no grade".to_owned(), |numeric| describe_grade(Some(numeric), None))
        }
    }
}

fn transcript_in_words(transcript: &CourseTranscript) -> String {
    let credits = |thousandths: Option<i64>| {
        let text = format!("{}.{:03}", thousandths.unwrap_or(0) / 1_000, thousandths.unwrap_or(0) % 1_000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
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
