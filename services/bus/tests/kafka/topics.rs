//! Topics that are missing or differ are named, with the difference.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use homeroom_bus::kafka::{Config, ConfigError, KafkaLog, Mechanism, Sasl, Tls};
use homeroom_bus::{Log as _, Topic};
use homeroom_chassis::config::SecretFile;
use homeroom_harness::kafka;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::cluster;

#[tokio::test]
async fn missing_topics_are_named() {
    let log = KafkaLog::new(&kafka().config()).unwrap();
    let error = log.check_topics().await.unwrap_err().to_string();
    assert!(error.contains("homeroom.events.v1`: is not there"), "{error}");
}

#[tokio::test]
async fn created_topics_pass_the_check_and_creating_them_again_changes_nothing() {
    let (_, log) = cluster(3).await;
    log.check_topics().await.unwrap();
    log.create_topics(3).await.unwrap();
    assert_eq!(log.partitions(Topic::Events).await.unwrap(), 3);
    assert_eq!(log.partitions(Topic::Reference).await.unwrap(), 1);
}

#[tokio::test]
async fn another_number_of_partitions_is_an_error_with_both_numbers() {
    let (_, log) = cluster(3).await;
    let error = log.create_topics(4).await.unwrap_err().to_string();
    assert!(error.contains("has 3 partitions, not 4"), "{error}");
}

#[tokio::test]
async fn topics_made_for_smaller_records_are_an_error() {
    let (config, _) = cluster(1).await;
    let log = KafkaLog::new(&Config { max_record_bytes: 2_000_000, ..config }).unwrap();
    let error = log.check_topics().await.unwrap_err().to_string();
    assert!(error.contains("max.message.bytes"), "{error}");
}

fn administrator(config: &Config) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &config.bootstrap_servers).create().unwrap()
}

async fn alter(config: &Config, topic: Topic, setting: (&str, &str)) {
    let admin = administrator(config);
    let name = format!("{}{}", config.topic_prefix, topic.name());
    // Sets this one and what must be as we want it; the rest goes back to the broker's own.
    let altered = AlterConfig::new(ResourceSpecifier::Topic(&name))
        .set("max.message.bytes", "2000000")
        .set("retention.ms", "-1")
        .set(setting.0, setting.1);
    admin.alter_configs(&[altered], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    // The controller answers once it has kept the change; the broker that describes topics follows
    // its log, and may not have read that far.
    let seen = async {
        while described(&admin, &name, setting.0).await != setting.1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), seen).await.expect("the broker has the setting");
}

async fn described(admin: &AdminClient<DefaultClientContext>, topic: &str, setting: &str) -> String {
    let resources = [ResourceSpecifier::Topic(topic)];
    let found = admin.describe_configs(&resources, &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    found.get(setting).unwrap().value.clone().unwrap()
}

#[tokio::test]
async fn only_the_directory_is_compacted_and_only_alerts_and_dead_letters_expire() {
    let (config, _) = cluster(1).await;
    let expected = [
        (Topic::Events, "delete", Some("-1")),
        (Topic::Reference, "delete", Some("-1")),
        (Topic::Directory, "compact", None),
        (Topic::Alerts, "delete", Some("34560000000")),
        (Topic::DeadLetters, "delete", Some("7776000000")),
    ];
    let admin = administrator(&config);
    for (topic, cleanup, kept) in expected {
        let name = format!("{}{}", config.topic_prefix, topic.name());
        assert_eq!(described(&admin, &name, "cleanup.policy").await, cleanup, "{topic}");
        let found = described(&admin, &name, "retention.ms").await;
        assert!(kept.is_none_or(|kept| kept == found), "{topic} keeps for {found} ms");
    }
}

#[tokio::test]
async fn a_reference_topic_that_forgets_is_an_error() {
    let (config, log) = cluster(1).await;
    for (setting, value) in
        [("cleanup.policy", "compact"), ("retention.ms", "86400000"), ("retention.bytes", "1000000")]
    {
        alter(&config, Topic::Reference, (setting, value)).await;
        let error = log.check_topics().await.unwrap_err().to_string();
        assert!(error.contains("homeroom.reference.v1") && error.contains(setting), "{error}");
    }
    alter(&config, Topic::Reference, ("cleanup.policy", "delete")).await;
    log.check_topics().await.unwrap();
}

fn write_private(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn what_would_send_a_password_in_the_clear_or_is_half_a_pair_is_refused() {
    let file = std::env::temp_dir().join(format!("homeroom-password-{}", std::process::id()));
    write_private(&file, "hunter2");
    let password_file = SecretFile::new(&file);
    let sasl = Sasl { mechanism: Mechanism::Plain, user: "homeroom".to_owned(), password_file: password_file.clone() };
    let open = Config { sasl: Some(sasl), ..Config::default() };
    let half = Config { tls: Some(Tls { key_file: Some(password_file), ..Tls::default() }), ..Config::default() };
    let refusals = [open, half].map(|config| KafkaLog::new(&config).unwrap_err());
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(refusals, [ConfigError::SaslWithoutTls, ConfigError::HalfAPair]), "{refusals:?}");
}

#[test]
fn a_security_file_may_set_nothing_but_security() {
    let file = std::env::temp_dir().join(format!("homeroom-security-{}", std::process::id()));
    write_private(&file, "# how to log in\nsecurity.protocol=plaintext\nacks=0\n");
    let config = Config { security_file: Some(SecretFile::new(&file)), ..Config::default() };
    let error = KafkaLog::new(&config).unwrap_err();
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(error, ConfigError::NotSecurity { ref key, .. } if key == "acks"), "{error}");
}

#[tokio::test]
async fn a_wrong_property_is_named_without_its_value() {
    let file = std::env::temp_dir().join(format!("homeroom-secret-{}", std::process::id()));
    write_private(&file, "sasl.mechanism=PLAIN\nsasl.nonsense=hunter2\n");
    let config = Config { security_file: Some(SecretFile::new(&file)), ..Config::default() };
    let error = format!("{:?}", KafkaLog::new(&config).unwrap_err());
    std::fs::remove_file(&file).unwrap();
    assert!(error.contains("sasl.nonsense") && !error.contains("hunter2"), "{error}");
}
