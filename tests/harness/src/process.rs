//! A program that a test kills, pauses and starts again. However the test ends, the program ends with it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// Runs the program in the background, says its process id, and kills it at the end of its own input, which is a pipe that
/// only we hold open: the kernel closes it when we exit, panic or are killed. A kill and nothing gentler, since the program
/// may be paused.
const GUARD: &str = r#"log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & child=$!; echo "$child"; cat >/dev/null; kill -KILL "$child" 2>/dev/null; wait "$child" 2>/dev/null"#;

/// Lines of the log that are shown.
const SHOWN: usize = 40;
/// How long it may take to stand still: a thread that waits for a disk is stopped when the disk has answered.
const STILL: Duration = Duration::from_secs(30);
/// Of a page, as the kernel counts memory.
const PAGE_BYTES: u64 = 4_096;

/// A program with its arguments, running or not.
#[derive(Debug)]
pub struct Process {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: PathBuf,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    guard: Child,
    process: u32,
}

impl Process {
    /// Not started yet. What it says is added to the file `log`.
    pub fn new<S: Into<String>>(program: &Path, arguments: impl IntoIterator<Item = S>, log: &Path) -> Self {
        Self {
            program: program.to_owned(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            log: log.to_owned(),
            running: None,
        }
    }

    /// With another variable in its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Starts it, unless it runs.
    pub fn start(&mut self) -> Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard"])
            .arg(&self.log)
            .arg(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{}` cannot be started", self.program.display()))?;
        let said = guard.stdout.take().context("the guard has no output")?;
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line).context("the guard says nothing")?;
        let process = line.trim().parse().with_context(|| format!("`{line}` is no process id"))?;
        self.running = Some(Running { guard, process });
        Ok(())
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        drop(running.guard.stdin.take());
        running.guard.wait().context("the guard cannot be waited for").map(drop)
    }

    /// Stops it where it is, until [`Self::wake`], and waits until it stands still: a thread on another core goes on until the signal
    /// has reached it.
    pub fn pause(&self) -> Result<()> {
        self.signal("STOP")?;
        let began = Instant::now();
        while !self.stands_still()? {
            ensure!(began.elapsed() < STILL, "the process goes on after SIGSTOP");
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Whether each of its threads is stopped.
    fn stands_still(&self) -> Result<bool> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.id()?)).context("the process has no threads")?;
        // A thread that has ended meanwhile has no state.
        let states = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
        let is_stopped =
            |stat: String| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 'Z', 'X']));
        Ok(states.into_iter().all(is_stopped))
    }

    /// Lets it go on after [`Self::pause`].
    pub fn wake(&self) -> Result<()> {
        self.signal("CONT")
    }

    /// Asks it to end in order, as Kubernetes does; [`Self::is_alive`] tells when it has.
    pub fn terminate(&self) -> Result<()> {
        self.signal("TERM")
    }

    /// Whether it runs or is paused.
    pub fn is_alive(&self) -> bool {
        let Ok(process) = self.id() else { return false };
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // `pid (name) S …`: a zombie has ended, and waits for its guard.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }

    /// The memory that it holds, in bytes.
    pub fn resident_bytes(&self) -> Result<u64> {
        let process = self.id()?;
        let text = fs::read_to_string(format!("/proc/{process}/statm")).context("no memory of the process is known")?;
        let pages = text.split(' ').nth(1).context("statm has no second number")?;
        Ok(pages.parse::<u64>()? * PAGE_BYTES)
    }

    /// The end of what it said.
    pub fn log_end(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Result<u32> {
        Ok(self.running.as_ref().context("the program does not run")?.process)
    }

    fn signal(&self, name: &str) -> Result<()> {
        let process = self.id()?.to_string();
        let status = Command::new("kill").args(["-s", name, &process]).status().context("`kill` cannot be run")?;
        ensure!(status.success(), "SIG{name} did not reach process {process}");
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("{error:#}");
        }
    }
}

/// Whether a connection from this port of this machine is a process's.
pub(crate) fn owns_port(process: u32, port: u16) -> bool {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().filter_map(|line| socket_at(line, port)).collect::<Vec<_>>())
        .collect();
    // A process that has ended has no folder, and no connection.
    let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|file| file.to_str().is_some_and(|name| sockets.iter().any(|socket| name == format!("socket:[{socket}]"))))
}

/// The number of the socket in a line of the kernel's table, if its local port is this one: `0: ADDRESS:PORT … NUMBER …`.
fn socket_at(line: &str, port: u16) -> Option<String> {
    let mut words = line.split_whitespace();
    let (_, found) = words.nth(1)?.rsplit_once(':')?;
    (u16::from_str_radix(found, 16) == Ok(port)).then(|| words.nth(7).map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_paused_and_killed_and_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut sleeper = Process::new(Path::new("sleep"), ["60"], &folder.path().join("log"));
        assert!(!sleeper.is_alive());
        sleeper.start().unwrap();
        assert!(sleeper.is_alive() && !sleeper.stands_still().unwrap());
        sleeper.pause().unwrap();
        assert!(sleeper.is_alive() && sleeper.stands_still().unwrap() && sleeper.resident_bytes().unwrap() > 0);
        sleeper.kill().unwrap();
        assert!(!sleeper.is_alive());
        sleeper.start().unwrap();
        sleeper.wake().unwrap();
        assert!(sleeper.is_alive());
    }
}
