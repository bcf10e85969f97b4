//! Waiting for the database.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::Error;

/// The longest wait between two attempts while the database is away.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Whether it may pass: the database is away, or the answer to COMMIT was lost, which is no harm where an attempt only reads or
/// looks up what became of the one before.
pub(super) fn may_pass(error: &Error) -> bool {
    matches!(error, Error::Away(_) | Error::CommitUnknown(_))
}

/// Tries again while the database is away, until the process stops. An attempt must bear being repeated after a lost answer.
pub(super) async fn patiently<T, F, Fut>(stopping: &CancellationToken, mut attempt: F) -> Result<T, Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    let mut backoff = Duration::from_millis(50);
    loop {
        match attempt().await {
            Err(error) if may_pass(&error) && !stopping.is_cancelled() => {
                tracing::warn!(error = %chain(&error), "the database is away; trying again");
                tokio::select! {
                    biased;
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
