//! Words on conduct, coursework and connections, as careless as the others.

use std::collections::BTreeMap;

use homeroom_domain::behavior::Sanction;
use homeroom_domain::connection::Relation;
use homeroom_domain::course::scale::{GradeScale, Step};
use homeroom_domain::event::{AssignmentResult, Behavior, Connection, CourseTranscript, Discipline, Fact, SurveyScore};
use homeroom_domain::id::SchoolYear;
use homeroom_domain::reference::{Assignment, Entry, Group, Incident};
use homeroom_domain::settings::Settings;

use super::{DAYS, SCHOOLS, SECTIONS, Said, enrollment, offset};
use crate::dice::Dice;
use crate::names::{YEAR, code, date, id, school};

const INCIDENTS: [&str; 3] = ["fight", "theft", "nobody's incident"];
const ASSIGNMENTS: [&str; 4] = ["essay", "quiz", "lab", "nobody's assignment"];
const GROUPS: [&str; 3] = ["robotics", "choir", "nobody's group"];
const GRADE_LEVELS: [&str; 4] = ["Ninth grade", "SIXTH GRADE", "6", "Tenth grade"];

/// A word on a student.
pub fn facts(dice: &mut Dice) -> Said {
    let said = match dice.roll(16) {
        0..3 => behavior(dice),
        3..6 => discipline(dice),
        6..9 => result(dice),
        9..12 => transcript(dice),
        12 | 13 => connection(dice),
        14 => survey(dice),
        _ => in_grade(dice),
    };
    if dice.one_in(6) { said.withdrawn() } else { said }
}

/// A reference record's word.
pub fn references(dice: &mut Dice) -> Said {
    let said = match dice.roll(3) {
        0 => {
            let name = dice.of(&INCIDENTS[..2]);
            let entry = Incident { incident: id(name), school: school(dice.of(&SCHOOLS)), date: date(offset(dice)) };
            Said::Reference(format!("incident {name}"), Some(Entry::Incident(entry)))
        }
        1 => {
            let name = dice.of(&ASSIGNMENTS[..3]);
            let entry = Assignment {
                assignment: id(name),
                section: id(dice.of(&SECTIONS)),
                due_on: date(offset(dice)),
                points: dice.one_in(2).then(|| dice.of(&[0, 10_00, 30_00])),
            };
            Said::Reference(format!("assignment {name}"), Some(Entry::Assignment(entry)))
        }
        _ => {
            let name = dice.of(&GROUPS[..2]);
            let kind = code(dice.of(&["Extracurricular Activity", "ATTENDANCE INTERVENTION", "Other"]));
            Said::Reference(format!("group {name}"), Some(Entry::Group(Group { group: id(name), kind })))
        }
    };
    if dice.one_in(5) { said.withdrawn() } else { said }
}

/// A district's settings, with what it says of these.
pub fn settings(dice: &mut Dice) -> Settings {
    let scale = GradeScale {
        letters: BTreeMap::from([("A".to_owned(), 4_00), ("E".to_owned(), 50), ("U".to_owned(), 0)]),
        numbers: [(60_00, 1_00), (0, 3), (90_00, 5_00)].map(|(from, points)| Step { from, points }).to_vec(),
    };
    let mut settings = super::settings(dice);
    if dice.one_in(2) {
        settings.disciplines.insert("oss-3".to_owned(), Sanction::OutOfSchoolSuspension);
        settings.connections.insert("attendance intervention".to_owned(), Relation::Mentor);
        settings.grade_scale = scale;
    }
    settings
}

fn behavior(dice: &mut Dice) -> Said {
    let incident = dice.of(&INCIDENTS);
    let part = dice.of(&["", "Perpetrator", "PERPETRATOR", "Victim"]);
    let part = if part.is_empty() { String::new() } else { code(part) };
    let fact = Behavior { incident: id(incident), code: code("School Violation"), part };
    Said::Fact(format!("part {} in {incident}", dice.roll(2)), Some(Fact::Behavior(fact)))
}

