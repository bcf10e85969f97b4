//! What is set, key by key: for programs that say how a process is configured rather than run one.

use std::path::Path;

use figment::Figment;
use figment::value::{Dict, Value};

use super::environment::Environment;
use super::{Error, toml, wrong_in_file};

/// What one key is set to.
#[derive(Clone, PartialEq, Eq)]
pub enum Setting {
    /// A text; it may be a secret.
    Text(String),
    /// A number or a switch.
    Plain(String),
}

/// Every key that the file or the environment sets, as `component.table.key`, in order of their names. What the environment sets
/// wins. An element of a list has its place in the list as its key.
pub fn outline(file: Option<&Path>) -> Result<Vec<(String, Setting)>, Error> {
    let mut figment = Figment::new();
    if let Some(path) = file {
        figment = figment.merge(toml(path)?);
    }
    let settings: Dict = figment.merge(Environment::of_process()?).extract().map_err(|error| wrong_in_file(&error))?;
    let mut found = Vec::new();
    for (name, value) in settings {
        flatten(name, value, &mut found);
    }
    Ok(found)
}

fn flatten(path: String, value: Value, into: &mut Vec<(String, Setting)>) {
    match value {
        Value::Dict(_, table) => {
            for (name, value) in table {
                flatten(format!("{path}.{name}"), value, into);
            }
        }
        Value::Array(_, list) => {
            for (at, value) in list.into_iter().enumerate() {
                flatten(format!("{path}.{at}"), value, into);
            }
        }
        Value::String(_, text) => into.push((path, Setting::Text(text))),
        Value::Char(_, letter) => into.push((path, Setting::Text(letter.to_string()))),
        Value::Bool(_, switch) => into.push((path, Setting::Plain(switch.to_string()))),
        number @ Value::Num(..) => {
            let whole = number.to_i128().map(|it| it.to_string());
            let text = whole.or_else(|| number.to_f64().map(|it| it.to_string())).unwrap_or_default();
            into.push((path, Setting::Plain(text)));
        }
        Value::Empty(..) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_told_with_its_tables() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "[log.kafka]\nbootstrap-servers = \"a:1\"\nlinger-ms = 5\n[x]\nlist = [\"b\"]\n")
            .expect("written");
        let found = outline(Some(file.path())).expect("read");
        let told: Vec<_> = found
            .iter()
            .map(|(key, setting)| match setting {
                Setting::Text(text) => format!("{key}={text}"),
                Setting::Plain(text) => format!("{key}:{text}"),
            })
            .collect();
        assert_eq!(told, ["log.kafka.bootstrap-servers=a:1", "log.kafka.linger-ms:5", "x.list.0=b"]);
    }
}
