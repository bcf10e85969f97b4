"""The story that run tells: from a rendered mode to an alert that arrived, and an orderly end."""

import hashlib
import json
import os
import re
import secrets as chance
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

import yaml
from alarms import try_each
import collector as traces
from authority import Authority
from collector import Collector
from confluent_kafka import Consumer, KafkaException, TopicPartition
from kafka import Kafka
from pods import Pod, client
from postgres import Postgres
from prometheus import Prometheus, judge
from receiver import Receiver
from waiting import ROOT, wait_for
from world import RULES, World

CHART = ROOT / "charts/homeroom"
DISTRICT = "springfield"
PARTS = ("ingestion", "rules", "notification")
# What a process may take: of memory before it has done anything, and of time until it is ready; and how often it is started to see that.
IDLE_MIB, READY_SECONDS, STARTS = 60, 2, 3
# How long alerts are followed, which would go on for ever.
WATCH_SECONDS = 10


def render(values):
    """The objects of the mode `operators` with these values."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        command = ["helm", "template", "homeroom", str(CHART), "-n", "homeroom", "-f", str(CHART / "modes/operators.yaml"), "-f", file.name]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [one for one in yaml.safe_load_all(text) if one]


def key_line(name, source, scopes, secret, more=""):
    """A key of keys.toml."""
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return f'[[key]]\nid = "{name}"\ndistrict = "{DISTRICT}"\nsource = "{source}"\nscopes = {scopes}\nsecret-sha256 = "{digest}"\n{more}\n'


def made_before(authority, postgres_port, owner, receiver_port, sender, canary):
    """The secrets of docs/install.md, by name."""
    feed, passwords = chance.token_hex(32), {part: chance.token_hex(16) for part in PARTS}
    at = f"localhost:{postgres_port}/homeroom?sslmode=verify-full&sslrootcert=DATABASE_CA"
    keys = key_line("sis", "sis", '["ingest", "read", "feed", "admin"]', sender) + key_line(
        "adapters", "adapters", '["feed"]', feed, 'channels = ["webhook"]')
    keys += key_line("quiet", "quiet", '["ingest"]', chance.token_hex(32))
    keys += key_line("canary", "canary", '["ingest", "feed", "admin"]', canary).replace(f'"{DISTRICT}"', f'"{DISTRICT}--canary"')
    team = {"name": "Team", "district": DISTRICT, "schools": ["*"], "channels": [{"webhook": f"http://127.0.0.1:{receiver_port}/hook"}]}
    return {
        "homeroom-access": {"keys.toml": keys, "token.key": chance.token_hex(32)},
        "homeroom-pseudonyms": {f"{name}.key": "by-content:" + chance.token_hex(32) for name in (DISTRICT, f"{DISTRICT}--canary")},
        "homeroom-database": {f"{part}-url": f"postgresql://homeroom_{part}:{passwords[part]}@{at}" for part in PARTS},
        "homeroom-migration": {"url": f"postgresql://homeroom:{owner}@{at}"} | {f"{part}-password": passwords[part] for part in PARTS},
        "homeroom-canary": {"canary.key": f"canary:{canary}"},
        "homeroom-channel-webhook": {"feed.key": f"adapters:{feed}", "signing.key": "whsec_" + "QUJD" * 10},
        "homeroom-teams": {f"{DISTRICT}.yaml": yaml.safe_dump({"teams": [team]})},
        "homeroom-db-ca": {"ca.crt": authority.ca},
        "homeroom-log-cluster-ca-cert": {"ca.crt": authority.ca},
    }


def made_by_operators(objects, authority):
    """The secrets that cert-manager and Strimzi keep."""
    made = {}
    for one in objects:
        if one["kind"] == "Certificate":
            crt, key = authority.issue(one["spec"]["commonName"], one["spec"]["dnsNames"])
            made[one["spec"]["secretName"]] = {"tls.crt": crt, "tls.key": key, "ca.crt": authority.ca}
        if one["kind"] == "KafkaUser" and one["spec"]["authentication"]["type"] == "tls":
            crt, key = authority.issue(one["metadata"]["name"])
            made[one["metadata"]["name"]] = {"user.crt": crt, "user.key": key}
        elif one["kind"] == "KafkaUser":
            made[one["metadata"]["name"]] = {"password": chance.token_hex(16)}
    return made


def denied(kafka, secrets, user, topic):
    """Whether a user may not read a topic: Kafka must be judging at all."""
    consumer = Consumer(kafka.client(user, secrets[user], **{"group.id": "homeroom.tail"}))
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = wait_for("Kafka's judgement", lambda: consumer.poll(1))
    consumer.close()
    return message.error() is not None and "AUTHORIZATION" in message.error().str().upper().replace(" ", "_")


def lag(kafka, secrets):
    """What KEDA's user sees: events that the rules have not been handed."""
    consumer = Consumer(kafka.client("homeroom-keda", secrets["homeroom-keda"], **{"group.id": "homeroom-rules"}))
    places = [TopicPartition("homeroom.events.v1", number) for number in range(12)]
    ends = [consumer.get_watermark_offsets(place, timeout=20)[1] for place in places]
    done = [max(place.offset, 0) for place in consumer.committed(places, timeout=20)]
    consumer.close()
    return sum(ends) - sum(done), sum(ends)


