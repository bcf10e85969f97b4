//! Configuration: one struct per component, read once from a file and the environment.
//!
//! The file is TOML with one table per component (`[ingestion]`) and kebab-case keys. A variable such as
//! `HOMEROOM_INGESTION__QUIET_HOURS` overrides `quiet-hours` of `[ingestion]`; a further double underscore goes one table
//! deeper. A variable's value is read as TOML (`8080`, `true`, `["a", "b"]`), else as text; a text that looks like a number
//! is written in quotes. The structs say `#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]`, so that a
//! misspelt key is refused and not passed over.

mod environment;
mod outline;
mod secret;

use std::path::{Path, PathBuf};

use figment::error::{Actual, Kind};
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};
use figment::{Figment, Metadata};
use serde::de::DeserializeOwned;

use environment::Environment;
pub use environment::env;
pub use outline::{Setting, outline};
pub use secret::SecretFile;
pub(crate) use secret::read_private;

/// The exit code of a process whose configuration is wrong (`EX_USAGE`).
pub const EXIT_CONFIG: u8 = 64;

/// Why the configuration cannot be used. The text says where, which key and what was expected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is not TOML, or a key is unknown, missing or of the wrong kind.
    #[error("{place}: {reason}")]
    Wrong {
        /// The file and key, or the variable.
        place: String,
        /// What was found and what was expected.
        reason: String,
    },
    /// A table or variable of a component that does not exist.
    #[error("{place}: there is no component `{component}`, expected one of {known}")]
    UnknownComponent {
        /// The file or variable.
        place: String,
        /// As given.
        component: String,
        /// Those that exist.
        known: String,
    },
    /// A variable is not UTF-8.
    #[error("environment variable `{0}` is not valid UTF-8")]
    NotText(String),
    /// A secret's file can be read by others.
    #[error("secret file `{}` can be read by others (mode {mode:03o}): run `chmod 600` on it", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A secret's file has nothing in it.
    #[error("secret file `{}` is empty", .path.display())]
    EmptySecret {
        /// The file.
        path: PathBuf,
    },
}

/// Loads a component's configuration: its defaults, then the file, then the environment.
pub fn load<T: DeserializeOwned>(component: &str, file: Option<&Path>) -> Result<T, Error> {
    load_from(component, file, Environment::of_process()?)
}

/// Refuses tables of the file and variables (`HOMEROOM_X__...`) of components that do not exist, which no [`load`] would
/// miss.
pub fn check_components(file: Option<&Path>, components: &[&str]) -> Result<(), Error> {
    let environment = Environment::of_process()?;
    check_components_in(file, components, &environment)
}

fn load_from<T: DeserializeOwned>(component: &str, file: Option<&Path>, vars: Environment) -> Result<T, Error> {
    let mut figment = Figment::from(Serialized::default(component, Dict::new()));
    if let Some(path) = file {
        figment = figment.merge(toml(path)?);
    }
    let figment = figment.merge(vars.only(component));
    figment.extract_inner(component).map_err(|error| wrong(component, &figment, error))
}

/// The file as a provider; that it can be read is checked here, since figment's own error hides why it cannot.
fn toml(path: &Path) -> Result<figment::providers::Data<Toml>, Error> {
    std::fs::File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    Ok(Toml::file_exact(path))
}

fn check_components_in(file: Option<&Path>, components: &[&str], vars: &Environment) -> Result<(), Error> {
    let unknown = |place: String, component: &str| Error::UnknownComponent {
        place,
        component: component.to_owned(),
        known: quoted(components),
    };
    if let Some(path) = file {
        let tables: Dict = Figment::from(toml(path)?).extract().map_err(|error| wrong_in_file(&error))?;
        for (name, value) in &tables {
            if !components.contains(&name.as_str()) || !matches!(value, Value::Dict(..)) {
                return Err(unknown(format!("`{}`", path.display()), name));
            }
        }
    }
    match vars.components().find(|(_, component)| !components.contains(&component.as_str())) {
        Some((variable, component)) => Err(unknown(format!("environment variable `{variable}`"), &component)),
        None => Ok(()),
    }
}

/// Puts figment's error about a component into our words: only the first of several, since the others often follow from it.
fn wrong(component: &str, figment: &Figment, error: figment::Error) -> Error {
    let reason = reason(&error.kind);
    if error.path.is_empty() {
        // The file as a whole, which is not TOML.
        return Error::Wrong { place: place_of(error.metadata.as_ref(), &[]), reason };
    }
    // figment puts the table's name behind the key's own path.
    let mut path = error.path;
    path.pop_if(|last| last == component);
    path.insert(0, component.to_owned());
    let metadata = figment.find_metadata(&path.join(".")).or(error.metadata.as_ref());
    let number_for_text = matches!(&error.kind, Kind::InvalidType(_, expected) if expected.contains("string"));
    let hint = if number_for_text { " (a text that looks like a number is written in quotes)" } else { "" };
    Error::Wrong { place: place_of(metadata, &path), reason: reason + hint }
}

/// The same about a file that is no component's.
pub(crate) fn wrong_in_file(error: &figment::Error) -> Error {
    Error::Wrong { place: place_of(error.metadata.as_ref(), &error.path), reason: reason(&error.kind) }
}

/// What is wrong, without the value: it may be a secret that somebody has put under the wrong key, and this text is logged and goes
/// into support files.
fn reason(kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(found, expected) => format!("invalid type: found {}, expected {expected}", name_of(found)),
        Kind::InvalidValue(found, expected) => format!("invalid value: found {}, expected {expected}", name_of(found)),
        Kind::UnknownVariant(_, expected) => format!("unknown word, expected one of {}", quoted(expected)),
        // The parser shows the line; its number is enough.
        Kind::Message(message) => message.lines().filter(|line| !is_excerpt(line)).collect::<Vec<_>>().join(": "),
        other => other.to_string(),
    }
}

/// Of which kind a value is.
const fn name_of(value: &Actual) -> &'static str {
    match value {
        Actual::Bool(_) => "a switch",
        Actual::Unsigned(_) | Actual::Signed(_) => "a whole number",
        Actual::Float(_) => "a number",
        Actual::Char(_) | Actual::Str(_) | Actual::Bytes(_) => "a text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "something else",
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Whether this line of a parser's message shows the file: `12 | url = ...`, or the mark below it.
fn is_excerpt(line: &str) -> bool {
    line.split_once('|').is_some_and(|(number, _)| number.chars().all(|it| it.is_ascii_digit() || it == ' '))
}

fn place_of(metadata: Option<&Metadata>, path: &[String]) -> String {
    let key = path.join(".");
    if metadata.is_some_and(|metadata| metadata.name == environment::NAME) {
        return format!("environment variable `{}`", environment::variable(path));
    }
    // A place in our own code is where the empty default comes from, and tells an operator nothing.
    let source = metadata.and_then(|metadata| metadata.source.as_ref());
    match source.filter(|source| !matches!(source, figment::Source::Code(_))) {
        Some(source) if key.is_empty() => format!("`{source}`"),
        Some(source) => format!("`{source}`, key `{key}`"),
        None => format!("key `{key}` (environment variable `{}`)", environment::variable(path)),
    }
}

#[cfg(test)]
mod tests;
