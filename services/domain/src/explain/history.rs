//! What was said of one student over time: the words of the log in its order, to be folded as of any moment.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::event::{Change, Fact, Origin};
use crate::id::{RecordKey, Revision, SourceId};
use crate::ledger::Ledger;

/// One word, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Who said it, of which record, with which revision.
    pub origin: Origin,
    /// When Homeroom accepted it.
    pub received_at: Timestamp,
    /// What the record then said.
    pub change: Change<Fact>,
}

/// A source's record.
pub type Record = (SourceId, RecordKey);

/// All words of one student, in the order of the log.
#[derive(Debug, Clone, Default)]
pub struct History(Vec<Heard>);

/// A record whose last word is another than it was at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Which.
    pub record: Record,
    /// What it said then; none when nothing had been said of it.
    pub before: Option<Change<Fact>>,
    /// What it says now.
    pub after: Change<Fact>,
    /// The revision of the word that stands now.
    pub revision: Revision,
    /// When that word was accepted.
    pub received_at: Timestamp,
}

impl History {
    /// Takes the next word of the log in.
    pub fn take(&mut self, heard: Heard) {
        self.0.push(heard);
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was ever said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words that the log had when it had so many of this student.
    #[must_use]
    pub fn first(&self, words: usize) -> Self {
        Self(self.0.iter().take(words).cloned().collect())
    }

    /// The ledger as all words make it.
    pub fn ledger(&self) -> Ledger {
        self.fold(|_| true)
    }

    /// The ledger as it was at a moment: of the words accepted by then.
    pub fn ledger_at(&self, moment: Timestamp) -> Ledger {
        self.fold(|heard| heard.received_at <= moment)
    }

    /// The ledger of now, but for one record, which says what it said at a moment.
    pub fn ledger_without(&self, record: &Record, moment: Timestamp) -> Ledger {
        let is_of = |heard: &Heard| heard.origin.key == record.1 && heard.origin.source == record.0;
        self.fold(|heard| heard.received_at <= moment || !is_of(heard))
    }

    fn fold(&self, counts: impl Fn(&Heard) -> bool) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.apply_all(self.0.iter().filter(|heard| counts(heard)).map(|heard| (&heard.origin, &heard.change)));
        ledger
    }

    /// Records that say something else than they did at a moment, in the order in which their words of now were accepted.
    pub fn changes_since(&self, moment: Timestamp) -> Vec<Changed> {
        self.changes(&self.last_words(|heard| heard.received_at <= moment))
    }

    /// Records that say something else than they did when the log had so many words of this student.
    pub fn changes_after(&self, words: usize) -> Vec<Changed> {
        self.changes(&last_words(self.0.iter().take(words)))
    }

    fn changes(&self, then: &BTreeMap<Record, &Heard>) -> Vec<Changed> {
        let mut changed: Vec<Changed> = self
            .last_words(|_| true)
            .into_iter()
            .filter_map(|(record, now)| {
                let before = then.get(&record).map(|heard| &heard.change);
                let is_news = match before {
                    // A record that was withdrawn before anybody had heard of it says nothing new.
                    None => now.change != Change::Withdrawn,
                    Some(before) => *before != now.change,
                };
                is_news.then(|| Changed {
                    before: before.cloned(),
                    after: now.change.clone(),
                    revision: now.origin.revision,
                    received_at: now.received_at,
                    record,
                })
            })
            .collect();
        changed.sort_by(|a, b| (a.received_at, &a.record).cmp(&(b.received_at, &b.record)));
        changed
    }

    fn last_words(&self, counts: impl Fn(&Heard) -> bool) -> BTreeMap<Record, &Heard> {
        last_words(self.0.iter().filter(|heard| counts(heard)))
    }
}

/// Each record's last word: the highest revision, and of equals the later in the log.
fn last_words<'h>(words: impl Iterator<Item = &'h Heard>) -> BTreeMap<Record, &'h Heard> {
    let mut last: BTreeMap<Record, &Heard> = BTreeMap::new();
    for heard in words {
        let record = (heard.origin.source.clone(), heard.origin.key);
        let known = last.entry(record).or_insert(heard);
        if known.origin.revision <= heard.origin.revision {
            *known = heard;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Date;
    use crate::event::SectionMembership;
    use crate::id::SectionId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn member(day: i32) -> Change<Fact> {
        let begin_on = Date::from_days(day).unwrap();
        Change::Recorded(Fact::SectionMembership(SectionMembership {
            section: SectionId::new([1; 16]),
            begin_on,
            end_on: None,
        }))
    }

    fn history(words: &[(u8, u64, i64, Change<Fact>)]) -> History {
        let mut history = History::default();
        for (key, revision, second, change) in words {
            let origin = Origin {
                source: SourceId::parse("sis").unwrap(),
                key: RecordKey::new([*key; 16]),
                revision: Revision(*revision),
            };
            history.take(Heard { origin, received_at: at(*second), change: change.clone() });
        }
        history
    }

    /// Key, what was said, what is said, and when that was accepted.
    type Told = (u8, Option<Change<Fact>>, Change<Fact>, i64);

    fn told(history: &History, since: i64) -> Vec<Told> {
        let changes = history.changes_since(at(since)).into_iter();
        let one = |it: Changed| (it.record.1.as_bytes()[0], it.before, it.after, it.received_at.as_second());
        changes.map(one).collect()
    }

    #[test]
    fn a_record_changed_when_its_last_word_is_another() {
        let history = history(&[
            (1, 1, 10, member(1)),
            (2, 1, 10, member(2)),
            (3, 1, 10, member(3)),
            (1, 2, 20, member(5)),
            (2, 2, 20, Change::Withdrawn),
            // The same again, and an older word that comes late.
            (3, 2, 20, member(3)),
            (3, 1, 21, member(4)),
            (4, 1, 30, member(6)),
            // Withdrawn before anybody had heard of it.
            (5, 1, 31, Change::Withdrawn),
        ]);
        assert_eq!(
            told(&history, 15),
            [
                (1, Some(member(1)), member(5), 20),
                (2, Some(member(2)), Change::Withdrawn, 20),
                (4, None, member(6), 30)
            ]
        );
        let after: Vec<_> = history.changes_after(3).iter().map(|it| it.record.1.as_bytes()[0]).collect();
        assert_eq!(after, [1, 2, 4], "by place in the log as by moment");
        assert_eq!(history.first(3).ledger(), history.ledger_at(at(15)));
        assert_eq!(told(&history, 25), [(4, None, member(6), 30)]);
        assert_eq!(told(&history, 30), []);
    }

    #[test]
    fn a_ledger_is_folded_as_of_a_moment_and_with_one_record_taken_back() {
        let history =
            history(&[(1, 1, 10, member(1)), (2, 1, 10, member(2)), (1, 2, 20, member(5)), (3, 1, 20, member(9))]);
        let first = &history.changes_since(at(15))[0].record;
        let facts = |ledger: Ledger| ledger.facts().map(|live| Change::Recorded(live.fact)).collect::<Vec<_>>();
        assert_eq!(facts(history.ledger_at(at(15))), [member(1), member(2)]);
        assert_eq!(facts(history.ledger()), [member(5), member(2), member(9)]);
        assert_eq!(facts(history.ledger_without(first, at(15))), [member(1), member(2), member(9)]);
    }
}
