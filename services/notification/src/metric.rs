//! The metrics of this service, all of them.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};

/// Age of the oldest delivery that is due and not settled.
pub(crate) const OLDEST_UNDELIVERED: &str = "homeroom_notification_oldest_undelivered_seconds";
/// Deliveries, by `state`; those that an open case holds back are `held`, and not `waiting`.
pub(crate) const DELIVERIES: &str = "homeroom_notification_deliveries";
/// Ended attempts, by `channel` and `outcome`.
pub(crate) const ATTEMPTS: &str = "homeroom_notification_attempts_total";
/// Deliveries given up, by `channel` and `state`.
pub(crate) const GIVEN_UP: &str = "homeroom_notification_deliveries_given_up_total";
/// Openings that no team is routed to.
pub(crate) const UNROUTED: &str = "homeroom_notification_alerts_unrouted_total";
/// Alert changes read, by `kind`, without canaries'.
pub(crate) const CHANGES: &str = "homeroom_notification_alert_changes_total";
/// Alert changes that were known already.
pub(crate) const REPEATS: &str = "homeroom_notification_alert_changes_repeated_total";
/// Alert changes that were known already and said something else then.
pub(crate) const CONTRADICTIONS: &str = "homeroom_notification_alert_changes_contradicting_total";
/// Alert changes before which others are missing.
pub(crate) const GAPS: &str = "homeroom_notification_alert_change_gaps_total";
/// Alert changes that came after a later one of their alert.
pub(crate) const LATE: &str = "homeroom_notification_alert_changes_late_total";
/// Deliveries taken back that never left this process, by `channel`.
pub(crate) const RELEASED: &str = "homeroom_notification_deliveries_released_total";
/// From a record's acceptance to the alert change that it caused being on the feed: mark to alert.
pub(crate) const ALERT_AGE: &str = "homeroom_notification_alert_age_seconds";
/// From the moment at which a delivery was first due to its acceptance, by `channel`.
pub(crate) const DELIVERY_AGE: &str = "homeroom_notification_delivery_age_seconds";
/// Alerts that somebody has acknowledged, again after they rose; by how soon after this service knew that they opened or rose, `within`
/// (one of [`WITHIN`]).
pub(crate) const ACKNOWLEDGED: &str = "homeroom_notification_alerts_acknowledged_total";
/// Recipients of whom a delivery was given up within the last day.
pub(crate) const UNREACHABLE: &str = "homeroom_notification_unreachable_recipients";
/// Open cases: while one is, what may wait for it is held back.
pub(crate) const CASES: &str = "homeroom_notification_open_cases";
/// Open watchers of this process.
pub(crate) const WATCHERS: &str = "homeroom_notification_watchers";
/// Records that could not be understood.
pub(crate) const DEAD_LETTERS: &str = "homeroom_notification_dead_letters_total";
/// Routing files that were refused while running.
pub(crate) const ROUTING_REFUSED: &str = "homeroom_notification_routing_refused_total";
/// Alerts that are over and no longer kept.
pub(crate) const FORGOTTEN: &str = "homeroom_notification_alerts_forgotten_total";
/// Subscribers that were cut because they read too slowly.
pub(crate) const SUBSCRIBERS_CUT: &str = "homeroom_notification_subscribers_cut_total";
/// Whether an adapter is in touch with the feed (1 or 0), by `channel`.
pub(crate) const CHANNEL_LINKED: &str = "homeroom_channel_linked";
/// How long an adapter took to send a delivery, by `channel` and `outcome`.
pub(crate) const CHANNEL_SENT: &str = "homeroom_channel_send_duration_seconds";

/// The same, of an adapter's.
pub(crate) fn describe_channel() {
    describe_gauge!(CHANNEL_LINKED, Unit::Count, "Whether the adapter is in touch with the feed");
    describe_histogram!(CHANNEL_SENT, Unit::Seconds, "How long sending a delivery took, by outcome");
}

/// How soon somebody acted, as [`ACKNOWLEDGED`] has it: at once, within half a school day, by the same time the next day, or later.
const WITHIN: [&str; 4] = ["1h", "4h", "1d", "later"];

/// Which of [`WITHIN`] a time is.
pub(crate) const fn within(seconds: i64) -> &'static str {
    match seconds {
        ..=3_600 => WITHIN[0],
        3_601..=14_400 => WITHIN[1],
        14_401..=86_400 => WITHIN[2],
        _ => WITHIN[3],
    }
}

/// Tells the recorder what each is.
pub(crate) fn describe() {
    describe_gauge!(OLDEST_UNDELIVERED, Unit::Seconds, "Age of the oldest delivery that is due and not settled");
    describe_gauge!(DELIVERIES, Unit::Count, "Deliveries by state");
    describe_counter!(ATTEMPTS, Unit::Count, "Ended attempts by channel and outcome");
    describe_counter!(GIVEN_UP, Unit::Count, "Deliveries that expired or were given up");
    describe_counter!(UNROUTED, Unit::Count, "Openings that no team is routed to");
    describe_counter!(CHANGES, Unit::Count, "Alert changes read, by kind, without canaries'");
    describe_counter!(REPEATS, Unit::Count, "Alert changes that were known already");
    describe_counter!(CONTRADICTIONS, Unit::Count, "Alert changes that came again with other content");
    describe_counter!(GAPS, Unit::Count, "Alert changes before which others of their alert are missing");
    describe_counter!(LATE, Unit::Count, "Alert changes that came after a later one of their alert");
    describe_counter!(RELEASED, Unit::Count, "Deliveries taken back that never left this process");
    describe_histogram!(ALERT_AGE, Unit::Seconds, "From a record's acceptance to the alert on the feed");
    describe_histogram!(DELIVERY_AGE, Unit::Seconds, "From a delivery being due to its acceptance");
    describe_counter!(
        ACKNOWLEDGED,
        Unit::Count,
        "Alerts that somebody has acknowledged, by how soon after they could be told"
    );
    for within in WITHIN {
        // There before the first, so that an increase over a day sees that one too.
        counter!(ACKNOWLEDGED, "within" => within).increment(0);
    }
    describe_gauge!(UNREACHABLE, Unit::Count, "Recipients of whom a delivery was given up within the last day");
    describe_gauge!(CASES, Unit::Count, "Open cases, which hold back what may wait for them");
    describe_gauge!(WATCHERS, Unit::Count, "Open watchers of this process");
    describe_counter!(DEAD_LETTERS, Unit::Count, "Records that could not be understood");
    describe_counter!(ROUTING_REFUSED, Unit::Count, "Routing files refused while running");
    describe_counter!(FORGOTTEN, Unit::Count, "Alerts that are over and no longer kept");
    describe_counter!(SUBSCRIBERS_CUT, Unit::Count, "Subscribers cut because they read too slowly");
    // There before the first: those who stand are cut at one look, and an increase does not see with what a series is born.
    counter!(SUBSCRIBERS_CUT).increment(0);
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn how_soon_somebody_acted_is_told_in_steps_whose_ends_belong_to_them() {
        let told = [-1, 0, 3_600, 3_601, 14_400, 14_401, 86_400, 86_401].map(within);
        assert_eq!(told, ["1h", "1h", "1h", "4h", "4h", "1d", "1d", "later"]);
    }
}
