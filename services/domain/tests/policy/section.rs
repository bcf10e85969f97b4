//! Items 4 and 5: a day from section marks, and what silence means.

use homeroom_domain::event::AttendanceMark;
use homeroom_domain::settings::Reporting;

use crate::world::{Marked, World, absent, day, excused, mark, member};

const SECTIONS: [&str; 4] = ["english", "algebra", "biology", "history"];

/// A school of three days, all in one session, and a student in so many sections.
fn with_sections(count: usize) -> World {
    let mut world = World::of_school_days(3);
    world.session("fall", 1, 3);
    for name in SECTIONS {
        world.section(name, "Mathematics", "fall");
    }
    for name in &SECTIONS[..count] {
        world.says(name, member(name, day(1)));
    }
    world
}

fn marks(world: &mut World, marks: &[AttendanceMark]) {
    for (n, mark) in marks.iter().enumerate() {
        world.says(&format!("mark {n}"), mark.clone());
    }
}

fn cut(section: &str) -> AttendanceMark {
    absent(day(1)).in_section(section)
}

fn sick(section: &str) -> AttendanceMark {
    excused(day(1)).in_section(section)
}

#[test]
fn half_of_the_sections_missed_is_a_day_and_less_is_none() {
    for (sections, missed, absent) in
        [(4, 1, 0), (4, 2, 100), (4, 3, 100), (3, 1, 0), (3, 2, 100), (2, 1, 100), (1, 1, 100)]
    {
        let mut world = with_sections(sections);
        marks(&mut world, &SECTIONS[..missed].iter().map(|name| cut(name)).collect::<Vec<_>>());
        assert_eq!(world.absence(day(1)), Some((absent, absent)), "{missed} of {sections}");
    }
}

#[test]
fn a_day_is_unexcused_when_half_of_its_absent_marks_are() {
    for (given, unexcused) in [
        (&[cut("english"), sick("algebra")][..], 100),
        (&[cut("english"), sick("algebra"), sick("biology")], 0),
        (&[cut("english"), cut("algebra"), sick("biology")], 100),
        (&[sick("english"), sick("algebra")], 0),
        // Marks are weighed, not sections: one of three.
        (&[cut("english"), sick("english"), sick("algebra")], 0),
    ] {
        let mut world = with_sections(4);
        marks(&mut world, given);
        assert_eq!(world.absence(day(1)), Some((100, unexcused)), "{given:?}");
    }
}

#[test]
fn several_marks_in_one_section_miss_it_once() {
    let mut world = with_sections(4);
    marks(&mut world, &[cut("english"), sick("english")]);
    assert_eq!(world.absence(day(1)), Some((0, 0)));
}

#[test]
fn a_mark_without_association_is_a_section_of_the_day() {
    let mut world = with_sections(1);
    marks(&mut world, &[cut("algebra")]);
    assert_eq!(world.absence(day(1)), Some((100, 100)), "one of two");
    let mut world = with_sections(2);
    marks(&mut world, &[cut("biology")]);
    assert_eq!(world.absence(day(1)), Some((0, 0)), "one of three");
    let mut world = with_sections(0);
    marks(&mut world, &[cut("biology")]);
    assert_eq!(world.absence(day(1)), Some((100, 100)), "one of one");
}

#[test]
fn associations_count_only_while_they_and_their_session_last() {
    let mut world = with_sections(3);
    marks(&mut world, &[cut("english")]);
    assert_eq!(world.absence(day(1)), Some((0, 0)), "one of three");
    world.says("algebra", member("algebra", day(2)));
    assert_eq!(world.absence(day(1)), Some((100, 100)), "one of two: algebra begins tomorrow");
    let mut world = with_sections(3);
    world.session("spring", 2, 3).section("algebra", "Mathematics", "spring");
    marks(&mut world, &[cut("english")]);
    assert_eq!(world.absence(day(1)), Some((100, 100)), "one of two: algebra's session begins tomorrow");
    world.session("spring", 1, 1);
    assert_eq!(world.absence(day(1)), Some((0, 0)), "one of three, the session's bounds included");
}

