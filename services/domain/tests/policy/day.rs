//! Items 1 and 3: which dates are instructional, and what daily marks make of them.

use homeroom_domain::event::AttendanceMark;
use homeroom_domain::id::SchoolYear;
use homeroom_domain::reference::{Calendar, CalendarDate, Entry};
use homeroom_domain::settings::{Category, Settings};

use crate::world::{Marked, Spell, World, absent, code, day, enrolled, excused, id, mark, school};

/// Whether a date with these events counts.
fn counts(events: &[&str]) -> bool {
    let mut world = World::of_school_days(1);
    world.calendar_day("main", day(2), events).closes(day(2));
    world.total().0 == 200
}

#[test]
fn a_date_is_instructional_by_an_event_that_gives_and_none_that_takes() {
    for gives in ["Instructional day", "Make-up day", "Student late arrival/early dismissal", "INSTRUCTIONAL DAY"] {
        assert!(counts(&[gives]), "{gives}");
        for takes in [
            "Holiday",
            "Weather day",
            "Emergency day",
            "Strike",
            "Teacher only day",
            "Non-instructional day",
            "holiday",
        ] {
            assert!(!counts(&[gives, takes]), "{gives} and {takes}");
            assert!(!counts(&[takes, gives]), "{takes} and {gives}");
        }
        assert!(counts(&[gives, "Other"]), "{gives} and Other");
    }
    for neither in [&[][..], &["Other"], &["Holiday"], &["Field trip"]] {
        assert!(!counts(neither), "{neither:?}");
    }
}

#[test]
fn two_records_of_one_date_are_weighed_together() {
    let mut world = World::of_school_days(2);
    let date = CalendarDate { calendar: id("main"), date: day(2), events: vec![code("Weather day")] };
    for key in ["a second record", "another"] {
        world.defines(key, Entry::CalendarDate(date.clone()));
        assert_eq!(world.total(), (100, 0));
    }
}

/// Absent and unexcused hundredths of a day with these marks.
fn day_with(marks: &[AttendanceMark]) -> (i32, i32, bool) {
    let mut world = World::of_school_days(1);
    for (n, mark) in marks.iter().enumerate() {
        world.says(&format!("mark {n}"), mark.clone());
    }
    let (_, counted) = world.counted(day(1)).unwrap();
    (counted.absent, counted.unexcused, counted.tardy)
}

#[test]
fn an_absence_counts_its_share_and_wholly_when_the_share_says_nothing() {
    for (share, part) in [(1, 1), (25, 25), (50, 50), (99, 99), (100, 100), (0, 100), (101, 100), (250, 100), (-1, 100)]
    {
        assert_eq!(day_with(&[absent(day(1)).share(share)]), (part, part, false), "unexcused, {share}");
        assert_eq!(day_with(&[excused(day(1)).share(share)]), (part, 0, false), "excused, {share}");
        assert_eq!(day_with(&[mark("Absent", day(1)).share(share)]), (part, 0, false), "unknown excuse, {share}");
    }
    assert_eq!(day_with(&[absent(day(1))]), (100, 100, false));
    assert_eq!(day_with(&[excused(day(1))]), (100, 0, false));
}

#[test]
fn a_partial_absence_counts_its_share_and_half_without_one() {
    let partial = || mark("Partial", day(1));
    assert_eq!(day_with(&[partial()]), (50, 0, false));
    for (share, part) in [(0, 0), (25, 25), (75, 75), (100, 100), (150, 100)] {
        assert_eq!(day_with(&[partial().share(share)]), (part, 0, false), "{share}");
    }
}

#[test]
fn what_is_no_absence_counts_nothing_whatever_its_share() {
    for category in ["Early departure", "Present", "In Attendance", "A7", ""] {
        assert_eq!(day_with(&[mark(category, day(1)).share(50)]), (0, 0, false), "{category}");
    }
    assert_eq!(day_with(&[mark("Tardy", day(1)).share(50)]), (0, 0, true));
}

