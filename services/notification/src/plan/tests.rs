//! Unit tests, and a model: any sequence of changes, claims, ends of attempts and expiries keeps the promises.

mod late;
mod reserve;

use std::collections::{BTreeMap, BTreeSet};

use homeroom_domain::alert::ChangeKind::{Amended, Cleared, Escalated, Opened, Recalled};
use proptest::prelude::*;

use super::*;
use crate::sample;

fn to(address: &str) -> Recipient {
    Recipient {
        team: "team".to_owned(),
        channel: "mail".to_owned(),
        address: address.to_owned(),
        after: SignedDuration::ZERO,
    }
}

#[test]
fn a_rise_before_the_cutoff_hastens_no_first_word_to_before_it_and_is_none_itself() {
    let mut risen = sample::change(2, Escalated);
    risen.claim.settle_seconds = 0;
    risen.claim.terms.cutoff_minute = Some(9 * 60 + 30);
    risen.district_time = jiff::civil::date(2022, 4, 13).at(8, 0, 0, 0);
    let half_past_nine = risen.changed_at + SignedDuration::from_mins(90);
    assert_eq!(hastened(&risen, &to("here"), NOW), Some(half_past_nine));
    let told = change(&risen, 1, &[], &[to("here")], NOW);
    assert!(matches!(&told[..], [Effect::Deliver(word)] if word.due_at == half_past_nine), "{told:?}");
}

/// An alert as the store keeps it, with everything that happened to its deliveries.
#[derive(Debug, Default)]
struct World {
    number: u32,
    telling: u32,
    kinds: Vec<(u32, u32, ChangeKind)>,
    deliveries: Vec<Delivery>,
    /// The change whose words each delivery has.
    contents: BTreeMap<Uuid, u32>,
    /// The change whose words went out with the last attempt.
    attempted: BTreeMap<Uuid, u32>,
}

/// Later than any decision here.
const NOW: Timestamp = Timestamp::constant(86_400, 0);

impl World {
    fn change(&mut self, kind: ChangeKind, routed: &[Recipient]) -> Vec<Effect> {
        self.number += 1;
        if kind == Opened {
            self.telling = self.number;
        }
        self.kinds.push((self.number, self.telling, kind));
        let change = sample::change(self.number, kind);
        let effects = super::change(&change, self.telling, &self.deliveries, routed, NOW);
        for effect in &effects {
            match effect {
                Effect::Deliver(planned) => {
                    assert!(
                        !self.deliveries.iter().any(|known| known.id == planned.id),
                        "one delivery per change and recipient"
                    );
                    self.contents.insert(planned.id, self.number);
                    self.deliveries.push(Delivery {
                        id: planned.id,
                        number: self.number,
                        telling: planned.telling,
                        kind: planned.kind,
                        to: planned.to.clone(),
                        standing: Standing::Waiting,
                        maybe_sent: false,
                        late_since: planned.late_since,
                    });
                }
                Effect::Rewrite(id) => {
                    assert_eq!(self.delivery(*id).standing, Standing::Waiting);
                    self.contents.insert(*id, self.number);
                }
                Effect::Cancel(id) => {
                    assert_eq!(self.delivery(*id).standing, Standing::Waiting);
                    self.delivery(*id).standing = Standing::Cancelled;
                }
            }
        }
        effects
    }

    fn delivery(&mut self, id: Uuid) -> &mut Delivery {
        self.deliveries.iter_mut().find(|delivery| delivery.id == id).expect("it was planned")
    }

    /// The claim's rule: the first of the recipient's deliveries, while no earlier one is unsettled.
    fn claim(&mut self, to: &Recipient) -> Option<Uuid> {
        let open = self
            .deliveries
            .iter_mut()
            .filter(|d| d.to.same(to) && matches!(d.standing, Standing::Waiting | Standing::Leased));
        let first = open.min_by_key(|delivery| delivery.number)?;
        if first.standing != Standing::Waiting {
            return None;
        }
        first.standing = Standing::Leased;
        let (id, number, telling) = (first.id, first.number, first.telling);
        self.attempted.insert(id, self.contents[&id]);
        let back = self
            .kinds
            .iter()
            .filter(|(_, of, kind)| *of == telling && takes_back(*kind))
            .map(|(number, _, _)| *number)
            .max();
        assert!(back.is_none_or(|back| number >= back), "{number} is sent after {back:?} took it back");
        Some(id)
    }

