//! A small file system of one test's own, to be filled up.
//!
//! Only root may mount one, and what a killed test has mounted would stay. So the test runs itself again in a mount namespace of
//! its own, in which anybody may mount and which the kernel removes with its last process: [`enter`].

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

const INSIDE: &str = "FAULT_VOLUME";
const BALLAST: &str = "ballast";
const STEP_BYTES: usize = 64 * 1024;

/// Whether this process is in a namespace in which it may mount. If it is not, runs the named test of this program in one, to
/// its end, and then says no: there is nothing left to do. So it does, aloud, where nobody may mount.
pub fn enter(test: &str) -> Result<bool> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok(true);
    }
    let root = fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
    let namespace: &[&str] = if root { &["-m"] } else { &["-m", "--map-current-user", "--keep-caps"] };
    // A container may forbid it to everybody in it; that is a limit of the machine, and said aloud, not a fault of ours.
    let probe = Command::new("unshare").args(namespace).args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if !probe.context("`unshare` cannot be run")?.status.success() {
        eprintln!("NOT RUN: {test}, since nobody may mount a file system on this machine");
        return Ok(false);
    }
    let status = Command::new("unshare")
        .args(namespace)
        .arg(std::env::current_exe()?)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .context("`unshare` cannot be run")?;
    ensure!(status.success(), "in a mount namespace of its own: {status}");
    Ok(false)
}

/// A small file system.
#[derive(Debug)]
pub struct Volume {
    path: PathBuf,
}

impl Volume {
    /// Mounts one of so many MiB on a folder, which is made when it is missing.
    pub fn mount(path: &Path, mib: u32) -> Result<Self> {
        fs::create_dir_all(path)?;
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m,mode=0755"), "tmpfs"])
            .arg(path)
            .output()
            .context("`mount` cannot be run")?;
        ensure!(output.status.success(), "no tmpfs: {}", String::from_utf8_lossy(&output.stderr));
        Ok(Self { path: path.to_owned() })
    }

    /// Takes all that is free.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.path.join(BALLAST))?;
        let step = vec![0_u8; STEP_BYTES];
        loop {
            match ballast.write(&step) {
                Ok(1..) => {}
                Ok(0) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => bail!(error),
            }
        }
    }

    /// Gives back what [`Self::fill`] took.
    pub fn free(&self) -> Result<()> {
        fs::remove_file(self.path.join(BALLAST)).context("nothing was taken")
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Lazily, for a program that is being stopped may still have files there.
        if let Err(error) = Command::new("umount").arg("-l").arg(&self.path).status() {
            eprintln!("{} stays mounted: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_filled_and_freed() {
        if !enter("volume::tests::a_volume_is_filled_and_freed").unwrap() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let volume = Volume::mount(folder.path(), 1).unwrap();
        volume.fill().unwrap();
        let full = fs::write(folder.path().join("more"), [1]).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        volume.free().unwrap();
        fs::write(folder.path().join("more"), [1]).unwrap();
    }
}
