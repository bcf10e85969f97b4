//! A stored ledger against every word that was accepted.

use std::collections::BTreeMap;

use crate::{Findings, Promise};
use homeroom_domain::event::{Change, Fact, Origin};
use homeroom_domain::id::{RecordKey, Revision, SourceId};
use homeroom_domain::ledger::{Ledger, Live};

/// The ledger holds of each record the accepted word with the highest revision, and of equals the later in the log; nothing
/// else. `whose` says by ids whose ledger it is.
pub fn check(
    whose: &str,
    ledger: &Ledger,
    accepted: impl IntoIterator<Item = (Origin, Change<Fact>)>,
    findings: &mut Findings,
) {
    let mut words: BTreeMap<(SourceId, RecordKey), (Revision, Change<Fact>)> = BTreeMap::new();
    for (Origin { source, key, revision }, change) in accepted {
        let word = words.entry((source, key)).or_insert_with(|| (revision, change.clone()));
        if revision >= word.0 {
            *word = (revision, change);
        }
    }
    if ledger.len() != words.len() {
        let found = format!("{whose}: {} records are held of {} that were accepted", ledger.len(), words.len());
        findings.add(Promise::HighestRevision, found);
    }
    let mut live =
        words.into_iter().filter(|(_, (_, change))| *change != Change::Withdrawn).collect::<BTreeMap<_, _>>();
    for Live { source, key, revision, fact } in ledger.facts() {
        let word = live.remove(&(source.clone(), key));
        let same =
            word.is_some_and(|(highest, change)| (highest, change) == (revision, Change::Recorded(fact.clone())));
        if !same {
            findings.add(Promise::HighestRevision, format!("{whose}: record {key} is held at revision {}", revision.0));
        }
    }
    for ((_, key), (revision, _)) in live {
        let found = format!("{whose}: record {key} is not held at its revision {}", revision.0);
        findings.add(Promise::HighestRevision, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(key: u8, revision: u64) -> Origin {
        Origin { source: SourceId::parse("sis").unwrap(), key: RecordKey::new([key; 16]), revision: Revision(revision) }
    }

    #[test]
    fn a_word_that_is_missing_old_or_too_much_is_seen() {
        let known = Change::Recorded(Fact::Registration);
        let words =
            [(origin(1, 2), known.clone()), (origin(1, 1), Change::Withdrawn), (origin(2, 1), Change::Withdrawn)];
        let judge = |words: &[(Origin, Change<Fact>)], accepted: &[(Origin, Change<Fact>)]| {
            let (mut ledger, mut findings) = (Ledger::default(), Findings::default());
            for (origin, change) in words.iter().cloned() {
                ledger.apply(origin, change);
            }
            check("student", &ledger, accepted.iter().cloned(), &mut findings);
            findings.is_empty()
        };
        assert!(judge(&words, &words));
        assert!(!judge(&words[..2], &words), "a withdrawal is a word too");
        assert!(!judge(&words[1..], &words));
        assert!(!judge(&words, &words[1..]));
        assert!(
            !judge(&words, &[words.as_slice(), &[(origin(1, 3), known)]].concat()),
            "the highest revision is missing"
        );
    }
}
