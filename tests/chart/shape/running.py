"""What runs: each rendered Deployment as processes, over three brokers and two of PostgreSQL, and what a kubelet and a Service do for them."""

import copy
import json
import os
import re
import secrets as chance
import subprocess
import threading

import standby
from authority import Authority
from brokers import Brokers
from front import Front
from pods import Pod
from postgres import Postgres
from receiver import Receiver
from story import made_before, made_by_operators, render
from waiting import wait_for

EACH = 2
# Rules are scaled to so many.
MOST = {"rules": 4}
# The number of AlertChange.student (proto/homeroom/alert/v1).
STUDENT = 5


class Shape:
    """Everything that runs."""

    def __init__(self, folder, stop, binary):
        self.folder, self.stop, self.ending = folder, stop, threading.Event()
        self.authority, owner, self.secret = Authority(folder / "ca"), chance.token_hex(16), chance.token_hex(32)
        self.receiver, self.words, self.read, self.reading = Receiver(), {}, 0, threading.Lock()
        self.primary = Postgres(folder / "postgres-0", self.authority, owner)
        stop.append(lambda: self.primary.stop())  # pylint: disable=unnecessary-lambda
        standby.allow_replication(self.primary)
        self.standby = standby.follow(self.primary, folder / "postgres-1", "standby1")
        stop.append(lambda: self.standby and self.standby.stop())
        self.database, self.door, self.feed = Front(), Front(), Front()
        self.database.point([self.primary.port])
        self.brokers = Brokers(folder / "kafka", self.authority)
        stop.append(self.brokers.stop)
        self.brokers.begin()
        self.pods = self.place(owner)
        self.setup = self.pods.pop("homeroom-setup-0")
        self.set_up(binary)
        for pod in self.pods.values():
            pod.binary = binary
            if not pod.held:
                pod.start(pod.spec["containers"][0])
        watcher = threading.Thread(target=self.watch, daemon=True)
        watcher.start()
        # First of all, so that nothing is started again that ends.
        stop.append(lambda: (self.ending.set(), watcher.join()))

    def place(self, owner):
        """The pods of each rendered Deployment, with those that wait to be scaled to."""
        objects = render({
            "log": {"kafka": {"bootstrapServers": self.brokers.servers}},
            "channels": {"mail": {"enabled": False}, "webhook": {"config": {"allow-networks": ["127.0.0.0/8"]}}},
            "canary": {"enabled": False},
        })
        secrets = made_before(self.authority, self.database.port, owner, self.receiver.port, self.secret, chance.token_hex(32))
        secrets |= made_by_operators(objects, self.authority)
        self.brokers.operate(objects, secrets)
        pods = {}
        for one in objects:
            part = one["metadata"]["name"].removeprefix("homeroom-")
            for number in range({"Deployment": MOST.get(part, EACH), "Job": 1}.get(one["kind"], 0)):
                twin = copy.deepcopy(one)
                twin["metadata"]["name"] += f"-{number}"
                pods[twin["metadata"]["name"]] = pod = Pod(self.folder / "pods", twin, objects, secrets)
                pod.strategy, pod.held = one["spec"].get("strategy", {}).get("type"), number >= EACH
                pod.rewrite({("homeroom-notification", 8083): self.feed.port})
                self.stop.append(pod.kill)
        return pods

    def set_up(self, binary):
        """The set-up job by this program; whether it changed the database."""
        self.setup.binary = binary
        before = len(self.setup.log("migrate")) if (self.setup.folder / "migrate.log").exists() else 0
        self.setup.run_to_the_end()
        return not re.search("^0 migrations applied", self.setup.log("migrate")[before:], re.M)

    def of(self, part):
        """The pods of one Deployment that are wanted."""
        return [pod for name, pod in self.pods.items() if name.rpartition("-")[0] == f"homeroom-{part}" and not pod.held]

    def all(self, part):
        """Those that are not, too."""
        return [pod for name, pod in self.pods.items() if name.rpartition("-")[0] == f"homeroom-{part}"]

    def ready(self, pod):
        """Whether a kubelet would call it ready."""
        return pod.ask("/readyz", self.authority)[0] == 200

    def watch(self):
        """Endpoints: who is ready is served, and processes that have ended are started again, as a kubelet does."""
        while not self.ending.wait(0.3):
            for part, front, port in (("ingestion", self.door, "http"), ("notification", self.feed, "peers")):
                front.point([getattr(pod, port) for pod in self.all(part) if self.ready(pod)])
            for pod in self.pods.values():
                if not pod.held and not alive(pod):
                    pod.start(pod.spec["containers"][0])

    def told(self, kind="opened"):
        """The alerts that were told to be of this kind, each with the keys of its messages."""
        with self.reading:
            for headers, body, _ in self.receiver.received[self.read:]:
                self.read += 1
                data = json.loads(body)["data"]
                if data["rule"] == "unexplained-absence":
                    self.words.setdefault(data["kind"], {}).setdefault(data["alert_id"], set()).add(key_of(headers))
            return dict(self.words.get(kind, {}))

    def told_at(self):
        """When each alert was told to be open, first."""
        told = {}
        for _, body, at in list(self.receiver.received):
            data = json.loads(body)["data"]
            if data["kind"] == "opened":
                told.setdefault(data["alert_id"], at)
        return told

    def student_of(self):
        """The key of each alert's student. Messages name none, so it is what the notification service keeps of its changes."""
        rows = standby.sql(self.primary, "select alert_id, encode(message, 'hex') from notification.alert_changes where kind = 'opened'")
        return {alert: field(bytes.fromhex(message), STUDENT).hex() for alert, message in (row.split("|") for row in rows.splitlines())}

    def as_rules(self, *args):
        """A command of the binary with the configuration, and as the user, of a rules process."""
        pod = self.of("rules")[0]
        user, group = (pod.spec["securityContext"][key] for key in ("runAsUser", "runAsGroup"))
        return subprocess.run([os.environ["HOMEROOM_BINARY"], *args, "--config", f"{pod.folder}/etc/config/homeroom.toml"], cwd="/",
                              env={"PATH": "/usr/bin:/bin"}, user=user, group=group, extra_groups=[], capture_output=True, text=True,
                              check=False)

    def all_ready(self):
        """Waits for everybody who is wanted; how many they are."""
        wanted = [pod for pod in self.pods.values() if not pod.held]
        for pod in wanted:
            wait_for(f"{pod.name} to be ready", lambda it=pod: self.ready(it))
        return len(wanted)


