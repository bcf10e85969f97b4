//! The days of a student of one school are laid out at once, and every date is answered from that: as a walk over the days up to it,
//! and a look at each grade, would answer.

use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::AttendanceMark;
use proptest::prelude::*;

use crate::world::{Marked, World, absent, day, excused, grade, mark, member, school};

const DAYS: i32 = 25;

fn said(what: u8, n: i32) -> AttendanceMark {
    let date = day(n);
    match what {
        0 | 1 => absent(date),
        2 => excused(date),
        3 => mark("Tardy", date),
        4 => mark("In Attendance", date),
        5 => absent(date).share(50),
        6 => absent(date).in_section("mathematics"),
        7 => absent(date).at("2"),
        8 => mark("Of No Meaning", date),
        _ => absent(date).in_section("unknown"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_year_laid_out_is_the_year_walked_through(
        marks in prop::collection::vec((-1..=DAYS + 2, 0..10_u8, 0..3_u8), 0..40),
        grades in prop::collection::vec((0..3_usize, 0..3_usize, 40..80_i64, prop::bool::ANY), 0..12),
        holiday in 1..=DAYS,
    ) {
        let (sections, periods) = (["mathematics", "art", "science"], ["first", "second", "same end"]);
        let mut world = World::of_school_days(DAYS);
        world.calendar_day("main", day(holiday), &["Instructional day", "Holiday"]).opens("2");
        world.session("year", 1, DAYS).period("first", 1, 8).period("second", 9, 20).period("same end", 12, 20);
        for (section, subject) in sections.into_iter().zip(["Mathematics", "Art", "Science"]) {
            world.section(section, subject, "year").says(&format!("in {section}"), member(section, day(1)));
        }
        for (n, what, record) in marks {
            world.says(&format!("mark {n} {record}"), said(what, n));
        }
        for (section, period, numeric, is_final) in grades {
            let grade_type = if is_final { "Final" } else { "Semester" };
            let (section, period) = (sections[section], periods[period]);
            world.says(&format!("{section} {period} {grade_type}"), grade(section, period, grade_type, numeric));
        }
        let view = world.records.view();
        let evaluation = Evaluation::new(&world.ledger, &view, &world.settings, world.now);
        for date in (-1..=DAYS + 2).map(day) {
            let at_school = evaluation.school(&school("1"), date, date);
            prop_assert_eq!(evaluation.district(date, date), at_school, "on {}", date);
            let failing: Vec<_> = evaluation.standings(date).into_iter().filter(|standing| standing.failing).collect();
            let core = failing.iter().filter(|standing| standing.core).count();
            let counted = [at_school.failing, at_school.failing_core].map(usize::try_from);
            prop_assert_eq!(counted, [Ok(failing.len()), Ok(core)]);
        }
    }
}
