//! What a configuration may say, and what is said about a wrong one.

use std::io::Write;

use secrecy::ExposeSecret;
use serde::Deserialize;
use tempfile::NamedTempFile;

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Config {
    quiet_hours: u32,
    name: String,
    limits: Limits,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Limits {
    batch_rows: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { quiet_hours: 8, name: "none".to_owned(), limits: Limits::default() }
    }
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn load(text: &str, vars: &[(&str, &str)]) -> Result<Config, String> {
    let file = file(text);
    load_from("ingestion", Some(file.path()), Environment::of(vars))
        .map_err(|error| error.to_string().replace(file.path().to_str().unwrap(), "FILE"))
}

#[test]
fn without_file_or_variable_the_defaults_hold() {
    assert_eq!(load_from::<Config>("ingestion", None, Environment::default()).unwrap(), Config::default());
    assert_eq!(load("[rules]\nx = 1", &[]), Ok(Config::default()));
}

#[test]
fn a_variable_overrides_the_file_and_the_file_the_default() {
    let vars = [
        ("HOMEROOM_INGESTION__LIMITS__BATCH_ROWS", "7"),
        ("HOMEROOM_INGESTION__NAME", "\"12\""),
        ("HOMEROOM_RULES__QUIET_HOURS", "9"),
    ];
    let config = load("[ingestion]\nquiet-hours = 3\nname = 'file'\n[ingestion.limits]\nbatch-rows = 5", &vars);
    assert_eq!(config, Ok(Config { quiet_hours: 3, name: "12".to_owned(), limits: Limits { batch_rows: 7 } }));
}

#[test]
fn a_wrong_value_is_told_with_its_place() {
    assert_eq!(
        load("[ingestion]\nquiet-hours = 'x'", &[]).unwrap_err(),
        "`FILE`, key `ingestion.quiet-hours`: invalid type: found a text, expected u32"
    );
    assert_eq!(
        load("", &[("HOMEROOM_INGESTION__QUIET_HOURS", "x")]).unwrap_err(),
        "environment variable `HOMEROOM_INGESTION__QUIET_HOURS`: invalid type: found a text, expected u32"
    );
}

#[test]
fn a_number_for_a_text_is_told_with_the_remedy() {
    assert_eq!(
        load("", &[("HOMEROOM_INGESTION__NAME", "12")]).unwrap_err(),
        "environment variable `HOMEROOM_INGESTION__NAME`: invalid type: found a whole number, expected a string (a text \
         that looks like a number is written in quotes)"
    );
}

#[test]
fn a_wrong_value_is_never_repeated_since_it_may_be_a_secret() {
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Mode {
        Loud,
    }
    #[derive(Debug, Deserialize)]
    struct Modes {
        #[serde(rename = "mode")]
        _mode: Mode,
    }
    let file_of = |text: &str| load(text, &[]).unwrap_err();
    let variable = |name: &str, value: &str| load("", &[(name, value)]).unwrap_err();
    let url = "postgresql://u:hush@db/x";
    let told = [
        variable("HOMEROOM_INGESTION__LIMITS", url),
        variable("HOMEROOM_INGESTION__LIMITS__BATCH_ROWS", url),
        variable("HOMEROOM_INGESTION__NAME", "604822"),
        variable("HOMEROOM_INGESTION__LIMITS__BATCH_ROWS", "-604822"),
        file_of(&format!("[ingestion]\nlimits = '{url}'")),
        file_of(&format!("[ingestion]\nname = {url}")),
        load_from::<Modes>("ingestion", None, Environment::of(&[("HOMEROOM_INGESTION__MODE", url)]))
            .unwrap_err()
            .to_string(),
    ];
    for text in &told {
        assert!(!text.contains("hush") && !text.contains("604822"), "{text}");
    }
    assert!(
        told[0].ends_with("`HOMEROOM_INGESTION__LIMITS`: invalid type: found a text, expected struct Limits"),
        "{}",
        told[0]
    );
    assert!(told[5].contains("line 2, column"), "{}", told[5]);
    assert!(told[6].ends_with("expected one of `loud`"), "{}", told[6]);
    let tables = file(&format!("[ingestion]\nname = {url}"));
    let error = check_components_in(Some(tables.path()), &["ingestion"], &Environment::default()).unwrap_err();
    assert!(!error.to_string().contains("hush"), "{error}");
}

#[test]
fn an_unknown_key_is_refused_with_those_known() {
    let expected = "unknown field: found `quiet-hour`, expected `one of `quiet-hours`, `name`, `limits``";
    let error = load("[ingestion]\nquiet-hour = 1", &[]).unwrap_err();
    assert_eq!(error, format!("`FILE`, key `ingestion.quiet-hour`: {expected}"));
    let error = load("[ingestion]\nname = 'x'", &[("HOMEROOM_INGESTION__QUIET_HOUR", "1")]).unwrap_err();
    assert_eq!(error, format!("environment variable `HOMEROOM_INGESTION__QUIET_HOUR`: {expected}"));
    assert!(load("[ingestion", &[]).unwrap_err().contains("FILE"));
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let error = load_from::<Config>("ingestion", Some(Path::new("/no/such.toml")), Environment::default());
    assert_eq!(error.unwrap_err().to_string(), "cannot read `/no/such.toml`");
}

#[test]
fn a_component_that_does_not_exist_is_refused() {
    let known = ["ingestion", "rules"];
    let good = file("[rules]\n[ingestion]");
    let vars = Environment::of(&[("HOMEROOM_RULES__X", "1")]);
    assert!(check_components_in(Some(good.path()), &known, &vars).is_ok());
    let typo = file("[ingeston]");
    let error = check_components_in(Some(typo.path()), &known, &vars).unwrap_err().to_string();
    assert!(error.ends_with("there is no component `ingeston`, expected one of `ingestion`, `rules`"), "{error}");
    let vars = Environment::of(&[("HOMEROOM_RULE__X", "1")]);
    let error = check_components_in(None, &known, &vars).unwrap_err().to_string();
    assert!(error.starts_with("environment variable `HOMEROOM_RULE__X`"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_secret_is_read_only_from_a_private_file() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let file = file("hush\n");
    let secret = SecretFile::new(file.path());
    set_permissions(file.path(), Permissions::from_mode(0o644)).unwrap();
    let error = secret.read().unwrap_err().to_string();
    assert!(error.contains("can be read by others (mode 644)"), "{error}");
    set_permissions(file.path(), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(secret.read().unwrap().expose_secret(), "hush");
    std::fs::write(file.path(), "\n").unwrap();
    assert!(matches!(secret.read(), Err(Error::EmptySecret { .. })));
}
