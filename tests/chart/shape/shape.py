"""The story that run tells: a cluster's shape, what is lost of it, and what must hold at the end."""

import copy
import json
import os
import re
import secrets as chance
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

import standby
from authority import Authority
from brokers import BROKERS, Brokers
from front import Front
from pods import Pod
from postgres import Postgres
from receiver import Receiver
from sender import Sender
from story import PARTS, made_before, made_by_operators, render
from waiting import ROOT, wait_for

EACH = 2
STUDENTS = [f"{number:06}" for number in range(4000)]
RATE = float(os.environ.get("RATE", "5"))
PACK = ROOT / "services/domain/src/rule/packs/first.yaml"
# So many marks are sent after a loss, acknowledged and told, before the next.
AFTER = 20


class Shape:
    """Everything that runs."""

    def __init__(self, folder, stop):
        self.folder, self.stop = folder, stop
        self.authority, owner, self.secret = Authority(folder / "ca"), chance.token_hex(16), chance.token_hex(32)
        self.receiver = Receiver()
        self.primary = Postgres(folder / "postgres-0", self.authority, owner)
        stop.append(lambda: self.primary.stop())  # pylint: disable=unnecessary-lambda
        standby.allow_replication(self.primary)
        self.standby = standby.follow(self.primary, folder / "postgres-1", "standby1")
        stop.append(lambda: self.standby and self.standby.stop())
        self.database, self.door, self.feed = Front(), Front(), Front()
        self.database.point([self.primary.port])
        self.brokers = Brokers(folder / "kafka", self.authority)
        stop.append(self.brokers.stop)
        self.pods = self.place(owner)
        threading.Thread(target=self.watch, daemon=True).start()

    def place(self, owner):
        """Each rendered Deployment twice; the set-up job has run."""
        objects = render({
            "log": {"kafka": {"bootstrapServers": self.brokers.servers}},
            "channels": {"mail": {"enabled": False}, "webhook": {"config": {"allow-networks": ["127.0.0.0/8"]}}},
        })
        secrets = made_before(self.authority, self.database.port, owner, self.receiver.port, self.secret)
        secrets |= made_by_operators(objects, self.authority)
        self.brokers.operate(objects, secrets)
        pods = {}
        for one in objects:
            for number in range({"Deployment": EACH, "Job": 1}.get(one["kind"], 0)):
                twin = copy.deepcopy(one)
                twin["metadata"]["name"] += f"-{number}"
                pods[twin["metadata"]["name"]] = pod = Pod(self.folder / "pods", twin, objects, secrets)
                pod.rewrite(self.feed.port)
                for file in (pod.folder / "etc").rglob("*url"):
                    file.write_text(file.read_text().replace("DATABASE_CA", f"{pod.folder}/etc/database-ca/ca.crt"))
                self.stop.append(pod.kill)
        pods.pop("homeroom-setup-0").run_to_the_end()
        for pod in pods.values():
            pod.start(pod.spec["containers"][0])
        return pods

    def of(self, part):
        """The pods of one Deployment."""
        return [pod for name, pod in self.pods.items() if name.rpartition("-")[0] == f"homeroom-{part}"]

    def ready(self, pod):
        """Whether a kubelet would call it ready; an adapter that lives is."""
        return pod.ask("/readyz", self.authority)[0] == 200 if "channel" not in pod.name else alive(pod)

    def watch(self):
        """Endpoints: who is ready is served, and processes that have ended are started again, as a kubelet does."""
        while True:
            for part, front, port in (("ingestion", self.door, "http"), ("notification", self.feed, "grpc")):
                front.point([getattr(pod, port) for pod in self.of(part) if self.ready(pod)])
            for pod in self.pods.values():
                if not alive(pod) and not getattr(pod, "held", False):
                    pod.start(pod.spec["containers"][0])
            time.sleep(0.3)

    def told(self):
        """The alerts that were told open, each with the keys of its messages."""
        told = {}
        for headers, body, _ in list(self.receiver.received):
            data = json.loads(body)["data"]
            if data["kind"] == "opened" and data["rule"] == "unexplained-absence":
                told.setdefault(data["alert_id"], set()).add({name.lower(): it for name, it in headers.items()}["webhook-id"])
        return told

    def as_rules(self, *args):
        """A command of the binary with the configuration, and as the user, of a rules process."""
        pod = self.of("rules")[0]
        user, group = (pod.spec["securityContext"][key] for key in ("runAsUser", "runAsGroup"))
        return subprocess.run([os.environ["HOMEROOM_BINARY"], *args, "--config", f"{pod.folder}/etc/config/homeroom.toml"], cwd="/",
                              env={"PATH": "/usr/bin:/bin"}, user=user, group=group, extra_groups=[], capture_output=True, text=True,
                              check=False)

    def all_ready(self):
        """Waits for everybody."""
        for pod in self.pods.values():
            wait_for(f"{pod.name} to be ready", lambda it=pod: self.ready(it))


def alive(pod):
    """Whether its process runs."""
    return all(process.poll() is None for process in pod.processes.values())


def restart(shape, pod):
    """An orderly end and a new start."""
    pod.held = True
    pod.drain()
    pod.start(pod.spec["containers"][0])
    pod.held = False
    wait_for(f"{pod.name} to be ready again", lambda: shape.ready(pod))


def crash(pod):
    """SIGKILL."""
    for process in pod.processes.values():
        process.kill()
        process.wait()