    fn end(&mut self, to: &Recipient, from: Standing, standing: Standing, maybe_sent: bool) {
        let found = self.deliveries.iter_mut().find(|delivery| delivery.to.same(to) && delivery.standing == from);
        let Some(delivery) = found else { return };
        delivery.standing = standing;
        delivery.maybe_sent |= maybe_sent;
        let id = delivery.id;
        self.cancel_what_is_of_no_use(id);
    }

    /// The deliveries of the same telling to the same recipient.
    fn chain(&self, id: Uuid) -> Vec<Delivery> {
        let of = self.deliveries.iter().find(|delivery| delivery.id == id).expect("it was planned");
        self.deliveries.iter().filter(|d| d.telling == of.telling && d.to.same(&of.to)).cloned().collect()
    }

    fn cancel_what_is_of_no_use(&mut self, id: Uuid) {
        for id in settled(&self.chain(id)) {
            assert_eq!(self.delivery(id).standing, Standing::Waiting);
            self.delivery(id).standing = Standing::Cancelled;
        }
    }

    /// An adapter says of an attempt, after whatever it or the lease's end had said, that it was accepted.
    fn accept_late(&mut self, to: &Recipient) {
        let ended = |d: &&mut Delivery| !matches!(d.standing, Standing::Leased | Standing::Accepted);
        let tried = &self.attempted;
        let found = self.deliveries.iter_mut().filter(ended).find(|d| d.to.same(to) && tried.contains_key(&d.id));
        let Some(delivery) = found else { return };
        delivery.standing = Standing::Accepted;
        let told = delivery.clone();
        self.cancel_what_is_of_no_use(told.id);
        let known = |d: &&Delivery| d.id != told.id && (d.standing != Standing::Cancelled || d.maybe_sent);
        let heard = self.chain(told.id).iter().filter(known).map(|d| self.contents[&d.id]).max();
        let heard = heard.unwrap_or_default().max(self.attempted[&told.id]).max(told.number);
        let last = self.kinds.iter().filter(|(_, of, _)| *of == told.telling).max_by_key(|(number, ..)| *number);
        let (number, _, kind) = *last.expect("its own change");
        let Some(planned) = catch_up(&sample::change(number, kind), &told, heard, NOW) else { return };
        self.contents.insert(planned.id, number);
        if let Some(again) = self.deliveries.iter_mut().find(|delivery| delivery.id == planned.id) {
            assert_eq!((again.standing, again.maybe_sent), (Standing::Cancelled, false));
            again.standing = Standing::Waiting;
            return;
        }
        let Planned { id, kind, telling, to, late_since, .. } = planned;
        let standing = Standing::Waiting;
        self.deliveries.push(Delivery { id, number, telling, kind, to, standing, maybe_sent: false, late_since });
    }

    /// Somebody takes the alert up, if it is open: what is under way to the reserve stays so.
    fn acknowledge(&mut self) {
        if self.kinds.last().is_none_or(|(_, _, kind)| takes_back(*kind)) {
            return;
        }
        for id in acknowledged(self.telling, &self.deliveries) {
            let delivery = self.delivery(id);
            if delivery.standing == Standing::Waiting {
                delivery.standing = Standing::Cancelled;
            }
        }
    }

    fn accept(&mut self, to: &Recipient) {
        self.end(to, Standing::Leased, Standing::Accepted, false);
    }

    fn standings(&self, to: &Recipient) -> Vec<(ChangeKind, Standing)> {
        self.deliveries.iter().filter(|d| d.to.same(to)).map(|d| (d.kind, d.standing)).collect()
    }

