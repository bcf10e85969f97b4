//! What laws count beside early warning, in their own units.

use crate::world::{Marked, World, absent, day, excused, mark, member};

/// Source: Ohio Revised Code 3321.191 (C)(1), House Bill 410: 38 hours in a school month or 65 in a school year, for whatever reason
/// that is not medical; beside the hours without excuse of 2151.011.
#[test]
fn ohio_counts_hours_without_a_medical_excuse_apart() {
    let mut world = World::of_school_days(25);
    world.counts_by("  - id: ours\n    count: exact\n    day-minutes: 390");
    world.says("ill", mark("Medical Absence", day(2))).says("trip", excused(day(3))).says("cut", absent(day(22)));
    world.says("late", mark("Excused Tardy", day(4)).minutes(20));
    let of = |world: &World| {
        ["truancy_oh_nonmedical_minutes_in_year", "truancy_oh_nonmedical_minutes_in_school_month"]
            .map(|name| world.value(name))
    };
    assert_eq!(of(&world), [2 * 390 + 20, 390]);
    assert_eq!((world.value("truancy_oh_minutes_in_year"), world.value("absent")), (390, 305));
    world.says("cut", mark("Medical Absence", day(22)));
    assert_eq!(of(&world), [390 + 20, 0]);
}

#[test]
fn hours_of_unknown_length_are_no_number_of_hours() {
    let mut world = World::of_school_days(5);
    world.says("trip", excused(day(2)));
    assert_eq!(world.value("truancy_oh_nonmedical_minutes_in_year"), -1);
    world.says("trip", excused(day(2)).minutes(120));
    assert_eq!(world.value("truancy_oh_nonmedical_minutes_in_year"), 120);
}

/// Source: California Education Code 48260: tardy or absent for more than 30 minutes without a valid excuse, on three occasions.
#[test]
fn an_excused_tardy_is_no_occasion_in_california() {
    let mut world = World::of_school_days(5);
    for n in [1, 2, 3] {
        world.says(&format!("late {n}"), mark("Tardy", day(n)).minutes(31));
    }
    assert_eq!((world.value("truancy_ca_occasions"), world.measures().tardy), (3, 3));
    world.says("late 2", mark("Excused Tardy", day(2)).minutes(31));
    assert_eq!((world.value("truancy_ca_occasions"), world.measures().tardy), (2, 3));
    world.says("late 3", mark("Tardy", day(3)).minutes(30));
    assert_eq!(world.value("truancy_ca_occasions"), 1, "thirty minutes are not more than thirty");
}

/// One late arrival is one, also where one system tells it as an absence and as a tardy.
#[test]
fn minutes_that_are_both_missed_and_late_count_once_in_california() {
    for calculator in ["", "  - id: ours\n    count: exact\n    day-minutes: 390"] {
        let mut world = World::of_school_days(5);
        if !calculator.is_empty() {
            world.counts_by(calculator);
        }
        // What is left of a day is no whole day without excuse.
        world.says("cut", mark("Absent", day(1)).minutes(390)).says("late", mark("Tardy", day(2)).minutes(20));
        let occasions = |world: &World| world.value("truancy_ca_occasions");
        assert_eq!(occasions(&world), 0, "{calculator}");
        world.settings.codes.insert("left".to_owned(), homeroom_domain::settings::Category::UnexcusedAbsence);
        world.says("missed", mark("left", day(2)).minutes(20).share(5));
        assert_eq!(occasions(&world), 0, "{calculator}");
        world.says("missed", mark("left", day(2)).minutes(31).share(5));
        assert_eq!(occasions(&world), 1, "{calculator}");
    }
}

/// Source: Texas Education Code 25.092: no credit below 90 % of the days that a class is offered.
#[test]
fn texas_looks_at_each_class() {
    let mut world = World::of_school_days(20);
    world.session("half", 1, 20);
    for name in ["algebra", "art"] {
        world.section(name, "Mathematics", "half").says(&format!("member of {name}"), member(name, day(1)));
    }
    for n in [3, 4] {
        world.says(&format!("mark {n}"), excused(day(n)).in_section("algebra"));
    }
    assert_eq!(world.value("truancy_tx_classes_below_90_percent"), 0, "18 of 20 days are 90 %");
    world.says("mark 5", absent(day(5)).in_section("algebra"));
    assert_eq!(world.value("truancy_tx_classes_below_90_percent"), 1);
    assert_eq!(world.measures().absent, 300, "one of two classes is half of a day's");
    for n in [6, 7, 8] {
        world.says(&format!("day {n}"), absent(day(n)));
    }
    assert_eq!(world.value("truancy_tx_classes_below_90_percent"), 2);
}

/// Source: Florida Statutes 1003.26: without excuse, or for which the reasons are unknown.
#[test]
fn florida_counts_what_nobody_explained() {
    let mut world = World::of_school_days(10);
    world.says("unknown", mark("Absent", day(2))).says("cut", absent(day(3))).says("ill", excused(day(4)));
    assert_eq!(world.value("truancy_fl_absences_in_month"), 2);
    assert_eq!((world.value("absent"), world.value("unexcused"), world.value("unexplained")), (300, 100, 2));
}
