//! Transcripts of several sources, and when a ninth grader's year is over.

use homeroom_domain::course::credit::Credits;
use homeroom_domain::course::point;
use homeroom_domain::event::{CourseTranscript, Enrollment, Fact};
use homeroom_domain::explain::Explanation;
use homeroom_domain::id::{SchoolYear, SourceId};
use homeroom_domain::measure::Measure;
use homeroom_domain::reference::{Entry, Session};
use homeroom_domain::standing::not_counted;

use crate::world::{World, code, day, enrolled, id, on, school};

fn taken(course: &str, result: &str, grade: &str, earned: i64) -> CourseTranscript {
    CourseTranscript {
        course: id(&format!("{course} course")),
        school_year: SchoolYear(2022),
        term: code("Fall Semester"),
        result: code(result),
        attempted: Some(1_000),
        earned: Some(earned),
        numeric: None,
        letter: Some(grade.to_owned()),
    }
}

fn credits(world: &World) -> Credits {
    world.look(|student| Credits::of(student, world.now.as_of))
}

fn taught() -> World {
    let mut world = World::of_school_days(40);
    world.session("year", 1, 40).section("algebra", "Mathematics", "year").section("art", "Music", "year");
    world
}

#[test]
fn a_course_that_two_sources_have_was_taken_once() {
    let mut world = taught();
    let mine = taken("algebra", "Pass", "A", 1_000);
    let theirs = taken("algebra", "Fail", "F", 0);
    world.hears_from("archive", "a", mine.clone()).hears_from("sis", "b", theirs.clone());
    world.hears_from("archive", "c", taken("art", "Pass", "B", 1_000));
    assert_eq!((credits(&world).attempted, credits(&world).earned, credits(&world).core_failures), (2_000, 1_000, 1));
    assert_eq!(world.look(point::cumulative), Some(1_50), "an F and a B");
    let reason = |world: &World, taken: &CourseTranscript| {
        world.look(|student| not_counted(student, &Fact::CourseTranscript(taken.clone())))
    };
    assert_eq!(reason(&world, &theirs), None);
    assert_eq!(reason(&world, &mine), Some("another source's record of the course stands"));
    world.settings.transcript_sources = vec![SourceId::parse("archive").unwrap()];
    assert_eq!((credits(&world).attempted, credits(&world).earned, credits(&world).core_failures), (2_000, 2_000, 0));
    assert_eq!(reason(&world, &mine), None);
}

#[test]
fn a_course_failed_and_taken_again_in_one_term_is_two_of_one_source() {
    let mut world = taught();
    world.says("a", taken("algebra", "Fail", "F", 0)).says("b", taken("algebra", "Pass", "C", 1_000));
    assert_eq!((credits(&world).attempted, credits(&world).earned), (2_000, 1_000));
    let spring = CourseTranscript { term: code("Spring Semester"), ..taken("algebra", "Pass", "C", 1_000) };
    world.hears_from("a-transcript-system", "c", spring);
    assert_eq!(credits(&world).earned, 2_000, "of another term");
}

/// A summer session may last until the school year turns, when nothing can be told of it any more.
#[test]
fn a_freshmans_year_is_over_when_the_calendar_is_whatever_sessions_last() {
    let mut world = taught();
    let (begin_on, end_on) = (on("2022-06-01"), on("2022-06-30"));
    let summer =
        Session { session: id("summer"), school: school("1"), school_year: SchoolYear(2022), begin_on, end_on };
    world.defines("session summer", Entry::Session(summer));
    world.says("enrollment", Enrollment { grade_level: code("Ninth grade"), ..enrolled("1", day(1)) });
    world.says("a", taken("art", "Pass", "A", 1_000));
    assert_eq!((world.closes(day(41)).value("off_track"), world.closes(on("2022-05-31")).value("off_track")), (0, 0));
    assert_eq!(world.closes(begin_on).value("off_track"), 1, "no session is to come");
    world.undefines("session summer");
    assert_eq!((world.closes(day(40)).value("off_track"), world.closes(day(41)).value("off_track")), (0, 1));
    world.undefines("calendar main");
    assert_eq!((world.value("off_track"), world.closes(on("2022-06-30")).value("off_track")), (0, 1));
}

/// Its spring comes in the new year. Until then the calendar's last day is that of the fall.
#[test]
fn a_calendar_that_is_sent_term_by_term_makes_nobody_off_track_over_winter() {
    let mut world = taught();
    world.says("enrollment", Enrollment { grade_level: code("Ninth grade"), ..enrolled("1", day(1)) });
    world.says("a", taken("art", "Pass", "A", 1_000));
    world.session("spring", 60, 100).closes(day(50));
    assert_eq!(world.value("off_track"), 0);
    let elsewhere = |school_year, at| {
        let (begin_on, end_on) = (day(60), day(100));
        Entry::Session(Session { session: id("spring"), school: school(at), school_year, begin_on, end_on })
    };
    world.defines("session spring", elsewhere(SchoolYear(2022), "2"));
    assert_eq!(world.value("off_track"), 1);
    world.defines("session spring", elsewhere(SchoolYear(2023), "1"));
    assert_eq!(world.value("off_track"), 1);
}

#[test]
fn what_tells_a_freshman_is_explained_without_summer() {
    let mut world = taught();
    world.says("enrollment", Enrollment { grade_level: code("Ninth grade"), ..enrolled("1", day(1)) });
    world.says("a", taken("art", "Pass", "A", 1_000));
    world.says("b", CourseTranscript { term: code("Summer Semester"), ..taken("algebra", "Pass", "A", 4_000) });
    let told = |world: &World| {
        let measures = [Measure::find("off_track").unwrap()];
        world.look(|student| Explanation::of(student, &measures, &world.pack)).workings.remove(0)
    };
    assert!(told(&world).arithmetic.ends_with("outside summer, or the school year is over"));
    let over = told(world.closes(day(41)));
    let words = "1 credits earned outside summer, of which 5 are needed; 0 core courses failed, of which 1 may be; so off track";
    assert_eq!((over.arithmetic.as_str(), over.terms[0].value), (words, 1_000));
}

/// A mid-year promotion: who is no freshman any more is judged as none, and nothing else begins anew.
#[test]
fn a_change_of_grade_level_holds_from_its_date() {
    let mut world = taught();
    let freshman = Enrollment { grade_level: code("Ninth grade"), exit_on: Some(day(20)), ..enrolled("1", day(1)) };
    let sophomore = Enrollment { grade_level: code("Tenth grade"), ..enrolled("1", day(21)) };
    world.says("enrollment", freshman).says("promoted", sophomore).says("absent", crate::world::absent(day(3)));
    for name in ["a", "b"] {
        world.says(name, taken("algebra", "Fail", "F", 0));
    }
    assert_eq!((world.closes(day(20)).value("off_track"), world.total()), (1, (2_000, 100)));
    assert_eq!((world.closes(day(21)).value("off_track"), world.total()), (0, (2_100, 100)));
}
