//! Coursework: gradebooks, and what the transcript says.

use homeroom_domain::event::{AssignmentResult, CourseTranscript, Fact};
use homeroom_domain::reference::{Assignment, Entry};

use super::fields::Fields;
use super::{Statement, Unmappable};

/// `gradebookEntries`. The standard lets an entry be without a section: it is kept and says nothing, since nobody could tell whose
/// class it counts in, and its students' results wait until it is sent with one.
pub(super) fn assignment(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let Some(section) = fields.find_object("sectionReference") else { return Ok(Vec::new()) };
    let due_on = match fields.find_date("dueDate")? {
        Some(due) => due,
        None => fields.date("dateAssigned")?,
    };
    let assignment = Assignment {
        assignment: fields.assignment()?,
        section: section.section()?,
        due_on,
        points: fields.find_hundredths("maxPoints"),
    };
    Ok(vec![Statement::Entry("", Entry::Assignment(assignment))])
}

/// `studentGradebookEntries`.
pub(super) fn result(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let code = |name: &str| fields.find_text(name).unwrap_or_default().to_owned();
    let result = AssignmentResult {
        assignment: fields.object("gradebookEntryReference")?.assignment()?,
        status: code("submissionStatusDescriptor"),
        lateness: code("assignmentLateStatusDescriptor"),
        points: fields.find_hundredths("pointsEarned"),
        numeric: fields.find_hundredths("numericGradeEarned"),
        fulfilled_on: fields.find_date("dateFulfilled")?,
    };
    Ok(vec![Statement::Fact(fields.student()?, Fact::AssignmentResult(result))])
}

/// `courseTranscripts`: the academic record that it is part of has no more to say than its key.
pub(super) fn transcript(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let record = fields.object("studentAcademicRecordReference")?;
    let transcript = CourseTranscript {
        course: fields.object("courseReference")?.course()?,
        school_year: record.school_year()?,
        term: record.text("termDescriptor")?.to_owned(),
        result: fields.text("courseAttemptResultDescriptor")?.to_owned(),
        attempted: fields.find_thousandths("attemptedCredits"),
        earned: fields.find_thousandths("earnedCredits"),
        numeric: fields.find_hundredths("finalNumericGradeEarned"),
        letter: fields.find_text("finalLetterGradeEarned").map(str::to_owned),
    };
    let student = record.text("studentUniqueId")?.to_owned();
    Ok(vec![Statement::Fact(student, Fact::CourseTranscript(transcript))])
}
