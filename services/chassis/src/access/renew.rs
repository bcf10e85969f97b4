//! Keys that change while the process runs: the file is looked at again and again, so that a revoked key stops working
//! without a restart, on every replica, whatever brought the new file there.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Access, Keys};

/// How often the file is looked at: a revoked key works for at most so long after its line is gone.
pub const LOOK: Duration = Duration::from_secs(1);

impl Access {
    /// Puts the file's keys in force whenever it changes, until told to stop. A file that cannot be used leaves the keys as
    /// they are, and is told of once.
    pub async fn follow(self, file: PathBuf, stopping: CancellationToken) -> Result<(), Infallible> {
        // They were read before, and may have changed since.
        let mut seen = None;
        let mut tick = tokio::time::interval(LOOK);
        while stopping.run_until_cancelled(tick.tick()).await.is_some() {
            let found = read(&file).await;
            if found != seen {
                self.renew(&file);
                seen = found;
            }
        }
        Ok(())
    }

    /// Reads the file now.
    pub(super) fn renew(&self, file: &Path) {
        let outcome = match Keys::load(file) {
            Ok(keys) => {
                tracing::info!(keys = keys.len(), "keys are in force");
                self.replace(keys);
                "changed"
            }
            Err(error) => {
                tracing::error!(%error, "the changed keys cannot be used; those of before stay in force");
                "refused"
            }
        };
        metrics::counter!("homeroom_access_key_changes_total", "outcome" => outcome).increment(1);
    }
}

/// What is in the file; its time of change is not asked, since a mounted secret changes by a link.
async fn read(file: &Path) -> Option<Vec<u8>> {
    tokio::fs::read(file).await.ok()
}