def tell(folder, stop, login, only):
    """The story itself. `stop` collects what must end."""
    authority, owner, sender, canary = Authority(folder / "ca"), chance.token_hex(16), chance.token_hex(32), chance.token_hex(32)
    receiver = Receiver()
    postgres = Postgres(folder / "postgres", authority, owner)
    stop.append(postgres.stop)
    kafka = Kafka(folder / "kafka", authority)
    stop.append(kafka.stop)
    collector = Collector(folder / "collector")
    stop.append(collector.stop)
    objects = render({
        "log": {"kafka": {"bootstrapServers": f"localhost:{kafka.tls if login == 'tls' else kafka.scram}", "strimzi": {"authentication": login}}},
        "channels": {"mail": {"enabled": False}, "webhook": {"config": {"allow-networks": ["127.0.0.0/8"]}}},
        "canary": {"everySeconds": 5}, "desk": {"command": ["doctor"]},
        "telemetry": {"otlp": {"endpoint": f"http://127.0.0.1:{collector.port}", "metrics": True, "logs": True}},
        # Small, so that a sweep of a small district has several pages, and a reader who stands is missed soon.
        "rules": {"config": {"limits": {"sweep-students": 5}}}, "notification": {"config": {"feed": {"slow-peer-s": 2}}},
    })
    secrets = made_before(authority, postgres.port, owner, receiver.port, sender, canary) | made_by_operators(objects, authority)
    print("topics and rules made: %d, %d" % kafka.operate(objects, secrets))
    pods = {one["metadata"]["name"]: Pod(folder / "pods", one, objects, secrets)
            for one in objects if one["kind"] in ("Deployment", "Job")}
    notification = pods["homeroom-notification"]
    called = {("homeroom-notification", 8083): notification.peers, ("homeroom-notification", 8081): notification.grpc,
              ("homeroom-ingestion", 8080): pods["homeroom-ingestion"].http}
    for pod in pods.values():
        pod.rewrite(called)
        stop.append(pod.kill)
    desk = pods.pop("homeroom-desk")
    pods.pop("homeroom-setup").run_to_the_end()
    print("set up: database of an owner who is no superuser, topics looked at")
    for pod in pods.values():
        pod.start(pod.spec["containers"][0])
    services = [pods[f"homeroom-{part}"] for part in PARTS]
    for pod in pods.values():
        wait_for(f"{pod.name} to be ready: {pod.ask('/readyz', authority)}", lambda it=pod: it.ask("/readyz", authority)[0] == 200)
    idle = {name: pod.memory()[0] for name, pod in pods.items()}
    if not denied(kafka, secrets, "homeroom-notification", "homeroom.events.v1"):
        raise SystemExit("notification may read events: Kafka does not judge")
    prometheus = Prometheus(folder / "prometheus", authority, {pod.name: pod.health for pod in pods.values()})
    stop.append(prometheus.stop)
    send(pods, folder, authority, sender)
    wait_for("a webhook", lambda: receiver.received)
    wait_for("the lag to be gone", lambda: lag(kafka, secrets)[0] == 0)
    waiting, events = lag(kafka, secrets)
    print(f"{events} events, {waiting} waiting by KEDA's count, {len(receiver.received)} webhooks so far")
    acknowledge(pods, folder, authority, sender, receiver)
    watch(client_of(pods, folder, authority, "homeroom-notification", "sis", sender))
    if judge(prometheus):
        raise SystemExit("an alert fires, and nothing is wrong")

    def another(part, replaced):
        """A second process of a part, with something else in its file, whose user may use its group."""
        one = next(it for it in objects if (it["kind"], it["metadata"]["name"]) == ("Deployment", f"homeroom-{part}"))
        pod = Pod(folder / "second", one, objects, secrets)
        pod.rewrite(called)
        stop.append(pod.kill)
        file = pod.folder / "etc/config/homeroom.toml"
        for old, new in replaced.items():
            file.write_text(file.read_text().replace(old, new))
        return pod

    users = {one["metadata"]["name"]: one for one in objects if one["kind"] == "KafkaUser"}
    world = World(pods, authority, prometheus, sender, (postgres, kafka, receiver, users),
                  (lambda asked: client_of(pods, folder, authority, asked, "sis", sender), another, desk.command))
    traces.judge(world, collector)
    renew_kafka_certificates(world, objects)
    if only:
        try_each(world, only)
        return
    memory = {name: (idle[name], *pod.memory()) for name, pod in pods.items()}
    slow = measure(pods, memory, authority)
    for pod in services:
        if said := [line for line in pod.log(pod.spec["containers"][0]["name"]).splitlines() if "AUTHORIZATION" in line.upper()]:
            raise SystemExit(f"{pod.name} was not allowed something: {said[0]}")
    if slow and "/debug/" not in os.environ["HOMEROOM_BINARY"]:
        raise SystemExit("; ".join(slow))
    try_each(world)


