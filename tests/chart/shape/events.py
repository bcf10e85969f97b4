"""What happens to the shape while marks come in, and how long marks waited around each."""

import os
import time

import standby
from brokers import BROKERS
from running import begin, crash, end, restart
from story import PARTS
from waiting import wait_for

SERVICES = (*PARTS, "channel-webhook")
# So many marks are sent after each, acknowledged and told, before the next.
AFTER = 20
# How long that may take, seconds.
PATIENCE = 300


class Around:
    """Does one thing after the other while marks come in; what it has seen of each is in `rows`."""

    def __init__(self, shape, sender):
        self.shape, self.sender, self.rows = shape, sender, []

    def __call__(self, what, act):
        """Does it; waits until marks that were sent after it are acknowledged and told. Then none is sent until all have been told, so that
        nothing of this falls on what comes next."""
        shape, sender = self.shape, self.sender
        began = time.monotonic()
        act()
        done = time.monotonic()

        def told_again():
            if sender.refused:
                raise SystemExit(sender.refused[0])
            acknowledged = list(sender.marks.values())
            later = [first for first, _, _ in acknowledged if first > done]
            return len(later) >= AFTER and len(shape.told()) >= len(acknowledged) - AFTER / 2

        wait_for(f"marks to be told after: {what}", told_again, PATIENCE)
        sender.pausing.set()
        wait_for(f"all marks to be told after: {what}", lambda: len(shape.told()) >= sender.begun, PATIENCE)
        sender.pausing.clear()
        self.rows.append((what, began, done - began, os.getloadavg()[0]))
        print(f"{what:52} took {done - began:5.1f} s; {sender.begun} marks so far, all told; load {os.getloadavg()[0]:.0f}", flush=True)

    def table(self, waits):
        """All of them, for a document. `waits` are marks: when each was first sent, acknowledged, and told of."""
        yield "| what happened | took | a mark waited to be acknowledged, at most | a mark waited to be told of, at most | load |"
        yield "|---|---|---|---|---|"
        for at, (what, began, took, load) in enumerate(self.rows):
            until = self.rows[at + 1][1] if at + 1 < len(self.rows) else float("inf")
            here = [(acknowledged - first, told - first) for first, acknowledged, told in waits if began < told and first < until]
            yield f"| {what} | {took:.1f} s | {max(it for it, _ in here):.1f} s | {max(it for _, it in here):.1f} s | {load:.0f} |"


def losses(shape, around):
    """One after the other. Of each service one process is gone until the others have done its work, and comes back then."""
    for part in SERVICES:
        around(f"rolling restart of {part}", lambda it=part: [restart(shape, pod) for pod in shape.of(it)])
    for part in SERVICES:
        lost = shape.of(part)[0]
        around(f"one of {part} lost", lambda it=lost: crash(it))
        begin(shape, [lost])
    for which in range(BROKERS):
        around(f"broker {which + 1} lost", lambda it=which: shape.brokers.kill(it))
        shape.brokers.start(which)
        wait_for("the brokers to be in sync", shape.brokers.in_sync, PATIENCE)
    around("PostgreSQL primary lost, standby promoted", lambda: lose_primary(shape))
    around("a standby made of the new primary", lambda: regain_standby(shape, "postgres-2"))
    around("standby lost, operator goes on without", lambda: lose_standby(shape))
    around("a standby again", lambda: regain_standby(shape, "postgres-3"))


def lose_primary(shape):
    """The primary's machine is gone: the standby is made the primary, and whoever was connected is cut off."""
    lost = shape.primary
    lost.stop()
    shape.standby.promote()
    shape.primary, shape.standby = shape.standby, None
    shape.database.point([shape.primary.port], cut=True)


def regain_standby(shape, name):
    """Another standby; from now on nothing is acknowledged that it has not."""
    shape.standby = standby.follow(shape.primary, shape.folder / name, name.replace("-", ""))


def lose_standby(shape):
    """Commits wait for a standby, until there is one again or it is said that there need be none."""
    shape.standby.stop()
    shape.standby = None
    standby.sql(shape.primary, "alter system set synchronous_standby_names = ''")
    standby.sql(shape.primary, "select pg_reload_conf()")


def scale(shape, around):
    """Rules by one, four and two, which is what KEDA would ask for."""
    for many in (1, 4, 2):
        around(f"rules scaled to {many}", lambda it=many: have(shape, "rules", it))


def have(shape, part, many):
    """So many processes of a Deployment."""
    pods = shape.all(part)
    if leave := [pod for pod in pods[many:] if not pod.held]:
        end(leave)
    begin(shape, pods[:many])


def change_version(shape, around, binary, word):
    """As `helm upgrade` does it: the set-up job first, then each Deployment by its strategy. Whether the database was changed."""
    changed = []
    around(f"{word}: set-up job", lambda: changed.append(shape.set_up(binary)))
    for part in SERVICES:
        pods = shape.of(part)
        if pods[0].strategy == "Recreate":
            around(f"{word}: {part}, all at once", lambda it=pods: renew(shape, it, binary))
        else:
            # Between the two both versions are at work, on one topic and one database.
            for number, pod in enumerate(pods, 1):
                around(f"{word}: {part}, {number} of {len(pods)}", lambda it=pod: renew(shape, [it], binary))
    return changed[0]


def renew(shape, pods, binary):
    """Ends them and starts them as the other program."""
    end(pods)
    for pod in pods:
        pod.binary = binary
    begin(shape, pods)
