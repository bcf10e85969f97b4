//! What rules claim of a student who is counted.

use super::others::Came;
use super::{Known, Levels, NO_CLAIM, With};
use crate::ledger::Ledger;
use crate::measure::{Kept, Measures};

impl Known {
    /// What rules claim with these measures, and what is asked for; none when one takes a full look at all.
    pub(super) fn claims(
        &mut self,
        ledger: Option<&Ledger>,
        measures: Measures,
        with: &With<'_>,
        before: Option<(&Measures, &Levels)>,
    ) -> Option<Levels> {
        let Some(memory) = self.memory.as_deref() else { return self.levels(measures, with, before) };
        let (levels, found) = self.remembered(memory, ledger, measures, with)?;
        if let Some(memory) = self.memory.as_deref_mut() {
            memory.settle(found);
        }
        Some(levels)
    }

    /// What rules claim with these measures; none when one takes a full look or fails, or claims what cannot be told from no claim. Of
    /// what a rule claimed with other measures before, nothing has changed while those that it asks for have not.
    pub(super) fn levels(
        &self,
        measures: Measures,
        with: &With<'_>,
        before: Option<(&Measures, &Levels)>,
    ) -> Option<Levels> {
        let school = self.schedule.school(with.view)?;
        let came = Came::to(measures, self, with)?;
        let moved = before.map_or(Kept::ALL, |(then, _)| Kept::moved(then, &measures));
        let mut levels = Levels::new();
        for (at, rule) in with.pack.rules.iter().enumerate() {
            let stays = before.filter(|_| rule.others.is_empty() && !rule.asks.meets(moved));
            if let Some(level) = stays.and_then(|(_, levels)| levels.get(at)) {
                levels.push(*level);
                continue;
            }
            levels.push(match rule.outcome(&came).ok()? {
                Some(level) if rule.applies_at(Some(school)) => {
                    i16::try_from(level).ok().filter(|level| *level != NO_CLAIM)?
                }
                _ => NO_CLAIM,
            });
        }
        Some(levels)
    }
}
