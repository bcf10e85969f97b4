//! Coursework: averages, credits, and what gradebooks say.

use homeroom_domain::course::credit::Credits;
use homeroom_domain::course::gradebook::Gradebook;
use homeroom_domain::course::{change, high, point, sixth};
use homeroom_domain::date::Date;
use homeroom_domain::event::{AssignmentResult, CourseTranscript, Discipline, Enrollment};
use homeroom_domain::id::SchoolYear;
use homeroom_domain::reference::{Assignment, Entry};
use homeroom_domain::rule::Pack;

use crate::world::{Plus as _, World, absent, code, day, enrolled, grade, id, letter, member, school};

/// Two sections in one session, of which both periods have begun.
fn taught() -> World {
    let mut world = World::of_school_days(40);
    world.session("year", 1, 40).section("english", "English", "year").section("algebra", "Mathematics", "year");
    world.section("art", "Fine and Performing Arts", "year").period("first", 1, 20).period("second", 21, 40);
    world
}

fn in_grade(world: &mut World, grade_level: &str) {
    world.says("enrollment", Enrollment { grade_level: code(grade_level), ..enrolled("1", day(1)) });
}

fn current(world: &World) -> Option<i64> {
    world.look(|student| point::current(student, world.now.as_of))
}

#[test]
fn the_current_average_is_of_the_grades_that_stand_each_section_once() {
    let mut world = taught();
    assert_eq!(current(&world), None);
    world.says("a", grade("english", "first", "Final", 95)).says("b", grade("english", "second", "Final", 85));
    world.says("c", letter("algebra", "second", "Final", "C+")).says("d", letter("art", "second", "Final", "P"));
    assert_eq!(current(&world), Some(2_65));
    world.says("e", letter("art", "first", "Final", "A"));
    assert_eq!(current(&world), Some(2_65), "a pass stands for art, and counts in no average");
}

#[test]
fn an_average_is_cut_off_and_never_rounded_up_to_a_bound() {
    let mut world = taught();
    world.says("a", letter("english", "first", "Final", "C")).says("b", letter("algebra", "first", "Final", "C"));
    world.says("c", letter("art", "first", "Final", "C-"));
    assert_eq!(current(&world), Some(1_90), "570 of three");
}

#[test]
fn grades_change_from_one_period_to_the_next() {
    let mut world = taught();
    let change = |world: &World| world.look(|student| change::since_last_period(student, world.now.as_of));
    world.says("a", letter("english", "first", "Final", "A")).says("b", letter("algebra", "first", "Final", "B"));
    assert_eq!(change(&world), None);
    world.says("c", letter("english", "second", "Final", "C")).says("d", letter("algebra", "second", "Final", "C"));
    assert_eq!(change(&world), Some(-1_50));
    world.closes(day(20));
    assert_eq!(change(&world), None, "the second has not begun");
}

fn taken(course: &str, result: &str, grade: &str, credits: (i64, i64)) -> CourseTranscript {
    CourseTranscript {
        course: id(&format!("{course} course")),
        school_year: SchoolYear(2022),
        term: code("Fall Semester"),
        result: code(result),
        attempted: Some(credits.0),
        earned: Some(credits.1),
        numeric: None,
        letter: Some(grade.to_owned()),
    }
}

fn credits(world: &World) -> Credits {
    world.look(|student| Credits::of(student, world.now.as_of))
}

#[test]
fn the_transcripts_average_goes_by_credits_attempted() {
    let mut world = taught();
    let cumulative = |world: &World| world.look(point::cumulative);
    world.says("a", taken("english", "Pass", "A", (1_000, 1_000))).says("b", taken("algebra", "Fail", "F", (500, 0)));
    assert_eq!(cumulative(&world), Some(2_66));
    world.says("c", taken("art", "Withdrawn", "F", (1_000, 0)));
    assert_eq!(cumulative(&world), Some(2_66), "what was given up counts in none");
    let credits = credits(&world);
    assert_eq!((credits.attempted, credits.earned, credits.earned_so_far), (2_500, 1_000, 1_000));
}

#[test]
fn a_course_that_is_not_known_waits() {
    let mut world = taught();
    world.says("a", taken("latin", "Pass", "A", (1_000, 1_000)));
    assert!(world.waits());
    assert_eq!(credits(&world), Credits::default());
    world.section("latin", "Foreign Language and Literature", "year");
    assert_eq!((credits(&world).earned, world.waits()), (1_000, false));
}

