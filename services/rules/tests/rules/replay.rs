//! A replay over stored students: figures counted by hand, for administrators alone, and nothing of a few.

use homeroom_domain::reference::Entry;
use homeroom_proto::wire::risk as wire;
use homeroom_proto::wire::risk::replay_pack_response::Step;
use homeroom_replay::{Cells, GroupReport, Lead, MOST_MEMBERS, Report};
use tonic::{Code, Status};

use crate::district::{District, day, student};
use crate::world::{SOON, Service, World};

const OF_SCHOOL: u32 = 60;

/// Sixty students of school 1 who missed the first four of 29 days, and sixty of school 2 who missed the first.
async fn populated(world: &World) {
    world.home.define("settings", Entry::Settings(District::settings(30, "10:00"))).await;
    world.home.school("2").await;
    world.home.calendar("2", 60).await;
    for n in 0..2 * OF_SCHOOL {
        let who = student(&format!("student {n}"));
        let (at, missed) = if n < OF_SCHOOL { ("1", 4) } else { ("2", 1) };
        world.home.attends(who, at).await;
        for on in 1..=missed {
            world.home.mark(who, at, day(on), "Unexcused Absence").await;
        }
    }
}

fn keys(students: std::ops::Range<u32>) -> Vec<u8> {
    students.flat_map(|n| student(&format!("student {n}")).as_bytes().to_vec()).collect()
}

fn group(column: u32, students: std::ops::Range<u32>) -> wire::ReplayGroup {
    wire::ReplayGroup { column, students: keys(students).into() }
}

fn chronic() -> wire::ReplayPackRequest {
    wire::ReplayPackRequest { outcome: "chronic".to_owned(), budget: Some(50), ..Default::default() }
}

async fn ask(
    service: &Service,
    request: wire::ReplayPackRequest,
) -> Result<(Report, Vec<wire::ReplayProgress>), Status> {
    let admin = service.asked_by("head");
    let mut steps = admin.client().replay_pack(admin.request(request)).await?.into_inner();
    let mut progress = Vec::new();
    loop {
        match steps.message().await?.expect("the last step is the report").step.unwrap() {
            Step::Progress(step) => progress.push(step),
            Step::Report(report) => return Ok((homeroom_replay::wire::from_wire(report).unwrap(), progress)),
        }
    }
}

#[tokio::test]
async fn a_replay_of_the_rules_in_force_is_what_was_counted_by_hand() {
    let (world, service) = World::start().await;
    populated(&world).await;
    world.settled(&service).await;
    let groups = vec![group(0, 0..50), group(0, 50..115), group(1, 0..5)];
    let told_before = world.alerts().await;
    let (report, progress) = ask(&service, wire::ReplayPackRequest { groups, ..chronic() }).await.unwrap();
    assert!(progress.len() > 1 && progress.is_sorted_by_key(|step| step.students_done), "{progress:?}");
    assert_eq!((report.from.to_string(), report.to), ("2021-07-01".to_owned(), day(29)));
    let rule = |id: &str| report.rules.iter().find(|rule| rule.id.as_str() == id).unwrap();
    // On day 10 everyone has missed a tenth; at school 2 that is below a twentieth from day 21 on.
    let tier = rule("attendance-tier");
    assert_eq!(tier.cells, Cells { hits: 60, false_alarms: 60, ..Cells::default() });
    assert_eq!((tier.load.alerts, tier.load.peak, tier.load.over_budget), (120, 60, Some(2)));
    // Of 29 days a tenth is missed on the third, on which three in a row are.
    let streak = rule("absence-streak");
    assert_eq!(streak.cells, Cells { hits: 60, quiet: 60, ..Cells::default() });
    assert_eq!(streak.lead, Some(Lead { students: 60, in_time: Some(0), quartile: 0, median: 0, upper_quartile: 0 }));
    assert_eq!(streak.groups[0], GroupReport::default(), "the five in no group would be told of");
    assert_eq!(streak.groups[2], GroupReport::default(), "five students");
    assert_eq!(world.alerts().await, told_before, "nothing is told");
    let strict = homeroom_domain::rule::DEFAULT_PACK.replace("tier >= 1", "tier >= 2");
    let (both, _) = ask(&service, wire::ReplayPackRequest { compare: strict, ..chronic() }).await.unwrap();
    let tiers: Vec<_> = both.rules.iter().filter(|rule| rule.id.as_str() == "attendance-tier").collect();
    assert_eq!(tiers.iter().map(|rule| rule.cells.flagged()).collect::<Vec<_>>(), [120, 120]);
}

#[tokio::test]
async fn a_replay_is_for_administrators_and_says_what_is_wrong_with_the_question() {
    let (world, service) = World::start().await;
    populated(&world).await;
    world.settled(&service).await;
    let refused = service.client().replay_pack(service.request(chronic())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "a key that only reads");
    let wrong = [
        wire::ReplayPackRequest { pack: "id: [".to_owned(), ..chronic() },
        wire::ReplayPackRequest { outcome: "luck".to_owned(), ..chronic() },
        wire::ReplayPackRequest { to: Some(day(30).days()), ..chronic() },
        wire::ReplayPackRequest { from: Some(day(1).days() - 90), ..chronic() },
        wire::ReplayPackRequest { groups: vec![group(0, 0..3), group(0, 2..4)], ..chronic() },
        wire::ReplayPackRequest { groups: vec![group(0, 0..1); 201], ..chronic() },
        wire::ReplayPackRequest {
            groups: vec![wire::ReplayGroup { column: 0, students: vec![7; 16 * (MOST_MEMBERS + 1)].into() }],
            ..chronic()
        },
        wire::ReplayPackRequest {
            groups: vec![wire::ReplayGroup { column: 0, students: vec![7; 17].into() }],
            ..chronic()
        },
    ];
    for wrong in wrong {
        let refused = tokio::time::timeout(SOON, ask(&service, wrong)).await.unwrap().unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
}

#[tokio::test]
async fn groups_of_a_large_district_go_in_one_request() {
    let (world, service) = World::start().await;
    populated(&world).await;
    world.settled(&service).await;
    // More than the four megabytes that a request may have elsewhere; nobody but the first hundred is stored.
    let mut students = keys(0..100);
    students.extend((0..270_000_u128).flat_map(|n| (u128::MAX - n).to_be_bytes()));
    let groups = vec![wire::ReplayGroup { column: 0, students: students.into() }];
    let (report, _) = ask(&service, wire::ReplayPackRequest { groups, ..chronic() }).await.unwrap();
    let tier = report.rules.iter().find(|rule| rule.id.as_str() == "attendance-tier").unwrap();
    assert_eq!(tier.groups[0].students, Some(100));
}
