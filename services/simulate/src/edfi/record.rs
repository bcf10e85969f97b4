//! Enrollments, class lists, marks, behavior and groups of a student.

use super::staff::cohort_reference;
use super::{
    day, frame, grade_level, school_reference, section_reference, session_reference, student_reference, year_reference,
};
use crate::attendance::{self, Reason};
use crate::behavior::{Action, Incident};
use crate::calendar::Day;
use crate::course::{self, Section, Term};
use crate::district::{District, Level, School};
use crate::document::{Batch, Resource};
use crate::enrollment::{Exit, Spell};
use crate::json::Json;
use crate::mark::{Category, Mark, SectionMark};
use crate::student::Student;

pub(super) fn enrollments(district: &District, student: &Student, batch: &mut Batch) {
    for spell in &student.spells {
        let school = &district.schools[spell.school];
        let mut say = |on, exit: Option<&Exit>| {
            batch.say(Resource::Enrollments, on, |json| enrollment(json, district, student, (school, spell), exit));
        };
        say(spell.said_on, None);
        if let Some(exit) = &spell.exit {
            say(district.calendar.at(exit.recorded), Some(exit));
        }
        for term in Term::BOTH {
            memberships(district, student, (school, spell), term, batch);
        }
    }
}

fn enrollment(json: &mut Json<'_>, district: &District, student: &Student, at: (&School, &Spell), exit: Option<&Exit>) {
    let (school, spell) = at;
    day(json, "entryDate", district, district.calendar.at(spell.entry));
    school_reference(json, "schoolReference", school);
    student_reference(json, student);
    year_reference(json, district);
    frame::calendar_reference(json, district, school);
    json.code("entryGradeLevelDescriptor", "GradeLevelDescriptor", grade_level(student.grade));
    json.code("entryTypeDescriptor", "EntryTypeDescriptor", spell.entry_type).truth("primarySchool", true);
    if let Some(exit) = exit {
        day(json, "exitWithdrawDate", district, district.calendar.at(exit.last));
        json.code("exitWithdrawTypeDescriptor", "ExitWithdrawTypeDescriptor", exit.withdrawal);
    }
}

/// The first and last day of a stay's class lists in a term, when it has any.
pub(super) fn membership(district: &District, spell: &Spell, term: Term) -> Option<(Day, Day)> {
    let (begin, end) = district.term(term);
    let begin = begin.max(district.calendar.at(spell.entry));
    let end = spell.exit.as_ref().map_or(end, |exit| end.min(district.calendar.at(exit.last)));
    (begin <= end).then_some((begin, end))
}

fn memberships(district: &District, student: &Student, at: (&School, &Spell), term: Term, batch: &mut Batch) {
    let (school, spell) = at;
    let Some((begin, end)) = membership(district, spell, term) else { return };
    let usual_end = district.term(term).1;
    // Spring's lists are made in the week before it begins, or when the student comes.
    let said_on = if term == Term::Fall { spell.said_on } else { begin.minus(5).max(spell.said_on) };
    let recorded = spell.exit.as_ref().map(|exit| district.calendar.at(exit.recorded)).filter(|_| end < usual_end);
    let track = attendance::track(district, student.number, school);
    for slot in 0..course::slots(school.level) {
        let section = Section { grade: student.grade, track, slot, term };
        let key = |json: &mut Json<'_>| {
            day(json, "beginDate", district, begin);
            section_reference(json, district, school, section);
            student_reference(json, student);
        };
        let mut say = |on, end| {
            batch.say(Resource::SectionMemberships, on, |json| {
                key(json);
                day(json, "endDate", district, end);
                if school.level == Level::Elementary {
                    json.truth("homeroomIndicator", true);
                }
            });
        };
        match recorded {
            Some(recorded) if recorded <= said_on => say(said_on, end),
            Some(recorded) => {
                say(said_on, usual_end);
                if spell.came() {
                    say(recorded, end);
                } else {
                    batch.withdraw(Resource::SectionMemberships, recorded, key);
                }
            }
            None => say(said_on, usual_end),
        }
    }
}

pub(super) fn marks(district: &District, student: &Student, batch: &mut Batch) {
    for mark in &student.marks {
        let school = &district.schools[student.spells[mark.spell].school];
        let date = district.calendar.at(mark.index);
        let key = |json: &mut Json<'_>| {
            category(json, mark.category);
            day(json, "eventDate", district, date);
            student_reference(json, student);
            school_reference(json, "schoolReference", school);
            session_reference(json, district, school, district.term_of(date));
        };
        if mark.withdrawn {
            batch.withdraw(Resource::DailyMarks, mark.on, key);
        } else {
            batch.say(Resource::DailyMarks, mark.on, |json| {
                key(json);
                details(json, mark);
            });
        }
    }
    for mark in &student.section_marks {
        section_mark(district, student, mark, batch);
    }
}

