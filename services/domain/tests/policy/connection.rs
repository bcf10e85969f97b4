//! Connections: adults, activities and what a survey says.

use std::collections::BTreeMap;

use homeroom_domain::connection::{Connections, Relation};
use homeroom_domain::date::Date;
use homeroom_domain::event::{Connection, SurveyScore};
use homeroom_domain::reference::{Entry, Group};
use homeroom_domain::rule::Pack;

use crate::world::{Plus as _, World, code, day, id};

fn tie(kind: &str, with: &str, from: Date) -> Connection {
    Connection { with: id(with), kind: kind.to_owned(), begin_on: from, end_on: None }
}

fn until(tie: Connection, end: Date) -> Connection {
    Connection { end_on: Some(end), ..tie }
}

fn score(on: Date, score: i32) -> SurveyScore {
    SurveyScore { survey: "WHO-5".to_owned(), taken_on: on, score }
}

fn connections(world: &World) -> Connections {
    world.look(|student| Connections::of(student, world.now.as_of))
}

#[test]
fn an_adult_counts_once_whether_trusted_or_a_mentor_or_both() {
    let mut world = World::of_school_days(5);
    world.says("a", tie("mentor", "ms lee", day(1))).says("b", tie("trusted-adult", "ms lee", day(1)));
    world.says("c", tie("trusted-adult", "mr diaz", day(6)));
    let now = connections(&world);
    assert_eq!((now.trusted_adults, now.mentored), (1, true), "the other one has not begun");
}

#[test]
fn a_group_says_what_kind_of_tie_it_is() {
    let mut world = World::of_school_days(5);
    world.says("a", tie("", "robotics", day(1))).says("b", tie("", "robotics", day(2)));
    assert!(world.waits());
    let group = |kind| Entry::Group(Group { group: id("robotics"), kind });
    world.defines("group", group(code("Extracurricular Activity")));
    assert_eq!((connections(&world).activities, world.waits()), (1, false));
    world.defines("group", group(code("Attendance Intervention")));
    assert_eq!(connections(&world), Connections::default());
    world.settings.connections = BTreeMap::from([("attendance intervention".to_owned(), Relation::Mentor)]);
    assert!(connections(&world).mentored);
}

#[test]
fn a_program_that_says_who_a_student_is_is_no_connection() {
    let mut world = World::of_school_days(5);
    for program in ["Special Education", "Homeless", "Title I Part A", "Bilingual"] {
        world.says(program, tie(&code(program), program, day(1)));
    }
    world.says("team", tie(&code("Athletics"), "team", day(1)));
    assert_eq!((connections(&world).activities, connections(&world).trusted_adults), (1, 0));
}

#[test]
fn the_loss_of_one_is_told_for_four_weeks_unless_another_takes_its_place() {
    let mut world = World::of_school_days(60);
    world.says("a", until(tie("mentor", "ms lee", day(1)), day(5)));
    world.closes(day(5));
    assert_eq!(connections(&world).lost, 0, "the last date counts");
    world.closes(day(6));
    assert_eq!((connections(&world).lost, connections(&world).mentored), (1, false));
    world.closes(day(5).plus(28));
    assert_eq!(connections(&world).lost, 1);
    world.closes(day(5).plus(29));
    assert_eq!(connections(&world).lost, 0);
    world.closes(day(6)).says("b", tie("mentor", "mr diaz", day(6)));
    assert_eq!(connections(&world).lost, 0);
}

#[test]
fn the_latest_survey_of_the_year_stands() {
    let mut world = World::of_school_days(9);
    assert_eq!(connections(&world).survey_score, None);
    world.says("last year", score(day(1).plus(-200), 10_00));
    assert_eq!(connections(&world).survey_score, None);
    world.says("first", score(day(2), 70_00)).says("second", score(day(4), 48_00)).says("later", score(day(20), 90_00));
    assert_eq!(connections(&world).survey_score, Some(48_00));
    world.says("same day", score(day(4), 52_00));
    assert_eq!(connections(&world).survey_score, Some(48_00));
}

#[test]
fn a_tie_that_ends_later_corrects_nothing_that_was_told_before() {
    const RULES: &str = "
id: ties
version: 1
rules:
  - id: alone
    version: 1
    title: Nobody to turn to
    meaning: The student has named no adult.
    scope: school-year
    opens-when: trusted_adults < 1
    level: \"1\"
    severity: {1: warning}
    settle-seconds: 0
    audience: success-team
    evidence: connections
    explanation: No adult.
    clears: A connection.
    source: the district
";
    let mut world = World::of_school_days(5);
    world.pack = Pack::parse(RULES).unwrap();
    world.says("club", tie("activity", "chess", day(1)));
    world.closes(day(3));
    assert_eq!(world.tells(), ["Opened alone 1"]);
    world.closes(day(5));
    world.says("club", until(tie("activity", "chess", day(1)), day(4)));
    assert_eq!(world.tells(), Vec::<String>::new());
}
