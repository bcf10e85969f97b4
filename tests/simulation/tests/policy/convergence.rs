//! Item 13 and its promise: whatever the order, repetition, batches or lateness of the same words, the end is the same.

use std::collections::BTreeSet;

use homeroom_domain::episode::{EpisodeScope, Episodes, Moment, Standing};
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_domain::ledger::Ledger;
use homeroom_domain::measure::Measures;
use homeroom_domain::rule::{DEFAULT_PACK, Pack, Rule};
use homeroom_domain::settings::{Now, Settings};
use homeroom_domain::view::Records;
use homeroom_simulation::dice::Dice;
use homeroom_simulation::generate::Word;
use homeroom_simulation::names::date;
use jiff::Timestamp;
use proptest::prelude::*;

use crate::worlds::{self, cases};

/// An open episode as a reader sees it: rule, scope, level.
pub(crate) type Open = (String, EpisodeScope, i64);

/// The same words, told in one way.
pub(crate) struct Telling {
    pub(crate) ledger: Ledger,
    records: Records,
    settings: Settings,
    pack: Pack,
    episodes: Episodes,
    now: Now,
}

impl Telling {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self::by(settings, &Pack::parse(DEFAULT_PACK).unwrap())
    }

    /// With these rules in force.
    pub(crate) fn by(settings: &Settings, pack: &Pack) -> Self {
        Self {
            ledger: Ledger::default(),
            records: Records::default(),
            settings: settings.clone(),
            pack: pack.clone(),
            episodes: Episodes::default(),
            now: evening(0),
        }
    }

    pub(crate) fn batch(&mut self, words: &[Word], now: Now) {
        for word in words.iter().cloned() {
            word.apply(&mut self.ledger, &mut self.records);
        }
        self.now = now;
        let view = self.records.view();
        let evaluation = Evaluation::new(&self.ledger, &view, &self.settings, now);
        let moment = Moment {
            district: &DistrictId::parse("grand-bend").unwrap(),
            student: StudentKey::new([7; 16]),
            at: Timestamp::UNIX_EPOCH,
            caused_at: None,
            district_time: now.today.to_civil().at(12, 0, 0, 0),
        };
        let step = self.episodes.step(&self.pack, &evaluation, &moment);
        assert!(step.failures.is_empty(), "{:?}", step.failures);
    }

    pub(crate) fn measures(&self) -> Measures {
        let view = self.records.view();
        let evaluation = Evaluation::new(&self.ledger, &view, &self.settings, self.now);
        evaluation.district(self.now.as_of, self.now.today)
    }

    pub(crate) fn open(&self) -> BTreeSet<Open> {
        let open = self.episodes.open();
        open.map(|episode| (episode.told.rule.to_string(), episode.scope, episode.told.level)).collect()
    }

    /// What a first look at the same facts would open, with the steps taken and since when.
    pub(crate) fn open_from_scratch(&self) -> (BTreeSet<Open>, BTreeSet<String>) {
        let mut anew = Self {
            ledger: self.ledger.clone(),
            records: self.records.clone(),
            settings: self.settings.clone(),
            pack: self.pack.clone(),
            episodes: Episodes::default(),
            now: self.now,
        };
        anew.batch(&[], self.now);
        (anew.open(), anew.terms())
    }

    /// Of what is open, what is asked of those who are told.
    pub(crate) fn terms(&self) -> BTreeSet<String> {
        let terms = self.episodes.open().map(|episode| {
            let claim = episode.told.claim().unwrap();
            format!("{} {:?} {} {:?}", claim.rule, claim.severity, claim.audience, claim.terms)
        });
        terms.collect()
    }

    /// The measures and facts that were told, by rule.
    pub(crate) fn told(&self) -> BTreeSet<String> {
        let told = self.episodes.open().map(|episode| {
            let proof = &episode.told.claim().unwrap().proof;
            let facts: Vec<_> = proof.facts.iter().map(|fact| (fact.date, &fact.what, &fact.origin.key)).collect();
            format!("{} {:?} {:?} {facts:?}", episode.told.rule, proof.as_of, proof.measures)
        });
        told.collect()
    }

    /// What is told of an open alert is what the facts of now say of the date when it was told; of a cleared one, that it was
    /// right.
    pub(crate) fn told_is_true(&self) -> Result<(), TestCaseError> {
        let view = self.records.view();
        let student = Evaluation::new(&self.ledger, &view, &self.settings, self.now);
        let home = student.home(self.now.today);
        for episode in self.episodes.iter() {
            let told_by = |rule: &&Rule| (&rule.id, rule.version) == (&episode.told.rule, episode.told.rule_version);
            // Of what a school's variant told while the student was there, nobody asks any more.
            let Some(rule) = self.pack.rules_at(home).find(told_by) else { continue };
            let again = rule.claim(&student, episode.told_at).unwrap();
            match episode.standing {
                Standing::Open => {
                    let again = again.map(|claim| (claim.level, claim.proof.measures));
                    prop_assert_eq!(
                        again,
                        Some((episode.told.level, episode.told.claim().unwrap().proof.measures.clone()))
                    );
                }
                Standing::Cleared => prop_assert!(again.is_some(), "{:?}", episode),
                Standing::Recalled => {}
            }
        }
        Ok(())
    }
}

