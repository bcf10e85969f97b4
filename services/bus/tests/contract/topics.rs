//! Topics.

use homeroom_bus::{Error, Topic};

use crate::{Logs, PARTITIONS, record, with_topics};

pub(crate) async fn missing_topics_are_reported_and_created(logs: Logs) {
    let error = logs.one.check_topics().await.unwrap_err();
    assert!(matches!(error, Error::Topic { .. }), "{error:?}");
    let logs = with_topics(logs).await;
    logs.two.check_topics().await.unwrap();
    // Again changes nothing.
    logs.two.create_topics(PARTITIONS).await.unwrap();
    assert_eq!(logs.two.partitions(Topic::Events).await.unwrap(), PARTITIONS);
    assert_eq!(logs.two.end_offsets(Topic::Alerts).await.unwrap().len(), 4);
    assert!(logs.two.append(Topic::Alerts, vec![record("key", "value")]).await[0].is_ok());
}

pub(crate) async fn the_reference_topic_has_one_partition(logs: Logs) {
    let logs = with_topics(logs).await;
    assert_eq!(logs.one.partitions(Topic::Reference).await.unwrap(), 1);
}

pub(crate) async fn another_number_of_partitions_is_refused(logs: Logs) {
    let logs = with_topics(logs).await;
    let error = logs.two.create_topics(PARTITIONS + 1).await.unwrap_err();
    assert!(matches!(error, Error::Topic { .. }), "{error:?}");
    assert_eq!(logs.two.partitions(Topic::Events).await.unwrap(), PARTITIONS);
}
