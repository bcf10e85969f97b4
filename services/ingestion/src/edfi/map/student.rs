//! Students, their spells at schools, and the sections they belong to.

use homeroom_domain::event::{Enrollment, Fact, SectionMembership};

use super::fields::Fields;
use super::{Profile, Statement, Unmappable};

/// `students`: the district knows this student, and what people call them.
pub(super) fn profile(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let local_id = fields.text("studentUniqueId")?.to_owned();
    let text = |name: &str| fields.find_text(name).unwrap_or_default().to_owned();
    let profile = Profile {
        local_id: local_id.clone(),
        first_name: text("firstName"),
        last_name: text("lastSurname"),
        preferred_name: text("preferredFirstName"),
    };
    Ok(vec![Statement::Fact(local_id, Fact::Registration), Statement::Profile(Box::new(profile))])
}

/// `studentSchoolAssociations`.
pub(super) fn enrollment(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let enrollment = Enrollment {
        school: fields.object("schoolReference")?.school()?,
        entry_on: fields.date("entryDate")?,
        exit_on: fields.find_date("exitWithdrawDate")?,
        calendar: fields.find_object("calendarReference").map(Fields::calendar).transpose()?,
        primary_school: fields.find_boolean("primarySchool").unwrap_or(false),
        grade_level: fields.find_text("entryGradeLevelDescriptor").unwrap_or_default().to_owned(),
        exit_type: fields.find_text("exitWithdrawTypeDescriptor").unwrap_or_default().to_owned(),
    };
    Ok(vec![Statement::Fact(fields.student()?, Fact::Enrollment(enrollment))])
}

/// `studentSectionAssociations`.
pub(super) fn membership(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let membership = SectionMembership {
        section: fields.object("sectionReference")?.section()?,
        begin_on: fields.date("beginDate")?,
        end_on: fields.find_date("endDate")?,
    };
    Ok(vec![Statement::Fact(fields.student()?, Fact::SectionMembership(membership))])
}
