"""The story that run tells: from a rendered mode to an alert that arrived, and an orderly end."""

import hashlib
import json
import secrets as chance
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

import yaml
from authority import Authority
from confluent_kafka import Consumer, KafkaException, TopicPartition
from kafka import Kafka
from pods import Pod, client
from postgres import Postgres
from prometheus import Prometheus, judge
from receiver import Receiver
from waiting import ROOT, wait_for

CHART = ROOT / "charts/homeroom"
DISTRICT = "springfield"
RULES = Path(__file__).resolve().parent / "rules.yaml"
PARTS = ("ingestion", "rules", "notification")


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


def made_before(authority, postgres_port, owner, receiver_port, sender):
    """The secrets of docs/install.md, by name."""
    feed, passwords = chance.token_hex(32), {part: chance.token_hex(16) for part in PARTS}
    at = f"localhost:{postgres_port}/homeroom?sslmode=verify-full&sslrootcert=DATABASE_CA"
    keys = key_line("sis", "sis", '["ingest", "read", "feed", "admin"]', sender) + key_line(
        "adapters", "adapters", '["feed"]', feed, 'channels = ["webhook"]')
    team = {"name": "Team", "district": DISTRICT, "schools": ["*"], "channels": [{"webhook": f"http://127.0.0.1:{receiver_port}/hook"}]}
    return {
        "homeroom-access": {"keys.toml": keys, "token.key": chance.token_hex(32)},
        "homeroom-pseudonyms": {f"{DISTRICT}.key": "by-content:" + chance.token_hex(32)},
        "homeroom-database": {f"{part}-url": f"postgresql://homeroom_{part}:{passwords[part]}@{at}" for part in PARTS},
        "homeroom-migration": {"url": f"postgresql://homeroom:{owner}@{at}"} | {f"{part}-password": passwords[part] for part in PARTS},
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


def tell(folder, stop, login):
    """The story itself. `stop` collects what must end."""
    authority, owner, sender = Authority(folder / "ca"), chance.token_hex(16), chance.token_hex(32)
    receiver = Receiver()
    postgres = Postgres(folder / "postgres", authority, owner)
    stop.append(postgres.stop)
    kafka = Kafka(folder / "kafka", authority)
    stop.append(kafka.stop)
    objects = render({
        "log": {"kafka": {"bootstrapServers": f"localhost:{kafka.tls if login == 'tls' else kafka.scram}", "strimzi": {"authentication": login}}},
        "channels": {"mail": {"enabled": False}, "webhook": {"config": {"allow-networks": ["127.0.0.0/8"]}}},
    })
    secrets = made_before(authority, postgres.port, owner, receiver.port, sender) | made_by_operators(objects, authority)
    print("topics and rules made: %d, %d" % kafka.operate(objects, secrets))
    pods = {one["metadata"]["name"]: Pod(folder / "pods", one, objects, secrets)
            for one in objects if one["kind"] in ("Deployment", "Job")}
    feed = pods["homeroom-notification"].peers
    for pod in pods.values():
        pod.rewrite(feed)
        for file in (pod.folder / "etc").rglob("*url"):
            file.write_text(file.read_text().replace("DATABASE_CA", f"{pod.folder}/etc/database-ca/ca.crt"))
        stop.append(pod.kill)
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
    if judge(prometheus):
        raise SystemExit("an alert fires, and nothing is wrong")
    for name, pod in pods.items():
        now, most = pod.memory()
        print(f"{name}: {idle[name]} MiB idle, {now} MiB now, {most} MiB at most; drained in {pod.drain():.1f} s")
    for pod in services:
        if said := [line for line in pod.log(pod.spec["containers"][0]["name"]).splitlines() if "AUTHORIZATION" in line.upper()]:
            raise SystemExit(f"{pod.name} was not allowed something: {said[0]}")


def send(pods, folder, authority, sender):
    """Half a school year of a small district, through the Ed-Fi door."""
    ca = folder / "client-ca.crt"
    ca.write_text(authority.ca)
    ingestion, rules = pods["homeroom-ingestion"], pods["homeroom-rules"]
    url = f"https://localhost:{ingestion.http}"
    environment = {"HOMEROOM_URL": url, "HOMEROOM_EDFI_URL": f"{url}/edfi/sis", "HOMEROOM_GRPC": f"https://localhost:{rules.grpc}",
                   "HOMEROOM_KEY": "sis", "HOMEROOM_SECRET": sender, "HOMEROOM_CA_FILE": str(ca)}
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
            tell(folder, stop, sys.argv[1])
        except KafkaException as error:
            sys.exit(f"Kafka: {error}")
        finally:
            for end in reversed(stop):
                end()
    print("the mode runs")


if __name__ == "__main__":
    main()
