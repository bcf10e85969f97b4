"""Faults in the database, and in what is counted there."""

import re
import time
from itertools import count

from confluent_kafka import Consumer, Producer, TopicPartition
from trials import trial
from waiting import wait_for
from world import RULES, RUNBOOK, expect, said


def blockers():
    """The runbook's own question for who holds up whom."""
    found = re.search(r"^## HomeroomDatabaseSlow\n.*?```sql\n(.*?)```", RUNBOOK, re.M | re.S)
    return found[1]


@trial(("HomeroomEventsStand", {"[10m]": "[20s]"}), ("HomeroomLogWaits", {"[10m]": "[30s]"}), ("HomeroomCanaryFails", {"> 900": "> 30"}),
       ("HomeroomTransactionsRetried", {"[10m]": "[1m]"}), ("HomeroomDatabaseSlow", {"[10m]": "[1m]"}), ends=True)
def a_transaction_is_left_open(world):
    """A transaction that somebody has left open holds what events are counted into."""
    school, code = world.school("stands", 40), count()
    with world.postgres.holding("lock table rules.partitions in exclusive mode"):
        yield lambda: world.send(school.marks("In Attendance" if next(code) % 2 else "Unexcused Absence"))
        expect("the log", world.log_says("HomeroomEventsStand", "rules", "the database is away"), "lock timeout")
        world.log_says("HomeroomCanaryFails", "canary", "the canary was not told of")
        # It waits for longer than the alerts, which are hurried.
        world.logged("canary", "is not on the feed", 120)
        found = world.postgres.sql(blockers()).split("|")
        expect("the runbook's question", found[-1], "lock table rules.partitions")
        said("HomeroomDatabaseSlow", "select pg_terminate_backend")
        world.postgres.sql(f"select pg_terminate_backend({found[0]})")


@trial(("HomeroomSweepStands", {"[15m]": "[20s]"}), ends=True)
def a_sweep_stands(world):
    """A transaction that somebody has left open holds a student of each partition, while everybody has to be looked at again."""
    last = "select distinct on (partition) student from rules.students where district = 'springfield' order by partition, student desc"
    with world.postgres.holding(f"select from rules.students where student in ({last}) for update"):
        world.change_settings(failing_below=6001)
        yield None
        said("HomeroomSweepStands", "took a partition")
        world.logged("rules", "took a partition")
        expect("homeroom risk progress", world.command("HomeroomSweepStands", "risk progress"), "students")
        world.postgres.sql(f"select pg_terminate_backend({world.postgres.sql(blockers()).split('|')[0]})")


@trial("HomeroomStudentsRefused")
def a_student_is_refused(world):
    """A constraint that somebody has put on the table of students."""
    student = world.postgres.sql("select encode(student, 'hex') from rules.students where district = 'springfield' limit 1")
    world.postgres.sql(f"alter table rules.students add constraint by_hand check (student <> '\\x{student}') not valid")
    points = count(6002)
    yield lambda: world.change_settings(failing_below=next(points))
    expect("the log", world.log_says("HomeroomStudentsRefused", "rules", "a student stays behind"), "by_hand")
    world.postgres.sql("alter table rules.students drop constraint by_hand")
    world.restart("rules")
    world.verified("HomeroomStudentsRefused")


def pack(version, more=""):
    """The rules of the test under another version, with one more."""
    return RULES.read_text().replace("version: 1\nrules:", f"version: {version}\nrules:") + more


BROKEN = """
  - id: broken
    version: 1
    title: A rule that divides
    meaning: It divides by what may be nothing.
    scope: school-year
    opens-when: enrolled / absent < 2
    level: tier
    severity: {0: notice, 1: notice, 2: notice, 3: notice}
    settle-seconds: 0
    audience: success-team
    evidence: absences
    explanation: "Absent {absent} of {enrolled} days."
    clears: "Never."
    source: "A test of the chart"
"""


@trial("HomeroomRuleFails")
def a_rule_fails(world):
    """A rule divides by a figure that is nothing for most."""
    world.put("/v1/rule-pack", pack(2, BROKEN), "application/yaml")
    points = count(6500)
    yield lambda: world.change_settings(failing_below=next(points))
    expect("homeroom risk rules", world.command("HomeroomRuleFails", "risk rules"), "broken", "division by zero")
    mended = world.pod("rules").folder / "mended.yaml"
    mended.write_text(pack(3))
    world.command("HomeroomRuleFails", "preview --rules", str(mended))
    world.put("/v1/rule-pack", mended.read_text(), "application/yaml")


def last_pack(world):
    """The record with the rules on the reference topic."""
    consumer = Consumer(world.kafka.client(**{"group.id": "looks"}))
    place = TopicPartition("homeroom.reference.v1", 0, 0)
    end = consumer.get_watermark_offsets(place, timeout=20)[1]
    consumer.assign([place])
    found = None
    while (one := consumer.poll(20)) is not None and not one.error():
        if b"id: one-rule" in (one.value() or b""):
            found = one
        if one.offset() >= end - 1:
            break
    consumer.close()
    return found


def produce(world, topic, key, value):
    """A record that nobody of ours has written."""
    producer = Producer(world.kafka.client())
    producer.produce(topic, key=key, value=value)
    producer.flush(30)


# Before the next one, of which it tells too.
@trial("HomeroomEventsNotUnderstood")
def an_event_is_nonsense(world):
    """The log holds a record that is no event."""
    yield lambda: produce(world, "homeroom.events.v1", b"nobody", b"\xff\xff\xff")
    world.log_says("HomeroomEventsNotUnderstood", "rules", "an event goes to dead letters")
    expect("homeroom dead-letters", world.at_desk("HomeroomEventsNotUnderstood", "dead-letters"), "homeroom.events.v1")


@trial("HomeroomRulePackRefused")
def a_pack_is_refused(world):
    """A word on the reference topic has rules that are not sound."""
    one = last_pack(world)
    broken = one.value().replace(b"tier >= 1", b"tier >< 1")
    yield lambda: produce(world, one.topic(), one.key(), broken)
    expect("the log", world.log_says("HomeroomRulePackRefused", "rules", "its rule pack is not sound"), "opens-when")
    # The pack before stays in force.
    expect("homeroom risk rules", world.command("HomeroomRuleFails", "risk rules"), "attendance-tier")


@trial("HomeroomPartitionsMove")
def two_own_everything(world):
    """A rules process of another group works on the same database, as when an old cluster is started again."""
    group = "homeroom-rules-of-before"
    world.kafka.permit([world.users["homeroom-rules"] | {"spec": world.users["homeroom-rules"]["spec"] | {
        "authorization": {"acls": [{"resource": {"type": "group", "name": group}, "operations": ["Read"]}]}}}])
    other = world.second_of("rules", {"\n[rules]\n": f'\n[rules]\ngroup = "{group}"\n'})
    try:
        other.time_to_ready(world.authority)
        school, code = world.school("twice", 40), count()

        def mark():
            world.send(school.marks("In Attendance" if next(code) % 2 else "Unexcused Absence"))
            time.sleep(1)
        yield mark
        said("HomeroomPartitionsMove", "took a partition")
        world.logged("rules", "another process owns the partition now")
    finally:
        other.kill()
    # Whoever is without its partitions for long ends, for a new process to take them.
    wait_for("events to be counted again", lambda: world.keep_running("rules") or world.value('sum(homeroom_bus_lag_records{group="homeroom-rules"})') == 0)