def field(message, wanted):
    """The bytes of a field of a message in Protocol Buffers whose fields before it are numbers, texts and bytes."""
    at = 0

    def number():
        nonlocal at
        found, shift = 0, 0
        while True:
            found, shift, at = found | (message[at] & 0x7F) << shift, shift + 7, at + 1
            if message[at - 1] < 0x80:
                return found

    while True:
        tag, value = number(), number()
        if tag & 7 == 2:
            at += value
            if tag >> 3 == wanted:
                return message[at - value:at]


def key_of(headers):
    """The idempotency key of a webhook."""
    return {name.lower(): it for name, it in headers.items()}["webhook-id"]


def alive(pod):
    """Whether its process runs."""
    return all(process.poll() is None for process in pod.processes.values())


def begin(shape, pods):
    """Starts them, or lets them be started again; waits until they are ready."""
    for pod in pods:
        if not pod.processes or not alive(pod):
            pod.start(pod.spec["containers"][0])
        pod.held = False
    for pod in pods:
        wait_for(f"{pod.name} to be ready again", lambda it=pod: shape.ready(it), 300)


def end(pods):
    """An orderly end of all of them at once."""
    for pod in pods:
        pod.held = True
    drains = [threading.Thread(target=pod.drain) for pod in pods]
    for drain in drains:
        drain.start()
    for drain in drains:
        drain.join()
    if any(process.poll() for pod in pods for process in pod.processes.values()):
        raise SystemExit(f"a process did not end in order: {', '.join(pod.name for pod in pods)}")


def restart(shape, pod):
    """An orderly end and a new start."""
    end([pod])
    begin(shape, [pod])


def crash(pod):
    """SIGKILL, as a machine that is gone: nobody starts it again."""
    pod.held = True
    for process in pod.processes.values():
        process.kill()
        process.wait()
