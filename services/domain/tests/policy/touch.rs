//! Whom a reference change concerns, case by case; tests/simulation has it for whatever world comes.

use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::Behavior;
use homeroom_domain::reference::{CalendarDate, Entry, GradingPeriod, Incident, Section};
use homeroom_domain::view::{Touched, View};

use crate::world::{Marked, Spell, World, YEAR, absent, day, enrolled, grade, id, on, school};

#[test]
fn a_calendar_date_concerns_the_school_of_its_calendar() {
    let mut world = World::of_school_days(2);
    let entry = homeroom_domain::reference::CalendarDate { calendar: id("main"), date: day(2), events: Vec::new() };
    let entry = Entry::CalendarDate(entry);
    assert_eq!(world.records.view().touched(&entry), Touched::School(school("1")));
    world.undefines("calendar main");
    assert_eq!(world.records.view().touched(&entry), Touched::Nobody, "until its calendar comes");
}

#[test]
fn a_student_with_everything_known_waits_for_nothing() {
    let mut world = World::of_school_days(2);
    world.says("mark", absent(day(1)));
    assert!(!world.waits());
    world.says("elsewhere", enrolled("2", day(1)));
    assert!(world.waits());
    world.says("elsewhere", enrolled("2", on("2020-09-01")).until(on("2021-06-01")));
    assert!(!world.waits(), "last year is not counted any more");
}

#[test]
fn a_student_leans_on_every_school_that_the_facts_refer_to() {
    let mut world = World::of_school_days(2);
    world.opens("2").opens("3").session("fall", 1, 2).section("english", "English", "fall");
    let elsewhere = Section {
        section: id("english"),
        course_offering: id("english offering"),
        school: school("2"),
        class_periods: Vec::new(),
        official: false,
    };
    world.defines("section english", Entry::Section(elsewhere));
    world.says("mark", absent(day(1)).in_section("english"));
    world.calendar("of 3", "3", 1..=2).says("enrollment", enrolled("1", day(1)).following("of 3"));
    let period = GradingPeriod {
        grading_period: id("first"),
        school: school("4"),
        school_year: YEAR,
        begin_on: day(1),
        end_on: day(2),
    };
    world.defines("period first", Entry::GradingPeriod(period)).says("grade", grade("english", "first", "Final", 50));
    let leans_on = world.look(|student: &Evaluation<'_>| student.leans_on().into_iter().collect::<Vec<_>>());
    assert_eq!(leans_on, ["1", "2", "3", "4"].map(school));
}

#[test]
fn a_new_incident_concerns_nobody_but_who_waits_for_it_and_a_corrected_one_its_school() {
    let mut world = World::of_school_days(2);
    world.says("part", Behavior { incident: id("fight"), code: String::new(), part: String::new() });
    assert!(world.waits());
    let before = world.records.view();
    let fight = |on| Entry::Incident(Incident { incident: id("fight"), school: school("1"), date: on });
    world.defines("incident", fight(day(1)));
    let after = world.records.view();
    assert_eq!(after.touched_by(&before, None, Some(&fight(day(1)))), [Touched::Nobody]);
    assert!(!world.waits());
    world.defines("incident", fight(day(2)));
    let corrected = world.records.view().touched_by(&after, Some(&fight(day(1))), Some(&fight(day(2))));
    assert_eq!(corrected, [Touched::School(school("1")), Touched::School(school("1"))]);
    assert_eq!(world.look(|student| student.leans_on().into_iter().collect::<Vec<_>>()), [school("1")]);
}

#[test]
fn a_process_that_has_just_started_knows_whom_a_corrected_record_concerned() {
    let mut world = World::of_school_days(2);
    let fight = |on| Entry::Incident(Incident { incident: id("fight"), school: school("1"), date: on });
    world.defines("incident", fight(day(2)));
    let view = world.records.view();
    let whom = |old: &Entry, new: Option<&Entry>| view.touched_by(&View::default(), Some(old), new);
    assert_eq!(whom(&fight(day(1)), Some(&fight(day(2)))), [Touched::School(school("1")), Touched::Nobody]);
    let gone = CalendarDate { calendar: id("main"), date: day(2), events: Vec::new() };
    assert_eq!(whom(&Entry::CalendarDate(gone), None), [Touched::School(school("1"))]);
}
