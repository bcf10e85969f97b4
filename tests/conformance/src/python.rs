//! Programs from the Python package index, each in a virtual environment of its own under the cache folder.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Debian's own, whose `venv` package `tests/run` installs; another Python on PATH may lack it.
const PYTHON: &str = "/usr/bin/python3";

/// The folder of programs of `package` at `version`, installed when it is not.
pub fn programs(package: &str, version: &str) -> Result<PathBuf> {
    let home = cache().join(format!("{package}-{version}"));
    std::fs::create_dir_all(cache()).context("the cache folder")?;
    let lock = File::create(home.with_extension("lock")).context("the cache's lock")?;
    lock.lock().context("the cache's lock")?;
    let complete = home.join(".complete");
    if !complete.exists() {
        let python = if Path::new(PYTHON).exists() { PYTHON } else { "python3" };
        run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&home))?;
        run(Command::new(home.join("bin/pip")).args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            &format!("{package}=={version}"),
        ]))?;
        File::create(&complete).context("the mark of a complete installation")?;
    }
    Ok(home.join("bin"))
}

/// Runs a program to its end; what it printed when it succeeds.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        bail!("{command:?} ended with {}:\n{text}", output.status);
    }
    Ok(text)
}

/// The same folder as `deploy/local/prerequisites` uses.
fn cache() -> PathBuf {
    std::env::var_os("HOMEROOM_CACHE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache"), PathBuf::from)
}
