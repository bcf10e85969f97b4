//! The clock of one program, moved while it runs. The program needs no hook: a small library stands between it and the system
//! (`clock.c`), compiled with the C compiler that Rust links with.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process::Process;

const SOURCE: &str = include_str!("clock.c");

/// A clock that a program is started with.
#[derive(Debug)]
pub struct Clock {
    library: PathBuf,
    offset: PathBuf,
    file: File,
}

impl Clock {
    /// A clock that is right so far. `name` is a file's that is not there yet.
    pub fn new(folder: &Path, name: &str) -> Result<Self> {
        let library = folder.join("clock.so");
        if !library.exists() {
            compile(folder, &library)?;
        }
        let offset = folder.join(name);
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&offset)?;
        let clock = Self { library, offset, file };
        clock.jump(0)?;
        Ok(clock)
    }

    /// The program with this clock, from its next start on.
    #[must_use]
    pub fn of(&self, program: Process) -> Process {
        let text = |path: &Path| path.display().to_string();
        program.variable("LD_PRELOAD", text(&self.library)).variable("FAULT_CLOCK", text(&self.offset))
    }

    /// From now on it shows so many seconds more than it is, or less.
    pub fn jump(&self, seconds: i64) -> Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&seconds.to_ne_bytes()).context("the clock cannot be set")
    }
}

fn compile(folder: &Path, library: &Path) -> Result<()> {
    let source = folder.join("clock.c");
    fs::write(&source, SOURCE)?;
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .args([library, &source])
        .arg("-ldl")
        .output()
        .context("`cc` cannot be run")?;
    ensure!(output.status.success(), "the clock does not compile: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn shown(log: &Path, line: usize) -> Option<i64> {
        fs::read_to_string(log).ok()?.lines().nth(line)?.parse().ok()
    }

    fn wait_for(log: &Path, holds: impl Fn(i64) -> bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            let last = fs::read_to_string(log).unwrap_or_default().lines().count().saturating_sub(2);
            if shown(log, last).is_some_and(&holds) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    #[test]
    fn a_running_program_sees_its_clock_jump_there_and_back() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new(folder.path(), "offset").unwrap();
        let log = folder.path().join("log");
        let words = "while True: print(int(time.time()), flush=True); time.sleep(0.02)";
        let program = ["-c".to_owned(), format!("import time\n{words}")];
        let mut program = clock.of(Process::new(Path::new("python3"), program, &log));
        program.start().unwrap();
        assert!(wait_for(&log, |_| true));
        let start = shown(&log, 0).unwrap();
        clock.jump(86_400).unwrap();
        assert!(wait_for(&log, |now| now >= start + 86_400));
        clock.jump(-86_400).unwrap();
        assert!(wait_for(&log, |now| now < start));
    }
}