    /// Lets every attempt succeed until nothing is left to send.
    fn drain(&mut self) {
        for to in recipients() {
            loop {
                self.accept(&to);
                // The end of an earlier telling that is told late may be out beside a later word.
                let out = |d: &Delivery| d.to.same(&to) && d.standing == Standing::Leased;
                if self.claim(&to).is_none() && !self.deliveries.iter().any(out) {
                    break;
                }
            }
        }
    }

    fn check(&self) {
        for delivery in &self.deliveries {
            assert!(!matches!(delivery.standing, Standing::Waiting | Standing::Leased), "{delivery:?} is stuck");
            let later_word = takes_back(delivery.kind) || delivery.kind == Amended;
            let told_before = self.deliveries.iter().any(|d| {
                d.telling == delivery.telling && d.to.same(&delivery.to) && d.number < delivery.number && d.told()
            });
            assert!(!(later_word && delivery.told()) || told_before, "{delivery:?} went to one who was not told");
        }
        for (number, telling, kind) in &self.kinds {
            let last_back = *self
                .kinds
                .iter()
                .filter(|(_, of, kind)| of == telling && takes_back(*kind))
                .map(|(n, _, _)| n)
                .max()
                .unwrap_or(&0);
            if !takes_back(*kind) || *number != last_back {
                continue;
            }
            let told: BTreeSet<&str> = self
                .deliveries
                .iter()
                .filter(|d| d.telling == *telling && d.number < *number && d.told())
                .map(|d| &*d.to.address)
                .collect();
            let answered: BTreeSet<&str> = self
                .deliveries
                .iter()
                .filter(|d| {
                    d.number == *number && (d.told() || matches!(d.standing, Standing::Dead | Standing::Expired))
                })
                .map(|d| &*d.to.address)
                .collect();
            assert!(told.is_subset(&answered), "{kind:?} {number} did not reach {:?}", told.difference(&answered));
        }
    }
}

/// The last one is told only of what nobody acknowledges within an hour.
fn recipients() -> [Recipient; 3] {
    let reserve = Recipient { after: SignedDuration::from_hours(1), ..to("c@example.org") };
    [to("a@example.org"), to("b@example.org"), reserve]
}

#[test]
fn an_opening_waits_for_a_correction_and_goes_to_everybody_routed() {
    let effects = World::default().change(Opened, &recipients());
    assert_eq!(effects.len(), 3);
    let Effect::Deliver(planned) = &effects[0] else { panic!("{effects:?}") };
    assert_eq!(planned.due_at, Timestamp::constant(601, 0));
    let Effect::Deliver(reserve) = &effects[2] else { panic!("{effects:?}") };
    assert_eq!(reserve.due_at, Timestamp::constant(601 + 3_600, 0));
}

#[test]
fn a_recall_within_the_settle_window_tells_nobody() {
    let mut world = World::default();
    world.change(Opened, &recipients());
    world.change(Recalled, &recipients());
    assert_eq!(world.standings(&to("a@example.org")), [(Opened, Standing::Cancelled)]);
    world.drain();
    world.check();
}

#[test]
fn a_recall_reaches_those_told_even_when_they_are_no_longer_routed() {
    let mut world = World::default();
    let [a, b, _] = recipients();
    world.change(Opened, std::slice::from_ref(&a));
    world.claim(&a);
    world.accept(&a);
    world.change(Recalled, std::slice::from_ref(&b));
    assert_eq!(world.standings(&a), [(Opened, Standing::Accepted), (Recalled, Standing::Waiting)]);
    assert_eq!(world.standings(&b), []);
}

#[test]
fn a_recall_waits_for_what_is_under_lease() {
    for (end, maybe_sent, recall) in [
        (Standing::Accepted, false, Standing::Waiting),
        (Standing::Waiting, true, Standing::Waiting),
        (Standing::Waiting, false, Standing::Cancelled),
        (Standing::Dead, false, Standing::Cancelled),
        (Standing::Dead, true, Standing::Waiting),
    ] {
        let mut world = World::default();
        let [a, ..] = recipients();
        world.change(Opened, std::slice::from_ref(&a));
        world.claim(&a);
        world.change(Recalled, &[]);
        assert_eq!(world.claim(&a), None, "held");
        world.end(&a, Standing::Leased, end, maybe_sent);
        assert_eq!(world.standings(&a)[1], (Recalled, recall), "{end:?} {maybe_sent}");
        world.drain();
        world.check();
    }
}

