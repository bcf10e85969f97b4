//! Item 6: marks that do not count, why, and that they count the moment what they wait for comes.

use homeroom_domain::standing::not_counted;

use crate::world::{Marked, Said, World, absent, day, enrolled, grade, mark, member};

/// Why a fact does not count, as a person is told.
fn reason(world: &World, said: impl Said) -> Option<&'static str> {
    let fact = said.fact();
    world.look(|student| not_counted(student, &fact))
}

#[test]
fn a_mark_waits_for_its_calendar() {
    let mut world = World::unknown();
    world.opens("1").registers().says("enrollment", enrolled("1", day(1))).says("mark", absent(day(1)));
    world.closes(day(2));
    assert_eq!(world.total(), (0, 0));
    assert!(world.waits());
    assert_eq!(
        reason(&world, absent(day(1))),
        Some("the date is not instructional there, or its calendar is not known")
    );
    world.calendar("main", "1", 1..=2);
    assert_eq!(world.total(), (200, 100));
    assert!(!world.waits());
    world.undefines("calendar main");
    assert_eq!(world.total(), (0, 0));
}

#[test]
fn a_mark_waits_for_the_date_to_become_instructional_and_back() {
    let mut world = World::of_school_days(2);
    world.says("mark", absent(day(3))).closes(day(3));
    assert_eq!(world.total(), (200, 0));
    world.calendar_day("main", day(3), &["Make-up day"]);
    assert_eq!(world.total(), (300, 100));
    world.calendar_day("main", day(3), &["Make-up day", "Strike"]);
    assert_eq!(world.total(), (200, 0));
    world.calendar_day("main", day(3), &["Make-up day"]);
    world.undefines(&format!("date main {}", day(3)));
    assert_eq!(world.total(), (200, 0));
}

#[test]
fn a_mark_waits_for_its_enrollment() {
    let mut world = World::of_school_days(3);
    world.says("enrollment", enrolled("1", day(2))).says("mark", absent(day(1)));
    assert_eq!(world.total(), (200, 0));
    assert_eq!(reason(&world, absent(day(1))), Some("the student is not enrolled at the school on that date"));
    world.says("enrollment", enrolled("1", day(1)));
    assert_eq!(world.total(), (300, 100));
    assert_eq!(reason(&world, absent(day(1))), None);
    world.withdraws("enrollment");
    assert_eq!(world.total(), (0, 0));
}

#[test]
fn a_mark_waits_for_its_student() {
    let mut world = World::of_school_days(2);
    world.says("mark", absent(day(1))).withdraws("student");
    assert_eq!(world.total(), (0, 0));
    assert_eq!(reason(&world, absent(day(1))), Some("the student is not known"));
    world.registers();
    assert_eq!(world.total(), (200, 100));
}

#[test]
fn a_mark_waits_for_its_school() {
    let mut world = World::of_school_days(2);
    world.says("mark", absent(day(1))).undefines("school 1");
    assert_eq!(world.total(), (0, 0));
    assert_eq!(reason(&world, absent(day(1))), Some("its school is not known"));
    assert_eq!(reason(&world, enrolled("1", day(1))), Some("its school is not known"));
    world.opens("1");
    assert_eq!(world.total(), (200, 100));
}

#[test]
fn a_mark_of_another_school_does_not_count() {
    let mut world = World::of_school_days(2);
    world.opens("2").calendar("of 2", "2", 1..=2).says("mark", absent(day(1)).at("2"));
    assert_eq!(world.total(), (200, 0));
    assert_eq!(world.measures_at("2").enrolled, 0);
    world.says("second", enrolled("2", day(1)));
    assert_eq!(world.measures_at("2").absent, 100);
}

#[test]
fn a_mark_waits_for_the_session_it_names() {
    let mut world = World::of_school_days(2);
    world.says("mark", absent(day(1)).of_session("fall"));
    assert_eq!(world.total(), (200, 0));
    assert_eq!(reason(&world, absent(day(1)).of_session("fall")), Some("its session is not known"));
    world.session("fall", 1, 2);
    assert_eq!(world.total(), (200, 100));
    world.undefines("session fall");
    assert_eq!(world.total(), (200, 0));
}

#[test]
fn a_section_mark_waits_for_its_section_offering_and_session() {
    let mut world = World::of_school_days(2);
    let cut = || absent(day(1)).in_section("english");
    world.says("mark", cut());
    assert_eq!(world.total(), (200, 0));
    assert_eq!(reason(&world, cut()), Some("its section is not known"));
    assert_eq!(reason(&world, member("english", day(1))), Some("its section is not known"));
    world.section("english", "English", "fall");
    assert_eq!(world.total(), (200, 0), "its session is not known");
    world.session("fall", 1, 2);
    assert_eq!(world.total(), (200, 100));
    for key in ["session fall", "section english", "english offering"] {
        world.undefines(key);
        assert_eq!(world.total(), (200, 0), "{key}");
        world.session("fall", 1, 2).section("english", "English", "fall");
        assert_eq!(world.total(), (200, 100), "{key} is back");
    }
}

#[test]
fn a_daily_mark_that_does_not_count_outranks_no_section_mark() {
    let mut world = World::of_school_days(1);
    let cut = absent(day(1)).in_section("english");
    world.session("fall", 1, 1).section("english", "English", "fall").says("cut", cut.clone());
    world.says("daily", mark("Present", day(1)).of_session("nobody's"));
    assert_eq!(world.absence(day(1)), Some((100, 100)));
    assert_eq!(reason(&world, cut.clone()), None);
    world.says("daily", mark("Present", day(1)).of_session("fall"));
    assert_eq!(world.absence(day(1)), Some((0, 0)));
    assert_eq!(reason(&world, cut), Some("a mark for the whole day outranks it"));
}

#[test]
fn marks_outside_the_year_or_the_closed_days_say_so() {
    let mut world = World::of_school_days(2);
    world.begins(day(2));
    assert_eq!(reason(&world, absent(day(2))), Some("its date is not closed yet"));
    assert_eq!(reason(&world, absent(crate::world::on("2021-06-01"))), Some("it is of another school year"));
    assert_eq!(reason(&world, absent(crate::world::on("2021-09-11"))), Some("its date is not closed yet"));
}

#[test]
fn other_facts_say_why_they_do_not_count() {
    use crate::world::Spell;
    let mut world = World::of_school_days(2);
    assert_eq!(reason(&world, enrolled("1", day(1))), None);
    assert_eq!(reason(&world, enrolled("1", day(2)).until(day(1))), Some("the student never came"));
    assert_eq!(
        reason(&world, enrolled("1", day(1)).following("late")),
        Some("its calendar is not known, or the school has several")
    );
    world.session("fall", 1, 2).section("english", "English", "fall");
    assert_eq!(reason(&world, grade("english", "first", "Final", 50)), Some("its grading period is not known"));
    world.period("first", 3, 4);
    assert_eq!(reason(&world, grade("english", "first", "Final", 50)), Some("its grading period has not begun"));
    world.period("first", 1, 4);
    assert_eq!(reason(&world, grade("english", "first", "Final", 50)), None);
    assert_eq!(reason(&world, grade("english", "first", "Exam", 50)), Some("its type is not a course grade"));
}
