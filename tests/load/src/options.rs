//! What every benchmark is told.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// What every benchmark is told.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Adds the run to this file, as one line of JSON.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// The `homeroom` to measure; unless given, the one that was built beside this program.
    #[arg(long, global = true, value_name = "PROGRAM")]
    program: Option<PathBuf>,
    /// An Apache Kafka to use (topics are kept apart by a prefix); unless given, one is started.
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub(crate) kafka: Option<String>,
    /// A setting of the measured processes, such as `HOMEROOM_RULES__LIMITS__BATCH_EVENTS=1000`. May be repeated.
    #[arg(long, global = true, value_name = "VARIABLE=VALUE")]
    set: Vec<String>,
    /// A setting of PostgreSQL, such as `synchronous_commit=off`. May be repeated.
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    set_postgres: Vec<String>,
    /// Shows what the measured processes said.
    #[arg(long, global = true)]
    pub(crate) show_logs: bool,
}

impl Options {
    /// The program to measure.
    pub(crate) fn program(&self) -> Result<PathBuf> {
        let path = match &self.program {
            Some(given) => given.clone(),
            None => std::env::current_exe()?.with_file_name("homeroom"),
        };
        if !path.exists() {
            bail!("`{}` is not there: build it with the same profile, or name it with --program", path.display());
        }
        Ok(path)
    }

    /// Settings of the measured processes.
    pub(crate) fn variables(&self) -> Result<Vec<(String, String)>> {
        pairs(&self.set)
    }

    /// With one more setting of the measured processes, unless it is set already.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        if !self.set.iter().any(|text| text.split_once('=').is_some_and(|(set, _)| set == name)) {
            self.set.push(format!("{name}={value}"));
        }
        self
    }

    /// Settings of PostgreSQL.
    pub(crate) fn postgres(&self) -> Result<Vec<(String, String)>> {
        pairs(&self.set_postgres)
    }
}

fn pairs(texts: &[String]) -> Result<Vec<(String, String)>> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').with_context(|| format!("`{text}` is not NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    texts.iter().map(pair).collect()
}