def acknowledge(pods, folder, authority, sender, receiver):
    """Somebody takes up an alert that is open still."""
    told = [json.loads(body)["data"] for _, body, _ in receiver.received]
    over = {data["alert_id"] for data in told if data["kind"] in ("cleared", "recalled")}
    open_still = [data["alert_id"] for data in told if data["kind"] == "opened" and data["alert_id"] not in over]
    client(["acknowledge", open_still[-1]], client_of(pods, folder, authority, "homeroom-notification", "sis", sender))


def watch(environment):
    """Somebody follows the alerts with a way to the notification service alone, which does not answer for the names of schools."""
    command = [os.environ["HOMEROOM_BINARY"], "watch", "--from-start"]
    try:
        ended = subprocess.run(command, env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, check=False, timeout=WATCH_SECONDS)
    except subprocess.TimeoutExpired as ended_by_us:
        ended = ended_by_us
    if not ended.stdout or b"are shown by their ids" not in (ended.stderr or b""):
        raise SystemExit(f"homeroom watch: {ended.stdout} {ended.stderr}")


def renew_kafka_certificates(world, objects):
    """What Strimzi does before a certificate ends. Processes take it up as they run, and go on."""
    users = {one["metadata"]["name"] for one in objects if one["kind"] == "KafkaUser" and one["spec"]["authentication"]["type"] == "tls"}
    renewed = {name: pod for name, pod in world.pods.items() if name in users}
    if not renewed:
        return
    ends = {name: ends_at(pod, world.authority) for name, pod in renewed.items()}
    for name, pod in renewed.items():
        crt, key = world.authority.issue(name, days=90)
        (pod.folder / "etc/kafka/user.crt").write_text(crt)
        (pod.folder / "etc/kafka/user.key").write_text(key)
    for name, pod in renewed.items():
        wait_for(f"the renewed certificate of {name} to be in force",
                 lambda it=pod, end=ends[name]: ends_at(it, world.authority) > end + 20 * 86400)
    for part in ("rules", "notification"):
        world.logged(part, "joining again with changed certificates or passwords")
    school, before = world.school("renewed", 3), len(world.receiver.received)
    world.take(school.marks())
    wait_for("a webhook after the renewal", lambda: len(world.receiver.received) > before)
    print(f"renewed certificates of Kafka's users are in force, without a restart: {', '.join(renewed)}")


