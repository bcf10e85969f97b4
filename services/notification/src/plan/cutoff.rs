//! The time of day before which nobody is told for the first time, such as when a school has its attendance in: whoever is marked
//! absent in the first minutes and walks in is nobody's alert. A school may have its own, as its own variant of the rule. Pure.
//!
//! The wait is from the decision's own local time, so it is the same whenever, and however often, it is planned.

use homeroom_domain::alert::AlertChange;
use homeroom_domain::mutant::{Mutant, planted};
use jiff::SignedDuration;
use jiff::civil::Time;

/// Of a day.
const MINUTES: u16 = 24 * 60;

/// How long a first word waits from the decision on: for a correction, and until that time of the day has come.
pub(super) fn settled(change: &AlertChange) -> SignedDuration {
    SignedDuration::from_secs(change.claim.settle_seconds.into()).max(until(change))
}

/// How long it is from the decision to that time of the same day; zero when it has come, or there is none.
pub(super) fn until(change: &AlertChange) -> SignedDuration {
    let minute = change.claim.terms.cutoff_minute.filter(|minute| *minute < MINUTES);
    let Some(minute) = minute.filter(|_| !planted(Mutant::CutoffUnseen)) else {
        return SignedDuration::ZERO;
    };
    let local = change.district_time;
    let cutoff = local.date().to_datetime(Time::midnight()).saturating_add(SignedDuration::from_mins(minute.into()));
    local.duration_until(cutoff).max(SignedDuration::ZERO)
}

#[cfg(test)]
mod tests {
    use homeroom_domain::alert::ChangeKind;

    use super::*;
    use crate::sample;

    /// Seconds that an opening waits that settles for ten minutes.
    fn waits(cutoff_minute: Option<u16>, hour: i8, minute: i8) -> i64 {
        let mut change = sample::change(1, ChangeKind::Opened);
        change.claim.terms.cutoff_minute = cutoff_minute;
        change.district_time = jiff::civil::date(2022, 4, 13).at(hour, minute, 30, 0);
        settled(&change).as_secs()
    }

    #[test]
    fn a_first_word_waits_for_the_time_of_day_or_for_a_correction_whichever_is_later() {
        let half_past_nine = Some(9 * 60 + 30);
        assert_eq!(waits(None, 8, 0), 600);
        assert_eq!(waits(half_past_nine, 8, 0), 90 * 60 - 30);
        assert_eq!(waits(half_past_nine, 9, 25), 600, "ten minutes from then on");
        assert_eq!(waits(half_past_nine, 9, 30), 600);
        assert_eq!(waits(half_past_nine, 23, 0), 600, "it has come today");
        assert_eq!(waits(Some(0), 0, 0), 600);
    }

    #[test]
    fn a_minute_that_no_day_has_is_none() {
        assert_eq!(waits(Some(1_440), 8, 0), 600);
        assert_eq!(waits(Some(u16::MAX), 8, 0), 600);
    }
}
