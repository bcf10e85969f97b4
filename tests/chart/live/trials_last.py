"""What takes long by its nature, and what cannot be undone."""

from itertools import count

from confluent_kafka import Consumer, Producer, TopicPartition
from trials import trial
from waiting import wait_for
from world import expect, said

ALERTS = "homeroom.alerts.v1"


@trial("HomeroomDeliveriesWait", begun=True)
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


def told(world, school):
    """The record on the topic by which an alert of a school was opened."""
    consumer = Consumer(world.kafka.client(**{"group.id": "looks"}))
    partitions = consumer.list_topics(ALERTS, timeout=20).topics[ALERTS].partitions
    consumer.assign([TopicPartition(ALERTS, number, 0) for number in partitions])
    found = wait_for(f"an alert of {school.name}", lambda: (it := consumer.poll(1)) and not it.error() and school.name.encode() in it.value() and it)
    consumer.close()
    return found


# The last of all: what is in the topic stays there.
@trial("HomeroomAlertChangesMissing")
def two_tell_of_one_alert(world):
    """The alerts topic has another word under a number that was told, and one whose predecessor is missing, as when two databases publish to it."""
    school, numbers = world.school("twice-told", 1), count(5, 2)
    world.take(school.marks())
    one, producer = told(world, school), Producer(world.kafka.client())
    # The identifier comes first, then the number.
    at = 2 + one.value()[1]

    def publish():
        other = one.value().replace(school.name.encode(), b"told-twice")
        gap = one.value()[:at] + bytes([one.value()[at], next(numbers)]) + one.value()[at + 2:]
        for value in (other, gap):
            producer.produce(ALERTS, key=one.key(), value=value, partition=one.partition())
        producer.flush(30)
    yield publish
    for words in ("an alert's changes have a gap", "a change came again with other content"):
        expect("the log", world.log_says("HomeroomAlertChangesMissing", "notification", words), "alert.id")
    expect("homeroom verify", world.at_desk("HomeroomAlertChangesMissing", "verify", fails=True), "differences")
    said("HomeroomAlertChangesMissing", "stays in its list")
