//! The dates in force for a district's students of a partition. They are committed, and only move forward.

use std::sync::Arc;

use homeroom_domain::id::DistrictId;
use homeroom_domain::mutant::{Mutant, planted};
use homeroom_domain::settings::Now;
use jiff::Timestamp;

use crate::reference::District;
use crate::store::{self, Effects};
use crate::worker::patience::patiently;
use crate::worker::{Error, Hold, Worker};

impl Worker {
    pub(super) async fn load_date(&mut self, district: &DistrictId) -> Result<(), store::Error> {
        if self.looked_up.contains(district) {
            return Ok(());
        }
        let (store, partition) = (&self.shared.store, self.lease.partition);
        let stored = patiently(&self.shared.stopping, || store.district_date(district, partition)).await?;
        if let Some(now) = stored {
            self.dates.insert(district.clone(), now);
        }
        // From now on only this worker moves them.
        self.looked_up.insert(district.clone());
        Ok(())
    }

    /// Moves the dates in force forward where a district's clock has moved; the sweep that follows moves its students.
    pub(super) async fn look_at_clocks(&mut self) -> Result<Hold, Error> {
        let at = (self.shared.clock)();
        let snapshot = Arc::clone(&self.snapshot);
        let mut moved = Vec::new();
        for (id, district) in &snapshot.districts {
            self.load_date(id).await?;
            let known = self.dates.get(id).copied();
            if district.view.has_settings()
                && let Some(now) = next_date(id, district, known, at)
            {
                moved.push((id.clone(), now));
            }
        }
        let mut hold = Hold::Kept;
        if !moved.is_empty() {
            // Before the date moves, so that the sweep that follows finds everyone in the tables.
            if self.checkpoint().await? == Hold::Lost {
                return Ok(Hold::Lost);
            }
            let effects = Effects { dates: moved, ..Effects::default() };
            hold = self.commit(self.lease, effects).await?;
        }
        self.plan_sweep();
        Ok(hold)
    }
}

/// The later of the dates that are in force and others.
pub(super) fn later(known: Option<Now>, now: Now) -> Now {
    known.map_or(now, |known| Now { today: now.today.max(known.today), as_of: now.as_of.max(known.as_of) })
}

/// The district's dates when they have moved forward; a clock set back waits until it has caught up.
fn next_date(id: &DistrictId, district: &District, known: Option<Now>, at: Timestamp) -> Option<Now> {
    let now = match district.settings.clock.now(at) {
        Ok(now) => now,
        Err(error) => {
            tracing::error!(district.id = %id, error = %error, "the district's clock cannot be read");
            return None;
        }
    };
    let forward = later(known, now);
    let forward = if planted(Mutant::DateMovesBack) { now } else { forward };
    (known != Some(forward)).then_some(forward)
}
