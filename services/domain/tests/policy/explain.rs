//! Explanations: what is told of a date and of a measure in words, and that the sums are the measures.

use std::collections::BTreeMap;

use homeroom_domain::explain::history::{Heard, History};
use homeroom_domain::explain::{CameTo, Explanation, Working, usual_measures};
use homeroom_domain::measure::Measure;
use proptest::prelude::*;

use crate::world::{Marked, Spell as _, World, absent, day, enrolled, excused, grade, mark, member};

fn explained(world: &World, measures: &[Measure]) -> Explanation {
    world.look(|student| Explanation::of(student, measures, &world.pack))
}

fn worked(world: &World, name: &str) -> Working {
    explained(world, &[Measure::find(name).unwrap()]).workings.remove(0)
}

fn arithmetic(world: &World, name: &str) -> String {
    worked(world, name).arithmetic
}

/// Forty days, six with something to say.
fn eight_weeks() -> World {
    let mut world = World::of_school_days(40);
    world.says("a", absent(day(3))).says("b", excused(day(4))).says("c", excused(day(10)).share(50));
    world.says("d", mark("Tardy", day(12))).says("e", absent(day(39))).says("f", absent(day(40)));
    world
}

#[test]
fn a_measure_is_written_out() {
    let world = eight_weeks();
    for (name, words) in [
        ("enrolled", "40 x 1 = 40 days"),
        ("absent", "4 x 1 + 1 x 0.5 = 4.5 days"),
        ("unexcused", "3 x 1 = 3 days"),
        ("tardy", "1 x 1 = 1 day"),
        ("tier", "absent 4.5 of 40 days; 5% is 2, 10% is 4, 20% is 8; so at or above 10%, tier 2"),
        (
            "streak",
            "2 counted days from 2021-10-28 to 2021-10-29, half or more of each absent; of 2021-10-27 it was less",
        ),
        ("absent_rate", "absent 4.5 of 40 days: 4.5 x 100% / 40 = 11.25%, cut and not rounded"),
        ("absent_last_5_school_days", "5 counted days from 2021-10-25 to 2021-10-29: 2 x 1 = 2 days"),
        ("longest_streak", "2 counted days from 2021-09-08 to 2021-09-09, half or more of each absent"),
        (
            "absences_left",
            "40 days so far and 0 to come are 40; the most below a tenth of that is 3.99; less 4.5 absent = -0.51",
        ),
        ("expected_absent", "4.5 absent so far + 0 to come x 4.5 / 40 = 4.5, to the nearest hundredth"),
        ("federal_chronic", "at school 1 half or more was missed of 5 of 40 days; 10% is 4: chronic"),
        ("truancy_tx_days_in_4_weeks", "2 x 1 = 2 days"),
        ("truancy_nm_rate", "unexcused 3 of 40 days: 3 x 100% / 40 = 7.5%, cut and not rounded"),
        (
            "minutes_absent",
            "how many minutes were missed is not known of 2021-09-08, 2021-09-09, 2021-09-17, 2021-10-28, 2021-10-29",
        ),
    ] {
        assert_eq!(arithmetic(&world, name), words, "{name}");
    }
    let dates: Vec<_> = worked(&world, "unexcused").parts.iter().map(|part| part.date).collect();
    assert_eq!(dates, [day(3), day(39), day(40)]);
}

#[test]
fn a_date_says_what_it_came_to_and_how() {
    let mut world = World::of_school_days(6);
    world.session("half", 1, 6);
    for name in ["algebra", "art", "biology"] {
        world.section(name, "Mathematics", "half").says(&format!("member of {name}"), member(name, day(1)));
    }
    world.says("one class", absent(day(1)).in_section("art"));
    world.says("two classes", absent(day(2)).in_section("art")).says("two", excused(day(2)).in_section("algebra"));
    world.says("half", excused(day(3)).share(70)).says("another half", absent(day(3)).share(60));
    world.says("saturday", absent(day(5).next())).says("elsewhere", absent(day(4)).at("9"));
    world.says("class", absent(day(6)).in_section("art")).says("day", mark("Present", day(6)));
    let told = explained(&world, &[]);
    let dates: BTreeMap<_, _> = told.dates.iter().map(|told| (told.date, told)).collect();
    let how = |n| dates[&day(n)].how.as_str();
    assert_eq!(how(1), "absent from 1 of 3 classes: less than half, so none of the day");
    assert_eq!(how(2), "absent from 2 of 3 classes: half or more, so all of the day");
    assert_eq!(how(3), "marks of the day: 0.7 + 0.6 = 1.3, at most 1; 0.6 of it without excuse");
    assert_eq!(how(6), "the mark of the day: 0");
    let marks = |n: i32| dates[&day(n)].marks.iter().map(|mark| mark.not_counted).collect::<Vec<_>>();
    assert_eq!(marks(6), [None, Some("a mark for the whole day outranks it")]);
    let why = |told: &homeroom_domain::explain::DateTold| told.marks[0].not_counted.unwrap();
    assert_eq!((dates[&day(4)].came_to, why(dates[&day(4)])), (CameTo::NoDate, "its school is not known"));
    let saturday = dates[&day(5).next()];
    assert_eq!(saturday.came_to, CameTo::NoDate);
    assert_eq!(why(saturday), "the date is not instructional there, or its calendar is not known");
    assert_eq!((told.schools[0].dates, told.schools[0].silent, told.schools[0].off.len()), (6, 2, 0));
}

