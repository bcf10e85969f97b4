//! Telemetry starts once, and wrong settings are told.

use super::*;

#[tokio::test]
async fn telemetry_starts_once_and_a_second_start_is_harmless() {
    init("test", &Config::default()).unwrap().flush();
    init("test", &Config::default()).unwrap().flush();
    metrics::counter!("homeroom_test_total").increment(3);
    metrics::histogram!("homeroom_test_seconds").record(0.02);
    let text = metrics_text();
    assert!(text.contains("homeroom_test_total 3"), "{text}");
    assert!(text.contains("homeroom_test_seconds_bucket{le=\"0.025\"} 1"), "{text}");
}

#[tokio::test]
async fn wrong_settings_are_told() {
    let config = Config { log_filter: "homeroom=loud".to_owned(), ..Config::default() };
    assert!(matches!(init("test", &config), Err(Error::Filter { .. })));
    let config = Config { otlp_endpoint: Some("not an address".to_owned()), ..Config::default() };
    assert!(matches!(init("test", &config), Err(Error::OtlpEndpoint { .. })));
}
