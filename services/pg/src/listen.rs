//! Being woken by NOTIFY. A wake-up is a hint: a lost one costs time, never a row, because the caller also looks on its own.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::time::{Instant, timeout_at};

use crate::error::Error;

/// How long to leave the server alone after it could not be reached: longer waits would go on when it is back.
const AGAIN: Duration = Duration::from_secs(1);

/// Why a wait ended. In every case the caller looks at the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wake {
    /// Somebody notified, with this payload.
    Notified(String),
    /// The connection was lost and made anew: notifications may have been missed.
    Reconnected,
    /// Nothing came in the time given, or there is no connection.
    Elapsed,
}

/// Listens on one channel with a connection of its own, outside the pool, so that listeners never starve transactions.
#[derive(Debug)]
pub struct Listener {
    inner: PgListener,
    lost: bool,
}

impl Listener {
    pub(crate) async fn connect(options: PgConnectOptions, patience: Duration, channel: &str) -> Result<Self, Error> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(patience)
            .connect_lazy_with(options);
        let mut inner = PgListener::connect_with(&pool).await?;
        inner.ignore_pool_close_event(true);
        inner.listen(channel).await?;
        Ok(Self { inner, lost: false })
    }

    /// Waits for a notification, at most this long. While the server is away it is a short pause, so that the caller polls.
    pub async fn wait(&mut self, at_most: Duration) -> Wake {
        let deadline = Instant::now() + at_most;
        match timeout_at(deadline, self.inner.try_recv()).await {
            Ok(Ok(Some(notification))) if !self.lost => Wake::Notified(notification.payload().to_owned()),
            Ok(Ok(_)) => {
                self.lost = false;
                Wake::Reconnected
            }
            Ok(Err(error)) => {
                if !self.lost {
                    tracing::warn!(error = %error, "listening stopped; polling until the database is back");
                }
                self.lost = true;
                tokio::time::sleep_until(deadline.min(Instant::now() + AGAIN)).await;
                Wake::Elapsed
            }
            Err(_) => Wake::Elapsed,
        }
    }
}
