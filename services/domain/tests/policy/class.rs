//! What was missed of classes, over windows, and classes that were skipped.

use crate::world::{Marked, World, absent, day, excused, mark, member};

/// Five weeks with three classes.
fn taught() -> World {
    let mut world = World::of_school_days(25);
    world.session("half", 1, 25);
    for name in ["algebra", "art", "biology"] {
        world.section(name, "Mathematics", "half").says(&format!("member of {name}"), member(name, day(1)));
    }
    world
}

#[test]
fn classes_have_windows_of_their_own() {
    let mut world = taught();
    for n in [1, 6, 24] {
        world.says(&format!("cut {n}"), absent(day(n)).in_section("algebra"));
    }
    world.says("ill", excused(day(25)).in_section("algebra")).says("art", absent(day(24)).in_section("art"));
    for (name, value) in [
        ("class_absences", 4),
        ("class_absences_last_5_school_days", 2),
        ("class_absences_last_28_days", 3),
        ("class_absences_mondays", 2),
        ("class_absences_first_5_school_days", 1),
        ("class_unexcused", 3),
        ("class_unexcused_last_2_days", 1),
        ("class_absent_rate", 1_600),
        ("class_absent_rate_last_5_school_days", 4_000),
        ("classes_skipped", 4),
        ("classes_skipped_this_school_month", 2),
        ("absent", 100),
    ] {
        assert_eq!(world.value(name), value, "{name}");
    }
    world.withdraws("cut 6");
    assert_eq!((world.value("class_absences"), world.value("classes_skipped")), (3, 3));
}

#[test]
fn a_day_missed_wholly_is_missed_of_each_class_and_a_part_of_none() {
    let mut world = taught();
    world.says("day", absent(day(3))).says("part", absent(day(4)).share(50));
    assert_eq!((world.value("class_absences"), world.value("class_unexcused")), (1, 1));
    assert_eq!(world.value("classes_skipped"), 0, "who was not at school skipped no class");
    world.says("algebra", mark("Present", day(3)).in_section("algebra"));
    assert_eq!(world.value("class_absences_mondays"), 0);
    assert_eq!(world.value("class_absent_rate"), 400, "of art and biology");
}

/// A calculator that counts minutes knows how long a mark for the whole day was, and so do its classes.
#[test]
fn an_absence_of_45_minutes_is_missed_of_no_class_where_minutes_count() {
    for count in [
        "exact",
        "{halves: {noon: \"12:00\", needed-minutes: 100}}",
        "{minutes-absent: [{from: 300, absent: 100}, {from: 0, absent: 0}]}",
    ] {
        let mut world = taught();
        world.counts_by(&format!("  - id: ours\n    count: {count}\n    day-minutes: 390"));
        world.says("day", absent(day(3)).minutes(45));
        assert_eq!((world.value("class_absences"), world.value("class_unexcused")), (0, 0), "{count}");
        world.says("day", absent(day(3)).minutes(390));
        assert_eq!((world.value("class_absences"), world.value("class_unexcused")), (1, 1), "{count}");
        world.says("day", excused(day(3)));
        assert_eq!((world.value("class_absences"), world.value("class_unexcused")), (1, 0), "{count}");
    }
    let mut world = taught();
    world.says("day", absent(day(3)).minutes(45));
    assert_eq!((world.value("class_absences"), world.value("absent")), (1, 100), "marks count for whole days");
}

#[test]
fn of_a_day_of_unknown_length_an_absence_with_minutes_is_a_part() {
    let mut world = taught();
    world.counts_by("  - id: ours\n    count: exact");
    world.says("day", absent(day(3)).minutes(45));
    assert_eq!(world.value("class_absences"), 0);
    world.says("day", absent(day(3)));
    assert_eq!(world.value("class_absences"), 1);
}

/// Source: `PowerSchool` Attendance Intervention, real-time notifications: present in one period, absent in another.
#[test]
fn a_class_is_skipped_by_who_was_in_another_one() {
    let mut world = taught();
    for class in ["algebra", "art", "biology"] {
        world.says(class, absent(day(3)).in_section(class));
    }
    assert_eq!(world.value("classes_skipped"), 0, "in none that day");
    world.says("art", mark("Tardy", day(3)).in_section("art"));
    assert_eq!(world.value("classes_skipped"), 2);
    world.says("biology", mark("Absent", day(3)).in_section("biology"));
    assert_eq!(world.value("classes_skipped"), 2, "nobody said why");
    world.says("biology", excused(day(3)).in_section("biology"));
    assert_eq!(world.value("classes_skipped"), 1);
}

#[test]
fn where_attendance_is_sent_as_taken_a_class_without_it_is_unknown() {
    let mut world = taught();
    assert_eq!(world.value("class_absent_rate"), 0);
    world.takes_attendance("algebra", day(1)).takes_attendance("algebra", day(2));
    world.says("cut", absent(day(3)).in_section("art"));
    assert_eq!(world.value("class_absent_rate"), 10_000, "of art one date is known");
    assert_eq!(world.value("classes_skipped"), 0, "nobody knows of another class that day");
    world.takes_attendance("algebra", day(3));
    assert_eq!(world.value("classes_skipped"), 1);
}

#[test]
fn a_class_that_was_left_or_has_not_begun_has_no_dates() {
    let mut world = taught();
    for class in ["art", "biology"] {
        world.withdraws(&format!("member of {class}"));
    }
    world.says("member of algebra", member("algebra", day(21))).says("day", absent(day(20)));
    assert_eq!((world.value("class_absences"), world.value("class_absent_rate")), (0, 0));
    world.withdraws("member of algebra");
    assert_eq!(world.value("class_absent_rate"), -1);
}

#[test]
fn a_class_is_skipped_today_as_soon_as_another_was_attended() {
    let mut world = taught();
    world.begins(day(8));
    let today = |world: &World| world.value("classes_skipped_today");
    world.says("yesterday", absent(day(7)).in_section("art"));
    assert_eq!(today(&world), 0, "yesterday is not today");
    world.says("algebra", absent(day(8)).in_section("algebra"));
    assert_eq!((today(&world), world.value("classes_skipped")), (1, 1), "as of yesterday it was one too");
    world.says("art", absent(day(8)).in_section("art")).says("biology", absent(day(8)).in_section("biology"));
    assert_eq!(today(&world), 0, "who is in no class is absent, and skipped none");
    world.says("late", mark("Tardy", day(8)));
    assert_eq!(today(&world), 3, "and came after all");
    world.says("art", excused(day(8)).in_section("art")).withdraws("biology");
    assert_eq!(today(&world), 1);
}
