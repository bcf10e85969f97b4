//! Words of a student who was sent as two, in whatever order they come: once they are moved, what counts for each is as if they
//! had always been sent so.

use std::collections::BTreeMap;

use homeroom_domain::event::{Change, Fact, Origin};
use homeroom_domain::id::RecordKey;
use homeroom_simulation::dice::Dice;
use homeroom_simulation::generate::Word;
use proptest::prelude::*;

use crate::convergence::{Telling, evening, two_orders};
use crate::worlds::{self, cases};

/// Whether a word was sent as the one of the two who is merged into the other: half of the records were.
fn as_the_first(word: &Word) -> bool {
    matches!(word, Word::Fact(origin, _) if origin.key.as_bytes()[0] % 2 == 0)
}

/// The last word on each record, as the job says it again under the other key, and the end of each where it stood.
fn moved(words: &[Word]) -> (Vec<Word>, Vec<Word>) {
    let mut last: BTreeMap<RecordKey, (&Origin, &Change<Fact>)> = BTreeMap::new();
    for word in words {
        if let Word::Fact(origin, change) = word
            && last.get(&origin.key).is_none_or(|(known, _)| known.revision <= origin.revision)
        {
            last.insert(origin.key, (origin, change));
        }
    }
    let there = |(origin, change): &(&Origin, &Change<Fact>)| Word::Fact((*origin).clone(), (*change).clone());
    let here = |(origin, _): &(&Origin, &Change<Fact>)| Word::Fact((*origin).clone(), Change::Withdrawn);
    (last.values().map(there).collect(), last.values().map(here).collect())
}

/// One student's words are what the other's came to.
fn told_alike(one: &Telling, other: &Telling) -> Result<(), TestCaseError> {
    one.told_is_true()?;
    prop_assert_eq!(one.ledger.facts().count(), other.ledger.facts().count());
    prop_assert_eq!(one.measures(), other.measures());
    prop_assert_eq!(one.open(), other.open());
    prop_assert_eq!(one.told(), other.told());
    Ok(())
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn moved_words_come_to_what_they_would_have_under_the_right_key(
        (ordered, shuffled) in two_orders(),
        seed in any::<u64>(),
        settings in worlds::settings(),
    ) {
        let (now, mut dice) = (evening(16), Dice::new(seed));
        let [mut whole, mut first, mut second, mut alone, mut rest, mut nobody] =
            [(); 6].map(|()| Telling::new(&settings));
        let of_first = |words: &[Word], is: bool| -> Vec<Word> {
            let kept = |word: &&Word| matches!(word, Word::Reference(..)) || as_the_first(word) == is;
            words.iter().filter(kept).cloned().collect()
        };
        let references: Vec<Word> = ordered.iter().filter(|word| matches!(word, Word::Reference(..))).cloned().collect();
        whole.batch(&ordered, now);
        alone.batch(&of_first(&ordered, true), now);
        rest.batch(&of_first(&ordered, false), now);
        nobody.batch(&references, now);

        // The merge: among the other's own words, in any order and some twice.
        let sent_as_first = of_first(&shuffled, true);
        let (mut there, mut here) = moved(&sent_as_first);
        first.batch(&sent_as_first, now);
        first.told_is_true()?;
        let mut others = of_first(&shuffled, false);
        others.extend(there.iter().cloned());
        others.extend(there.iter().take(3).cloned());
        dice.shuffle(&mut others);
        for words in others.chunks(20) {
            second.batch(words, now);
            second.told_is_true()?;
        }
        dice.shuffle(&mut here);
        for words in here.chunks(7) {
            first.batch(words, now);
            first.told_is_true()?;
        }
        prop_assert_eq!(&second.ledger, &whole.ledger);
        told_alike(&second, &whole)?;
        told_alike(&first, &nobody)?;

        // The split.
        dice.shuffle(&mut there);
        first.batch(&there, now);
        second.batch(&here, now);
        prop_assert_eq!(&first.ledger, &alone.ledger);
        told_alike(&first, &alone)?;
        told_alike(&second, &rest)?;
    }
}
