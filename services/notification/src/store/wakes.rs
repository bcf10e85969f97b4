//! Wakes streams when a transaction has planned or freed something: those of this process at once, those of others by a
//! notification, after the commit and not in it. A transaction that notifies takes a lock of the whole cluster when it commits,
//! and keeps it until it is on disk. What is lost when a process ends in between costs others the time until they poll.

use std::sync::Arc;
use std::time::Duration;

use homeroom_pg::Database;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The channel; a payload names the process that notifies of what it has told its own streams already.
pub(super) const CHANNEL: &str = "homeroom_notification";

/// Changes with every wake-up. Who waits on it marks it as seen before looking at the tables, so that none is missed.
pub(crate) type Wake = watch::Receiver<u64>;

/// How long one wait for a notification takes at most.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long to leave a database alone that is away.
const BACKOFF: Duration = Duration::from_millis(250);

/// Wakes. Clones share who is woken.
#[derive(Debug, Clone)]
pub(crate) struct Wakes {
    here: watch::Sender<u64>,
    elsewhere: Arc<Notify>,
    process: Uuid,
}

impl Wakes {
    pub(super) fn new() -> Self {
        Self { here: watch::Sender::new(0), elsewhere: Arc::default(), process: Uuid::new_v4() }
    }

    /// Hears of every wake-up from now on.
    pub(crate) fn subscribe(&self) -> Wake {
        self.here.subscribe()
    }

    /// Says that something was committed.
    pub(super) fn wake(&self) {
        self.wake_here();
        self.elsewhere.notify_one();
    }

    fn wake_here(&self) {
        self.here.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Passes the notifications of others on until `stop`. While the database is away streams poll.
    pub(crate) async fn listen(self, database: Database, stop: CancellationToken) -> Result<(), homeroom_pg::Error> {
        let mut listener = database.listen(CHANNEL).await?;
        let process = self.process.to_string();
        loop {
            let wake = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                wake = listener.wait(PATIENCE) => wake,
            };
            match wake {
                homeroom_pg::Wake::Elapsed => {}
                homeroom_pg::Wake::Notified(from) if from == process => {}
                homeroom_pg::Wake::Notified(_) | homeroom_pg::Wake::Reconnected => self.wake_here(),
            }
        }
    }

    /// Notifies other processes until `stop`; what is committed meanwhile is one notification.
    pub(crate) async fn tell(
        self,
        database: Database,
        stop: CancellationToken,
    ) -> Result<(), std::convert::Infallible> {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.elsewhere.notified() => {}
            }
            let notify = sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(self.process.to_string());
            if let Err(error) = notify.execute(database.pool()).await {
                tracing::debug!(%error, "other processes were not told of changes now");
                self.elsewhere.notify_one();
                tokio::time::sleep(BACKOFF).await;
            }
        }
    }
}
