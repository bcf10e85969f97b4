//! Reference data as it would be if the district put other settings, rules or calculators in force.

use std::mem::discriminant;

use super::Records;
use crate::event::Change;
use crate::id::{RecordKey, Revision, SourceId};
use crate::reference::Entry;

impl Records {
    /// Has the record of which a district has one (its settings, rules or calculators) say something else, and answers with what it
    /// says now. Where there is none yet, there is then.
    pub fn suppose(&mut self, entry: Entry) -> Option<Entry> {
        let kind = discriminant(&entry);
        let same = |(_, change): &&mut (Revision, Change<Entry>)| matches!(change, Change::Recorded(known) if discriminant(known) == kind);
        // The last one is what a view shows.
        if let Some((_, known)) = self.0.values_mut().rev().find(same) {
            let before = std::mem::replace(known, Change::Recorded(entry));
            return if let Change::Recorded(old) = before { Some(old) } else { None };
        }
        let source = SourceId::parse("supposed").ok()?;
        self.0.insert((source, RecordKey::new([0; 16])), (Revision(0), Change::Recorded(entry)));
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Origin;
    use crate::rule::DEFAULT_PACK;
    use crate::settings::Settings;

    use super::*;

    #[test]
    fn what_is_supposed_takes_the_place_of_what_holds_and_of_nothing_else() {
        let mut records = Records::default();
        let origin =
            |key| Origin { source: SourceId::parse("sis").unwrap(), key: RecordKey::new(key), revision: Revision(7) };
        let pack = Entry::RulePack(DEFAULT_PACK.to_owned());
        records.apply(origin([1; 16]), Change::Recorded(Entry::Settings(Settings::default())));
        records.apply(origin([2; 16]), Change::Recorded(pack.clone()));
        let strict = Settings { failing_below: 70_00, ..Settings::default() };
        assert_eq!(records.suppose(Entry::Settings(strict.clone())), Some(Entry::Settings(Settings::default())));
        assert_eq!(records.view().settings(), strict);
        assert_eq!(records.view().rule_pack(), Some(DEFAULT_PACK));
        assert_eq!(records.suppose(Entry::Calculators(String::new())), None);
        assert_eq!(records.suppose(Entry::Calculators(String::new())), Some(Entry::Calculators(String::new())));
    }
}
