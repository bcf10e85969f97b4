//! Child processes that end with whoever started them, however that ends.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Runs the child in the background and waits for the end of its own input, which is a pipe that only we hold open: the
/// kernel closes it when we exit, panic or are killed.
const GUARD: &str = r#""$@" </dev/null & child=$!; cat >/dev/null; kill "$child" 2>/dev/null; wait "$child""#;

/// A running program. Dropping it stops the program.
#[derive(Debug)]
pub struct Guarded {
    guard: Child,
}

impl Guarded {
    /// Starts a program whose output goes to the file `log`.
    pub fn spawn<I, S>(program: &Path, arguments: I, log: &Path) -> io::Result<Self>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let output = File::create(log)?;
        let guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Self { guard })
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // The guard ends once its child has; there is nothing left to do if it cannot be awaited.
        self.guard.wait().ok();
    }
}
