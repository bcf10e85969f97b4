"""What takes long by its nature, and what cannot be mended."""

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from trials import trial
from waiting import wait_for
from world import expect, said

ALERTS = "homeroom.alerts.v1"


@trial("HomeroomDeliveriesWait")
def nobody_sends(world):
    """The only adapter of a channel stays away."""
    yield None
    said("HomeroomDeliveriesWait", "Are adapters running?")


@trial("HomeroomDeliveriesLate")
def everything_is_sent_late(world):
    """The adapter comes back after more than five minutes, and sends what has waited."""
    world.pod("channel-webhook").time_to_ready(world.authority)
    yield None
    wait_for("nothing to be due", lambda: world.value("max(homeroom_notification_oldest_undelivered_seconds)") == 0)


@trial(("HomeroomAlertChangesMissing", {"offset 1h": "offset 1m"}))
def the_log_has_lost_records(world):
    """Records of the alerts topic are gone before the notification service has read them."""
    school, notification = world.school("lost", 20), world.pod("notification")
    wait_for("notification to have read everything", lambda: world.value('sum(homeroom_bus_lag_records{group="homeroom-notification"})') == 0)
    notification.drain()
    before = ends(world)
    world.take(school.marks())
    wait_for("the alerts to be published", lambda: sum(ends(world)) >= sum(before) + len(school.students))
    lose(world)
    world.take(school.marks("In Attendance"))
    notification.time_to_ready(world.authority)
    yield None
    world.log_says("HomeroomAlertChangesMissing", "notification", "an alert's changes have a gap")
    expect("homeroom verify", world.at_desk("HomeroomAlertChangesMissing", "verify", fails=True), "differences")


def ends(world):
    """Where each partition of the alerts topic ends."""
    consumer = Consumer(world.kafka.client(**{"group.id": "looks"}))
    found = [consumer.get_watermark_offsets(TopicPartition(ALERTS, number), timeout=20)[1] for number in range(12)]
    consumer.close()
    return found


def lose(world):
    """Deletes what the topic holds."""
    places = [TopicPartition(ALERTS, number, end) for number, end in enumerate(ends(world))]
    admin = AdminClient(world.kafka.client())
    for made in admin.delete_records(places).values():
        made.result()