#[test]
fn the_last_day_of_an_association_counts() {
    let mut world = with_sections(2);
    let ending = homeroom_domain::event::SectionMembership { end_on: Some(day(1)), ..member("biology", day(1)) };
    world.says("biology", ending);
    marks(&mut world, &[cut("english")]);
    assert_eq!(world.absence(day(1)), Some((0, 0)), "one of three");
    world.says("next", absent(day(2)).in_section("english"));
    assert_eq!(world.absence(day(2)), Some((100, 100)), "one of two");
}

#[test]
fn a_daily_mark_comes_before_all_section_marks() {
    let mut world = with_sections(2);
    marks(&mut world, &[cut("english"), cut("algebra"), mark("Tardy", day(1))]);
    let (_, counted) = world.counted(day(1)).unwrap();
    assert_eq!((counted.absent, counted.tardy), (0, true));
    world.withdraws("mark 2");
    let (_, counted) = world.counted(day(1)).unwrap();
    assert_eq!((counted.absent, counted.tardy), (100, false));
}

#[test]
fn one_tardy_section_makes_the_day_tardy() {
    let mut world = with_sections(4);
    marks(&mut world, &[mark("Tardy", day(1)).in_section("english")]);
    let (_, counted) = world.counted(day(1)).unwrap();
    assert_eq!((counted.absent, counted.tardy), (0, true));
}

#[test]
fn what_is_no_absence_is_no_missed_section() {
    for category in ["Partial", "Early departure", "Present", "A7"] {
        let mut world = with_sections(1);
        marks(&mut world, &[mark(category, day(1)).in_section("english")]);
        assert_eq!(world.absence(day(1)), Some((0, 0)), "{category}");
    }
}

#[test]
fn silence_is_presence_unless_every_mark_is_sent() {
    let mut world = World::of_school_days(3);
    assert_eq!(world.total(), (300, 0));
    world.settings.reporting = Reporting::Positive;
    assert_eq!(world.total(), (0, 0), "unknown counts neither as enrolled nor as absent");
    world.says("mark 1", mark("Present", day(1))).says("mark 2", absent(day(2)));
    assert_eq!(world.total(), (200, 100));
}

#[test]
fn where_attendance_is_sent_as_taken_a_section_day_without_it_is_unknown() {
    let mut world = with_sections(2);
    assert_eq!(world.total(), (300, 0));
    world.takes_attendance("english", day(1));
    assert_eq!(world.total(), (100, 0));
    assert_eq!(world.absence(day(2)), None);
    world.takes_attendance("algebra", day(2));
    assert_eq!(world.total(), (200, 0));
    world.undefines(&format!("taken english {}", day(1))).undefines(&format!("taken algebra {}", day(2)));
    assert_eq!(world.total(), (300, 0), "no source sends it any more");
}

#[test]
fn only_sections_whose_attendance_is_known_are_in_the_share() {
    let mut world = with_sections(4);
    world.takes_attendance("algebra", day(2));
    marks(&mut world, &[cut("english")]);
    assert_eq!(world.absence(day(1)), Some((100, 100)), "one of one: nothing is known of the other three");
    world.takes_attendance("algebra", day(1)).takes_attendance("biology", day(1));
    assert_eq!(world.absence(day(1)), Some((0, 0)), "one of three");
}

#[test]
fn a_day_without_sections_needs_no_attendance_taken() {
    let mut world = with_sections(0);
    world.takes_attendance("english", day(1));
    assert_eq!(world.total(), (300, 0));
    world.settings.reporting = Reporting::Positive;
    assert_eq!(world.total(), (0, 0));
}

#[test]
fn a_daily_mark_is_known_without_attendance_taken() {
    let mut world = with_sections(2);
    world.takes_attendance("english", day(1)).says("mark", absent(day(2)));
    assert_eq!(world.total(), (200, 100));
}

#[test]
fn attendance_taken_proves_presence_where_every_mark_is_sent() {
    let mut world = with_sections(2);
    world.settings.reporting = Reporting::Positive;
    world.takes_attendance("english", day(1));
    assert_eq!(world.total(), (100, 0));
    marks(&mut world, &[cut("algebra")]);
    assert_eq!(world.absence(day(1)), Some((100, 100)), "one of two");
}
