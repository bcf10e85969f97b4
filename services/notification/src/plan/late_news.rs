//! When late news is told: within the hours of a school day, so that nobody is woken for March. Pure.

use homeroom_domain::alert::AlertChange;
use jiff::civil::{DateTime, Time, Weekday, time};
use jiff::{SignedDuration, Timestamp};

/// The hours of a school day, district time, Monday to Friday: within them an adult of the school reads what comes. Product
/// decision; the end is the hour at which the district's day closes by default.
const BEGIN: Time = time(7, 0, 0, 0);
const END: Time = time(16, 0, 0, 0);

/// When a delivery of the change is due that would be due now; late news waits for the hours of a school day. A clock that is put
/// forward or back meanwhile moves it by that hour.
pub(super) fn due_at(change: &AlertChange, now: Timestamp) -> Timestamp {
    let wait =
        if change.late_since.is_some() { until_school_hours(change.district_time) } else { SignedDuration::ZERO };
    now.saturating_add(wait).unwrap_or(now)
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
        let local = jiff::civil::date(2022, 4, day).at(hour, 0, 0, 0);
        let change = AlertChange {
            late_since: Date::parse("2022-03-04"),
            district_time: local,
            ..sample::change(1, ChangeKind::Opened)
        };
        (due_at(&change, change.changed_at).as_second() - change.changed_at.as_second()) / 3_600
    }

    #[test]
    fn late_news_waits_for_the_hours_of_a_school_day() {
        assert_eq!([waits(13, 7), waits(13, 12), waits(13, 15)], [0, 0, 0], "within them it does not wait");
        assert_eq!([waits(13, 2), waits(13, 6)], [5, 1], "in the small hours it waits for the morning");
        assert_eq!([waits(13, 16), waits(13, 22)], [15, 9], "in the evening for the next one");
        assert_eq!([waits(15, 17), waits(16, 9), waits(17, 23)], [62, 46, 8], "and over a weekend for Monday's");
    }

    #[test]
    fn news_never_waits_for_them() {
        let at_night = jiff::civil::date(2022, 4, 13).at(2, 0, 0, 0);
        let change = AlertChange { district_time: at_night, ..sample::change(1, ChangeKind::Opened) };
        assert_eq!(due_at(&change, change.changed_at), change.changed_at);
    }
}
