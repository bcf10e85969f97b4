//! Files that change while the process runs: they are looked at again and again, whatever brought the new ones there. A mounted
//! Kubernetes secret changes by a link, so what is in the files counts, not when they were changed.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::lifecycle::TaskGroup;

/// How often the files are looked at. A change is taken when it has stayed the same for two looks, since certificate and key
/// are not always written at once.
pub const LOOK: Duration = Duration::from_secs(1);

/// What was made of files, and is made anew when they change. Clones share it.
#[derive(Debug)]
pub struct Followed<T>(watch::Receiver<Arc<T>>);

impl<T> Clone for Followed<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Followed<T> {
    /// What follows no file, and stays.
    pub fn fixed(this: T) -> Self {
        Self(watch::channel(Arc::new(this)).1)
    }

    /// What is in force now.
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.0.borrow())
    }

    /// Waits until something else is in force than was at the last wait. False when nothing will be any more.
    pub(super) async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

/// What is in the files, without keeping a key in memory; nothing while one cannot be read.
type Seen = Option<[u8; 32]>;

/// Makes something of files, and again whenever they have changed, until the group stops. Fails when they cannot be used now;
/// later files that cannot be used leave what is there in force, and are told of once. `certificate` is what metrics call it.
pub fn follow<T, E>(
    certificate: &'static str,
    files: Vec<PathBuf>,
    tasks: &TaskGroup,
    make: impl Fn() -> Result<T, E> + Send + 'static,
) -> Result<Followed<T>, E>
where
    T: Send + Sync + 'static,
    E: Error + 'static,
{
    // Looked at before they are used: what changes in between is a change.
    let mut seen = look(&files);
    let (put, followed) = watch::channel(Arc::new(make()?));
    let stopping = tasks.stopping();
    tasks.spawn("certificates", async move {
        let mut settling = seen;
        let mut tick = tokio::time::interval(LOOK);
        while stopping.run_until_cancelled(tick.tick()).await.is_some() {
            let found = look(&files);
            if found != seen && found == settling {
                renew(certificate, &put, make());
                seen = found;
            }
            settling = found;
        }
        Ok::<_, Infallible>(())
    });
    Ok(Followed(followed))
}

fn renew<T, E: Error + 'static>(certificate: &'static str, put: &watch::Sender<Arc<T>>, made: Result<T, E>) {
    let outcome = match made {
        Ok(made) => {
            put.send_replace(Arc::new(made));
            tracing::info!(certificate, "changed certificates are in force for new connections");
            "changed"
        }
        Err(error) => {
            let why = Chain(&error);
            tracing::error!(certificate, %why, "changed certificates cannot be used; those of before stay in force");
            "refused"
        }
    };
    metrics::counter!("homeroom_certificate_changes_total", "certificate" => certificate, "outcome" => outcome)
        .increment(1);
}

/// The files are small and local, and looked at once a second, so it is done where we are.
fn look(files: &[PathBuf]) -> Seen {
    let mut digest = Sha256::new();
    for file in files {
        let text = std::fs::read(file).ok()?;
        digest.update(text.len().to_be_bytes());
        digest.update(&text);
    }
    Some(digest.finalize().into())
}

/// An error with its causes on one line.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(inner) = cause {
            write!(f, ": {inner}")?;
            cause = inner.source();
        }
        Ok(())
    }
}
