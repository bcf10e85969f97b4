//! Recipients who are told only of what nobody acknowledges.

use super::*;

#[test]
fn the_reserve_is_told_of_what_nobody_acknowledged_and_of_a_rise_that_nobody_did() {
    let mut world = World::default();
    let [team, _, reserve] = recipients();
    let all = [team.clone(), reserve.clone()];
    world.change(Opened, &all);
    world.acknowledge();
    let (waits, given_up) = ((Opened, Standing::Waiting), (Opened, Standing::Cancelled));
    assert_eq!((world.standings(&team), world.standings(&reserve)), (vec![waits], vec![given_up]));
    world.change(Amended, &all);
    assert_eq!(world.standings(&reserve), [given_up], "a correction is no reason to ask again");
    world.claim(&team);
    world.accept(&team);
    let effects = world.change(Escalated, &all);
    let due = |to: &Recipient| {
        effects.iter().find_map(|effect| match effect {
            Effect::Deliver(planned) if planned.to.same(to) => Some(planned.due_at.as_second()),
            _ => None,
        })
    };
    assert_eq!((due(&team), due(&reserve)), (Some(3), Some(3 + 3_600)));
    world.claim(&reserve);
    world.accept(&reserve);
    world.acknowledge();
    world.change(Recalled, &all);
    assert_eq!(world.standings(&reserve).last(), Some(&(Recalled, Standing::Waiting)), "who was told hears of the end");
    world.drain();
    world.check();
}
