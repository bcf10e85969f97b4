//! Connections: cohorts and programs.

use homeroom_domain::event::{Connection, Fact};
use homeroom_domain::reference::{Entry, Group};
use homeroom_domain::{code, connection};

use super::fields::Fields;
use super::{Statement, Unmappable};

/// `cohorts`.
pub(super) fn cohort(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let organization = fields.object("educationOrganizationReference")?.number_or_text("educationOrganizationId")?;
    let group = fields.cohort_of(&organization)?;
    let kind = fields.text("cohortTypeDescriptor")?.to_owned();
    Ok(vec![Statement::Entry("", Entry::Group(Group { group, kind }))])
}

/// `studentCohortAssociations`.
pub(super) fn membership(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let cohort = fields.object("cohortReference")?;
    let with = cohort.cohort_of(&cohort.number_or_text("educationOrganizationId")?)?;
    let (begin_on, end_on) = (fields.date("beginDate")?, fields.find_date("endDate")?);
    let connection = Connection { with, kind: String::new(), begin_on, end_on };
    Ok(vec![Statement::Fact(fields.student()?, Fact::Connection(connection))])
}

/// `studentProgramAssociations`, of programs that are activities. Most programs say who a student is (poor, disabled, homeless, new to
/// the language): that is nobody's business here, and no rule's input, so it does not leave the door.
pub(super) fn program(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let program = fields.object("programReference")?;
    let kind = program.text("programTypeDescriptor")?;
    if !connection::activity_program(&code::value(kind)) {
        return Ok(Vec::new());
    }
    let (with, kind) = (program.program()?, kind.to_owned());
    let (begin_on, end_on) = (fields.date("beginDate")?, fields.find_date("endDate")?);
    Ok(vec![Statement::Fact(fields.student()?, Fact::Connection(Connection { with, kind, begin_on, end_on }))])
}