#[test]
fn a_freshman_is_on_track_with_five_credits_and_at_most_one_core_failure() {
    let mut world = taught();
    in_grade(&mut world, "Ninth grade");
    assert_eq!(credits(&world).on_track(), None, "before there is a transcript");
    world.says("a", taken("art", "Pass", "A", (2_500, 2_500)));
    assert_eq!(credits(&world).on_track(), None, "nobody has five after the first term");
    world.closes(day(41));
    assert_eq!(credits(&world).on_track(), Some(false), "no more are to come");
    world.closes(day(40));
    for name in ["b", "c"] {
        world.says(name, taken("english", "Fail", "F", (500, 0)));
    }
    assert_eq!(credits(&world).on_track(), Some(false), "two failures tell it at once");
    world.withdraws("c");
    world.says("a", taken("art", "Pass", "A", (4_500, 4_500))).says("b", taken("english", "Fail", "F", (500, 0)));
    assert_eq!(credits(&world).on_track(), Some(false), "half a credit is missing");
    let summer = CourseTranscript { term: code("Summer Semester"), ..taken("art", "Pass", "A", (500, 500)) };
    world.says("c", summer);
    assert_eq!((credits(&world).earned, credits(&world).on_track()), (5_000, Some(false)), "summer does not count");
    world.says("d", taken("algebra", "Pass", "D", (500, 500)));
    assert_eq!(credits(&world).on_track(), Some(true), "five, and one failure");
    world.says("e", taken("algebra", "Fail", "E", (500, 0)));
    assert_eq!((credits(&world).core_failures, credits(&world).on_track()), (2, Some(false)));
    in_grade(&mut world, "Tenth grade");
    assert_eq!(credits(&world).on_track(), None);
}

#[test]
fn credits_of_earlier_years_count_so_far_only() {
    let mut world = taught();
    let before = CourseTranscript { school_year: SchoolYear(2021), ..taken("english", "Fail", "F", (1_000, 250)) };
    let ahead = CourseTranscript { school_year: SchoolYear(2023), ..before.clone() };
    world.says("a", before).says("b", ahead);
    let credits = credits(&world);
    assert_eq!((credits.attempted, credits.earned, credits.earned_so_far, credits.core_failures), (0, 0, 250, 0));
}

