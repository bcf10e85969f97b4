//! Late news: what was so for long before it was told.

use homeroom_domain::rule::{DEFAULT_PACK, Pack};

use crate::world::{Plus, World, absent, day, grade};

/// Forty school days with one rule in force, and so far nobody has said anything of an absence.
fn silent(rule: &str) -> World {
    let mut world = World::of_school_days(40);
    world.only(rule);
    assert!(world.tells().is_empty());
    world
}

#[test]
fn absences_of_september_that_are_told_in_october_are_late_news() {
    let mut world = silent("attendance-tier");
    for n in 1..=3 {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    let opened = world.change();
    assert_eq!(opened.late_since, Some(day(40).plus(-7)), "three of thirty-five days were more than five percent");
}

#[test]
fn what_holds_since_yesterday_is_news_however_late_its_parts_came() {
    let mut world = silent("attendance-tier");
    world.says("1", absent(day(1)));
    assert!(world.tells().is_empty(), "one of forty");
    world.says("40", absent(day(40)));
    assert_eq!(world.change().late_since, None, "the second made it five percent");
}

#[test]
fn a_level_that_is_new_is_news_also_when_a_lower_one_has_held_for_long() {
    let mut world = silent("attendance-tier");
    for n in [1, 2, 3, 40] {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    let opened = world.change();
    assert_eq!((opened.claim.level, opened.late_since), (2, None), "a tenth since today, a twentieth since September");
}

#[test]
fn a_rise_that_should_have_been_told_long_ago_is_late_news_too() {
    let mut world = silent("attendance-tier");
    world.says("39", absent(day(39))).says("40", absent(day(40)));
    assert_eq!(world.change().late_since, None);
    for n in 1..=4 {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    let risen = world.change();
    assert_eq!((risen.claim.level, risen.late_since), (2, Some(day(40).plus(-7))));
    world.withdraws("mark 1");
    let amended = world.change();
    assert!(amended.late_since.is_none(), "{amended:?}");
}

#[test]
fn what_held_ended_and_holds_again_is_news() {
    let mut world = silent("absence-streak");
    for n in [33, 34, 35, 36, 38, 39, 40] {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    // As of a week ago it was three days in a row, on the thirty-seventh none, and now it is three again.
    assert_eq!(world.change().late_since, None);
}

#[test]
fn a_rule_says_after_how_many_days_its_news_is_late() {
    let told = |days: u32| {
        let pack =
            DEFAULT_PACK.replacen("scope: school-year", &format!("scope: school-year\n    late-after-days: {days}"), 1);
        let mut world = World::of_school_days(40);
        world.pack = Pack::parse(&pack).unwrap();
        // Two of thirty-six days and less are five percent since the third last week began.
        world.says("1", absent(day(1))).says("30", absent(day(30)));
        world.change().late_since
    };
    let since_the_thirtieth = u32::try_from(day(40).days() - day(30).days()).unwrap();
    assert_eq!(told(since_the_thirtieth), Some(day(30)));
    assert_eq!(told(since_the_thirtieth + 1), None);
}

#[test]
fn a_week_that_reaches_into_the_year_before_proves_nothing() {
    let pack = DEFAULT_PACK.replacen("opens-when: tier >= 1", "opens-when: last_year_enrolled >= 0", 1);
    let mut world = World::of_school_days(40);
    world.pack = Pack::parse(&pack.replacen("level: tier", "level: \"1\"", 1)).unwrap();
    world.closes(homeroom_domain::date::Date::parse("2021-07-04").unwrap());
    assert_eq!(world.change().late_since, None);
}

#[test]
fn days_that_make_everything_or_nothing_late_are_refused() {
    for days in [0, 367] {
        let pack =
            DEFAULT_PACK.replacen("scope: school-year", &format!("scope: school-year\n    late-after-days: {days}"), 1);
        assert!(Pack::parse(&pack).is_err(), "{days}");
    }
}

/// A grade has no date: that it counts from the begin of its period says nothing of when it was given.
#[test]
fn a_grade_that_was_lowered_in_the_eighth_week_is_news() {
    let mut world = silent("failing-core-course");
    world.session("year", 1, 40).section("english", "English", "year").period("first", 1, 40);
    world.says("grade", grade("english", "first", "Final", 80));
    assert!(world.tells().is_empty());
    world.says("grade", grade("english", "first", "Final", 40));
    assert_eq!(world.change().late_since, None);
}

#[test]
fn what_is_told_by_absences_and_by_what_has_no_date_is_news() {
    for (condition, since) in [("tier >= 1", Some(day(40).plus(-7))), ("tier >= 1 && missing_work >= 0", None)] {
        let pack = DEFAULT_PACK.replacen("opens-when: tier >= 1", &format!("opens-when: {condition}"), 1);
        let mut world = World::of_school_days(40);
        world.pack = Pack::parse(&pack).unwrap();
        for n in 1..=3 {
            world.says(&format!("mark {n}"), absent(day(n)));
        }
        assert_eq!(world.only("attendance-tier").change().late_since, since, "{condition}");
    }
}