#[test]
fn a_districts_calculator_is_named_with_what_it_made_of_tardies_and_of_the_date() {
    let mut world = World::of_school_days(4);
    world.counts_by("  - id: strict\n    count: marks\n    tardies: {every: 2, counts: 50}");
    world.says("first", mark("Tardy", day(1))).says("second", mark("Tardy", day(3)));
    let told = explained(&world, &[]);
    let how: Vec<_> = told.dates.iter().map(|told| told.how.as_str()).collect();
    assert_eq!(
        how,
        [
            "the mark of the day: 0 (calculator `strict`)",
            "the mark of the day: 0; tardies so far make 0.5 more of it absent (calculator `strict`)"
        ]
    );
    assert_eq!(arithmetic(&world, "absent"), "1 x 0.5 = 0.5 days");
}

#[test]
fn weekdays_off_and_unknown_dates_are_told() {
    let mut world = World::unknown();
    world.opens("1").calendar("main", "1", (1..=3).chain(6..=8)).registers();
    world.says("enrollment", enrolled("1", day(2))).closes(day(8));
    let told = explained(&world, &[]);
    assert_eq!(told.schools[0].span, Some((day(2), day(8))));
    assert_eq!(told.schools[0].off, [day(4), day(5)]);
    world.settings.reporting = homeroom_domain::settings::Reporting::Positive;
    world.says("present", mark("Present", day(3)));
    let told = explained(&world, &[Measure::UnknownDays]);
    assert_eq!(told.workings[0].value, 4);
    let unknown: Vec<_> = told.dates.iter().filter(|told| told.came_to == CameTo::Unknown).map(|it| it.date).collect();
    assert_eq!(unknown, [day(2), day(6), day(7), day(8)]);
    assert_eq!(told.dates[0].how, "nothing was recorded, and silence proves nothing here");
}

#[test]
fn a_grade_says_whether_it_stands_and_fails() {
    let mut world = World::of_school_days(20);
    world.session("year", 1, 20).section("english", "English", "year").period("first", 1, 10).period("second", 11, 20);
    world.says("a", grade("english", "first", "Final", 80)).says("b", grade("english", "second", "Final", 55));
    world.says("c", grade("english", "second", "Exam", 40));
    let told = explained(&world, &[Measure::FailingCore, Measure::find("gpa").unwrap()]);
    let grades: Vec<_> = told.grades.iter().map(|told| (told.what.as_str(), told.not_counted)).collect();
    let passed_over = "another grade of its section stands: of a later grading period, or a more final one";
    assert!(grades.contains(&("grade 80", Some(passed_over))), "{grades:?}");
    assert!(grades.contains(&("grade 55 fails, it is below 60", None)), "{grades:?}");
    assert!(grades.contains(&("grade 40", Some("its type is not a course grade"))), "{grades:?}");
    assert_eq!(
        told.workings[0].arithmetic,
        "of 1 core sections with a grade that stands, 1 fail: grade 55 fails, it is below 60"
    );
    assert_eq!(told.workings[1].arithmetic, "(0) / 1 = 0, cut and not rounded");
}

#[test]
fn a_rule_says_by_which_numbers_it_holds() {
    let world = eight_weeks();
    let told = explained(&world, &[]);
    let tier = &told.rules[0];
    assert_eq!((tier.opens_when.as_str(), tier.measures[0].value), ("tier >= 1", 2));
    assert_eq!(tier.holds.map(|held| held.map(|(level, _)| level)), Ok(Some(2)));
    assert!(tier.explanation.contains("4.5") && !tier.clears_when.is_empty(), "{tier:?}");
    assert!(told.rules.iter().any(|rule| rule.holds == Ok(None)));
}