#[test]
fn marks_of_one_day_are_summed_up_to_the_whole() {
    let half = || absent(day(1)).share(50);
    assert_eq!(day_with(&[half(), half()]), (100, 100, false));
    assert_eq!(day_with(&[half(), excused(day(1)).share(25)]), (75, 50, false));
    assert_eq!(day_with(&[half(), excused(day(1))]), (100, 50, false));
    assert_eq!(day_with(&[absent(day(1)), excused(day(1))]), (100, 100, false));
    assert_eq!(day_with(&[half(), mark("Partial", day(1)).share(25)]), (75, 50, false));
    assert_eq!(day_with(&[half(), mark("Present", day(1)), mark("Tardy", day(1))]), (50, 50, true));
}

#[test]
fn an_absence_outweighs_a_tardy_until_it_is_withdrawn() {
    let mut world = World::of_school_days(1);
    world.says("absence", absent(day(1))).says("tardy", mark("Tardy", day(1)));
    let measures = world.measures();
    assert_eq!((measures.absent, measures.unexcused, measures.tardy), (100, 100, 1));
    world.withdraws("absence");
    let measures = world.measures();
    assert_eq!((measures.absent, measures.unexcused, measures.tardy), (0, 0, 1));
}

#[test]
fn codes_compare_without_case_and_a_district_adds_its_own() {
    assert_eq!(day_with(&[mark("UNEXCUSED absence", day(1))]), (100, 100, false));
    let mut world = World::of_school_days(1);
    world.says("mark", mark("A7", day(1)));
    assert_eq!(world.absence(day(1)), Some((0, 0)));
    world.settings.codes.insert("a7".to_owned(), Category::UnexcusedAbsence);
    assert_eq!(world.absence(day(1)), Some((100, 100)), "an unmapped code is applied once it is mapped");
}

#[test]
fn a_districts_own_codes_may_be_written_in_any_case() {
    let mut world = World::of_school_days(1);
    world.says("mark", mark("a7", day(1)));
    let codes = [("A7".to_owned(), Category::ExcusedAbsence)].into();
    world.defines("settings", Entry::Settings(Settings { codes, ..Settings::default() }));
    world.settings = world.records.view().settings();
    assert_eq!(world.absence(day(1)), Some((100, 0)));
}

#[test]
fn an_enrollment_follows_the_calendar_it_names() {
    let mut world = World::of_school_days(3);
    world.calendar("short", "1", 1..=1);
    world.says("enrollment", enrolled("1", day(1)).following("short"));
    assert_eq!(world.total(), (100, 0));
    world.says("enrollment", enrolled("1", day(1)).following("main"));
    assert_eq!(world.total(), (300, 0));
}

#[test]
fn with_several_calendars_and_none_named_the_days_are_unknown_until_told() {
    let mut world = World::of_school_days(3);
    world.says("mark", absent(day(1))).calendar("second", "1", 1..=2);
    assert_eq!(world.total(), (0, 0));
    assert!(world.waits());
    world.says("enrollment", enrolled("1", day(1)).following("second"));
    assert_eq!(world.total(), (200, 100));
    world.says("enrollment", enrolled("1", day(1))).undefines("calendar second");
    assert_eq!(world.total(), (300, 100), "the school has one calendar again");
}

#[test]
fn a_named_calendar_that_is_not_known_is_waited_for() {
    let mut world = World::of_school_days(3);
    world.says("enrollment", enrolled("1", day(1)).following("late"));
    assert_eq!(world.total(), (0, 0));
    world.calendar("late", "1", 2..=3);
    assert_eq!(world.total(), (200, 0));
}

#[test]
fn a_calendar_of_another_year_is_none_of_this_one() {
    let mut world = World::of_school_days(3);
    let last_year = Calendar {
        calendar: id("old"),
        school: school("1"),
        school_year: SchoolYear(2021),
        code: String::new(),
        calendar_type: String::new(),
    };
    world.defines("calendar old", Entry::Calendar(last_year));
    world.says("enrollment", enrolled("1", day(1)).following("old"));
    assert_eq!(world.total(), (300, 0), "the school's only calendar of the year counts");
}
