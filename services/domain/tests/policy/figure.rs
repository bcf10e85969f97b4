//! Measures that are counted when they are named: families over windows, official counts, projections.

use homeroom_domain::measure::Measure;
use homeroom_domain::rule::{DEFAULT_PACK, Pack};

use crate::world::{Marked, World, absent, day, enrolled, excused, mark, member, on, school};

/// Thirty school days from Monday, 2021-09-06; the last is Friday, 2021-10-15.
fn six_weeks() -> World {
    let mut world = World::of_school_days(30);
    for n in [1, 6, 11, 30] {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    world.says("mark 29", excused(day(29))).says("mark 20", mark("Tardy", day(20)));
    world
}

#[test]
fn families_count_within_their_window() {
    let world = six_weeks();
    for (name, value) in [
        ("absent", 500),
        ("absent_last_5_school_days", 200),
        ("absent_last_28_days", 300),
        ("absent_this_calendar_month", 200),
        ("absent_this_school_month", 200),
        ("absent_first_20_school_days", 300),
        ("absent_mondays", 300),
        ("absent_tuesdays", 0),
        ("absent_last_1_months", 300),
        ("unexcused_last_5_school_days", 100),
        ("unexplained", 4),
        ("unexplained_last_5_school_days", 1),
        ("tardy_this_school_month", 0),
        ("tardy_first_20_school_days", 1),
        ("enrolled_last_28_days", 2_000),
        ("absent_rate", 1_666),
        ("absent_rate_last_20_school_days", 1_500),
        ("longest_streak", 2),
        ("unknown_days", 0),
    ] {
        assert_eq!(world.value(name), value, "{name}");
    }
}

#[test]
fn a_figure_is_of_its_date_whatever_came_later() {
    let world = six_weeks();
    let of = |as_of| {
        let now = homeroom_domain::settings::Now { today: as_of, as_of };
        world.look(|student| student.value(Measure::find("absent_last_10_school_days").unwrap(), None, now))
    };
    assert_eq!([of(day(10)), of(day(15)), of(day(20)), of(day(30))], [200, 200, 100, 200]);
}

#[test]
fn minutes_need_to_be_known() {
    let mut world = World::of_school_days(5);
    world.says("mark", absent(day(2)).share(50));
    assert_eq!(world.value("minutes_absent"), -1);
    world.says("mark", absent(day(2)).minutes(45));
    assert_eq!((world.value("minutes_absent"), world.value("minutes_unexcused")), (45, 45));
    assert_eq!(world.value("truancy_oh_minutes_in_year"), 45);
    assert_eq!(world.value("truancy_ca_occasions"), 1);
    world.says("late", mark("Tardy", day(3)).minutes(31)).says("less late", mark("Tardy", day(4)).minutes(30));
    assert_eq!(world.value("truancy_ca_occasions"), 2);
}

/// Early warning counts nothing below half of the classes; the law counts parts of days.
#[test]
fn one_class_cut_without_excuse_is_a_part_of_a_day_in_texas() {
    let mut world = World::of_school_days(4);
    world.session("half", 1, 4);
    for name in ["algebra", "art", "biology"] {
        world.section(name, "Mathematics", "half").says(&format!("member of {name}"), member(name, day(1)));
    }
    for n in [1, 2, 3] {
        world.says(&format!("mark {n}"), absent(day(n)).in_section("art"));
    }
    world.says("excused", excused(day(4)).in_section("art"));
    assert_eq!((world.total().1, world.value("truancy_tx_days_in_4_weeks")), (0, 3));
    assert_eq!(world.value("truancy_tx_days_in_6_months"), 3);
}

#[test]
fn a_school_month_is_the_schools_whenever_the_student_came() {
    let mut world = World::unknown();
    world
        .opens("1")
        .calendar("main", "1", 1..=40)
        .registers()
        .says("enrollment", enrolled("1", day(16)))
        .closes(day(25));
    for n in [17, 20, 21, 25] {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    assert_eq!((world.value("enrolled_this_school_month"), world.value("absent_this_school_month")), (500, 200));
}

#[test]
fn federal_reporting_counts_each_school_of_a_mover() {
    let mut world = World::unknown();
    world.opens("1").calendar("main", "1", 1..=40).opens("2").calendar("other", "2", 1..=40).registers();
    let first = homeroom_domain::event::Enrollment { exit_on: Some(day(20)), ..enrolled("1", day(1)) };
    world.says("first", first).says("second", enrolled("2", day(21))).closes(day(40));
    for n in [3, 4, 25, 26] {
        let at = if n < 21 { "1" } else { "2" };
        world.says(&format!("mark {n}"), absent(day(n)).at(at));
    }
    world.says("mark 30", absent(day(30)).at("2").share(49));
    assert_eq!(world.value("federal_chronic"), 2);
    assert_eq!((world.value("federal_enrolled"), world.value("federal_absent")), (40, 4));
    assert_eq!(world.value("federal_chronic_from_21_days"), 0);
    let here = |name| {
        let measure = Measure::find(name).unwrap();
        world.look(|student| student.value(measure, Some(&school("2")), world.now))
    };
    assert_eq!((here("federal_chronic"), here("federal_enrolled"), here("federal_absent")), (1, 20, 2));
}

#[test]
fn what_is_left_follows_the_calendar() {
    let mut world = World::of_school_days(30);
    world.says("mark", absent(day(2))).closes(day(10));
    // Below a tenth of 30 days are 2.99, of which one is gone.
    assert_eq!(world.value("absences_left"), 199);
    // One of ten days so far, twenty to come.
    assert_eq!(world.value("expected_absent"), 300);
    world.calendar_day("main", day(30), &["Weather day"]);
    assert_eq!(world.value("absences_left"), 189);
}

#[test]
fn last_year_is_still_known() {
    let mut world = World::of_school_days(10);
    world.was_here_last_year();
    for n in [3, 4] {
        world.says(&format!("old mark {n}"), absent(on(&format!("2021-05-{n:02}"))));
    }
    assert_eq!((world.value("last_year_enrolled"), world.value("last_year_absent")), (2_000, 200));
    assert_eq!((world.value("last_year_tier"), world.value("absent")), (2, 0));
}

#[test]
fn a_rule_over_a_window_opens_tells_its_measure_and_is_recalled() {
    let mut world = six_weeks();
    world.pack =
        Pack::parse(&DEFAULT_PACK.replace("opens-when: tier >= 1", "opens-when: absent_last_5_school_days >= 200"))
            .unwrap();
    world.only("attendance-tier");
    let opened = world.change();
    let told = opened.claim.proof.measures.iter().find(|told| told.name == "absent_last_5_school_days").unwrap();
    assert_eq!((told.value, &*told.unit), (200, "hundredths of a day"));
    world.withdraws("mark 29");
    let recalled = world.change();
    assert_eq!(format!("{:?}", recalled.kind), "Recalled");
    assert!(recalled.reason.contains("absent last 5 school days 2 -> 1"), "{}", recalled.reason);
}

/// A year at two schools with classes, of which some were missed.
fn two_schools() -> World {
    let mut world = World::of_school_days(180);
    world.opens("2").calendar("other", "2", 1..=180).session("year", 1, 180);
    world.says("other", enrolled("2", day(90)));
    for class in ["algebra", "art", "biology", "english", "history", "music"] {
        world.section(class, "Mathematics", "year").says(&format!("member of {class}"), member(class, day(1)));
        for n in (10..180).step_by(23) {
            world.says(&format!("{class} {n}"), absent(day(n)).in_section(class));
        }
    }
    for n in (5..180).step_by(9) {
        world.says(&format!("mark {n}"), absent(day(n)));
        world.says(&format!("other {n}"), absent(day(n)).at("2").minutes(40));
    }
    world
}

#[test]
fn a_measure_told_with_all_others_for_all_rows_is_what_it_is_alone() {
    let world = two_schools();
    let (all, schools) = (Measure::catalogued(), [school("1"), school("2")]);
    let rows = [None, Some(&schools[0]), Some(&schools[1])];
    world.look(|student| {
        let together = student.rows(&all, &rows, world.now);
        assert_eq!(together.len(), rows.len());
        for (school, values) in rows.iter().zip(together) {
            let alone: Vec<_> = all.iter().map(|measure| student.value(*measure, *school, world.now)).collect();
            assert_eq!(values, alone, "{school:?}");
        }
    });
    assert!(world.value("class_absences") > 0 && world.value("federal_absent") > 0);
}