#[test]
fn a_day_of_which_all_is_told_and_nobody_knows_how_long_it_is_says_so() {
    let mut world = World::of_school_days(2);
    world.session("half", 1, 2).section("art", "Music", "half").says("member", member("art", day(1)));
    world.counts_by("  - id: ours\n    count: exact");
    world.says("day", absent(day(1))).says("class", absent(day(2)).in_section("art"));
    let told = explained(&world, &[]);
    let how: Vec<_> = told.dates.iter().map(|told| (told.came_to, told.how.as_str())).collect();
    let words = "how long it is, or its classes are, is not known (calculator `ours`)";
    assert_eq!(how, [(CameTo::Unknown, words), (CameTo::Unknown, words)]);
}

#[test]
fn a_rule_tells_each_measure_that_it_names_once() {
    let mut world = eight_weeks();
    let condition = "opens-when: tier >= 2 || streak >= 5 && tier >= 1";
    let pack = homeroom_domain::rule::DEFAULT_PACK.replacen("opens-when: tier >= 1", condition, 1);
    world.pack = homeroom_domain::rule::Pack::parse(&pack).unwrap();
    let told = explained(&world, &[]);
    let names: Vec<_> = told.rules[0].measures.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["tier", "streak"]);
}

/// One thing that a source says: of which record, on which day, with which code, and whether it takes it back.
type Word = (u8, i32, u8, bool);

fn tell(world: &mut World, (record, n, what, withdrawn): Word) {
    let codes = ["Unexcused Absence", "Excused Absence", "Tardy", "Present", "Partial", "Nonsense", "In Attendance"];
    let plain = mark(codes[usize::from(what) % codes.len()], day(n));
    let said = match what / 7 {
        0 => plain,
        1 => plain.share(40),
        2 => plain.in_section(["algebra", "art", "biology"][usize::from(record) % 3]),
        3 => plain.at("2"),
        _ => plain.minutes(45),
    };
    let (key, revision) = (format!("record {record}"), u64::try_from(n).unwrap() + 100);
    if withdrawn {
        world.withdraws_at(&key, revision);
    } else {
        world.says_at(&key, revision, said);
    }
}

/// A student of two schools, with classes, grades and a calendar that has gaps.
fn generated(words: &[Word], calculator: u8, moves: i32) -> World {
    let mut world = World::unknown();
    world.opens("1").calendar("main", "1", (1..=40).filter(|n| n % 9 != 0)).registers();
    world.opens("2").calendar("other", "2", 1..=40).session("year", 1, 40);
    for name in ["algebra", "art", "biology"] {
        world.section(name, "Mathematics", "year").says(&format!("member of {name}"), member(name, day(2)));
    }
    world.period("first", 1, 20).says("grade", grade("art", "first", "Final", 50));
    world.says("one", enrolled("1", day(1)).until(day(moves + 3))).says("two", enrolled("2", day(moves)));
    match calculator {
        0 => {}
        1 => {
            world.counts_by("  - id: strict\n    count: marks\n    tardies: {every: 2, counts: 50}");
        }
        2 => {
            world.counts_by("  - id: long\n    count: {minutes-absent: [{from: 60, absent: 100}, {from: 30, absent: 50}, {from: 0, absent: 0}]}\n    day-minutes: 390");
        }
        _ => {
            world.settings.reporting = homeroom_domain::settings::Reporting::Positive;
        }
    }
    for word in words {
        tell(&mut world, *word);
    }
    world.closes(day(38));
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sums_of_an_explanation_are_the_measures(
        words in prop::collection::vec((0_u8..30, 1_i32..=40, 0_u8..35, prop::bool::weighted(0.1)), 0..60),
        calculator in 0_u8..4,
        moves in 5_i32..35,
    ) {
        let world = generated(&words, calculator, moves);
        let mut measures = usual_measures(&world.pack);
        for name in ["absent_last_10_school_days", "unexcused_this_calendar_month", "tardy_mondays", "minutes_absent_last_30_days"] {
            measures.push(Measure::find(name).unwrap());
        }
        let told = explained(&world, &measures);
        for working in &told.workings {
            let name = working.measure.name();
            prop_assert_eq!(working.value, world.value(&name), "{}", name);
            let sum: i64 = working.parts.iter().map(|part| part.value).sum();
            prop_assert!(!working.adds_up || sum == working.value, "{}: {} and {:?}", name, working.value, working.parts);
            prop_assert!(!working.arithmetic.is_empty(), "{}", name);
        }
        for name in ["enrolled", "absent", "unexcused", "tardy", "streak", "longest_streak", "unknown_days", "truancy_tx_days_in_4_weeks"] {
            let working = told.workings.iter().find(|it| it.measure.name() == name).unwrap();
            prop_assert!(working.adds_up, "{}", name);
        }
        let silent: usize = told.schools.iter().map(|school| school.silent).sum();
        let (mut enrolled, mut absent, mut unexcused, mut tardy) = (i64::try_from(silent).unwrap() * 100, 0, 0, 0);
        for date in &told.dates {
            if let CameTo::Counted(day) = date.came_to {
                enrolled += i64::from(day.weight);
                absent += i64::from(day.absent);
                unexcused += i64::from(day.unexcused);
                tardy += i64::from(day.tardy);
                prop_assert!(!date.how.is_empty());
            }
            let counted = matches!(date.came_to, CameTo::Counted(_) | CameTo::AtSchoolOnly(_));
            prop_assert!(counted || date.marks.iter().all(|mark| mark.not_counted.is_some()) || date.came_to == CameTo::Unknown);
        }
        let measures = world.measures();
        prop_assert_eq!((enrolled, absent), (measures.enrolled, measures.absent));
        prop_assert_eq!((unexcused, tardy), (measures.unexcused, measures.tardy));
        for (rule, told) in world.pack.rules.iter().zip(&told.rules) {
            let claim = world.look(|student| rule.claim(student, world.now).map(|claim| claim.map(|claim| claim.level)));
            prop_assert_eq!(told.holds.map(|held| held.map(|(level, _)| level)), claim);
        }
    }
}

