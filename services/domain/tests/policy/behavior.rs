//! Behavior: incidents, and suspensions that are linked to their absences once.

use std::collections::BTreeMap;

use homeroom_domain::behavior::{Conduct, Sanction};
use homeroom_domain::date::Date;
use homeroom_domain::event::{Behavior, Discipline};
use homeroom_domain::reference::{Entry, Incident};
use homeroom_domain::rule::Pack;

use crate::world::{World, absent, code, day, enrolled, excused, id, school};

fn part(incident: &str, part: &str) -> Behavior {
    let part = if part.is_empty() { String::new() } else { code(part) };
    Behavior { incident: id(incident), code: code("School Violation"), part }
}

fn given(kind: &str, from: Date, days: i32) -> Discipline {
    Discipline { school: school("1"), begin_on: from, length: Some(days * 100), code: code(kind) }
}

fn happened(world: &mut World, name: &str, on: Date) {
    let incident = Incident { incident: id(name), school: school("1"), date: on };
    world.defines(&format!("incident {name}"), Entry::Incident(incident));
}

fn conduct(world: &World) -> Conduct {
    world.look(|student| Conduct::of(student, world.now.as_of))
}

#[test]
fn incidents_count_once_and_their_days_too() {
    let mut world = World::of_school_days(10);
    for (name, on) in [("a", 2), ("b", 2), ("c", 4)] {
        happened(&mut world, name, day(on));
        world.says(name, part(name, "Perpetrator"));
    }
    world.says("a from another system", part("a", ""));
    let conduct = conduct(&world);
    assert_eq!((conduct.incidents, conduct.incident_days), (3, 2));
    assert_eq!(conduct.incident_rate(world.measures().enrolled), Some(20_00));
    assert_eq!(conduct.incident_rate(0), None);
}

#[test]
fn who_was_a_victim_or_a_witness_did_nothing() {
    let mut world = World::of_school_days(3);
    happened(&mut world, "fight", day(1));
    world.says("part", part("fight", "Victim"));
    assert_eq!(conduct(&world), Conduct::default());
    world.says("part", part("fight", "PERPETRATOR"));
    assert_eq!(conduct(&world).incidents, 1);
}

#[test]
fn an_incident_counts_when_it_is_known_and_its_date_is_closed_and_moves_with_its_date() {
    let mut world = World::of_school_days(5);
    world.says("part", part("fight", ""));
    assert_eq!(conduct(&world).incidents, 0);
    happened(&mut world, "fight", day(3));
    assert_eq!(conduct(&world).incidents, 1);
    world.closes(day(2));
    assert_eq!(conduct(&world).incidents, 0);
    happened(&mut world, "fight", day(1));
    assert_eq!(conduct(&world).incidents, 1);
    world.undefines("incident fight");
    assert_eq!(conduct(&world).incidents, 0);
}

#[test]
fn a_suspension_adds_no_absence_beside_the_marks_of_its_dates() {
    let mut world = World::of_school_days(10);
    world.says("mark", excused(day(3))).says("mark too", absent(day(4)));
    let before = world.measures();
    world.says("suspension", given("Out of School Suspension", day(3), 3));
    assert_eq!(world.measures(), before);
    let conduct = conduct(&world);
    assert_eq!((conduct.suspensions_out, conduct.suspended_out, conduct.suspended_unmarked), (1, 300, 100));
}

#[test]
fn a_date_is_suspended_once_however_many_suspensions_cover_it() {
    let mut world = World::of_school_days(10);
    world.says("one", given("Out of School Suspension", day(2), 3));
    world.says("other", given("Expulsion with Services", day(3), 4));
    world.says("inside", given("In School Suspension", day(1), 3));
    let conduct = conduct(&world);
    assert_eq!((conduct.suspensions_out, conduct.expulsions, conduct.suspensions_in), (1, 1, 1));
    assert_eq!(conduct.suspended_out, 500, "days 2 to 6");
    assert_eq!(conduct.suspended_in, 100, "day 1 alone");
}

#[test]
fn a_suspension_goes_on_over_a_weekend_and_a_day_off_and_ends_with_the_enrollment() {
    let mut world = World::of_school_days(10);
    world.says("suspension", given("Out of School Suspension", day(4), 3));
    assert_eq!(conduct(&world).suspended_out, 300, "Thursday, Friday and Monday");
    world.calendar_day("main", day(5), &["Weather day"]);
    assert_eq!(conduct(&world).suspended_out, 300, "Thursday, Monday and Tuesday");
    world.closes(day(6));
    assert_eq!(conduct(&world).suspended_out, 200, "so far");
    world
        .closes(day(10))
        .says("enrollment", homeroom_domain::event::Enrollment { exit_on: Some(day(4)), ..enrolled("1", day(1)) });
    assert_eq!(conduct(&world).suspended_out, 100);
}

#[test]
fn half_a_day_is_half_a_day_and_no_length_is_one_day() {
    let mut world = World::of_school_days(5);
    world.says("one", Discipline { length: Some(150), ..given("Out of School Suspension", day(1), 0) });
    assert_eq!(conduct(&world).suspended_out, 150);
    world.says("one", Discipline { length: None, ..given("Out of School Suspension", day(1), 0) });
    assert_eq!(conduct(&world).suspended_out, 100);
}

#[test]
fn a_districts_own_code_counts_once_it_has_a_meaning() {
    let mut world = World::of_school_days(5);
    world.says("one", given("OSS-3", day(1), 1));
    assert_eq!(conduct(&world), Conduct::default());
    world.settings.disciplines = BTreeMap::from([("oss-3".to_owned(), Sanction::OutOfSchoolSuspension)]);
    assert_eq!(conduct(&world).suspended_out, 100);
}

#[test]
fn a_later_incident_corrects_nothing_that_was_told_before() {
    const RULES: &str = "
id: conduct
version: 1
rules:
  - id: incidents
    version: 1
    title: Incidents
    meaning: The student had a part in two incidents or more.
    scope: school-year
    opens-when: incidents >= 2
    level: \"1\"
    severity: {1: warning}
    settle-seconds: 0
    audience: success-team
    evidence: conduct
    explanation: \"{incidents} incidents.\"
    clears: The year's end.
    source: the district
";
    let mut world = World::of_school_days(5);
    world.pack = Pack::parse(RULES).unwrap();
    for (name, on) in [("a", 1), ("b", 2), ("c", 4)] {
        happened(&mut world, name, day(on));
        world.says(name, part(name, ""));
    }
    world.closes(day(3));
    let opened = world.change();
    assert_eq!(opened.claim.proof.facts.iter().map(|fact| fact.date).collect::<Vec<_>>(), [day(2), day(1)]);
    world.closes(day(4));
    assert_eq!(world.tells(), Vec::<String>::new());
}
