//! Grades.

use homeroom_domain::event::{Fact, Grade};

use super::fields::Fields;
use super::{Statement, Unmappable};

/// `grades`: a grade of a student's section in a grading period.
pub(super) fn grade(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let membership = fields.object("studentSectionAssociationReference")?;
    let grade = Grade {
        section: membership.section()?,
        grading_period: fields.object("gradingPeriodReference")?.grading_period()?,
        grade_type: fields.text("gradeTypeDescriptor")?.to_owned(),
        numeric: fields.find_hundredths("numericGradeEarned"),
        letter: fields.find_text("letterGradeEarned").map(str::to_owned),
    };
    Ok(vec![Statement::Fact(membership.text("studentUniqueId")?.to_owned(), Fact::Grade(grade))])
}
