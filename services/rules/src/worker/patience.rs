//! Waiting for the database.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The longest wait between two attempts while the database is away.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Tries again while the database is away, until the process stops.
pub(super) async fn patiently<T, F, Fut>(stopping: &CancellationToken, mut attempt: F) -> Result<T, homeroom_pg::Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, homeroom_pg::Error>>,
{
    let mut backoff = Duration::from_millis(50);
    loop {
        match attempt().await {
            Err(error) if error.is_transient() && !stopping.is_cancelled() => {
                tracing::warn!(error = %chain(&error), "the database is away; trying again");
                tokio::select! {
                    () = stopping.cancelled() => return Err(error),
                    () = tokio::time::sleep(backoff) => backoff = (backoff * 2).min(MAX_BACKOFF),
                }
            }
            result => return result,
        }
    }
}

/// An error with its causes on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
