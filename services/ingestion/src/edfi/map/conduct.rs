//! Conduct: incidents, who had a part in them, and what followed.

use std::collections::BTreeSet;

use homeroom_domain::code;
use homeroom_domain::event::{Behavior, Discipline, Fact};
use homeroom_domain::reference::{Entry, Incident};

use super::fields::Fields;
use super::{Statement, Unmappable};

/// `disciplineIncidents`.
pub(super) fn incident(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let school = fields.object("schoolReference")?.school()?;
    let incident = fields.incident_at(&school)?;
    let date = fields.date("incidentDate")?;
    Ok(vec![Statement::Entry("", Entry::Incident(Incident { incident, school, date }))])
}

/// `studentDisciplineIncidentBehaviorAssociations`. Of several parts that of a perpetrator is taken, which is the one that counts.
pub(super) fn behavior(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let parts =
        fields.texts_of("disciplineIncidentParticipationCodes", "disciplineIncidentParticipationCodeDescriptor");
    let did_it = parts.iter().find(|part| code::value(part) == "perpetrator");
    let incident = fields.object("disciplineIncidentReference")?;
    let behavior = Behavior {
        incident: incident.incident_at(&incident.school()?)?,
        code: fields.text("behaviorDescriptor")?.to_owned(),
        part: did_it.or(parts.first()).cloned().unwrap_or_default(),
    };
    Ok(vec![Statement::Fact(fields.student()?, Fact::Behavior(behavior))])
}

/// `disciplineActions`: a record for each discipline that it lists, so that one that is taken off the list is withdrawn.
pub(super) fn action(fields: Fields<'_>) -> Result<Vec<Statement>, Unmappable> {
    let student = fields.student()?;
    let length = fields.find_hundredths("actualDisciplineActionLength");
    let length = length.or_else(|| fields.find_hundredths("disciplineActionLength"));
    let discipline = Discipline {
        school: fields.object("responsibilitySchoolReference")?.school()?,
        begin_on: fields.date("disciplineDate")?,
        length: length.and_then(|length| i32::try_from(length).ok()),
        code: String::new(),
    };
    let mut known = BTreeSet::new();
    let codes = fields.texts_of("disciplines", "disciplineDescriptor").into_iter();
    let statements = codes.filter_map(|code| {
        let part = code.to_lowercase();
        let fact = Fact::Discipline(Discipline { code, ..discipline.clone() });
        known.insert(part.clone()).then(|| Statement::FactOf(part, student.clone(), fact))
    });
    Ok(statements.collect())
}
