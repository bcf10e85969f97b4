//! Items 2 and 7: spells, no-shows, transfers, and the one day that a date is for the district.

use homeroom_domain::event::Enrollment;

use crate::world::{Marked, Plus, Spell, World, absent, day, enrolled};

/// Enrolled hundredths of a student with these spells at a school of ten days.
fn enrolled_by(spells: &[Enrollment]) -> i64 {
    let mut world = World::unknown();
    world.opens("1").calendar("main", "1", 1..=10).registers().closes(day(10));
    for (n, spell) in spells.iter().enumerate() {
        world.says(&format!("spell {n}"), spell.clone());
    }
    world.total().0
}

#[test]
fn the_entry_and_the_exit_day_count() {
    assert_eq!(enrolled_by(&[enrolled("1", day(3)).until(day(5))]), 300);
    assert_eq!(enrolled_by(&[enrolled("1", day(3)).until(day(3))]), 100);
    assert_eq!(enrolled_by(&[enrolled("1", day(3))]), 800);
    assert_eq!(enrolled_by(&[]), 0);
}

#[test]
fn spells_of_one_school_are_joined_and_overlaps_count_once() {
    let spell = |from, until| enrolled("1", day(from)).until(day(until));
    assert_eq!(enrolled_by(&[spell(1, 3), spell(7, 8)]), 500, "a gap");
    assert_eq!(enrolled_by(&[spell(1, 5), spell(5, 8)]), 800, "one day in both");
    assert_eq!(enrolled_by(&[spell(1, 8), spell(2, 3)]), 800, "one within the other");
    assert_eq!(enrolled_by(&[spell(1, 4), spell(1, 4)]), 400, "the same twice");
    assert_eq!(enrolled_by(&[spell(1, 2), enrolled("1", day(2))]), 1000, "one open");
}

#[test]
fn a_no_show_is_never_enrolled() {
    let spell = |exit: i32| enrolled("1", day(3)).until(day(3).plus(exit));
    assert_eq!(enrolled_by(&[spell(-1)]), 0, "exit before entry, whatever its type");
    assert_eq!(enrolled_by(&[spell(-1).leaving_as("Transferred")]), 0);
    assert_eq!(enrolled_by(&[spell(0).leaving_as("No show")]), 0);
    assert_eq!(enrolled_by(&[spell(0).leaving_as("NO SHOW")]), 0);
    assert_eq!(enrolled_by(&[spell(0).leaving_as("Transferred")]), 100, "came for a day");
    assert_eq!(enrolled_by(&[spell(1).leaving_as("No show")]), 200, "was there two days, whatever its type");
}

/// Schools "9", "10" and "101" with the same five days.
fn three_schools() -> World {
    let mut world = World::unknown();
    for name in ["9", "10", "101"] {
        world.opens(name).calendar(&format!("of {name}"), name, 1..=5);
    }
    world.registers().closes(day(5));
    world
}

fn school_of(world: &World, n: i32) -> Option<String> {
    world.counted(day(n)).map(|(school, _)| school)
}

#[test]
fn a_transfer_carries_absences_along() {
    let mut world = three_schools();
    world.says("first", enrolled("9", day(1)).until(day(2))).says("second", enrolled("10", day(3)));
    world.says("mark 1", absent(day(2)).at("9")).says("mark 2", absent(day(3)).at("10"));
    assert_eq!(world.total(), (500, 200));
    assert_eq!(world.measures().streak, 0);
    assert_eq!((world.measures_at("9").enrolled, world.measures_at("9").absent), (200, 100));
    assert_eq!((world.measures_at("10").enrolled, world.measures_at("10").absent), (300, 100));
}

#[test]
fn on_the_day_of_a_transfer_the_later_entry_is_the_districts_day() {
    let mut world = three_schools();
    world.says("first", enrolled("9", day(1)).until(day(3))).says("second", enrolled("10", day(3)));
    world.says("mark", absent(day(3)).at("9"));
    assert_eq!(world.total(), (500, 0));
    assert_eq!(school_of(&world, 3).as_deref(), Some("10"));
    assert_eq!(world.measures_at("9").absent, 100, "the school's own figures stay");
    world.says("mark", absent(day(3)).at("10"));
    assert_eq!(world.total(), (500, 100));
}

#[test]
fn the_primary_school_comes_before_the_latest_entry() {
    let mut world = three_schools();
    world.says("first", enrolled("9", day(1)).primary()).says("second", enrolled("10", day(3)));
    assert_eq!(school_of(&world, 4).as_deref(), Some("9"));
    world.says("second", enrolled("10", day(3)).primary());
    assert_eq!(school_of(&world, 4).as_deref(), Some("10"), "of two primary schools the latest entry");
}

#[test]
fn of_equal_entries_the_lowest_school_number_is_taken() {
    let mut world = three_schools();
    for name in ["101", "10", "9"] {
        world.says(name, enrolled(name, day(1)));
    }
    assert_eq!(school_of(&world, 1).as_deref(), Some("9"), "by number, not by text");
    world.withdraws("9");
    assert_eq!(school_of(&world, 1).as_deref(), Some("10"));
}

#[test]
fn only_schools_where_the_date_counts_are_asked() {
    let mut world = three_schools();
    world.says("first", enrolled("9", day(1)).primary()).says("second", enrolled("10", day(1)));
    world.calendar_day("of 9", day(2), &["Instructional day", "Weather day"]);
    world.says("mark", absent(day(2)).at("10"));
    assert_eq!(school_of(&world, 2).as_deref(), Some("10"));
    assert_eq!(world.total(), (500, 100), "one day a date, never two");
}

#[test]
fn the_primary_flag_holds_only_while_its_spell_does() {
    let mut world = three_schools();
    world.says("old", enrolled("9", day(1)).until(day(2)).primary()).says("back", enrolled("9", day(4)));
    world.says("other", enrolled("10", day(1)));
    assert_eq!(school_of(&world, 2).as_deref(), Some("9"));
    assert_eq!(school_of(&world, 3).as_deref(), Some("10"));
    assert_eq!(school_of(&world, 4).as_deref(), Some("9"), "entered later");
}