def lose_primary(shape):
    """The primary's machine is gone: the standby is made the primary, and a new standby made."""
    lost = shape.primary
    lost.stop()
    shape.standby.promote()
    shape.primary, shape.standby = shape.standby, None
    shape.database.point([shape.primary.port], cut=True)


def regain_standby(shape, name):
    """Another standby; from now on nothing is acknowledged that it has not."""
    shape.standby = standby.follow(shape.primary, shape.folder / name, name.replace("-", ""))


def lose_standby(shape):
    """Commits wait for a standby, until there is one again."""
    shape.standby.stop()
    shape.standby = None
    standby.sql(shape.primary, "alter system set synchronous_standby_names = ''")
    standby.sql(shape.primary, "select pg_reload_conf()")


def silence(moments, since, until):
    """The longest time in which none of these moments lies, in seconds."""
    inside = sorted(it for it in moments if since <= it <= until)
    points = [since, *inside, until]
    return max(after - before for before, after in zip(points, points[1:]))


def around(shape, sender, what, act):
    """Does it; waits until marks that were sent after it are acknowledged and told; prints how long both were silent at most."""
    began = time.monotonic()
    act()
    done = time.monotonic()

    def told_again():
        acknowledged = list(sender.marks.values())
        later = [first for first, _ in acknowledged if first > done]
        return len(later) >= AFTER and len(shape.told()) >= len(acknowledged) - AFTER / 2

    wait_for(f"marks to be told after: {what}", told_again, 300)
    now = time.monotonic()
    acknowledged = [it for _, it in list(sender.marks.values())]
    told = [at for _, _, at in list(shape.receiver.received)]
    print(f"{what:45} took {done - began:5.1f} s; no mark acknowledged for {silence(acknowledged, began, now):5.1f} s, "
          f"no alert told for {silence(told, began, now):5.1f} s", flush=True)


def losses(shape, sender):
    """One after the other."""
    for part in (*PARTS, "channel-webhook"):
        around(shape, sender, f"rolling restart of {part}", lambda it=part: [restart(shape, pod) for pod in shape.of(it)])
    for part in (*PARTS, "channel-webhook"):
        around(shape, sender, f"one {part} killed", lambda it=part: crash(shape.of(it)[0]))
    for which in range(BROKERS):
        around(shape, sender, f"broker {which + 1} killed", lambda it=which: shape.brokers.kill(it))
        shape.brokers.start(which)
        wait_for("the brokers to be in sync", shape.brokers.in_sync, 300)
    around(shape, sender, "PostgreSQL primary lost, standby promoted", lambda: lose_primary(shape))
    around(shape, sender, "a standby made of the new primary", lambda: regain_standby(shape, "postgres-2"))
    around(shape, sender, "standby lost, operator goes on without", lambda: lose_standby(shape))
    around(shape, sender, "a standby again", lambda: regain_standby(shape, "postgres-3"))


def judge(shape, sender):
    """What must hold."""
    sent = len(sender.marks)
    wait_for(f"{sent} alerts to be told", lambda: len(shape.told()) >= sent, 300)
    shape.all_ready()
    told, stored = shape.told(), sender.stored()
    again = Counter(len(keys) for keys in told.values())
    received = [{name.lower(): it for name, it in headers.items()}["webhook-id"] for headers, _, _ in shape.receiver.received]
    copies = len(received) - len(set(received))
    verified = shape.as_rules("verify")
    print(f"{sent} marks acknowledged, {stored} stored, {len(told)} alerts told, {copies} messages sent again under the same key")
    print(verified.stdout.strip().splitlines()[-1] if verified.stdout else verified.stderr)
    wrong = [what for what, holds in (
        ("an acknowledged mark is not stored", stored == sent),
        ("an alert was told that no mark opened, or a mark was not told", len(told) == sent),
        ("an alert was told under two keys", set(again) == {1}),
        ("`homeroom verify` finds differences", verified.returncode == 0),
    ) if not holds]
    if wrong:
        raise SystemExit("; ".join(wrong))


def tell(folder, stop):
    """The whole story."""
    began = time.monotonic()
    shape = Shape(folder, stop)
    shape.all_ready()
    print(f"three brokers, two of PostgreSQL, {len(shape.pods)} processes ready after {time.monotonic() - began:.0f} s", flush=True)
    sender = Sender(shape.door.port, shape.authority, shape.secret)
    # It is nine in the morning there.
    now = datetime.now(timezone.utc)
    offset = 9 * 3600 - (now.hour * 3600 + now.minute * 60 + now.second)
    settings = {"clock": {"time_zone": "UTC", "offset_seconds": offset}, "failing_below": 6000}
    door = shape.of("ingestion")[0]
    door.put("/v1/settings", json.dumps(settings), "application/json", ("sis", shape.secret), shape.authority)
    pack = re.sub(r"settle-seconds: 600", "settle-seconds: 0", PACK.read_text())
    door.put("/v1/rule-pack", pack, "application/yaml", ("sis", shape.secret), shape.authority)
    sender.frame()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(sender.student, STUDENTS))
    sender.run(STUDENTS, RATE)
    around(shape, sender, "nothing lost", lambda: time.sleep(5))
    losses(shape, sender)
    sender.stop()
    judge(shape, sender)


def main():
    stop = []
    with tempfile.TemporaryDirectory(prefix="homeroom-shape-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            tell(folder, stop)
        finally:
            for end in reversed(stop):
                end()
    print("the promises hold")


if __name__ == "__main__":
    sys.exit(main())