pub(crate) fn evening(offset: i32) -> Now {
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
pub(crate) fn two_orders() -> impl Strategy<Value = (Vec<Word>, Vec<Word>)> {
    let repeats = prop::collection::vec(any::<prop::sample::Index>(), 0..20);
    (worlds::log(40), repeats, any::<u64>()).prop_map(|(log, repeats, seed)| {
        let ordered: Vec<Word> = log.into_iter().zip(1..).map(|(said, revision)| said.with(revision)).collect();
        let mut shuffled = ordered.clone();
        shuffled.extend(repeats.iter().map(|repeat| ordered[repeat.index(ordered.len())].clone()));
        Dice::new(seed).shuffle(&mut shuffled);
        (ordered, shuffled)
    })
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_order_repetition_and_batches_end_the_same(
        (ordered, shuffled) in two_orders(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        settings in worlds::settings(),
    ) {
        let now = evening(16);
        let (mut once, mut many) = (Telling::new(&settings), Telling::new(&settings));
        once.batch(&ordered, now);
        for batch in batches(&shuffled, &cuts) {
            many.batch(batch, now);
            many.told_is_true()?;
        }
        prop_assert_eq!(&once.ledger, &many.ledger);
        prop_assert_eq!(once.measures(), many.measures());
        prop_assert_eq!(once.open(), many.open());
        prop_assert_eq!(once.told(), many.told());
    }

    #[test]
    fn words_that_come_days_late_leave_the_same_open(
        (ordered, shuffled) in two_orders(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 4),
        settings in worlds::settings(),
    ) {
        let (mut once, mut late) = (Telling::new(&settings), Telling::new(&settings));
        once.batch(&ordered, evening(16));
        for (batch, offset) in batches(&shuffled, &cuts).into_iter().zip([2, 4, 9, 11, 16]) {
            late.batch(batch, Now { today: date(offset), as_of: date(offset - 1) });
            late.told_is_true()?;
            late.batch(&[], evening(offset));
            late.told_is_true()?;
        }
        prop_assert_eq!(once.measures(), late.measures());
        prop_assert_eq!(once.open(), late.open());
    }

    #[test]
    fn what_is_stored_is_read_back(
        (ordered, _) in two_orders(),
        settings in worlds::settings(),
    ) {
        let mut telling = Telling::new(&settings);
        telling.batch(&ordered, evening(16));
        prop_assert_eq!(&Ledger::decode(&telling.ledger.encode()).unwrap(), &telling.ledger);
        prop_assert_eq!(&Episodes::decode(&telling.episodes.encode()).unwrap(), &telling.episodes);
    }
}
