//! Wakes streams when a transaction has planned or freed something.

use std::time::Duration;

use homeroom_pg::Database;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::store::CHANNEL;

/// Changes with every notification. Who waits on it marks it as seen before looking at the tables, so that none is missed.
pub(crate) type Wake = watch::Receiver<u64>;

/// How long one wait for a notification takes at most.
const PATIENCE: Duration = Duration::from_mins(1);

/// Passes notifications on until `stop`. While the database is away streams poll.
pub(crate) async fn listen(
    database: Database,
    sender: watch::Sender<u64>,
    stop: CancellationToken,
) -> Result<(), homeroom_pg::Error> {
    let mut listener = database.listen(CHANNEL).await?;
    loop {
        let wake = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            wake = listener.wait(PATIENCE) => wake,
        };
        if wake != homeroom_pg::Wake::Elapsed {
            sender.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}
