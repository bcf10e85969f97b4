//! Items 8 to 11: dates up to and including one, tiers, streaks, and the absence that nobody explained.

use homeroom_domain::measure::{Measure, Values as _};
use homeroom_domain::settings::{Clock, Settings};

use crate::world::{Marked, World, absent, day, excused, mark, member};

fn absent_on(days: impl IntoIterator<Item = i32>, of: i32) -> World {
    let mut world = World::of_school_days(of);
    for n in days {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    world
}

#[test]
fn dates_count_up_to_and_including_the_as_of_date() {
    let mut world = absent_on([1, 4, 5], 5);
    assert_eq!(world.total(), (500, 300));
    world.closes(day(4));
    assert_eq!(world.total(), (400, 200));
    world.begins(day(4));
    assert_eq!(world.total(), (300, 100));
    world.closes(day(10));
    assert_eq!(world.total(), (500, 300), "no date without a calendar");
}

#[test]
fn the_as_of_date_moves_at_the_days_close() {
    let clock = Clock { time_zone: "America/Chicago".to_owned(), ..Settings::default().clock };
    for (at, today, as_of) in [
        ("2021-09-06T20:59:59Z", day(1), day(1).previous()),
        ("2021-09-06T21:00:00Z", day(1), day(1)),
        ("2021-09-07T04:59:59Z", day(1), day(1)),
        ("2021-09-07T05:00:00Z", day(2), day(1)),
        // Winter time: an hour later.
        ("2021-12-06T21:59:59Z", crate::world::on("2021-12-06"), crate::world::on("2021-12-05")),
        ("2021-12-06T22:00:00Z", crate::world::on("2021-12-06"), crate::world::on("2021-12-06")),
    ] {
        let now = clock.now(at.parse().unwrap()).unwrap();
        assert_eq!((now.today, now.as_of), (today, as_of), "{at}");
    }
    let sample = Clock { offset_seconds: -86_400, ..clock };
    assert_eq!(sample.now("2021-09-08T05:00:00Z".parse().unwrap()).unwrap().today, day(2));
    let nowhere = Clock { time_zone: "Atlantis/Deep".to_owned(), ..sample };
    assert!(nowhere.now("2021-09-08T05:00:00Z".parse().unwrap()).is_err());
}

#[test]
fn tier_bounds_are_exact() {
    for (days, absent_days, tier) in
        [(20, 1, 1), (21, 1, 0), (10, 1, 2), (11, 1, 1), (20, 2, 2), (21, 2, 1), (10, 2, 3), (11, 2, 2), (10, 0, 0)]
    {
        let world = absent_on(1..=absent_days, days);
        assert_eq!(world.measures().tier(), Some(tier), "{absent_days} of {days}");
    }
    // Hundredths decide: 9.99% and 10%.
    let mut world = World::of_school_days(10);
    world.says("mark", absent(day(1)).share(99));
    assert_eq!(world.measures().tier(), Some(1));
    world.says("mark", absent(day(1)).share(100));
    assert_eq!(world.measures().tier(), Some(2));
}

#[test]
fn a_tier_needs_ten_enrolled_days() {
    assert_eq!(absent_on(1..=9, 9).measures().tier(), None);
    assert_eq!(absent_on(1..=9, 9).measures().value(Measure::Tier), Some(-1));
    assert_eq!(absent_on(1..=9, 10).measures().tier(), Some(3));
}

#[test]
fn a_streak_runs_over_weekends_and_holidays() {
    let mut world = absent_on([4, 5, 6], 10);
    world.closes(day(6));
    assert_eq!(world.measures().streak, 3, "Thursday, Friday, Monday");
    world.calendar_day("main", day(7), &["Holiday"]).says("next", absent(day(8))).closes(day(8));
    assert_eq!(world.measures().streak, 4, "the holiday on Tuesday is no break");
    world.closes(day(9));
    assert_eq!(world.measures().streak, 0, "it ends at the last counted date");
}

#[test]
fn unknown_days_do_not_break_a_streak() {
    let mut world = absent_on([1, 3], 3);
    world.session("fall", 1, 3).section("english", "English", "fall").says("member", member("english", day(1)));
    assert_eq!(world.measures().streak, 1);
    world.takes_attendance("english", day(5));
    assert_eq!(world.measures().streak, 2, "nothing is known of the second day");
    world.takes_attendance("english", day(2));
    assert_eq!(world.measures().streak, 1);
}

#[test]
fn half_a_day_keeps_a_streak_and_less_breaks_it() {
    for (share, streak) in [(50, 2), (49, 0)] {
        let mut world = World::of_school_days(2);
        world.says("mark 1", absent(day(1))).says("mark 2", absent(day(2)).share(share));
        assert_eq!(world.measures().streak, streak);
        assert_eq!(world.measures().unexcused_streak, streak);
    }
}

#[test]
fn an_excuse_breaks_only_the_unexcused_streak() {
    let mut world = absent_on([1, 2], 3);
    world.says("mark 3", excused(day(3)));
    assert_eq!((world.measures().streak, world.measures().unexcused_streak), (3, 0));
    world.says("part", absent(day(3)).share(50));
    assert_eq!((world.measures().streak, world.measures().unexcused_streak), (3, 3));
}

#[test]
fn an_absence_today_is_unexplained_until_excused_or_the_student_came() {
    let today = || day(3);
    let unexplained = |marks: &[homeroom_domain::event::AttendanceMark]| {
        let mut world = World::of_school_days(3);
        world.session("fall", 1, 3).section("english", "English", "fall").begins(today());
        for (n, mark) in marks.iter().enumerate() {
            world.says(&format!("mark {n}"), mark.clone());
        }
        world.measures().unexplained_absence_today
    };
    let came = |category| mark(category, today());
    assert!(unexplained(&[absent(today())]));
    assert!(unexplained(&[absent(today()).share(25)]));
    assert!(unexplained(&[came("Absent")]), "an unknown excuse is none");
    assert!(unexplained(&[came("Partial")]));
    assert!(unexplained(&[absent(today()).share(50), excused(today()).share(50)]), "a part is open");
    assert!(unexplained(&[absent(today()), came("Early departure")]), "leaving early is no word of having come");
    assert!(unexplained(&[absent(today()).in_section("english")]));
    assert!(!unexplained(&[]));
    assert!(!unexplained(&[excused(today())]));
    assert!(!unexplained(&[absent(day(2))]), "of yesterday");
    assert!(!unexplained(&[came("Partial").share(0)]), "no part of the day");
    for arrival in ["Tardy", "Present", "In Attendance"] {
        assert!(!unexplained(&[absent(today()), came(arrival)]), "{arrival}");
        let in_class = came(arrival).in_section("english");
        assert!(!unexplained(&[absent(today()), in_class.clone()]), "{arrival} in a class");
        assert!(!unexplained(&[absent(today()).in_section("english"), in_class]), "{arrival} in that class");
    }
}

#[test]
fn an_absence_today_is_unexplained_before_and_after_the_days_close() {
    let mut world = absent_on([3], 4);
    for (unexplained, now) in
        [(true, world.begins(day(3)).now), (true, world.closes(day(3)).now), (false, world.begins(day(4)).now)]
    {
        world.now = now;
        assert_eq!(world.measures().unexplained_absence_today, unexplained, "{now:?}");
    }
    world.begins(day(3));
    assert_eq!(world.total(), (200, 0), "today does not count before it is closed");
}

#[test]
fn a_day_that_does_not_count_is_not_unexplained() {
    let mut world = absent_on([3], 2);
    world.begins(day(3));
    assert!(!world.measures().unexplained_absence_today);
}