#[test]
fn a_correction_while_waiting_becomes_the_words_of_what_waits() {
    let mut world = World::default();
    let [a, ..] = recipients();
    world.change(Opened, std::slice::from_ref(&a));
    let id = world.deliveries[0].id;
    assert_eq!(world.change(Amended, &[]), [Effect::Rewrite(id)]);
    assert_eq!(world.change(Escalated, std::slice::from_ref(&a)), [Effect::Rewrite(id)]);
}

#[test]
fn an_escalation_is_not_told_as_the_amendment_that_waits() {
    let mut world = World::default();
    let [a, ..] = recipients();
    world.change(Opened, std::slice::from_ref(&a));
    world.claim(&a);
    world.change(Amended, &[]);
    world.end(&a, Standing::Leased, Standing::Waiting, false);
    world.change(Escalated, std::slice::from_ref(&a));
    world.drain();
    let heard = [Opened, Amended, Escalated].map(|kind| (kind, Standing::Accepted));
    assert_eq!(world.standings(&a), heard);
}

#[test]
fn an_escalation_also_reaches_those_routed_since() {
    let mut world = World::default();
    let [a, b, _] = recipients();
    world.change(Opened, std::slice::from_ref(&a));
    world.claim(&a);
    world.accept(&a);
    world.change(Escalated, std::slice::from_ref(&b));
    assert_eq!(world.standings(&a).last(), Some(&(Escalated, Standing::Waiting)));
    assert_eq!(world.standings(&b), [(Escalated, Standing::Waiting)]);
}

#[test]
fn an_alert_that_opens_again_is_a_new_telling() {
    let mut world = World::default();
    let [a, b, _] = recipients();
    world.change(Opened, std::slice::from_ref(&a));
    world.claim(&a);
    world.accept(&a);
    world.change(Cleared, &[]);
    world.drain();
    world.change(Opened, std::slice::from_ref(&b));
    world.drain();
    world.change(Recalled, &[]);
    world.drain();
    assert_eq!(world.standings(&a), [(Opened, Standing::Accepted), (Cleared, Standing::Accepted)]);
    assert_eq!(world.standings(&b), [(Opened, Standing::Accepted), (Recalled, Standing::Accepted)]);
}

#[test]
fn whoever_was_told_after_all_hears_of_the_recall() {
    // The recall is planned while the opening is out and cancelled with its retry, or it comes when the opening waits again.
    for recall_first in [true, false] {
        let mut world = World::default();
        let [a, ..] = recipients();
        world.change(Opened, std::slice::from_ref(&a));
        world.claim(&a);
        if recall_first {
            world.change(Recalled, &[]);
        }
        world.end(&a, Standing::Leased, Standing::Waiting, false);
        if !recall_first {
            world.change(Recalled, &[]);
        }
        world.accept_late(&a);
        assert_eq!(world.standings(&a), [(Opened, Standing::Accepted), (Recalled, Standing::Waiting)]);
    }
}

#[test]
fn a_correction_that_replaced_the_words_is_told_to_whom_the_old_words_reached() {
    let mut world = World::default();
    let [a, ..] = recipients();
    world.change(Opened, std::slice::from_ref(&a));
    world.claim(&a);
    world.end(&a, Standing::Leased, Standing::Waiting, false);
    world.change(Amended, &[]);
    world.accept_late(&a);
    assert_eq!(world.standings(&a), [(Opened, Standing::Accepted), (Amended, Standing::Waiting)]);
}

#[test]
fn the_first_change_known_opens_when_the_opening_is_missing() {
    let told = |kind| change(&sample::change(2, kind), 2, &[], &recipients(), NOW).len();
    assert_eq!([Amended, Escalated, Cleared, Recalled].map(told), [3, 3, 0, 0]);
}

