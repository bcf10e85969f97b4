"""Faults on the way from an alert to a person."""

import time
from itertools import count

import yaml
from feed import Feed
from trials import trial
from waiting import wait_for
from world import expect, said


@trial(("HomeroomCanarySlow", {"[30m]": "[12s]"}), ("HomeroomEventsLate", {"[5m]": "[1m]"}), "HomeroomAlertsLate")
def everything_is_late(world):
    """Somebody's transactions hold what events are counted into, again and again, for a quarter of a minute each."""
    school, code = world.school("late", 300), count()

    def hold():
        with world.postgres.holding("lock table rules.partitions in exclusive mode"):
            world.take(school.marks("In Attendance" if next(code) % 2 else "Unexcused Absence"))
            time.sleep(14)
        wait_for("the canary to be told of", lambda now=time.time(): (world.value("max(homeroom_canary_success_timestamp_seconds)") or 0) > now, 60)
    yield hold
    expect("homeroom risk progress", world.command("HomeroomEventsLate", "risk progress"), "Every student is evaluated")


@trial(("HomeroomChannelFails", {"[10m]": "[1m]"}), "HomeroomAttemptsUnknown")
def a_receiver_fails(world):
    """The receiver of webhooks answers each with an error of its own."""
    school = world.school("fails", 30)
    world.receiver.answer = 500
    world.take(school.marks())
    yield None
    expect("the log", world.log_says("HomeroomChannelFails", "channel-webhook", "the endpoint failed with 500"), '"unknown"')
    world.receiver.answer = 204


@trial("HomeroomDeliveriesGivenUp", "HomeroomRecipientsUnreachable")
def an_address_is_gone(world):
    """The receiver of webhooks says that there is none any more."""
    school, code = world.school("gone", 3), count()
    world.receiver.answer = 410

    def mark():
        world.take(school.marks("In Attendance" if next(code) % 2 else "Unexcused Absence"))
        time.sleep(1)
    yield mark
    for alert in ("HomeroomDeliveriesGivenUp", "HomeroomRecipientsUnreachable"):
        expect("the log", world.log_says(alert, "notification", "a delivery was given up"), "the endpoint is gone (410)")
    world.receiver.answer = 204


@trial("HomeroomAlertsUnrouted")
def nobody_is_named(world):
    """A routing that names another school only."""
    school, file = world.school("unnamed", 3), "routing/springfield.yaml"
    routing = yaml.safe_load(world.mounted("notification", file, "teams: []\n"))
    other = {"teams": [team | {"schools": ["another"]} for team in routing["teams"]]}
    world.mounted("notification", file, yaml.safe_dump(other))
    wait_for("the routing to be read again", lambda: world.logged("notification", "routing was read again"))
    code = count()

    def mark():
        world.take(school.marks("In Attendance" if next(code) % 2 else "Unexcused Absence"))
    yield mark
    expect("the log", world.log_says("HomeroomAlertsUnrouted", "notification", "an alert opened that no team is told of"), "unnamed")
    world.mounted("notification", file, yaml.safe_dump(routing))


@trial("HomeroomSubscribersCut")
def readers_stand(world):
    """Readers of the feed take nothing of it."""
    world.take(world.school("watched", 300).marks())
    with Feed(world) as feed:
        readers = [feed.follow() for _ in range(25)]
        yield None
        said("HomeroomSubscribersCut", "They come again and go on where they were")
        seen, why = feed.rest(readers[0])
        expect("what a reader is told", why, "read too slowly; resume by the cursor")
        later, _ = feed.rest(feed.follow(seen[-1]), len(seen))
        if not later or set(later) & set(seen):
            raise SystemExit(f"a reader that was cut did not go on where it was: {len(seen)} changes, then {len(later)}")


@trial("HomeroomServiceDown", ends=False)
def service_down(world):
    """The only process of an adapter is gone, and does not come back: its configuration is wrong."""
    adapter, school = world.pod("channel-webhook"), world.school("waits", 40)
    adapter.kill()
    # From here on nobody sends; trials_last.py starts it again.
    world.take(school.marks())
    yield None
    file = adapter.folder / "etc/config/homeroom.toml"
    right = file.read_text()
    file.write_text(right + "\n[channel-webhook.no-such-table]\n")
    container = adapter.spec["containers"][0]
    adapter.start(container)
    code = adapter.processes[container["name"]].wait(30)
    said("HomeroomServiceDown", "Code 64 is a wrong configuration: the last line names the key")
    expect("the adapter", f"{code} {adapter.log(container['name']).splitlines()[-1]}", "64 ", "no-such-table")
    file.write_text(right)