fn category(json: &mut Json<'_>, category: Category) {
    json.code("attendanceEventCategoryDescriptor", "AttendanceEventCategoryDescriptor", category.code());
}

fn details(json: &mut Json<'_>, mark: &Mark) {
    json.text("attendanceEventReason", mark.reason.text());
    if mark.category != Category::Tardy {
        json.hundredths("eventDuration", mark.share);
    }
    if mark.reason == Reason::SuspendedIn {
        json.code("educationalEnvironmentDescriptor", "EducationalEnvironmentDescriptor", "In-school suspension");
    }
}

fn section_mark(district: &District, student: &Student, mark: &SectionMark, batch: &mut Batch) {
    let school = &district.schools[student.spells[mark.spell].school];
    let date = district.calendar.at(mark.index);
    let track = attendance::track(district, student.number, school);
    let section = Section { grade: student.grade, track, slot: mark.slot, term: district.term_of(date) };
    let key = |json: &mut Json<'_>| {
        category(json, mark.category);
        day(json, "eventDate", district, date);
        section_reference(json, district, school, section);
        student_reference(json, student);
    };
    if mark.withdrawn {
        batch.withdraw(Resource::SectionMarks, mark.on, key);
    } else {
        batch.say(Resource::SectionMarks, mark.on, key);
    }
}

pub(super) fn incidents(district: &District, student: &Student, batch: &mut Batch) {
    for incident in &student.incidents {
        let school = &district.schools[student.spells[incident.spell].school];
        let id = format!("{}-{}", Student::id(student.number), incident.number);
        let on = district.calendar.at(incident.index);
        batch.say(Resource::Incidents, on, |json| {
            json.text("incidentIdentifier", &id);
            school_reference(json, "schoolReference", school);
            day(json, "incidentDate", district, on);
            json.code("incidentLocationDescriptor", "IncidentLocationDescriptor", "Classroom");
            json.list("behaviors", [incident.behavior], |json, code| {
                json.code("behaviorDescriptor", "BehaviorDescriptor", code);
            });
        });
        batch.say(Resource::Behaviors, on, |json| {
            json.code("behaviorDescriptor", "BehaviorDescriptor", incident.behavior);
            json.object("disciplineIncidentReference", |json| {
                json.text("incidentIdentifier", &id).number("schoolId", school.id());
            });
            student_reference(json, student);
            let list = "DisciplineIncidentParticipationCodeDescriptor";
            json.list("disciplineIncidentParticipationCodes", ["Perpetrator"], |json, code| {
                json.code("disciplineIncidentParticipationCodeDescriptor", list, code);
            });
        });
        action(district, student, (school, incident), &id, batch);
    }
}

fn action(district: &District, student: &Student, what: (&School, &Incident), id: &str, batch: &mut Batch) {
    let (school, incident) = what;
    let (discipline, days) = match incident.action {
        Action::Talk => return,
        Action::SuspendedIn(days) => ("In School Suspension", days),
        Action::SuspendedOut(days) => ("Out of School Suspension", days),
    };
    batch.say(Resource::DisciplineActions, district.calendar.at(incident.index), |json| {
        json.text("disciplineActionIdentifier", id);
        day(json, "disciplineDate", district, district.calendar.at(incident.index + 1));
        student_reference(json, student);
        school_reference(json, "responsibilitySchoolReference", school);
        json.number("disciplineActionLength", days).number("actualDisciplineActionLength", days);
        json.list("disciplines", [discipline], |json, code| {
            json.code("disciplineDescriptor", "DisciplineDescriptor", code);
        });
        json.list("studentDisciplineIncidentBehaviorAssociations", [()], |json, ()| {
            json.object("studentDisciplineIncidentBehaviorAssociationReference", |json| {
                json.code("behaviorDescriptor", "BehaviorDescriptor", incident.behavior);
                json.text("incidentIdentifier", id).number("schoolId", school.id());
                json.text("studentUniqueId", &Student::id(student.number));
            });
        });
    });
}

pub(super) fn connections(district: &District, student: &Student, batch: &mut Batch) {
    for connection in &student.connections {
        let school = &district.schools[student.spells[connection.spell].school];
        let mut say = |on, end| {
            batch.say(Resource::StudentCohorts, on, |json| {
                day(json, "beginDate", district, connection.begin);
                cohort_reference(json, school, connection.group);
                student_reference(json, student);
                if let Some(end) = end {
                    day(json, "endDate", district, end);
                }
            });
        };
        // Two words on one record on one day would come in whatever order.
        let ends_later = connection.end.is_some_and(|end| end != connection.begin);
        say(connection.begin, connection.end.filter(|_| !ends_later));
        if let Some(end) = connection.end.filter(|_| ends_later) {
            say(end, Some(end));
        }
    }
}