fn discipline(dice: &mut Dice) -> Said {
    let codes = ["In School Suspension", "OUT OF SCHOOL SUSPENSION", "Expulsion with Services", "Other", "OSS-3"];
    let fact = Discipline {
        school: school(dice.of(&SCHOOLS)),
        begin_on: date(dice.between(-2, DAYS)),
        length: dice.one_in(4).then_some(100).or_else(|| dice.one_in(3).then(|| dice.of(&[0, 50, 150, 300, 1000]))),
        code: code(dice.of(&codes)),
    };
    Said::Fact(format!("discipline {}", dice.roll(4)), Some(Fact::Discipline(fact)))
}

fn result(dice: &mut Dice) -> Said {
    let assignment = dice.of(&ASSIGNMENTS);
    let fact = AssignmentResult {
        assignment: id(assignment),
        status: code(dice.of(&["Graded", "Not Submitted", "missing", "Exempt", "Submitted"])),
        lateness: code(dice.of(&["Late", "Not Late"])),
        points: dice.one_in(2).then(|| dice.of(&[0, 7_00, 21_00, 35_00])),
        numeric: dice.one_in(2).then(|| dice.of(&[69_99, 70_00, 10_000])),
        fulfilled_on: dice.one_in(3).then(|| date(offset(dice))),
    };
    Said::Fact(format!("result {} of {assignment}", dice.roll(2)), Some(Fact::AssignmentResult(fact)))
}

fn transcript(dice: &mut Dice) -> Said {
    let credits = |dice: &mut Dice| dice.one_in(2).then(|| dice.of(&[0, 500, 1_000, 5_250]));
    let fact = CourseTranscript {
        course: id(&format!("course {}", dice.of(&["english", "algebra", "art", "latin"]))),
        school_year: dice.of(&[YEAR, YEAR, SchoolYear(YEAR.0 - 1), SchoolYear(YEAR.0 + 1)]),
        term: code(dice.of(&["Fall Semester", "Summer Semester"])),
        result: code(dice.of(&["Pass", "FAIL", "Incomplete", "Withdrawn"])),
        attempted: credits(dice),
        earned: credits(dice),
        numeric: dice.one_in(2).then(|| dice.of(&[59_99, 64_99, 93_00])),
        letter: dice.one_in(2).then(|| dice.of(&["A", "b+", "E", "F", "P"]).to_owned()),
    };
    Said::Fact(format!("transcript {}", dice.roll(5)), Some(Fact::CourseTranscript(fact)))
}

fn connection(dice: &mut Dice) -> Said {
    let with = dice.of(&GROUPS);
    let kind = dice.of(&["", "mentor", "trusted-adult", "Athletics", "Homeless"]);
    let fact = Connection {
        with: id(with),
        kind: if kind.is_empty() { String::new() } else { code(kind) },
        begin_on: date(dice.between(-60, DAYS)),
        end_on: dice.one_in(2).then(|| date(dice.between(-40, DAYS))),
    };
    Said::Fact(format!("connection {} with {with}", dice.roll(3)), Some(Fact::Connection(fact)))
}

fn survey(dice: &mut Dice) -> Said {
    let taken_on = date(dice.of(&[-300, 2, 2, 8, 12]));
    let fact = SurveyScore { survey: "WHO-5".to_owned(), taken_on, score: dice.of(&[0, 48_00, 52_00]) };
    Said::Fact(format!("survey {}", dice.roll(3)), Some(Fact::SurveyScore(fact)))
}

fn in_grade(dice: &mut Dice) -> Said {
    let at = dice.roll(2);
    match enrollment(dice, at) {
        Said::Fact(key, Some(Fact::Enrollment(mut spell))) => {
            spell.grade_level = code(dice.of(&GRADE_LEVELS));
            Said::Fact(key, Some(Fact::Enrollment(spell)))
        }
        other => other,
    }
}
