//! Questions: a student's facts, lists by page, exports of the past, changes as they come, counts.

use std::collections::BTreeSet;

use homeroom_proto::wire::risk as wire;
use tonic::Code;

use crate::district::{day, student};
use crate::world::{SOON, Service, World, until};

#[tokio::test]
async fn a_students_facts_say_why_one_does_not_count() {
    let (world, service) = World::start().await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    world.home.absent(ada, day(12)).await;
    world.home.absent(ada, day(3)).await;
    world.home.absent(ada, day(80)).await;
    world.home.mark(ada, "9", day(4), "Tardy").await;
    world.settled(&service).await;
    let found = service.student(ada).await.unwrap();
    assert_eq!(found.as_of, day(11).days());
    let marks: BTreeSet<(i32, bool, &str)> = found
        .facts
        .iter()
        .filter(|fact| fact.kind == "attendance mark")
        .map(|fact| (fact.date.unwrap(), fact.counted, fact.not_counted_because.as_str()))
        .collect();
    let expected = [
        (day(3), true, ""),
        (day(4), false, "its school is not known"),
        (day(12), false, "its date is not closed yet"),
        (day(80), false, "its date is not closed yet"),
    ];
    assert_eq!(marks, expected.map(|(date, counted, why)| (date.days(), counted, why)).into());
    let alerts: Vec<_> = found.open_alerts.iter().map(|alert| alert.rule.as_str()).collect();
    assert_eq!(alerts, ["attendance-tier", "unexplained-absence"]);
    assert!(found.open_alerts.iter().all(|alert| alert.number == 1 && alert.proof.is_some()));
}