def ends_at(pod, authority):
    """When the certificate ends that a process shows to Kafka, as its metrics have it."""
    line = re.search(r'^homeroom_certificate_expires_timestamp_seconds\{certificate="kafka"\} (\S+)', pod.ask("/metrics", authority)[1], re.M)
    if not line:
        raise SystemExit(f"{pod.name} does not say when its certificate for Kafka ends")
    return float(line[1])


def measure(pods, memory, authority):
    """What each process takes: memory, and how long it takes to be ready; the shortest of some starts, since other work only adds to it.
    What is more than it may be."""
    wrong = []
    print("| process | idle | after the district | at most | ready after | ended after |\n|---|---|---|---|---|---|")
    for name, pod in pods.items():
        idle, now, most = memory[name]
        drained, ready = [], []
        for _ in range(STARTS):
            drained.append(pod.drain())
            ready.append(pod.time_to_ready(authority))
        print(f"| {name} | {idle} MiB | {now} MiB | {most} MiB | {min(ready):.2f} s | {max(drained):.1f} s |", flush=True)
        if idle >= IDLE_MIB:
            wrong.append(f"{name} takes {idle} MiB when it is idle, and should take less than {IDLE_MIB}")
        if min(ready) >= READY_SECONDS:
            wrong.append(f"{name} is ready after {min(ready):.2f} s, and should be in less than {READY_SECONDS}")
    return wrong


def client_of(pods, folder, authority, asked, key, secret):
    """The variables by which a client finds what runs: records go to ingestion, questions to the service that is named."""
    ca = folder / "client-ca.crt"
    ca.write_text(authority.ca)
    url = f"https://localhost:{pods['homeroom-ingestion'].http}"
    return {"HOMEROOM_URL": url, "HOMEROOM_EDFI_URL": f"{url}/edfi/sis", "HOMEROOM_GRPC": f"https://localhost:{pods[asked].grpc}",
            "HOMEROOM_KEY": key, "HOMEROOM_SECRET": secret, "HOMEROOM_CA_FILE": str(ca)}


def send(pods, folder, authority, sender):
    """Half a school year of a small district, through the Ed-Fi door."""
    environment = client_of(pods, folder, authority, "homeroom-rules", "sis", sender)
    ingestion = pods["homeroom-ingestion"]
    yesterday = date.today() - timedelta(days=1)
    year = yesterday.year + (yesterday.month > 7)
    # The district's clock begins with its year, and follows what is sent: so alerts are news on the day, not late news.
    offset = (date(year - 1, 8, 1) - yesterday).days * 86400
    settings = json.dumps({"clock": {"time_zone": "America/Chicago", "offset_seconds": offset}, "failing_below": 6000})
    ingestion.put("/v1/settings", settings, "application/json", ("sis", sender), authority)
    ingestion.put("/v1/rule-pack", RULES.read_text(), "application/yaml", ("sis", sender), authority)
    print(client(["simulate", "--students", "100", "--seed", "7", "--year", str(year), "--until", str(yesterday)], environment).strip().splitlines()[-1])
    client(["risk", "rules"], environment)


def main():
    stop = []
    with tempfile.TemporaryDirectory(prefix="homeroom-live-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            tell(folder, stop, sys.argv[1], sys.argv[2:])
        except KafkaException as error:
            sys.exit(f"Kafka: {error}")
        finally:
            for end in reversed(stop):
                end()
    print("the mode runs")


if __name__ == "__main__":
    main()
