//! Item 12: failing.

use homeroom_domain::course::grading::SchoolScale;
use homeroom_domain::course::scale::{GradeScale, Step};
use homeroom_domain::event::Grade;
use homeroom_domain::explain::Explanation;
use homeroom_domain::measure::Measure;
use homeroom_domain::reference::{Entry, School};

use crate::world::{World, day, grade, letter, school};

/// A school with three grading periods, told out of order, and two sections.
fn graded() -> World {
    let mut world = World::of_school_days(9);
    world.session("year", 1, 9).section("english", "English Language Arts", "year");
    world.section("art", "Fine and Performing Arts", "year");
    world.period("third", 7, 9).period("first", 1, 3).period("second", 4, 6);
    world
}

fn failing(world: &World) -> (i64, i64) {
    let measures = world.measures();
    (measures.failing, measures.failing_core)
}

fn with(grades: &[Grade]) -> (i64, i64) {
    let mut world = graded();
    for (n, grade) in grades.iter().enumerate() {
        world.says(&format!("grade {n}"), grade.clone());
    }
    failing(&world)
}

#[test]
fn a_number_fails_below_sixty_or_below_what_the_district_says() {
    assert_eq!(with(&[grade("english", "first", "Final", 59)]), (1, 1));
    assert_eq!(with(&[grade("english", "first", "Final", 60)]), (0, 0));
    let almost = Grade { numeric: Some(59_99), ..grade("english", "first", "Final", 0) };
    assert_eq!(with(&[almost]), (1, 1));
    let mut world = graded();
    world.says("grade", grade("english", "first", "Final", 69));
    assert_eq!(failing(&world), (0, 0));
    world.settings.failing_below = 70_00;
    assert_eq!(failing(&world), (1, 1));
}

#[test]
fn letters_fail_by_name_and_a_number_wins_over_a_letter() {
    for (given, fails) in [("F", 1), ("E", 1), ("U", 1), ("f", 1), ("D", 0), ("A", 0), ("P", 0), ("F+", 0)] {
        assert_eq!(with(&[letter("english", "first", "Final", given)]).0, fails, "{given}");
    }
    let contrary = Grade { letter: Some("F".to_owned()), ..grade("english", "first", "Final", 95) };
    assert_eq!(with(&[contrary]), (0, 0));
    let contrary = Grade { letter: Some("A".to_owned()), ..grade("english", "first", "Final", 10) };
    assert_eq!(with(&[contrary]), (1, 1));
}

#[test]
fn the_latest_grading_period_with_a_grade_stands() {
    let (bad, good) = (
        |period| grade("english", period, "Grading Period", 40),
        |period| grade("english", period, "Grading Period", 90),
    );
    assert_eq!(with(&[bad("first"), good("second")]), (0, 0));
    assert_eq!(with(&[good("first"), bad("second")]), (1, 1));
    assert_eq!(with(&[good("third"), bad("second"), bad("first")]), (0, 0));
    let mut world = graded();
    world.says("1", good("first")).says("2", bad("second"));
    assert_eq!(failing(&world), (1, 1));
    world.withdraws("2");
    assert_eq!(failing(&world), (0, 0));
}

#[test]
fn a_grading_period_counts_from_its_first_day() {
    let mut world = graded();
    world.says("1", grade("english", "first", "Final", 90)).says("2", grade("english", "second", "Final", 40));
    for (n, fails) in [(3, 0), (4, 1), (9, 1)] {
        world.closes(day(n));
        assert_eq!(failing(&world).0, fails, "day {n}");
    }
}

#[test]
fn final_comes_before_semester_before_grading_period_and_others_are_no_course_grades() {
    let of = |grade_type: &str, numeric| grade("english", "first", grade_type, numeric);
    assert_eq!(with(&[of("Grading Period", 90), of("Final", 40), of("Semester", 90)]), (1, 1));
    assert_eq!(with(&[of("Final", 90), of("Semester", 40), of("Grading Period", 40)]), (0, 0));
    assert_eq!(with(&[of("Grading Period", 90), of("SEMESTER", 40)]), (1, 1));
    for other in ["Progress Report", "Exam", "Mid-Term Grade", "Conduct"] {
        assert_eq!(with(&[of(other, 10)]), (0, 0), "{other}");
    }
    let later = grade("english", "second", "Progress Report", 90);
    assert_eq!(with(&[of("Final", 40), later]), (1, 1), "a later period without such a grade does not stand");
    let later = grade("english", "second", "Grading Period", 90);
    assert_eq!(with(&[of("Final", 40), later]), (0, 0), "the period comes before the type");
}

