//! How far the readers of a topic lag, as a gauge.
//!
//! It is what the database has of each partition against the end of the log, and not what a group has committed: so it also
//! shows a partition that nobody owns, or whose owner stands still. Any process of a service shows all of them; where several
//! do, they say the same within seconds, and the largest counts.

use std::convert::Infallible;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::log::Log;
use crate::topic::Topic;

/// Records of a topic whose effect is still to come, with the labels `topic`, `group` and `partition`. A partition that was never
/// taken lags by all that it ever held.
pub const LAG_RECORDS: &str = "homeroom_bus_lag_records";

/// The offset below which every record of a partition has had its effect, with the same labels. It tells a partition that stands from
/// one that always has a few records on their way.
pub const REACHED_OFFSET: &str = "homeroom_bus_reached_offset";

/// How often both are asked, and how long they may take to answer.
const EVERY: Duration = Duration::from_secs(10);

/// Shows the lag of a group every ten seconds until the process stops. `reached` gives, by partition, the offset below which every
/// record has had its effect; a partition that it does not name was never taken.
pub async fn show_lag<F, R, E>(
    log: Arc<dyn Log>,
    topic: Topic,
    group: String,
    reached: F,
    stopping: CancellationToken,
) -> Result<(), Infallible>
where
    F: Fn() -> R + Send,
    R: Future<Output = Result<Vec<(i32, i64)>, E>> + Send,
    E: Display + Send,
{
    let mut turn = interval(EVERY);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stopping.run_until_cancelled(turn.tick()).await.is_some() {
        let look = async {
            // What was reached first: so that what comes meanwhile makes the lag a little too large and never too small.
            let reached = reached().await.map_err(|error| error.to_string())?;
            let ends = log.end_offsets(topic).await.map_err(|error| error.to_string())?;
            Ok::<_, String>((reached, ends))
        };
        match stopping.run_until_cancelled(timeout(EVERY, look)).await {
            None => break,
            Some(Err(_)) => tracing::debug!(%topic, group, "the lag is not known: no answer in time"),
            Some(Ok(Err(error))) => tracing::debug!(%topic, group, error, "the lag is not known"),
            Some(Ok(Ok((reached, ends)))) => {
                for (partition, end) in (0..).zip(ends) {
                    show(topic, &group, partition, taken(&reached, partition), end.0);
                }
            }
        }
    }
    Ok(())
}

/// What a partition was taken to.
fn taken(reached: &[(i32, i64)], partition: i32) -> i64 {
    reached.iter().find(|(number, _)| *number == partition).map_or(0, |(_, offset)| *offset)
}

/// The records of a partition that are still to be taken. A log that was restored may end before what was taken.
fn lag(taken: i64, end: i64) -> i64 {
    (end - taken).max(0)
}

#[expect(clippy::cast_precision_loss, reason = "a gauge shows a few digits, and a double counts records to 9 * 10^15")]
fn show(topic: Topic, group: &str, partition: i32, taken: i64, end: i64) {
    let labels =
        [("topic", topic.name().to_owned()), ("group", group.to_owned()), ("partition", partition.to_string())];
    metrics::gauge!(LAG_RECORDS, &labels).set(lag(taken, end) as f64);
    metrics::gauge!(REACHED_OFFSET, &labels).set(taken as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_yet_lags_also_where_nobody_ever_took_anything() {
        let reached = [(0, 40), (2, 7)];
        let lags = [(0, 100), (1, 5), (2, 7), (2, 3)].map(|(partition, end)| lag(taken(&reached, partition), end));
        assert_eq!(lags, [60, 5, 0, 0]);
    }
}