async fn list(
    service: &Service,
    request: wire::ListStudentsRequest,
) -> Result<wire::ListStudentsResponse, tonic::Status> {
    service.client().list_students(service.request(request)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn students_are_listed_by_school_and_tier_in_pages() {
    let (world, service) = World::start().await;
    world.home.school("2").await;
    world.home.calendar("2", 60).await;
    for n in 0..7 {
        let who = student(&format!("student {n}"));
        let school = if n < 5 { "1" } else { "2" };
        world.home.attends(who, school).await;
        if n % 2 == 0 {
            world.home.mark(who, school, day(3), "Unexcused Absence").await;
        }
    }
    world.settled(&service).await;
    let mut request = wire::ListStudentsRequest { school: "1".to_owned(), page_size: 2, ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let page = list(&service, request.clone()).await.unwrap();
        assert!(page.measures.len() <= 2 && page.measures.iter().all(|row| row.school == "1"));
        seen.extend(page.measures.iter().map(|row| row.student.to_vec()));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|a, b| a < b));
    // One day of eleven is 9%: tier 1.
    for (school, tier, expected) in [("", 0, 3), ("", 1, 4), ("1", 1, 3), ("2", 1, 1), ("2", 3, 0), ("9", 0, 0)] {
        let request = wire::ListStudentsRequest { school: school.to_owned(), tier: Some(tier), ..Default::default() };
        let found = list(&service, request).await.unwrap().measures;
        assert_eq!(found.len(), expected, "school `{school}` tier {tier}");
        assert!(found.iter().all(|row| row.tier == Some(tier)));
    }
    let wrong = [
        wire::ListStudentsRequest { page_size: 501, ..Default::default() },
        wire::ListStudentsRequest { school: "\0".to_owned(), ..Default::default() },
        wire::ListStudentsRequest { tier: Some(i32::MAX), ..Default::default() },
    ];
    for request in wrong {
        assert_eq!(list(&service, request.clone()).await.unwrap_err().code(), Code::InvalidArgument, "{request:?}");
    }
}

#[tokio::test]
async fn a_watcher_sees_each_student_that_changes() {
    let (world, service) = World::start().await;
    let request = service.request(wire::WatchStudentsRequest { school: "1".to_owned() });
    let mut changes = service.client().watch_students(request).await.unwrap().into_inner();
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    world.home.absent(ada, day(3)).await;
    let seen = async {
        loop {
            let row = changes.message().await.unwrap().unwrap().measures.unwrap();
            assert_eq!((row.student.as_ref(), row.school.as_str()), (&ada.as_bytes()[..], "1"));
            if row.absent == 1_00 {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, seen).await.expect("the absence is seen");
    service.stop().await;
}

#[tokio::test]
async fn a_watcher_is_shown_again_what_another_process_takes_over_and_goes_on() {
    let (world, service) = World::start().await;
    let (ada, bea) = (student("ada"), student("bea"));
    for who in [ada, bea] {
        world.home.attends(who, "1").await;
    }
    world.settled(&service).await;
    let request = service.request(wire::WatchStudentsRequest { school: "1".to_owned() });
    let mut changes = service.client().watch_students(request).await.unwrap().into_inner();
    // It takes partitions, and no more is known of what the owner before has told.
    let other = world.service().await;
    let mut seen = BTreeSet::new();
    while seen.is_empty() {
        let next = tokio::time::timeout(SOON, changes.message()).await.expect("what was taken over is shown");
        seen.insert(next.unwrap().unwrap().measures.unwrap().student.to_vec());
    }
    assert!(seen.iter().all(|seen| [ada, bea].iter().any(|who| who.as_bytes()[..] == seen[..])));
    world.home.absent(ada, day(3)).await;
    let absent = async { while changes.message().await.unwrap().unwrap().measures.unwrap().absent != 1_00 {} };
    tokio::time::timeout(SOON, absent).await.expect("the absence is seen");
    service.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn watchers_are_bounded_and_make_room_when_they_go() {
    let (_world, service) = World::start().await;
    let watch = async || service.client().watch_students(service.request(wire::WatchStudentsRequest::default())).await;
    let mut watchers = Vec::new();
    for _ in 0..16 {
        watchers.push(watch().await.unwrap());
    }
    assert_eq!(watch().await.unwrap_err().code(), Code::ResourceExhausted);
    watchers.pop();
    until("there is room", async || watch().await.is_ok()).await;
}

#[tokio::test]
async fn a_call_ends_when_the_time_that_its_key_gives_is_over() {
    let (world, service) = World::start().await;
    world.home.attends(student("ada"), "1").await;
    world.settled(&service).await;
    let hasty = service.asked_by("hasty");
    let mut holder = world.database.admin().await;
    sqlx::raw_sql("begin; lock table rules.students, rules.measures").execute(&mut holder).await.unwrap();
    let (found, listed, counted) = tokio::join!(
        hasty.student(student("ada")),
        list(&hasty, wire::ListStudentsRequest::default()),
        hasty.summary()
    );
    for refused in [found.unwrap_err(), listed.unwrap_err(), counted.unwrap_err()] {
        assert_eq!((refused.code(), refused.message()), (Code::DeadlineExceeded, "requests of this key may take 1 s"));
    }
}

#[tokio::test]
async fn an_export_as_of_a_date_is_what_the_state_was_then() {
    let (world, service) = World::start().await;
    world.home.school("2").await;
    world.home.calendar("2", 60).await;
    for (n, name) in ["ada", "bea", "cyd", "dot"].into_iter().enumerate() {
        let n = i32::try_from(n).unwrap();
        world.home.attends(student(name), if n == 3 { "2" } else { "1" }).await;
        for date in (12 - n)..=(13 + n) {
            world.home.absent(student(name), day(date)).await;
        }
    }
    let mut states = Vec::new();
    for n in 12..=15 {
        // At the day's close, when the measures of the day are complete.
        world.home.clock(n, "17:00").await;
        world.settled(&service).await;
        let now = service.export(None).await;
        assert_eq!(now, service.export(Some(day(n).days())).await, "day {n}");
        for row in &now {
            let student: [u8; 16] = row.student.as_ref().try_into().unwrap();
            let found = service.student(homeroom_domain::id::StudentKey::new(student)).await.unwrap();
            assert!(found.measures.contains(row), "{row:?} is not in {:?}", found.measures);
        }
        states.push((n, now));
    }
    for (n, state) in states {
        assert_eq!(service.export(Some(day(n).days())).await, state, "day {n}, seen later");
    }
    let request = service.request(wire::ExportMeasuresRequest { as_of: Some(i32::MAX), others: Vec::new() });
    assert_eq!(service.client().export_measures(request).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_summary_counts_schools_tiers_marks_and_rules() {
    let (world, service) = World::start().await;
    for name in ["ada", "bea", "cyd"] {
        world.home.attends(student(name), "1").await;
    }
    world.home.enroll(student("cyd"), "1", day(8), None).await;
    for n in 9..=12 {
        world.home.absent(student("ada"), day(n)).await;
    }
    // Who turns out to be another is one student less.
    world.home.register(student("dan")).await;
    world.settled(&service).await;
    assert_eq!(service.summary().await.unwrap().students, 4);
    world.home.withdraw(student("dan"), "registration").await;
    world.settled(&service).await;
    let summary = service.summary().await.unwrap();
    assert_eq!((summary.students, summary.marks, summary.open_alerts), (3, 4, 3));
    assert_eq!((summary.today, summary.as_of), (day(12).days(), day(11).days()));
    for (school, name) in [("1", "School 1"), ("", "District as a whole")] {
        let found = summary.schools.iter().find(|it| it.school == school).unwrap();
        assert_eq!((found.name.as_str(), found.students, found.without_tier), (name, 3, 1));
        assert_eq!(found.tiers, [1, 0, 0, 1]);
    }
    let rules: Vec<_> = summary.rules.iter().map(|it| (it.rule.as_str(), it.open, it.opened_ever)).collect();
    assert_eq!(rules, [("absence-streak", 1, 1), ("attendance-tier", 1, 1), ("unexplained-absence", 1, 1)]);
    assert!(summary.rules.iter().all(|rule| !rule.title.is_empty()));
}
