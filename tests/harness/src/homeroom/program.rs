//! The binary under test: built once, from the sources that the tests were built from, or given by `HOMEROOM_TEST_PROGRAM`, so
//! that a packaged one can be tested too.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, anyhow};

/// The path of `homeroom`, built when it is not.
pub(crate) fn path() -> Result<&'static Path> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PROGRAM.get_or_init(build).as_deref().map_err(|why| anyhow!("homeroom cannot be built: {why}"))
}

fn build() -> Result<PathBuf, String> {
    if let Some(given) = std::env::var_os("HOMEROOM_TEST_PROGRAM") {
        return Ok(PathBuf::from(given));
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let status = Command::new(cargo)
        .args(["build", "--locked", "--quiet", "-p", "homeroom"])
        .current_dir(&workspace)
        .status()
        .map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("cargo ended with {status}"));
    }
    // A test's own program lies in `target/debug/deps`.
    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = test.parent().and_then(Path::parent).ok_or("this test has no folder")?;
    Ok(folder.join("homeroom"))
}
