//! Arbitrary conduct, coursework and connections, and what a district says of them.

use std::collections::BTreeMap;

use homeroom_domain::behavior::Sanction;
use homeroom_domain::connection::Relation;
use homeroom_domain::course::grading::SchoolScale;
use homeroom_domain::course::scale::{GradeScale, Step};
use homeroom_domain::event::{AssignmentResult, Behavior, Connection, CourseTranscript, Discipline, Fact, SurveyScore};
use homeroom_domain::id::SchoolYear;
use homeroom_domain::reference::{Assignment, Entry, Group, Incident};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{date, key, school, text};

pub(super) fn fact() -> impl Strategy<Value = Fact> {
    let behavior = (key(), text(), text())
        .prop_map(|(incident, code, part)| Fact::Behavior(Behavior { incident: incident.into(), code, part }));
    let discipline = (school(), date(), option::of(any::<i32>()), text())
        .prop_map(|(school, begin_on, length, code)| Fact::Discipline(Discipline { school, begin_on, length, code }));
    let connection = (key(), text(), date(), option::of(date())).prop_map(|(with, kind, begin_on, end_on)| {
        Fact::Connection(Connection { with: with.into(), kind, begin_on, end_on })
    });
    let survey = (text(), date(), any::<i32>())
        .prop_map(|(survey, taken_on, score)| Fact::SurveyScore(SurveyScore { survey, taken_on, score }));
    prop_oneof![behavior, discipline, result(), transcript(), connection, survey]
}

fn result() -> impl Strategy<Value = Fact> {
    let numbers = (option::of(any::<i64>()), option::of(any::<i64>()), option::of(date()));
    (key(), text(), text(), numbers).prop_map(|(assignment, status, lateness, (points, numeric, fulfilled_on))| {
        let assignment = assignment.into();
        Fact::AssignmentResult(AssignmentResult { assignment, status, lateness, points, numeric, fulfilled_on })
    })
}

fn transcript() -> impl Strategy<Value = Fact> {
    let credits = (option::of(any::<i64>()), option::of(any::<i64>()));
    let grade = (option::of(any::<i64>()), option::of(text()));
    ((key(), any::<i32>()), text(), text(), credits, grade).prop_map(
        |((course, year), term, result, credits, grade)| {
            let ((attempted, earned), (numeric, letter)) = (credits, grade);
            let (course, school_year) = (course.into(), SchoolYear(year));
            Fact::CourseTranscript(CourseTranscript {
                course,
                school_year,
                term,
                result,
                attempted,
                earned,
                numeric,
                letter,
            })
        },
    )
}

pub(super) fn entry() -> impl Strategy<Value = Entry> {
    let incident = (key(), school(), date())
        .prop_map(|(incident, school, date)| Entry::Incident(Incident { incident: incident.into(), school, date }));
    let assignment =
        (key(), key(), date(), option::of(any::<i64>())).prop_map(|(assignment, section, due_on, points)| {
            let (assignment, section) = (assignment.into(), section.into());
            Entry::Assignment(Assignment { assignment, section, due_on, points })
        });
    let group = (key(), text()).prop_map(|(group, kind)| Entry::Group(Group { group: group.into(), kind }));
    prop_oneof![incident, assignment, group]
}

pub(super) fn disciplines() -> impl Strategy<Value = BTreeMap<String, Sanction>> {
    let sanctions =
        [Sanction::InSchoolSuspension, Sanction::OutOfSchoolSuspension, Sanction::Expulsion, Sanction::Other];
    btree_map(text(), select(sanctions.to_vec()), 0..3)
}

pub(super) fn connections() -> impl Strategy<Value = BTreeMap<String, Relation>> {
    btree_map(text(), select(vec![Relation::Activity, Relation::Mentor, Relation::TrustedAdult]), 0..3)
}

pub(super) fn grade_scale() -> impl Strategy<Value = GradeScale> {
    let steps = vec((any::<i64>(), any::<i64>()).prop_map(|(from, points)| Step { from, points }), 0..3);
    (btree_map(text(), any::<i64>(), 0..3), steps).prop_map(|(letters, numbers)| GradeScale { letters, numbers })
}

pub(super) fn school_scale() -> impl Strategy<Value = SchoolScale> {
    (vec(text(), 0..3), any::<i64>(), grade_scale())
        .prop_map(|(school_types, failing_below, grade_scale)| SchoolScale { school_types, failing_below, grade_scale })
}
