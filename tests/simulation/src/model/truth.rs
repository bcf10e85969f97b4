//! Every word that was accepted, and what those up to a point of the log come to.

use std::collections::BTreeMap;

use homeroom_domain::date::Date;
use homeroom_domain::event::{Change, Fact, Origin};
use homeroom_domain::id::{DistrictId, RecordKey, SchoolYear, StudentKey};
use homeroom_domain::reference::Entry;
use homeroom_domain::settings::{Now, Settings};

use crate::model::oracle::Oracle;
use crate::model::rules::{Claims, Rules};

/// Whose a student is, and the pseudonymous key.
pub type Key = (DistrictId, StudentKey);
type Words<T> = Vec<(i64, (Origin, Change<T>))>;

/// Every word that was accepted, with its place in its partition.
#[derive(Debug, Default)]
pub struct Truth {
    facts: BTreeMap<Key, Words<Fact>>,
    /// The last word on each record that its source sent, by the student that it was sent as.
    sent: BTreeMap<Key, BTreeMap<RecordKey, (Origin, Change<Fact>)>>,
    entries: BTreeMap<DistrictId, Words<Entry>>,
}

/// A student, with the words up to one point.
#[derive(Debug)]
pub struct Whole<'t> {
    truth: &'t Truth,
    key: &'t Key,
    events_below: i64,
    settings: Settings,
    reference_below: i64,
    /// The rules in force; none before there is a sound pack.
    pub rules: Option<Rules>,
}

impl Truth {
    /// A word on a student was accepted.
    pub fn accept(&mut self, key: Key, offset: i64, origin: Origin, change: Change<Fact>) {
        self.facts.entry(key).or_default().push((offset, (origin, change)));
    }

    /// A source sent a word as this student, wherever it stands.
    pub fn send(&mut self, sender: Key, origin: Origin, change: Change<Fact>) {
        let last = self.sent.entry(sender).or_default();
        if last.get(&origin.key).is_none_or(|(known, _)| known.revision <= origin.revision) {
            last.insert(origin.key, (origin, change));
        }
    }

    /// Whether the source's last word has the same revision, and says something else.
    pub fn says_otherwise(&self, sender: &Key, origin: &Origin, change: &Change<Fact>) -> bool {
        let last = self.sent.get(sender).and_then(|sent| sent.get(&origin.key));
        last.is_some_and(|(known, said)| known.revision == origin.revision && said != change)
    }

    /// The truth as if the log had always said of each student what was sent as whoever that is now.
    #[must_use]
    pub fn as_if(&self, whose: impl Fn(&Key) -> StudentKey) -> Self {
        // Who has nothing left has a row all the same.
        let mut facts: BTreeMap<Key, Words<Fact>> = self.facts.keys().map(|key| (key.clone(), Vec::new())).collect();
        for (sender, sent) in &self.sent {
            let of = facts.entry((sender.0.clone(), whose(sender))).or_default();
            of.extend(sent.values().map(|word| (0, word.clone())));
        }
        Self { facts, sent: BTreeMap::new(), entries: self.entries.clone() }
    }

    /// A reference record's word was accepted.
    pub fn accept_reference(&mut self, district: DistrictId, offset: i64, origin: Origin, change: Change<Entry>) {
        self.entries.entry(district).or_default().push((offset, (origin, change)));
    }

    /// Students of whom anything was said.
    pub fn students(&self) -> impl Iterator<Item = &Key> {
        self.facts.keys()
    }

    /// Every word on a student, in the order of the log.
    pub fn words(&self, key: &Key) -> impl Iterator<Item = (Origin, Change<Fact>)> {
        self.facts.get(key).into_iter().flatten().map(|(_, word)| word.clone())
    }

    /// A student by the words below these offsets; none while the district has not said how it counts.
    pub fn whole<'t>(&'t self, key: &'t Key, events_below: i64, reference_below: i64) -> Option<Whole<'t>> {
        let entries = || self.entries_below(&key.0, reference_below);
        let mut settings = None;
        let mut rules = None;
        for (origin, change) in entries() {
            match change {
                Change::Recorded(Entry::Settings(of)) => highest(&mut settings, origin, of.clone()),
                Change::Recorded(Entry::RulePack(yaml)) => {
                    // A pack that is not sound is none.
                    if let Some(of) = Rules::read(yaml) {
                        highest(&mut rules, origin, of);
                    }
                }
                Change::Recorded(_) | Change::Withdrawn => {}
            }
        }
        let (_, settings) = settings?;
        let rules = rules.map(|(_, rules)| rules);
        Some(Whole { truth: self, key, events_below, settings, reference_below, rules })
    }

    fn entries_below(&self, district: &DistrictId, below: i64) -> impl Iterator<Item = &(Origin, Change<Entry>)> {
        let entries = self.entries.get(district).into_iter().flatten();
        entries.filter(move |(offset, _)| *offset < below).map(|(_, word)| word)
    }
}

/// Takes a word on one record in.
fn highest<T>(known: &mut Option<(u64, T)>, origin: &Origin, said: T) {
    if known.as_ref().is_none_or(|(revision, _)| *revision <= origin.revision.0) {
        *known = Some((origin.revision.0, said));
    }
}

impl Whole<'_> {
    /// The student's year, for questions about any of its dates.
    pub fn of_year(&self, year: SchoolYear) -> Oracle {
        let facts = self.truth.facts.get(self.key).into_iter().flatten();
        let facts = facts.filter(|(offset, _)| *offset < self.events_below).map(|(_, word)| word);
        let entries = self.truth.entries_below(&self.key.0, self.reference_below);
        Oracle::new(facts, entries, self.settings.clone(), year)
    }

    /// What the rules say with these dates, of a student whom some school has.
    pub fn claims(&self, oracle: &Oracle, now: Now) -> Claims {
        let Some(rules) = self.rules else { return Claims::new() };
        if !oracle.has_a_school() {
            return Claims::new();
        }
        let row = oracle.district(now.as_of, now.today);
        rules.claims(&row, || oracle.missing_work(now.as_of), || oracle.missed(now.as_of))
    }

    /// When the letter is due that the rule that remembers asks for with these dates, if it is open.
    pub fn due_on(&self, oracle: &Oracle, now: Now) -> Option<Date> {
        let rules = self.rules.filter(|_| oracle.has_a_school())?;
        rules.due_on(&oracle.missed(now.as_of), &oracle.counted_dates(now.as_of))
    }
}
