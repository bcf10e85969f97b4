//! A preview of a change, and the change itself: the same figures.

use std::collections::BTreeMap;

use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::reference::Entry;
use homeroom_domain::rule::DEFAULT_PACK;
use homeroom_domain::settings::{Category, Settings};
use homeroom_proto::wire::risk as wire;
use homeroom_proto::wire::risk::preview_change_request::Change;
use homeroom_proto::wire::risk::preview_change_response::Step;
use tonic::Code;

use crate::district::{District, day, student};
use crate::world::{SOON, Service, World, until};

/// More than a page of students at two schools, with absences of all kinds and of old and new days.
///
/// Answers with the settings in force.
async fn populated(world: &World) -> Settings {
    let settings = District::settings(30, "10:00");
    world.home.define("settings", Entry::Settings(settings.clone())).await;
    world.home.school("2").await;
    world.home.calendar("2", 60).await;
    for n in 0..130 {
        let who = student(&format!("student {n}"));
        let at = if n % 3 == 0 { "2" } else { "1" };
        world.home.attends(who, at).await;
        for missed in 0..n % 5 {
            let code = if n % 2 == 0 { "Unexcused Absence" } else { "Medical" };
            world.home.mark(who, at, day(2 + missed * 2), code).await;
        }
        if n % 4 == 1 {
            for on in [1, 3, 5, 7] {
                world.home.mark(who, at, day(on), "Tardy").await;
            }
        }
        if n % 7 == 0 {
            for on in [28, 29] {
                world.home.mark(who, at, day(on), if n % 2 == 0 { "Unexcused Absence" } else { "Medical" }).await;
            }
        }
    }
    settings
}

async fn ask(service: &Service, change: Change) -> Result<(wire::Preview, Vec<wire::PreviewProgress>), tonic::Status> {
    let admin = service.asked_by("head");
    let request = admin.request(wire::PreviewChangeRequest { change: Some(change) });
    let mut steps = admin.client().preview_change(request).await?.into_inner();
    let mut progress = Vec::new();
    loop {
        match steps.message().await?.expect("the last step is the preview").step.unwrap() {
            Step::Progress(step) => progress.push(step),
            Step::Preview(preview) => return Ok((preview, progress)),
        }
    }
}

/// By school: students in tier 0 to 3, and without one.
async fn tiers(service: &Service) -> BTreeMap<String, Vec<i64>> {
    let summary = service.summary().await.unwrap();
    let of = |it: wire::SchoolSummary| (it.school, [it.tiers, vec![it.without_tier]].concat());
    summary.schools.into_iter().map(of).collect()
}

/// By rule and school: how many were opened, of them late, amended, escalated, cleared, recalled.
fn told(changes: &[AlertChange]) -> BTreeMap<(String, String), [i64; 6]> {
    let mut told: BTreeMap<_, [i64; 6]> = BTreeMap::new();
    for change in changes {
        let counts = told.entry((change.claim.rule.to_string(), change.school.to_string())).or_default();
        counts[match change.kind {
            ChangeKind::Opened => 0,
            ChangeKind::Amended => 2,
            ChangeKind::Escalated => 3,
            ChangeKind::Cleared => 4,
            ChangeKind::Recalled => 5,
        }] += 1;
        counts[1] += i64::from(change.kind == ChangeKind::Opened && change.late_since.is_some());
    }
    told
}

/// Previews the change, makes it, and compares. Answers with how many alerts it opened, opened late, and took back.
async fn comes_true(world: &World, service: &Service, record: &str, (change, entry): (Change, Entry)) -> [i64; 3] {
    world.settled(service).await;
    let (before, told_before) = (tiers(service).await, world.alerts().await);
    let (preview, progress) = ask(service, change).await.unwrap();
    assert!(progress.len() > 1 && progress.iter().all(|step| step.students == 130), "{progress:?}");
    assert!(progress.is_sorted_by_key(|step| step.students_done));
    assert_eq!((preview.students, tiers(service).await), (130, before.clone()), "nothing is changed");
    assert_eq!(world.alerts().await, told_before, "nothing is told");
    world.home.define(record, entry).await;
    world.exact(service).await;
    let after = tiers(service).await;
    assert_eq!(preview.tiers.len(), 3);
    for of in &preview.tiers {
        assert_eq!([&of.before[..], &[of.without_tier_before]].concat(), before[&of.school], "{}", of.school);
        assert_eq!([&of.after[..], &[of.without_tier_after]].concat(), after[&of.school], "{}", of.school);
    }
    let since: Vec<_> = world.alerts().await.into_iter().filter(|change| !told_before.contains(change)).collect();
    let foreseen = preview.rules.iter().map(|it| {
        let counts = [it.opened, it.opened_late, it.amended, it.escalated, it.cleared, it.recalled];
        ((it.rule.clone(), it.school.clone()), counts)
    });
    assert_eq!(foreseen.collect::<BTreeMap<_, _>>(), told(&since));
    let sum = |of: fn(&wire::RuleChange) -> i64| preview.rules.iter().map(of).sum();
    [sum(|it| it.opened), sum(|it| it.opened_late), sum(|it| it.recalled)]
}

