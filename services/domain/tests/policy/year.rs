//! A school year as it really goes: calendars that change in mid-year, students who come late, twice, or at two schools, and the year
//! before.

use homeroom_domain::event::Enrollment;
use homeroom_domain::rule::{DEFAULT_PACK, Pack};

use crate::world::{Marked, Spell, World, absent, day, enrolled, excused, on};

#[test]
fn a_snow_day_is_taken_out_of_the_year_and_made_up_later() {
    let mut world = World::of_school_days(10);
    world.says("mark", absent(day(4)));
    assert_eq!((world.total(), world.value("absences_left")), ((1_000, 100), -1));
    world.calendar_day("main", day(4), &["Instructional day", "Weather day"]);
    assert_eq!((world.total(), world.measures().streak), ((900, 0), 0), "nobody was absent on a day without school");
    let saturday = on("2021-09-18");
    world.calendar_day("main", saturday, &["Make-up day"]).says("made up", absent(saturday)).closes(saturday);
    assert_eq!(world.total(), (1_000, 100));
    world.calendar_day("main", day(4), &["Instructional day"]);
    assert_eq!(world.total(), (1_100, 200), "there was school after all");
}

#[test]
fn days_added_and_removed_move_what_is_left() {
    let mut world = World::of_school_days(20);
    world.says("mark", absent(day(2))).closes(day(10));
    assert_eq!(world.value("absences_left"), 99, "below a tenth of 20 days are 1.99");
    world.calendar_day("main", day(21), &["Instructional day"]);
    assert_eq!(world.value("absences_left"), 109);
    for n in 12..=21 {
        world.undefines(&format!("date main {}", day(n)));
    }
    assert_eq!((world.value("absences_left"), world.total()), (9, (1_000, 100)));
}

#[test]
fn each_track_begins_and_ends_with_its_own_calendar() {
    let mut world = World::unknown();
    world.opens("1").calendar("early", "1", 1..=8).calendar("late", "1", 4..=10).registers().closes(day(10));
    world.says("first", absent(day(2))).says("last", absent(day(10)));
    world.says("enrollment", enrolled("1", day(1)).following("early"));
    assert_eq!(world.total(), (800, 100));
    world.says("enrollment", enrolled("1", day(1)).following("late"));
    assert_eq!(world.total(), (700, 100));
    world.says("enrollment", enrolled("1", day(1)));
    assert_eq!(world.total(), (0, 0), "a school with two calendars, and nobody said which");
}

#[test]
fn who_comes_back_goes_on_where_he_left() {
    let mut world = World::unknown();
    world.opens("1").calendar("main", "1", 1..=20).registers().closes(day(20));
    world.says("first", enrolled("1", day(1)).until(day(5))).says("again", enrolled("1", day(11)));
    for n in [4, 5, 8, 11] {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    assert_eq!((world.total(), world.value("longest_streak")), ((1_500, 300), 3), "what is between counts nowhere");
    world.says("first", enrolled("1", day(1)).until(day(8)));
    assert_eq!((world.total(), world.value("longest_streak")), ((1_800, 400), 2), "the exit was corrected");
}

#[test]
fn a_student_of_two_schools_has_one_day_a_date_and_each_school_its_own() {
    let mut world = World::unknown();
    world.opens("1").calendar("main", "1", 1..=10).opens("2").calendar("career center", "2", 1..=10).registers();
    world.says("home", enrolled("1", day(1)).primary()).says("half days", enrolled("2", day(3))).closes(day(10));
    world.says("here", absent(day(4))).says("there", absent(day(5)).at("2"));
    assert_eq!(world.total(), (1_000, 100));
    let at = |name| (world.measures_at(name).enrolled, world.measures_at(name).absent);
    assert_eq!((at("1"), at("2")), ((1_000, 100), (800, 100)));
    assert_eq!(world.value("federal_chronic_from_8_days"), 2, "each school reports its own");
}

#[test]
fn a_transfer_brings_history_along_on_the_day_it_is_known() {
    let mut world = World::unknown();
    world.opens("1").calendar("main", "1", 1..=20).opens("2").calendar("other", "2", 1..=20).registers();
    world.says("first", enrolled("1", day(1))).says("mark", absent(day(10))).closes(day(10));
    assert_eq!(world.value("streak"), 1);
    world.says("first", enrolled("1", day(1)).until(day(10))).says("second", enrolled("2", day(11)));
    world.says("there", absent(day(11)).at("2")).closes(day(11));
    assert_eq!((world.total(), world.value("streak")), ((1_100, 200), 2));
    assert_eq!(world.look(|student| student.home(day(11)).map(ToString::to_string)), Some("2".to_owned()));
    world.says("second", enrolled("2", day(11)).until(day(11)).leaving_as("No show"));
    assert_eq!(world.total(), (1_000, 100), "he never came there");
}

/// A school year of twenty days before this one.
fn two_years() -> World {
    let mut world = World::of_school_days(10);
    world.was_here_last_year();
    for n in [3, 4] {
        world.says(&format!("old mark {n}"), absent(last(n)));
    }
    world
}

/// A date of last year's May.
fn last(n: i32) -> homeroom_domain::date::Date {
    on(&format!("2021-05-{n:02}"))
}

#[test]
fn last_years_result_is_exact_after_a_correction_of_last_year() {
    let mut world = two_years();
    let result = |world: &World| ["enrolled", "absent", "tier"].map(|name| world.value(&format!("last_year_{name}")));
    assert_eq!(result(&world), [2_000, 200, 2]);
    assert_eq!((world.value("enrolled"), world.value("absent")), (1_000, 0), "a year begins with nothing");
    world.withdraws("old mark 3");
    assert_eq!(result(&world), [2_000, 100, 1]);
    world.says("old mark 4", absent(last(4)).share(50)).undefines("old 4");
    assert_eq!(result(&world), [1_900, 0, 0], "the calendar was corrected");
    world.says("enrollment", Enrollment { entry_on: last(12), ..enrolled("1", last(1)) });
    assert_eq!(result(&world), [900, 0, -1], "the enrollment was cut short");
}

#[test]
fn a_rule_on_last_year_is_recalled_when_last_year_is_corrected() {
    let mut world = two_years();
    world.pack =
        Pack::parse(&DEFAULT_PACK.replace("opens-when: tier >= 1", "opens-when: last_year_tier >= 2")).unwrap();
    world.only("attendance-tier");
    assert_eq!(format!("{:?}", world.change().kind), "Opened");
    world.says("old mark 3", excused(last(3)));
    assert!(world.changes().iter().all(|change| format!("{:?}", change.kind) != "Recalled"), "excused is absent too");
    world.withdraws("old mark 3");
    assert_eq!(format!("{:?}", world.change().kind), "Recalled");
}
