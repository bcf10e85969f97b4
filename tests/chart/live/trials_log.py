"""Faults of the log, and of what waits for it."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from trials import trial
from waiting import wait_for
from world import Frozen, expect, said

URI = "uri://ed-fi.org/"
TOPIC = "homeroom.reference.v1"


def document(world, number):
    """A school by the Ed-Fi door, which is kept in the outbox; the status of the answer."""
    school = {
        "schoolId": number, "nameOfInstitution": f"School {number}",
        "educationOrganizationCategories": [{"educationOrganizationCategoryDescriptor": URI + "EducationOrganizationCategoryDescriptor#School"}],
        "gradeLevels": [{"gradeLevelDescriptor": URI + "GradeLevelDescriptor#Ninth grade"}]}
    status, answer = world.ask("POST", "/edfi/sis/data/v3/ed-fi/schools", json.dumps(school).encode())
    if status not in (200, 201):
        raise SystemExit(f"a school was not taken: {status} {answer[:500]}")


@trial("HomeroomOutboxWaits", "HomeroomRequestsFail", ends=False)
def the_broker_hangs(world):
    """The broker hangs."""
    school = world.school("unheard", 1)
    with Frozen(world.kafka.processes()):
        document(world, 990001)

        def send():
            with ThreadPoolExecutor(max_workers=50) as senders:
                list(senders.map(world.send, [school.marks()] * 100))
        yield send
        said("HomeroomRequestsFail", "503 with HomeroomOutboxWaits: the log is away")
        expect("homeroom topics check", world.at_desk("HomeroomOutboxWaits", "topics check", fails=True), "log")
    # What it may take: the runbook says when a producer that delivers nothing is replaced.
    said("HomeroomOutboxWaits", "has delivered nothing for 30 seconds is replaced")
    wait_for("the outbox to be empty", lambda: world.value("max(homeroom_ingestion_outbox_age_seconds)") == 0, 90)
    for part in ("rules", "notification"):
        world.until_ready(part)


@trial("HomeroomRecordsGivenUp")
def the_log_takes_no_long_record(world):
    """Somebody has made the topic's longest record too short."""
    limit(world, "100")
    number = count(990100)
    yield lambda: document(world, next(number))
    expect("the log", world.log_says("HomeroomRecordsGivenUp", "ingestion", "a record was given up"), TOPIC)
    expect("homeroom topics check", world.at_desk("HomeroomRecordsGivenUp", "topics check", fails=True), "max.message.bytes")
    limit(world, "965536")
    world.at_desk("HomeroomRecordsGivenUp", "topics check")


def limit(world, bytes_at_most):
    """The longest record of the reference topic."""
    admin = AdminClient(world.kafka.client())
    entry = ConfigEntry("max.message.bytes", bytes_at_most, incremental_operation=AlterConfigOpType.SET)
    for made in admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[entry])]).values():
        made.result()


@trial("HomeroomOutboxStranded", ends=True)
def a_pseudonym_key_is_gone(world):
    """A district's pseudonym key was taken out of the secret while records of it wait."""
    ingestion = world.pod("ingestion")
    file = ingestion.folder / "etc/pseudonyms/springfield.key"
    with Frozen(world.kafka.processes()):
        document(world, 990003)
        ingestion.kill()
    away = file.rename(file.with_suffix(".away"))
    ingestion.start(ingestion.spec["containers"][0])
    yield None
    world.log_says("HomeroomOutboxStranded", "ingestion", "the district's pseudonym key is gone")
    said("HomeroomOutboxStranded", "Ingestion is not ready until it is back")
    expect("/readyz", str(world.ready("ingestion")), "503")
    away.rename(file)
    world.restart("ingestion")
