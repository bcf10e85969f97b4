//! Routing from a file, or from every `*.yaml` of a folder, and again when one of them changes or on SIGHUP.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use metrics::counter;
use tokio_util::sync::CancellationToken;

use super::text::{self, Mistake};
use super::{Error, Routing};
use crate::metric;

/// A district of a thousand teams writes some 200 kB.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// The routing in force. Clones share it.
#[derive(Debug, Clone)]
pub struct Source {
    path: Option<PathBuf>,
    /// How often the files are looked at.
    every: Duration,
    now: Arc<RwLock<Arc<Routing>>>,
}

/// What tells whether files have changed: each with its size and time.
type Stamp = Vec<(PathBuf, u64, Option<SystemTime>)>;

impl Source {
    /// Reads the file or folder; without one nobody is told of anything. [`Self::run`] looks at it that often.
    pub fn open(path: Option<PathBuf>, every: Duration) -> Result<Self, Error> {
        let routing = path.as_deref().map(load).transpose()?.unwrap_or_default();
        Ok(Self { path, every, now: Arc::new(RwLock::new(Arc::new(routing))) })
    }

    /// The routing now.
    pub fn current(&self) -> Arc<Routing> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again. When they are wrong, the routing in force stays.
    pub fn reload(&self) -> Result<(), Error> {
        if let Some(path) = &self.path {
            let routing = load(path)?;
            *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(routing);
        }
        Ok(())
    }

    /// Reloads when a file has changed or the process gets SIGHUP, until `stop`.
    pub async fn run(self, stop: CancellationToken) -> std::io::Result<()> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
        let mut look = tokio::time::interval(self.every);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut read = stamp(&path).ok();
        let mut seen = read.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = hangup.recv() => seen = stamp(&path).ok(),
                _ = look.tick() => {
                    let now = stamp(&path).ok();
                    // Only what has stayed the same for two looks: an editor may still be writing.
                    let settled = now == seen;
                    seen = now;
                    if !settled || seen == read {
                        continue;
                    }
                }
            }
            read.clone_from(&seen);
            match self.reload() {
                Ok(()) => tracing::info!("routing was read again"),
                Err(error) => {
                    counter!(metric::ROUTING_REFUSED).increment(1);
                    tracing::error!(%error, "routing could not be read again; the one before stays in force");
                }
            }
        }
    }
}

fn load(path: &Path) -> Result<Routing, Error> {
    let mut all = Routing::default();
    for (file, size, _) in stamp(path)? {
        if size > LARGEST_FILE {
            return Err(Error::TooLarge { path: file, limit: LARGEST_FILE });
        }
        let text = std::fs::read_to_string(&file).map_err(|source| Error::Read { path: file.clone(), source })?;
        let routing =
            text::parse(&text).map_err(|Mistake { line, problem }| Error::Line { path: file, line, problem })?;
        all.teams.extend(routing.teams);
    }
    Ok(all)
}

fn stamp(path: &Path) -> Result<Stamp, Error> {
    let fail = |source| Error::Read { path: path.to_owned(), source };
    let mut files = Vec::new();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).map_err(fail)? {
            let file = entry.map_err(fail)?.path();
            if file.extension().is_some_and(|extension| extension == "yaml") {
                files.push(file);
            }
        }
        files.sort();
    } else {
        files.push(path.to_owned());
    }
    let stamped = |file: PathBuf| {
        let metadata = std::fs::metadata(&file)?;
        Ok((file, metadata.len(), metadata.modified().ok()))
    };
    files.into_iter().map(stamped).collect::<std::io::Result<_>>().map_err(fail)
}

#[cfg(test)]
mod tests {
    use homeroom_domain::alert::ChangeKind;

    use super::*;
    use crate::sample;

    #[test]
    fn a_wrong_file_leaves_the_routing_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("grand-bend.yaml");
        let team = "teams: [{name: a, district: grand-bend, schools: ['*'], channels: [{mail: a@b.org}]}]";
        std::fs::write(&file, team).unwrap();
        let source = Source::open(Some(folder.path().to_owned()), Duration::from_secs(2)).unwrap();
        std::fs::write(&file, "teams:\n- nome: b").unwrap();
        let error = source.reload().unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert_eq!(source.current().recipients(&sample::change(1, ChangeKind::Opened)).len(), 1);
    }
}
