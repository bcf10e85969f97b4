//! Reference records that come late or change: whoever they concern is evaluated again, and nobody else.

use homeroom_domain::alert::ChangeKind::{self, Cleared, Opened, Recalled};
use homeroom_domain::event::{Behavior, Change, Fact, Grade, SectionMembership};
use homeroom_domain::id::SchoolYear;
use homeroom_domain::reference::{Course, CourseOffering, Entry, GradingPeriod, Incident, Section, Session};
use homeroom_proto::reference::Kind;

use crate::district::{day, id, mark, school, student};
use crate::world::{Service, World};

async fn kinds(world: &World, name: &str) -> Vec<ChangeKind> {
    world.told(student(name)).await.into_iter().map(|(_, kind)| kind).collect()
}

async fn reference_of(world: &World, name: &str) -> i64 {
    sqlx::query_scalar("select evaluated_reference from rules.students where student = $1")
        .bind(&student(name).as_bytes()[..])
        .fetch_one(&mut world.database.admin().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_calendar_that_comes_late_counts_what_waited_for_it() {
    let world = World::empty().await;
    world.home.clock(12, "10:00").await;
    world.home.rules(homeroom_domain::rule::DEFAULT_PACK).await;
    world.home.school("1").await;
    let service = world.service().await;
    world.home.attends(student("ada"), "1").await;
    world.home.absent(student("ada"), day(12)).await;
    world.settled(&service).await;
    assert!(kinds(&world, "ada").await.is_empty());
    world.home.calendar("1", 60).await;
    world.exact(&service).await;
    assert_eq!(kinds(&world, "ada").await, [Opened]);
    assert_eq!(service.whole(student("ada")).await.enrolled, 11_00);
}

/// It touches nobody but who waits for it, and nothing else happens that would have anybody looked at.
#[tokio::test]
async fn an_incident_that_comes_after_a_students_part_in_it_is_counted() {
    const RULES: &str = "
id: conduct
version: 1
rules:
  - id: incidents
    version: 1
    title: Incidents
    meaning: The student had a part in an incident.
    scope: school-year
    opens-when: incidents >= 1
    level: \"1\"
    severity: {1: warning}
    settle-seconds: 0
    audience: success-team
    evidence: conduct
    explanation: \"{incidents} incidents.\"
    clears: The year's end.
    source: the district
";
    let world = World::new().await;
    world.home.rules(RULES).await;
    let service = world.service().await;
    world.home.attends(student("ada"), "1").await;
    world.home.attends(student("bea"), "1").await;
    let part = Behavior { incident: id("fight"), code: String::new(), part: String::new() };
    world.home.say(student("ada"), "part", Fact::Behavior(part)).await;
    world.settled(&service).await;
    assert!(kinds(&world, "ada").await.is_empty());
    let before = reference_of(&world, "bea").await;
    let fight = Incident { incident: id("fight"), school: school("1"), date: day(3) };
    world.home.define("fight", Entry::Incident(fight)).await;
    world.exact(&service).await;
    assert_eq!(kinds(&world, "ada").await, [Opened]);
    assert_eq!(reference_of(&world, "bea").await, before, "she does not wait for it");
}

#[tokio::test]
async fn a_school_enrollment_or_student_that_comes_late_counts_what_waited_for_it() {
    let world = World::new().await;
    let service = world.service().await;
    world.home.register(student("enrolled late")).await;
    world.home.mark(student("enrolled late"), "1", day(12), "Unexcused Absence").await;
    world.home.enroll(student("known late"), "1", day(1), None).await;
    world.home.absent(student("known late"), day(12)).await;
    world.home.attends(student("school late"), "2").await;
    world.home.calendar("2", 60).await;
    world.home.mark(student("school late"), "2", day(12), "Unexcused Absence").await;
    world.settled(&service).await;
    assert!(world.alerts().await.is_empty());
    world.home.enroll(student("enrolled late"), "1", day(1), None).await;
    world.home.register(student("known late")).await;
    world.home.school("2").await;
    world.exact(&service).await;
    for name in ["enrolled late", "known late", "school late"] {
        assert_eq!(kinds(&world, name).await, [Opened], "{name}");
    }
}

/// Settings come last of all: until then the district's clock is unknown.
#[tokio::test]
async fn a_district_without_settings_is_evaluated_when_they_come() {
    let world = World::empty().await;
    let service = world.service().await;
    world.home.attends(student("ada"), "1").await;
    world.home.absent(student("ada"), day(12)).await;
    world.home.school("1").await;
    world.home.calendar("1", 60).await;
    world.home.rules(homeroom_domain::rule::DEFAULT_PACK).await;
    world.home.clock(12, "10:00").await;
    world.exact(&service).await;
    assert_eq!(kinds(&world, "ada").await, [Opened]);
}

#[tokio::test]
async fn a_change_of_one_schools_calendar_evaluates_only_its_students() {
    let (world, service) = World::start().await;
    world.home.school("2").await;
    world.home.calendar("2", 60).await;
    world.home.attends(student("ada"), "1").await;
    world.home.attends(student("bea"), "2").await;
    world.home.absent(student("ada"), day(12)).await;
    world.home.mark(student("bea"), "2", day(12), "Unexcused Absence").await;
    world.settled(&service).await;
    let before = (reference_of(&world, "ada").await, reference_of(&world, "bea").await);
    world.home.calendar_date("1", day(12), "Weather day").await;
    world.exact(&service).await;
    assert_eq!(kinds(&world, "ada").await, [Opened, Recalled]);
    assert_eq!(kinds(&world, "bea").await, [Opened]);
    assert!(reference_of(&world, "ada").await > before.0);
    assert_eq!(reference_of(&world, "bea").await, before.1);
    world.home.undefine(&format!("date/1/{}", day(12)), Kind::CalendarDate).await;
    world.home.calendar_date("1", day(12), "Instructional day").await;
    world.exact(&service).await;
    assert_eq!(kinds(&world, "ada").await, [Opened, Recalled, Opened]);
}

/// A grade waits for section, offering, course, session and grading period, which come in the least helpful order.
#[tokio::test]
async fn a_grade_counts_when_the_last_of_what_it_refers_to_has_come() {
    let (world, service) = World::start().await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    let membership = SectionMembership { section: id("section"), begin_on: day(1), end_on: None };
    world.home.say(ada, "membership", Fact::SectionMembership(membership)).await;
    let grade = Grade {
        section: id("section"),
        grading_period: id("period"),
        grade_type: "uri://ed-fi.org/GradeTypeDescriptor#Grading Period".to_owned(),
        numeric: Some(41_00),
        letter: None,
    };
    world.home.say(ada, "grade", Fact::Grade(grade)).await;
    let year = SchoolYear(2022);
    let (begin_on, end_on) = (day(1), day(10));
    let entries = [
        Entry::GradingPeriod(GradingPeriod {
            grading_period: id("period"),
            school: school("1"),
            school_year: year,
            begin_on,
            end_on,
        }),
        Entry::Section(Section {
            section: id("section"),
            course_offering: id("offering"),
            school: school("1"),
            class_periods: Vec::new(),
            official: false,
        }),
        Entry::CourseOffering(CourseOffering {
            course_offering: id("offering"),
            course: id("course"),
            session: id("session"),
        }),
        Entry::Session(Session {
            session: id("session"),
            school: school("1"),
            school_year: year,
            begin_on,
            end_on: day(60),
        }),
        Entry::Course(Course { course: id("course"), subjects: vec!["Mathematics".to_owned()] }),
    ];
    for (n, entry) in entries.into_iter().enumerate() {
        assert!(kinds(&world, "ada").await.is_empty(), "before entry {n}");
        world.home.define(&format!("entry {n}"), entry).await;
        world.exact(&service).await;
    }
    assert_eq!(world.told(ada).await, [("failing-core-course".to_owned(), Opened)]);
    assert_eq!(service.whole(ada).await.failing_core, 1);
}

const ONE_RULE: &str = "
id: strict
version: VERSION
rules:
  - id: any-absence
    version: VERSION
    title: Absent
    meaning: Absent so often.
    scope: school-year
    opens-when: absent >= BOUND
    level: '1'
    severity: {1: notice}
    settle-seconds: 0
    audience: success-team
    evidence: absences
    explanation: 'Absent {absent} days.'
    clears: 'Nothing.'
    source: 'A test'
";

async fn rules(world: &World, service: &Service, version: u32, bound: u32) {
    let pack = ONE_RULE.replace("VERSION", &version.to_string()).replace("BOUND", &bound.to_string());
    world.home.rules(&pack).await;
    world.exact(service).await;
}

#[tokio::test]
async fn another_rule_pack_is_in_force_for_everyone_and_an_unsound_one_for_nobody() {
    let (world, service) = World::start().await;
    for (name, days) in [("ada", 1..=1), ("bea", 1..=2)] {
        world.home.attends(student(name), "1").await;
        for n in days {
            world.home.absent(student(name), day(n)).await;
        }
    }
    world.settled(&service).await;
    rules(&world, &service, 2, 200).await;
    let any = |kind| ("any-absence".to_owned(), kind);
    // The first rules said that bea misses much of school, which ada does too.
    let first = |kind| ("attendance-tier".to_owned(), kind);
    assert_eq!(world.told(student("ada")).await, [first(Opened), first(Cleared)]);
    assert_eq!(world.told(student("bea")).await, [first(Opened), any(Opened), first(Cleared)]);
    world.home.rules("rules: none").await;
    world.exact(&service).await;
    service.stop().await;
    let service = world.service().await;
    world.home.absent(student("ada"), day(2)).await;
    world.exact(&service).await;
    assert_eq!(world.told(student("ada")).await, [first(Opened), first(Cleared), any(Opened)]);
    rules(&world, &service, 3, 300).await;
    assert_eq!(world.told(student("bea")).await, [first(Opened), any(Opened), first(Cleared), any(Cleared)]);
    let summary = service.summary().await.unwrap();
    let counts: Vec<_> = summary.rules.iter().map(|rule| (rule.rule.as_str(), rule.open, rule.opened_ever)).collect();
    assert_eq!(counts, [("any-absence", 0, 2), ("attendance-tier", 0, 2)]);
}

#[tokio::test]
async fn a_transfer_takes_the_absences_along() {
    let (world, service) = World::start().await;
    let ada = student("ada");
    world.home.school("2").await;
    world.home.calendar("2", 60).await;
    world.home.attends(ada, "1").await;
    for n in [2, 4, 6] {
        world.home.absent(ada, day(n)).await;
    }
    world.settled(&service).await;
    world.home.enroll(ada, "1", day(1), Some(day(8))).await;
    world.home.enroll(ada, "2", day(9), None).await;
    world
        .home
        .append(&world.home.word(ada, "new mark", Change::Recorded(mark("2", day(12), "Unexcused Absence"))))
        .await;
    world.exact(&service).await;
    let rows = service.student(ada).await.unwrap().measures;
    let rows: Vec<_> = rows.iter().map(|row| (row.school.as_str(), row.enrolled, row.absent)).collect();
    assert_eq!(rows, [("", 11_00, 3_00), ("1", 8_00, 3_00), ("2", 3_00, 0)]);
    let today =
        world.alerts().await.into_iter().rfind(|alert| alert.claim.rule.as_str() == "unexplained-absence").unwrap();
    assert_eq!(today.school.as_str(), "2");
}
