//! Duties whose date has come while their alert is open: it is told again, once for each of them.
//!
//! Nothing is kept for it. What was asked for when the alert was last told, and the dates in force then, are, and say which duties
//! had fallen due by then.

use super::Episode;
use crate::alert::{DueDuty, Terms};
use crate::date::Date;
use crate::mutant::{Mutant, planted};

/// Duties that have fallen due.
pub(super) struct FallenDue {
    /// Their places among the duties.
    pub(super) places: Vec<u32>,
    /// Which, and when they were due.
    pub(super) words: String,
}

/// What has fallen due since the episode was last told; none when nothing has.
pub(super) fn since_told(episode: &Episode, now: &Terms, today: Date) -> Option<FallenDue> {
    let then = episode.told.terms()?;
    let told_at = episode.told_at.today;
    // Two duties may be to do the same again: the first is told first.
    let had_fallen_due =
        |duty: &DueDuty| then.duties.iter().filter(|of| of.what == duty.what && is_due(of, told_at)).count();
    let before =
        |at: usize| now.duties[..at].iter().filter(|of| of.what == now.duties[at].what && is_due(of, today)).count();
    let fallen = now.duties.iter().enumerate();
    let fallen = fallen.filter(|(at, duty)| is_due(duty, today) && before(*at) >= had_fallen_due(duty));
    let fallen = fallen.filter(|_| !planted(Mutant::DueDateUnseen));
    let (places, words): (Vec<u32>, Vec<String>) = fallen
        .filter_map(|(at, duty)| Some((u32::try_from(at).ok()?, format!("due on {}: {}", duty.due_on?, duty.what))))
        .unzip();
    (!places.is_empty()).then(|| FallenDue { places, words: words.join("; ") })
}

fn is_due(duty: &DueDuty, today: Date) -> bool {
    duty.due_on.is_some_and(|due_on| due_on <= today)
}