#[test]
fn sections_are_counted_and_core_ones_apart() {
    assert_eq!(with(&[grade("english", "first", "Final", 40), grade("art", "first", "Final", 40)]), (2, 1));
    assert_eq!(with(&[grade("art", "first", "Final", 40)]), (1, 0));
    for (subject, core) in [
        ("English", 1),
        ("English Language Arts", 1),
        ("Language Arts", 1),
        ("Reading", 1),
        ("Critical Reading", 1),
        ("Writing", 1),
        ("MATHEMATICS", 1),
        ("Science", 1),
        ("Life and Physical Sciences", 1),
        ("Social Studies", 1),
        ("Social Sciences and History", 1),
        ("Military Science", 0),
        ("Physical, Health, and Safety Education", 0),
        ("Foreign Language and Literature", 0),
    ] {
        let mut world = graded();
        world.section("art", subject, "year").says("grade", grade("art", "first", "Final", 40));
        assert_eq!(failing(&world), (1, core), "{subject}");
    }
}

#[test]
fn a_grade_waits_for_its_section_period_and_student() {
    let mut world = graded();
    world.says("grade", grade("english", "first", "Final", 40));
    assert_eq!(failing(&world), (1, 1));
    for key in ["section english", "english offering", "session year", "period first", "school 1"] {
        world.undefines(key);
        assert_eq!(failing(&world), (0, 0), "{key}");
        world.opens("1").session("year", 1, 9).section("english", "English", "year").period("first", 1, 3);
        assert_eq!(failing(&world), (1, 1), "{key} is back");
    }
    world.undefines("english course");
    assert_eq!(failing(&world), (1, 0), "of an unknown course nobody knows that it is a core course");
    world.withdraws("student");
    assert_eq!(failing(&world), (0, 0));
}

#[test]
fn a_grade_without_a_value_does_not_stand() {
    let empty = Grade { numeric: None, ..grade("english", "second", "Final", 0) };
    assert_eq!(with(&[grade("english", "first", "Final", 40), empty]), (1, 1));
}

/// A district whose elementary school grades by standards, from 1 to 4 and in letters of its own, beside percent elsewhere.
#[test]
fn a_school_that_grades_by_standards_has_a_scale_of_its_own() {
    let mut world = graded();
    let types = vec!["uri://ed-fi.org/SchoolCategoryDescriptor#Elementary School".to_owned()];
    world.defines("school 1", Entry::School(School { school: school("1"), name: "1".to_owned(), types }));
    let standard = Grade { numeric: Some(3_00), ..grade("english", "first", "Final", 0) };
    world.says("a", standard.clone());
    let stands = |world: &World| (failing(world).0, world.value("gpa"));
    assert_eq!(stands(&world), (1, 0), "three percent");
    let numbers = [(4_00, 4_00), (3_00, 3_00), (2_00, 2_00)].map(|(from, points)| Step { from, points }).to_vec();
    let letters = [("E", 4_00), ("S", 3_00), ("N", 0)].map(|(letter, points)| (letter.to_owned(), points)).into();
    let grade_scale = GradeScale { letters, numbers };
    let school_types = vec!["Elementary School".to_owned()];
    world.settings.school_scales = vec![SchoolScale { school_types, failing_below: 2_00, grade_scale }];
    world.settings = world.settings.comparable();
    assert_eq!(stands(&world), (0, 3_00));
    world.says("a", Grade { numeric: Some(1_99), ..standard });
    assert_eq!(stands(&world), (1, 0));
    let measures = ["failing_core", "gpa"].map(|name| Measure::find(name).unwrap());
    let told = world.look(|student| Explanation::of(student, &measures, &world.pack));
    assert_eq!(told.grades[0].what, "grade 1.99 fails, it is below 2");
    assert!(told.workings[0].arithmetic.ends_with("1 fail: grade 1.99 fails, it is below 2"));
    assert_eq!(told.workings[1].arithmetic, "(0) / 1 = 0, cut and not rounded");
    world.says("a", letter("english", "first", "Final", "E"));
    assert_eq!(stands(&world), (0, 4_00), "excellent");
    let told = world.look(|student| Explanation::of(student, &measures, &world.pack));
    assert_eq!(told.workings[1].arithmetic, "(4) / 1 = 4, cut and not rounded");
    world.says("a", letter("english", "first", "Final", "N"));
    assert_eq!(stands(&world), (1, 0), "needs improvement");
    world.opens("1");
    assert_eq!(stands(&world), (0, -1), "the district's own scale knows no N");
}