#[test]
fn a_sixth_grader_has_a_flag_each_for_absence_mathematics_english_and_suspension() {
    let mut world = taught();
    in_grade(&mut world, "Sixth grade");
    let flags = |world: &World| world.look(|student| sixth::flags(student, world.now.as_of));
    assert_eq!(flags(&world), 0);
    world.says("a", grade("algebra", "first", "Final", 50)).says("b", grade("art", "first", "Final", 50));
    assert_eq!(flags(&world), 1, "art is not one of them");
    world.says("c", grade("english", "first", "Final", 50));
    let begin_on = day(1);
    let code = code("Out of School Suspension");
    world.says("d", Discipline { school: school("1"), begin_on, length: None, code });
    assert_eq!(flags(&world), 3);
    for n in 1..=8 {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    assert_eq!(flags(&world), 4, "8 of 40 days");
    in_grade(&mut world, "Seventh grade");
    assert_eq!(flags(&world), 0);
}

/// Source: National High School Center: a tenth of days missed, any course failed, an average of 2.0 or below, two core failures.
#[test]
fn a_high_school_student_has_a_flag_each_for_absence_a_failing_grade_a_low_average_and_core_failures() {
    let mut world = taught();
    in_grade(&mut world, "Tenth grade");
    let flags = |world: &World| world.look(|student| high::flags(student, world.now.as_of));
    world.says("a", letter("algebra", "first", "Final", "C")).says("b", letter("english", "first", "Final", "C+"));
    assert_eq!(flags(&world), 0, "2.15");
    world.says("b", letter("english", "first", "Final", "C"));
    assert_eq!(flags(&world), 1, "2.0 is low");
    world.says("c", grade("art", "first", "Final", 59));
    assert_eq!(flags(&world), 2, "a course that is no core course is one too");
    for n in 1..=4 {
        world.says(&format!("mark {n}"), absent(day(n)));
    }
    assert_eq!(flags(&world), 3, "4 of 40 days");
    world.says("d", taken("algebra", "Fail", "F", (1_000, 0)));
    assert_eq!(flags(&world), 3, "one core failure is none");
    world.says("e", taken("english", "Fail", "F", (1_000, 0)));
    assert_eq!(flags(&world), 4);
    in_grade(&mut world, "Eighth grade");
    assert_eq!(flags(&world), 0);
}

fn set(world: &mut World, name: &str, section: &str, due_on: Date, points: i64) {
    let points = (points > 0).then_some(points * 100);
    let assignment = Assignment { assignment: id(name), section: id(section), due_on, points };
    world.defines(&format!("assignment {name}"), Entry::Assignment(assignment));
}

fn result(name: &str, status: &str, points: Option<i64>) -> AssignmentResult {
    AssignmentResult {
        assignment: id(name),
        status: code(status),
        lateness: String::new(),
        points: points.map(|points| points * 100),
        numeric: None,
        fulfilled_on: None,
    }
}

fn gradebook(world: &World) -> Gradebook {
    world.look(|student| Gradebook::of(student, world.now.as_of))
}

#[test]
fn missing_work_is_counted_from_its_due_date_on() {
    let mut world = taught();
    set(&mut world, "one", "english", day(5), 10);
    set(&mut world, "two", "algebra", day(9), 10);
    world.says("one", result("one", "Not Submitted", None)).says("two", result("two", "missing", None));
    world.closes(day(5));
    assert_eq!((gradebook(&world).missing, gradebook(&world).missing_last_week), (1, 1));
    world.closes(day(10));
    assert_eq!((gradebook(&world).missing, gradebook(&world).missing_last_week), (2, 1));
    let then = result("one", "Graded", Some(10));
    world.says("one", AssignmentResult { fulfilled_on: Some(day(11)), ..then.clone() });
    assert_eq!((gradebook(&world).missing, gradebook(&world).lowest_average), (2, Some(0)), "it is handed in later");
    world.says("one", AssignmentResult { fulfilled_on: Some(day(10)), ..then });
    assert_eq!((gradebook(&world).missing, gradebook(&world).lowest_average), (1, Some(0)));
    world.says("one", result("one", "Exempt", None));
    assert_eq!(gradebook(&world).missing, 1);
    world.says("two", AssignmentResult { lateness: code("Late"), ..result("two", "Graded", Some(7)) });
    assert_eq!((gradebook(&world).missing, gradebook(&world).late), (0, 1));
}

#[test]
fn an_average_below_seventy_is_low_and_missing_work_earns_nothing() {
    let mut world = taught();
    set(&mut world, "one", "english", day(1), 10);
    set(&mut world, "two", "english", day(2), 30);
    set(&mut world, "percent", "algebra", day(2), 0);
    world.says("one", result("one", "Graded", Some(10))).says("two", result("two", "Graded", Some(18)));
    world.says("percent", AssignmentResult { numeric: Some(69_99), ..result("percent", "Graded", None) });
    let now = gradebook(&world);
    assert_eq!((now.lowest_average, now.low_averages), (Some(69_99), 1), "28 of 40 is 70%, which is not below it");
    world.says("one", result("one", "Not Submitted", None));
    let now = gradebook(&world);
    assert_eq!((now.lowest_average, now.low_averages), (Some(45_00), 2));
    world.says("one", AssignmentResult { numeric: Some(90_01), ..result("one", "Graded", None) });
    assert_eq!(gradebook(&world).lowest_average, Some(67_50), "a grade without points weighs what its assignment does");
}

#[test]
fn weeks_with_a_low_average_are_counted_back_from_the_date() {
    let mut world = taught();
    for (name, on, points) in [("one", 1, 50), ("two", 6, 100), ("three", 11, 30), ("four", 16, 60)] {
        set(&mut world, name, "english", day(on), 100);
        world.says(name, result(name, "Graded", Some(points)));
    }
    let weeks = |world: &mut World, date| {
        world.closes(date);
        gradebook(world).weeks_low
    };
    assert_eq!(weeks(&mut world, day(5)), 1);
    assert_eq!(weeks(&mut world, day(10)), 0, "150 of 200");
    assert_eq!(weeks(&mut world, day(15)), 1);
    assert_eq!(weeks(&mut world, day(20)), 2);
    assert_eq!(weeks(&mut world, day(20).plus(7)), 3);
}

#[test]
fn a_week_with_a_low_average_stays_one_when_its_work_is_handed_in_later() {
    let mut world = taught();
    set(&mut world, "one", "english", day(1), 10);
    set(&mut world, "two", "english", day(6), 10);
    world.says("one", AssignmentResult { fulfilled_on: Some(day(11)), ..result("one", "Graded", Some(10)) });
    world.says("two", result("two", "Not Submitted", None));
    world.closes(day(11));
    assert_eq!(gradebook(&world).weeks_low, 3);
}

#[test]
fn work_of_a_section_that_was_left_or_is_over_or_unknown_does_not_count() {
    let mut world = taught();
    world.says("one", result("one", "Not Submitted", None));
    assert!(world.waits());
    set(&mut world, "one", "latin", day(1), 10);
    assert_eq!((gradebook(&world).missing, world.waits()), (0, true));
    set(&mut world, "one", "english", day(1), 10);
    assert_eq!((gradebook(&world).missing, world.waits()), (1, false));
    world.says("member", member("english", day(1)));
    assert_eq!(gradebook(&world).missing, 1);
    world.says(
        "member",
        homeroom_domain::event::SectionMembership { end_on: Some(day(3)), ..member("english", day(1)) },
    );
    assert_eq!(gradebook(&world).missing, 0);
    world.withdraws("member").closes(day(41));
    assert_eq!(gradebook(&world).missing, 0, "the session is over");
}

/// A district's own rule on a measure that is counted for it alone.
fn missing_three() -> Pack {
    Pack::parse(MISSING_THREE).unwrap()
}

const MISSING_THREE: &str = "
id: work
version: 1
rules:
  - id: missing-work
    version: 1
    title: Missing work
    meaning: Three assignments or more were not handed in.
    scope: school-year
    opens-when: missing_work >= 3
    level: missing_work
    severity: {1: warning}
    settle-seconds: 0
    audience: success-team
    evidence: missing-work
    explanation: \"{missing_work} assignments were not handed in.\"
    clears: Less than three missing.
    source: the district
";

#[test]
fn a_rule_on_missing_work_opens_with_its_proof_and_is_recalled_when_a_mistake_is_corrected() {
    let mut world = taught();
    world.pack = missing_three();
    for (n, name) in ["one", "two", "three"].into_iter().enumerate() {
        set(&mut world, name, "english", day(1 + i32::try_from(n).unwrap()), 10);
        world.says(name, result(name, "Not Submitted", None));
    }
    world.closes(day(2));
    assert_eq!(world.tells(), Vec::<String>::new());
    world.closes(day(3));
    let opened = world.change();
    let proof = &opened.claim.proof;
    assert_eq!(&*proof.explanation, "3 assignments were not handed in.");
    assert_eq!(proof.measures.iter().map(|it| (&*it.name, it.value)).collect::<Vec<_>>(), [("missing_work", 3)]);
    let cited: Vec<_> = proof.facts.iter().map(|fact| (fact.date, &*fact.what)).collect();
    assert_eq!(cited, [3, 2, 1].map(|n| (day(n), "not handed in")));
    world.closes(day(4)).says("two", result("two", "Graded", Some(9)));
    assert_eq!(world.tells(), ["Recalled missing-work 3"]);
}

#[test]
fn work_that_is_handed_in_later_clears_what_was_told_of_it_and_disproves_nothing() {
    let mut world = taught();
    world.pack = missing_three();
    for (n, name) in ["one", "two", "three"].into_iter().enumerate() {
        set(&mut world, name, "english", day(1 + i32::try_from(n).unwrap()), 10);
        world.says(name, result(name, "Not Submitted", None));
    }
    world.closes(day(3));
    assert_eq!(world.tells(), ["Opened missing-work 3"]);
    world.closes(day(4));
    world.says("two", AssignmentResult { fulfilled_on: Some(day(4)), ..result("two", "Graded", Some(9)) });
    assert_eq!(world.tells(), ["Cleared missing-work 3"]);
}

#[test]
fn work_that_is_missing_later_corrects_nothing_that_was_told_before() {
    let mut world = taught();
    world.pack = Pack::parse(&MISSING_THREE.replace("level: missing_work", "level: \"1\"")).unwrap();
    for (name, due) in [("one", 1), ("two", 2), ("three", 3), ("four", 4)] {
        set(&mut world, name, "english", day(due), 10);
        world.says(name, result(name, "Not Submitted", None));
    }
    world.closes(day(3));
    assert_eq!(world.tells(), ["Opened missing-work 1"]);
    world.closes(day(4));
    assert_eq!(world.tells(), Vec::<String>::new());
    world.says("one", AssignmentResult { fulfilled_on: Some(day(4)), ..result("one", "Graded", Some(9)) });
    assert_eq!(world.tells(), Vec::<String>::new());
}