#[test]
fn a_late_change_undoes_nothing_and_ends_what_no_later_one_concerns() {
    let mut world = World::default();
    let [a, b, _] = recipients();
    world.change(Opened, &[a.clone(), b.clone()]);
    world.drain();
    // Change 2 is missing, and change 3 opens again for one of them.
    world.number += 1;
    world.change(Opened, std::slice::from_ref(&b));
    let effects = late(&sample::change(2, Recalled), 3, &world.deliveries, NOW);
    let [Effect::Deliver(planned)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((&planned.to, planned.kind, planned.telling), (&a, Recalled, 1));
    assert_eq!(late(&sample::change(2, Amended), 3, &world.deliveries, NOW), []);
    assert_eq!(late(&sample::change(2, Recalled), 1, &world.deliveries, NOW), []);
}

#[test]
fn a_decision_of_a_clock_that_is_ahead_does_not_wait_for_it() {
    let now = Timestamp::constant(1, 0);
    let effects = change(&sample::change(600, Opened), 600, &[], &recipients(), now);
    let Effect::Deliver(planned) = &effects[0] else { panic!("{effects:?}") };
    assert_eq!(planned.due_at, Timestamp::constant(601, 0));
}

#[test]
fn a_delivery_has_the_same_id_however_often_it_is_planned() {
    let alert = AlertId::new([9; 16]);
    assert_eq!(delivery_id(alert, 1, &to("a")), delivery_id(alert, 1, &to("a")));
    assert_ne!(delivery_id(alert, 1, &to("a")), delivery_id(alert, 2, &to("a")));
    assert_ne!(delivery_id(alert, 1, &to("a")), delivery_id(alert, 1, &to("b")));
}

#[derive(Debug, Clone)]
enum Step {
    Change { pick: u8, routed: Vec<bool> },
    Claim(usize),
    End { to: usize, standing: u8 },
    Expire(usize),
    SentLate(usize),
    Acknowledge,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<u8>(), prop::collection::vec(any::<bool>(), 3)).prop_map(|(pick, routed)| Step::Change { pick, routed }),
        4 => (0..3_usize).prop_map(Step::Claim),
        4 => (0..3_usize, 0..5_u8).prop_map(|(to, standing)| Step::End { to, standing }),
        1 => (0..3_usize).prop_map(Step::Expire),
        1 => (0..3_usize).prop_map(Step::SentLate),
        1 => Just(Step::Acknowledge),
    ]
}

fn perform(world: &mut World, step: Step) {
    let all = recipients();
    match step {
        Step::Change { pick, routed } => {
            // What the rules service can say next: an opening after an end, anything else before one, a recall always.
            let open = world.kinds.last().is_some_and(|(_, _, kind)| !takes_back(*kind));
            let choices: &[ChangeKind] = match (open, world.number) {
                (true, _) => &[Amended, Escalated, Cleared, Recalled],
                (false, 0) => &[Opened],
                (false, _) => &[Opened, Recalled],
            };
            let routed: Vec<_> = all.into_iter().zip(routed).filter_map(|(to, told)| told.then_some(to)).collect();
            world.change(choices[usize::from(pick) % choices.len()], &routed);
        }
        Step::Claim(to) => drop(world.claim(&all[to])),
        Step::End { to, standing } => {
            let (standing, maybe_sent) = [
                (Standing::Accepted, false),
                (Standing::Waiting, false),
                (Standing::Waiting, true),
                (Standing::Dead, false),
                (Standing::Dead, true),
            ][usize::from(standing)];
            world.end(&all[to], Standing::Leased, standing, maybe_sent);
        }
        Step::Expire(to) => world.end(&all[to], Standing::Waiting, Standing::Expired, false),
        Step::SentLate(to) => world.accept_late(&all[to]),
        Step::Acknowledge => world.acknowledge(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everyone_told_of_an_alert_is_told_of_its_end_and_nobody_else(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::default();
        for step in steps {
            perform(&mut world, step);
        }
        world.drain();
        world.check();
    }
}
