//! When late news is told, and what a date alone brings: within the hours of a school day, so that nobody is woken for March. Pure.

use homeroom_domain::alert::AlertChange;
use jiff::civil::{DateTime, Time, Weekday, time};
use jiff::{SignedDuration, Timestamp};

/// The hours of a school day, district time, Monday to Friday: within them an adult of the school reads what comes. Product
/// decision; the end is the hour at which the district's day closes by default.
const BEGIN: Time = time(7, 0, 0, 0);
const END: Time = time(16, 0, 0, 0);

/// When a delivery of the change is due that waits this long for what may still come: where it is told within the hours of a school day,
/// the first moment of those from then on. A clock that is put forward or back meanwhile moves it by that hour.
pub(super) fn due_at(change: &AlertChange, within_hours: bool, settle: SignedDuration, now: Timestamp) -> Timestamp {
    // A decision of the future is that of a process whose clock is ahead of ours, and waits no longer for that.
    let decided = change.changed_at.min(now);
    let due = decided.saturating_add(settle).unwrap_or(decided);
    if !within_hours {
        return due;
    }
    // What was decided within the hours may only be planned after them.
    let due = due.max(now);
    let local = change.district_time.saturating_add(decided.duration_until(due));
    due.saturating_add(until_school_hours(local)).unwrap_or(due)
}

fn until_school_hours(local: DateTime) -> SignedDuration {
    let mut day = local.date();
    // Today, when its hours are still to come or under way.
    if local.time() >= END {
        day = day.tomorrow().unwrap_or(day);
    }
    while matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
        && let Ok(next) = day.tomorrow()
    {
        day = next;
    }
    local.duration_until(day.to_datetime(BEGIN)).max(SignedDuration::ZERO)
}

#[cfg(test)]
mod tests {
    use homeroom_domain::alert::ChangeKind;
    use homeroom_domain::date::Date;

    use super::*;
    use crate::sample;

    /// Hours after a moment of the week of Monday 2022-04-11 at which late news is told.
    fn waits(day: i8, hour: i8) -> i64 {
        waits_settled(day, hour, 0, 0)
    }

    /// The same of an hour and minutes, and of what settles for so many seconds first.
    fn waits_settled(day: i8, hour: i8, minute: i8, settle: i64) -> i64 {
        let local = jiff::civil::date(2022, 4, day).at(hour, minute, 0, 0);
        let change = AlertChange {
            late_since: Date::parse("2022-03-04"),
            district_time: local,
            ..sample::change(1, ChangeKind::Opened)
        };
        let due = due_at(&change, true, SignedDuration::from_secs(settle), change.changed_at);
        (due.as_second() - change.changed_at.as_second()) / 3_600
    }

    #[test]
    fn late_news_waits_for_the_hours_of_a_school_day() {
        assert_eq!([waits(13, 7), waits(13, 12), waits(13, 15)], [0, 0, 0], "within them it does not wait");
        assert_eq!([waits(13, 2), waits(13, 6)], [5, 1], "in the small hours it waits for the morning");
        assert_eq!([waits(13, 16), waits(13, 22)], [15, 9], "in the evening for the next one");
        assert_eq!([waits(15, 17), waits(16, 9), waits(17, 23)], [62, 46, 8], "and over a weekend for Monday's");
    }

    #[test]
    fn what_settles_beyond_the_hours_waits_for_the_next_ones() {
        assert_eq!(waits_settled(13, 15, 30, 900), 0, "settled within them");
        assert_eq!(waits_settled(13, 15, 55, 900), 15, "a quarter of an hour after 15:55 they are over");
        assert_eq!(waits_settled(13, 6, 55, 900), 0, "and after 6:55 they have begun");
    }

    #[test]
    fn what_is_planned_long_after_its_decision_is_told_within_the_hours_too() {
        let noon = jiff::civil::date(2022, 4, 13).at(12, 0, 0, 0);
        let late_since = Date::parse("2022-03-04");
        let change = AlertChange { late_since, district_time: noon, ..sample::change(1, ChangeKind::Opened) };
        let hours = |hours: i64| SignedDuration::from_hours(hours);
        let due = |after: i64| due_at(&change, true, SignedDuration::ZERO, change.changed_at + hours(after));
        assert_eq!([due(3), due(10)], [change.changed_at + hours(3), change.changed_at + hours(19)]);
    }

    #[test]
    fn news_never_waits_for_them() {
        let at_night = jiff::civil::date(2022, 4, 13).at(2, 0, 0, 0);
        let change = AlertChange { district_time: at_night, ..sample::change(1, ChangeKind::Opened) };
        let none = SignedDuration::ZERO;
        assert_eq!(due_at(&change, false, none, change.changed_at), change.changed_at);
    }
}