#[test]
fn a_student_is_seen_as_it_was_known_then_and_each_correction_says_what_it_did() {
    use homeroom_domain::event::{Change, Origin};
    use homeroom_domain::explain::change::{Basis, Kind, Shift, Since};
    use homeroom_domain::id::{RecordKey, Revision, SourceId};
    use homeroom_domain::settings::{Now, Settings};

    use crate::world::Said as _;

    let mut history = History::default();
    let mut hear = |key: u8, revision: u64, second: i64, change: Change<homeroom_domain::event::Fact>| {
        let source = SourceId::parse("sis").unwrap();
        let origin = Origin { source, key: RecordKey::new([key; 16]), revision: Revision(revision) };
        history.take(Heard { origin, received_at: jiff::Timestamp::from_second(second).unwrap(), change });
    };
    let said = |fact| Change::Recorded(fact);
    hear(1, 1, 10, said(homeroom_domain::event::Fact::Registration));
    hear(2, 1, 10, said(enrolled("1", day(1)).fact()));
    hear(3, 1, 10, said(absent(day(2)).fact()));
    hear(4, 1, 10, said(absent(day(3)).fact()));
    // After the moment: excused, taken back, late, and the next day's.
    hear(3, 2, 30, said(excused(day(2)).fact()));
    hear(4, 2, 40, Change::Withdrawn);
    hear(5, 1, 50, said(absent(day(5)).fact()));
    hear(6, 1, 60, said(absent(day(12)).fact()));
    let mut world = World::of_school_days(20);
    let then = world.records.view();
    world.calendar_day("main", day(9), &["Holiday"]);
    let (now, settings) = (world.records.view(), Settings::default());
    let since = Since {
        history: &history,
        moment: jiff::Timestamp::from_second(20).unwrap(),
        then: Basis { view: &then, settings: &settings },
        now: Basis { view: &now, settings: &settings },
        earlier: day(10),
        later: Now { today: day(12), as_of: day(12) },
    };
    let measures = [Measure::Enrolled, Measure::Absent, Measure::Unexcused];
    let compared = since.compare(&measures);
    let moved: Vec<_> = compared.moved().iter().map(|it| (it.then, it.corrected, it.now)).collect();
    assert_eq!(moved, [(1_000, 900, 1_100), (200, 200, 300), (200, 100, 200)]);
    let changes = history.changes_since(since.moment);
    let told: Vec<_> = changes
        .iter()
        .map(|changed| {
            let shifts = compared.by_record(&changed.record);
            let shifts: Vec<_> = shifts.iter().map(|it| (it.measure, it.without, it.with)).collect();
            (Kind::of(changed, &now, since.earlier), shifts)
        })
        .collect();
    assert_eq!(
        told,
        [
            (Kind::Corrected, vec![(Measure::Unexcused, 200, 100)]),
            (Kind::Withdrawn, vec![(Measure::Absent, 300, 200), (Measure::Unexcused, 200, 100)]),
            (Kind::ArrivedLate, vec![(Measure::Absent, 100, 200), (Measure::Unexcused, 0, 100)]),
            (Kind::New, vec![]),
        ]
    );
    assert_eq!(compared.by_reference(), [Shift { measure: Measure::Enrolled, without: 1_000, with: 900 }]);
}
