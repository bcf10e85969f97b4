//! What follows late news.

use homeroom_domain::alert::Severity;

use super::*;

/// An alert of late news that its recipient was told of, and the effects of these changes of it in the small hours, in turn.
fn after_late_news(changes: &[(ChangeKind, bool)]) -> (World, Vec<Vec<Effect>>) {
    let mut world = World::default();
    let [a, ..] = recipients();
    world.change(Opened, std::slice::from_ref(&a));
    world.deliveries[0].late_since = march();
    world.deliveries[0].standing = Standing::Accepted;
    let mut all = Vec::new();
    for &(kind, is_late) in changes {
        world.number += 1;
        let change = AlertChange {
            changed_at: NOW,
            district_time: jiff::civil::date(2022, 4, 13).at(2, 0, 0, 0),
            late_since: march().filter(|_| is_late),
            ..sample::change(world.number, kind)
        };
        let effects = super::change(&change, 1, &world.deliveries, std::slice::from_ref(&a), NOW);
        for effect in &effects {
            if let Effect::Deliver(Planned { id, kind, telling, to, late_since, .. }) = effect.clone() {
                let (number, standing) = (world.number, Standing::Waiting);
                let maybe_sent = false;
                world.deliveries.push(Delivery { id, number, telling, kind, to, standing, maybe_sent, late_since });
            }
        }
        all.push(effects);
    }
    (world, all)
}

fn march() -> Option<Date> {
    Date::parse("2022-03-04")
}

/// When each delivery among the effects is due, in hours from now.
fn due(effects: &[Effect]) -> Vec<i64> {
    let hours = |effect: &Effect| match effect {
        Effect::Deliver(planned) => Some((planned.due_at.as_second() - NOW.as_second()) / 3_600),
        Effect::Rewrite(_) | Effect::Cancel(_) => None,
    };
    effects.iter().filter_map(hours).collect()
}

#[test]
fn what_corrects_late_news_wakes_nobody_either_and_what_corrects_news_does_not_wait() {
    let (_, effects) = after_late_news(&[(Amended, false), (Amended, false)]);
    assert_eq!([due(&effects[0]), due(&effects[1])], [[5], [5]], "of the late news, and of what corrects it");
    let (_, effects) = after_late_news(&[(Escalated, false), (Amended, false), (Recalled, false)]);
    assert_eq!(effects.iter().map(|it| due(it)).collect::<Vec<_>>(), [[0], [0], [0]], "it has risen since");
}

#[test]
fn a_rise_that_is_news_does_not_wait_behind_what_is_late() {
    for late in [(Amended, false), (Escalated, true)] {
        let (world, effects) = after_late_news(&[late, (Escalated, false)]);
        assert_eq!(due(&effects[0]), [5]);
        assert_eq!(effects[1][0], Effect::Cancel(world.deliveries[1].id), "which is not told beside it");
        assert_eq!(due(&effects[1]), [0]);
    }
}

#[test]
fn a_correction_leaves_late_news_late_and_a_rise_does_not() {
    let (world, _) = after_late_news(&[]);
    let rewritten = |kind| rewritten_late_since(&sample::change(2, kind), &world.deliveries[0]);
    assert_eq!([rewritten(Amended), rewritten(Escalated)], [march(), None]);
}

/// The rise of an alert whose duty has fallen due at midnight, and what it asks for of somebody who was told of the opening.
fn fallen_due(severity: Severity, world: &World) -> Vec<Effect> {
    let mut change = AlertChange {
        changed_at: NOW,
        district_time: jiff::civil::date(2022, 4, 13).at(0, 0, 0, 0),
        fallen_due: vec![0],
        ..sample::change(2, Escalated)
    };
    change.claim.severity = severity;
    super::change(&change, 1, &world.deliveries, &recipients()[..1], NOW)
}

#[test]
fn a_date_that_comes_at_midnight_is_told_in_the_morning_unless_it_is_urgent() {
    let (world, _) = after_late_news(&[]);
    let hours = [Severity::Notice, Severity::Warning, Severity::Urgent].map(|it| due(&fallen_due(it, &world)));
    assert_eq!(hours, [[7], [7], [0]]);
}

#[test]
fn a_rise_that_is_news_says_all_that_a_date_would_have_said_in_the_morning() {
    let (mut world, _) = after_late_news(&[]);
    let effects = fallen_due(Severity::Warning, &world);
    let [Effect::Deliver(planned)] = &effects[..] else { panic!("one word is planned: {effects:?}") };
    let Planned { id, kind, telling, to, late_since, .. } = planned.clone();
    let (standing, maybe_sent) = (Standing::Waiting, false);
    world.deliveries.push(Delivery { id, number: 2, telling, kind, to, standing, maybe_sent, late_since });
    let risen = AlertChange { changed_at: NOW, ..sample::change(3, Escalated) };
    let effects = super::change(&risen, 1, &world.deliveries, &recipients()[..1], NOW);
    assert_eq!((&effects[0], due(&effects)), (&Effect::Cancel(id), vec![0]));
}
