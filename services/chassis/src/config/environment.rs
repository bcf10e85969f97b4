//! The environment as configuration, and the one place where variables are read.

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::Error;

/// How figment's errors name this provider.
pub(super) const NAME: &str = "environment";

const PREFIX: &str = "HOMEROOM_";

/// A variable that is not ours but agreed on by many programs, such as `DATABASE_URL`. Empty counts as not set.
#[expect(clippy::disallowed_methods, reason = "this is the reader that the ban points to")]
pub fn env(name: &str) -> Result<Option<String>, Error> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::NotText(name.to_owned())),
    }
}

/// The variable that sets the key with this path.
pub(super) fn variable(path: &[String]) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_ascii_uppercase().replace('-', "_")).collect();
    format!("{PREFIX}{}", parts.join("__"))
}

/// Our variables, those with a double underscore: name and value.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment(Vec<(String, String)>);

impl Environment {
    /// Those of this process.
    pub(super) fn of_process() -> Result<Self, Error> {
        let ours = |name: &str| name.starts_with(PREFIX) && name.contains("__");
        let mut pairs = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| ours(name)) else { continue };
            let value = value.into_string().map_err(|_| Error::NotText(name.to_owned()))?;
            pairs.push((name.to_owned(), value));
        }
        Ok(Self(pairs))
    }

    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Those of one component.
    pub(super) fn only(mut self, component: &str) -> Self {
        self.0.retain(|(name, _)| key(name).first().is_some_and(|first| first == component));
        self
    }

    /// Each variable with the component that it names.
    pub(super) fn components(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().filter_map(|(name, _)| Some((name.as_str(), key(name).into_iter().next()?)))
    }
}

/// `HOMEROOM_INGESTION__QUIET_HOURS` is `ingestion`, `quiet-hours`.
fn key(name: &str) -> Vec<String> {
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    name.split("__").map(|part| part.to_ascii_lowercase().replace('_', "-")).collect()
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named(NAME)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut root = Dict::new();
        for (name, value) in &self.0 {
            insert(&mut root, &key(name), value)
                .map_err(|()| figment::Error::from(format!("`{name}` and another variable set the same key")))?;
        }
        Ok(Profile::Default.collect(root))
    }
}

/// Puts a value at a path, making the tables on the way.
fn insert(table: &mut Dict, path: &[String], value: &str) -> Result<(), ()> {
    let Some((first, rest)) = path.split_first() else { return Err(()) };
    if rest.is_empty() {
        let value: Value = value.parse().unwrap_or_else(|never| match never {});
        return if table.insert(first.clone(), value).is_none() { Ok(()) } else { Err(()) };
    }
    match table.entry(first.clone()).or_insert_with(|| Dict::new().into()) {
        Value::Dict(_, below) => insert(below, rest, value),
        _ => Err(()),
    }
}
