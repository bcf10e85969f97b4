"""What takes long by its nature."""

from trials import trial
from waiting import wait_for
from world import said


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
