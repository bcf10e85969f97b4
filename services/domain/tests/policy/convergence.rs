//! Item 13 and its promise: whatever the order, repetition, batches or lateness of the same words, the end is the same.

use std::collections::BTreeSet;

use homeroom_domain::episode::{EpisodeScope, Episodes};
use homeroom_domain::ledger::{Applied, Ledger};
use homeroom_domain::settings::{Now, Settings};
use proptest::prelude::*;

use crate::agreement::cases;
use crate::generate::{self, Word, date};
use crate::world::{World, absent, day, mark};

#[test]
fn the_highest_revision_wins_and_of_equals_the_later() {
    let mut world = World::of_school_days(1);
    assert_eq!(world.says_at("mark", 5, mark("Tardy", day(1))), Applied::Changed);
    assert_eq!(world.says_at("mark", 4, absent(day(1))), Applied::Outdated);
    assert_eq!(world.absence(day(1)), Some((0, 0)));
    assert_eq!(world.says_at("mark", 5, absent(day(1))), Applied::Changed);
    assert_eq!(world.absence(day(1)), Some((100, 100)));
    assert_eq!(world.says_at("mark", 5, absent(day(1))), Applied::Same);
    assert_eq!(world.says_at("mark", 9, absent(day(1))), Applied::Same);
    assert_eq!(world.says_at("mark", 8, mark("Tardy", day(1))), Applied::Outdated, "a repeat moves the revision on");
}

#[test]
fn a_withdrawal_is_a_revision_that_an_older_word_cannot_undo() {
    let mut world = World::of_school_days(1);
    assert_eq!(world.withdraws_at("mark", 7), Applied::Changed, "known before the record is");
    assert_eq!(world.says_at("mark", 6, absent(day(1))), Applied::Outdated);
    assert_eq!(world.absence(day(1)), Some((0, 0)));
    assert_eq!(world.says_at("mark", 7, absent(day(1))), Applied::Changed, "of equals the later");
    assert_eq!(world.withdraws_at("mark", 6), Applied::Outdated);
    assert_eq!(world.absence(day(1)), Some((100, 100)));
    assert_eq!(world.withdraws_at("mark", 8), Applied::Changed);
    assert_eq!(world.absence(day(1)), Some((0, 0)));
    assert_eq!(world.ledger.len(), 3, "a withdrawn record is remembered");
}

/// An open episode as a reader sees it: rule, scope, level.
type Open = (String, EpisodeScope, i64);

/// The same words, told in one way.
struct Telling {
    world: World,
}

impl Telling {
    fn new(settings: &Settings) -> Self {
        let mut world = World::unknown();
        world.settings = settings.clone();
        Self { world }
    }

    fn batch(&mut self, words: &[Word], now: Now) {
        for word in words.iter().cloned() {
            word.apply(&mut self.world.ledger, &mut self.world.records);
        }
        self.world.now = now;
        self.world.step();
    }

    fn open(&self) -> BTreeSet<Open> {
        let open = self.world.episodes.open();
        open.map(|episode| (episode.told.rule.to_string(), episode.scope, episode.told.level)).collect()
    }

    /// The measures and facts that were told, by rule.
    fn told(&self) -> BTreeSet<String> {
        let told = self.world.episodes.open().map(|episode| {
            let proof = &episode.told.proof;
            let facts: Vec<_> = proof.facts.iter().map(|fact| (fact.date, &fact.what, &fact.origin.key)).collect();
            format!("{} {:?} {:?} {facts:?}", episode.told.rule, proof.as_of, proof.measures)
        });
        told.collect()
    }

    /// What is told of an open alert is what the facts of now say of the date when it was told; of a cleared one, that it was
    /// right.
    fn told_is_true(&self) -> Result<(), TestCaseError> {
        let view = self.world.records.view();
        let student = homeroom_domain::evaluation::Evaluation::new(
            &self.world.ledger,
            &view,
            &self.world.settings,
            self.world.now,
        );
        for episode in self.world.episodes.iter() {
            let rule = self.world.pack.rule(&episode.told.rule).unwrap();
            let again = rule.claim(&student, episode.told_at).unwrap();
            match episode.standing {
                homeroom_domain::episode::Standing::Open => {
                    let again = again.map(|claim| (claim.level, claim.proof.measures));
                    prop_assert_eq!(again, Some((episode.told.level, episode.told.proof.measures.clone())));
                }
                homeroom_domain::episode::Standing::Cleared => prop_assert!(again.is_some(), "{:?}", episode),
                homeroom_domain::episode::Standing::Recalled => {}
            }
        }
        Ok(())
    }
}

fn evening(offset: i32) -> Now {
    Now { today: date(offset), as_of: date(offset) }
}

/// Splits at the positions given.
fn batches<'w>(words: &'w [Word], cuts: &[prop::sample::Index]) -> Vec<&'w [Word]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(words.len() + 1)).collect();
    at.extend([0, words.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &words[pair[0]..pair[1]]).collect()
}

/// A log, and the same shuffled with some words repeated; each word of a key has a revision of its own.
fn two_orders() -> impl Strategy<Value = (Vec<Word>, Vec<Word>)> {
    let repeats = prop::collection::vec(any::<prop::sample::Index>(), 0..20);
    (generate::log(40), repeats, any::<u64>()).prop_map(|(log, repeats, seed)| {
        let ordered: Vec<Word> = log.into_iter().zip(1..).map(|(said, revision)| said.with(revision)).collect();
        let mut shuffled = ordered.clone();
        shuffled.extend(repeats.iter().map(|repeat| ordered[repeat.index(ordered.len())].clone()));
        generate::shuffle(&mut shuffled, seed);
        (ordered, shuffled)
    })
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_order_repetition_and_batches_end_the_same(
        (ordered, shuffled) in two_orders(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        settings in generate::settings(),
    ) {
        let now = evening(16);
        let (mut once, mut many) = (Telling::new(&settings), Telling::new(&settings));
        once.batch(&ordered, now);
        for batch in batches(&shuffled, &cuts) {
            many.batch(batch, now);
            many.told_is_true()?;
        }
        prop_assert_eq!(&once.world.ledger, &many.world.ledger);
        prop_assert_eq!(once.world.measures(), many.world.measures());
        prop_assert_eq!(once.open(), many.open());
        prop_assert_eq!(once.told(), many.told());
    }

    #[test]
    fn words_that_come_days_late_leave_the_same_open(
        (ordered, shuffled) in two_orders(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 4),
        settings in generate::settings(),
    ) {
        let (mut once, mut late) = (Telling::new(&settings), Telling::new(&settings));
        once.batch(&ordered, evening(16));
        for (batch, offset) in batches(&shuffled, &cuts).into_iter().zip([2, 4, 9, 11, 16]) {
            late.batch(batch, Now { today: date(offset), as_of: date(offset - 1) });
            late.told_is_true()?;
            late.batch(&[], evening(offset));
            late.told_is_true()?;
        }
        prop_assert_eq!(once.world.measures(), late.world.measures());
        prop_assert_eq!(once.open(), late.open());
    }

    #[test]
    fn what_is_stored_is_read_back(
        (ordered, _) in two_orders(),
        settings in generate::settings(),
    ) {
        let mut telling = Telling::new(&settings);
        telling.batch(&ordered, evening(16));
        let world = telling.world;
        prop_assert_eq!(&Ledger::decode(&world.ledger.encode()).unwrap(), &world.ledger);
        prop_assert_eq!(&Episodes::decode(&world.episodes.encode()).unwrap(), &world.episodes);
    }
}