#[tokio::test]
async fn what_a_preview_says_of_codes_rules_and_calculators_comes_true() {
    let (world, service) = World::start().await;
    let mut settings = populated(&world).await;
    settings.codes.insert("medical".to_owned(), Category::ExcusedAbsence);
    let codes = (Change::Settings(homeroom_proto::settings::to_wire(&settings)), Entry::Settings(settings));
    let [opened, late, _] = comes_true(&world, &service, "settings", codes).await;
    assert!(opened > 0 && late > 0 && late < opened, "{opened} opened, {late} of them late");
    let strict = DEFAULT_PACK
        .replace("id: attendance-tier\n    version: 1", "id: attendance-tier\n    version: 2")
        .replace("opens-when: tier >= 1", "opens-when: tier >= 2")
        .replace("id: absence-streak\n    version: 1", "id: absence-streak\n    version: 2")
        .replace("streak >= 3", "streak >= 1");
    let rules = (Change::RulePack(strict.clone()), Entry::RulePack(strict));
    let [opened, ..] = comes_true(&world, &service, "rules", rules).await;
    assert!(opened > 0);
    let yaml = "calculators:\n  - id: tardies\n    count: marks\n    tardies: {every: 2, counts: 100}\n".to_owned();
    let calculators = (Change::Calculators(yaml.clone()), Entry::Calculators(yaml));
    let [opened, ..] = comes_true(&world, &service, "calculators", calculators).await;
    assert!(opened > 0);
    // And back: what two tardies opened was wrong after all.
    let yaml = homeroom_domain::calculator::SHIPPED.to_owned();
    let shipped = (Change::Calculators(yaml.clone()), Entry::Calculators(yaml));
    let [.., recalled] = comes_true(&world, &service, "calculators", shipped).await;
    assert!(recalled > 0);
}

#[tokio::test]
async fn a_preview_is_for_administrators_one_at_a_time_and_ends_with_its_reader() {
    let (world, service) = World::start().await;
    populated(&world).await;
    world.settled(&service).await;
    let change = || wire::PreviewChangeRequest { change: Some(Change::RulePack(DEFAULT_PACK.to_owned())) };
    let refused = service.client().preview_change(service.request(change())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "a key that only reads");
    let admin = service.asked_by("head");
    let mut holder = world.database.admin().await;
    sqlx::raw_sql("begin; lock table rules.students").execute(&mut holder).await.unwrap();
    let held = admin.client().preview_change(admin.request(change())).await.unwrap();
    let second = admin.client().preview_change(admin.request(change())).await.unwrap_err();
    assert_eq!(second.code(), Code::ResourceExhausted);
    drop(held);
    until("there is room", async || admin.client().preview_change(admin.request(change())).await.is_ok()).await;
    sqlx::raw_sql("rollback").execute(&mut holder).await.unwrap();
    let same = async || ask(&service, change().change.unwrap()).await;
    until("the one before has ended", async || same().await.is_ok_and(|(it, _)| it.students_changed == 0)).await;
    let backward = Settings::default();
    let mut backward_wire = homeroom_proto::settings::to_wire(&backward);
    backward_wire.clock_offset_seconds = i64::MIN;
    let wrong = [
        Change::RulePack("id: [".to_owned()),
        Change::RulePack(DEFAULT_PACK.replace("tier >= 1", "tier >= 2")),
        Change::Calculators("calculators: 1".to_owned()),
        Change::Settings(backward_wire),
    ];
    for wrong in wrong {
        let refused = tokio::time::timeout(SOON, ask(&service, wrong)).await.unwrap().unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}
