//! The configuration as it may be shown: numbers and switches as they are, texts only under keys that are known to hold no secret.

use std::fmt::Write as _;

use homeroom_chassis::config::Setting;
use reqwest::Url;

/// The last parts of keys whose texts are addresses, choices, names of topics or paths. A path is shown, what is in the file is not.
const SHOWN: [&str; 30] = [
    "kind",
    "bootstrap-servers",
    "topic-prefix",
    "mechanism",
    "security",
    "http",
    "grpc",
    "health",
    "metrics",
    "listen",
    "group",
    "instance-id",
    "log-filter",
    "log-format",
    "keys",
    "token-key",
    "pseudonym-keys",
    "cert",
    "key",
    "client-ca",
    "ca-file",
    "cert-file",
    "key-file",
    "key-password-file",
    "password-file",
    "security-file",
    "routing-file",
    "url-file",
    "otlp-ca-file",
    "signing-key-file",
];

/// Keys whose texts are addresses, which may hold a user and a password, or a token in what follows the path.
const ADDRESSES: [&str; 4] = ["url", "public-url", "endpoint", "otlp-endpoint"];

/// A line for each key.
pub(super) fn describe(outline: &[(String, Setting)]) -> String {
    let mut text = String::from("# Texts that may hold a secret are left out.\n");
    for (key, setting) in outline {
        let value = match setting {
            Setting::Plain(value) => value.clone(),
            Setting::Text(value) => shown(last_name(key), value),
        };
        // Writing to a string cannot fail.
        writeln!(text, "{key} = {value}").ok();
    }
    text
}

/// The last part that is no place in a list.
fn last_name(key: &str) -> &str {
    key.rsplit('.').find(|part| part.parse::<usize>().is_err()).unwrap_or(key)
}

fn shown(name: &str, value: &str) -> String {
    if SHOWN.contains(&name) {
        return format!("\"{}\"", value.escape_debug());
    }
    match Url::parse(value) {
        Ok(url) if ADDRESSES.contains(&name) => {
            let host = url.host_str().unwrap_or_default();
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("\"{}://{host}{port}\" (user, password and what follows are left out)", url.scheme())
        }
        _ => "(left out)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_may_be_a_secret_is_shown() {
        let text = |key: &str, value: &str| (key.to_owned(), Setting::Text(value.to_owned()));
        let outline = [
            text(
                "rules.database.url",
                "postgresql://homeroom_rules:canary-1@db.internal:5432/canary-2?password=canary-3",
            ),
            text("rules.database.url-file", "/etc/homeroom/database/rules-url"),
            text("log.kafka.sasl.user", "canary-4"),
            text("channel-mail.from", "canary-5@example.org"),
            text("channel-webhook.allow-networks.0", "canary-6"),
            text("log.kafka.bootstrap-servers", "kafka:9093"),
            ("log.kafka.linger-ms".to_owned(), Setting::Plain("5".to_owned())),
        ];
        let described = describe(&outline);
        assert!(!described.contains("canary"), "{described}");
        assert!(described.contains("rules.database.url = \"postgresql://db.internal:5432\""), "{described}");
        assert!(described.contains("url-file = \"/etc/homeroom/database/rules-url\""), "{described}");
        assert!(described.contains("bootstrap-servers = \"kafka:9093\"\nlog.kafka.linger-ms = 5"), "{described}");
    }
}
