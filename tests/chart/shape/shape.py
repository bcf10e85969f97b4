"""The story that run tells: a cluster's shape, what happens to it, and what must hold at the end."""

import json
import os
import re
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

from events import PATIENCE, Around, change_version, losses, scale
from running import Shape, key_of
from sender import Sender
from waiting import ROOT, wait_for

RATE = float(os.environ.get("RATE", "5"))
PACK = ROOT / "services/domain/src/rule/packs/first.yaml"
# The chapters, in their order; CHAPTERS chooses some of them.
CHAPTERS = ("versions", "scale", "losses")


def judge(shape, sender):
    """What must hold. When each mark was first sent, acknowledged, and told of."""
    sent, withdrawn = len(sender.marks), len(sender.withdrawn)
    wait_for(f"{sent} alerts to be told", lambda: len(shape.told()) >= sent, PATIENCE)
    wait_for(f"{withdrawn} recalls to be told", lambda: len(shape.told("recalled")) >= withdrawn, PATIENCE)
    shape.all_ready()
    told, recalled, stored = shape.told(), shape.told("recalled"), sender.stored()
    keys, student = sender.keys(list(sender.marks)), shape.student_of()
    # One alert a student: `told` has an alert's keys, this the alerts of each.
    alert = {student[it]: it for it in told}
    received = [key_of(headers) for headers, _, _ in shape.receiver.received]
    copies = len(received) - len(set(received))
    verified = shape.as_rules("verify")
    print(f"{sent} marks acknowledged and {withdrawn} of them withdrawn, {stored} stored, {len(told)} alerts told, {len(recalled)} recalled, "
          f"{copies} messages sent again under the same key")
    print(verified.stdout.strip().splitlines()[-1] if verified.stdout else verified.stderr)
    wrong = [what for what, holds in (
        ("an acknowledged mark is not stored, or a withdrawn one is", stored == sent - withdrawn),
        ("a mark was not told, or an alert that no mark opened", len(told) == sent and alert.keys() == set(keys.values())),
        ("a withdrawn mark's alert was not recalled, or another one was", {student[it] for it in recalled} == {keys[it] for it in sender.withdrawn}),
        ("an alert was told, or recalled, under two keys", all(len(keys) == 1 for keys in (*told.values(), *recalled.values()))),
        ("too few marks were withdrawn to say anything of recalls", withdrawn >= 10),
        ("`homeroom verify` finds differences", verified.returncode == 0),
    ) if not holds]
    if wrong:
        raise SystemExit("; ".join(wrong))
    told_at = shape.told_at()
    return [(first, acknowledged, told_at[alert[keys[it]]]) for it, (first, acknowledged, _) in sender.marks.items()]


def begin_a_day(shape, sender):
    """A district with a school, in which it is nine in the morning, and one rule that tells at once."""
    now = datetime.now(timezone.utc)
    offset = 9 * 3600 - (now.hour * 3600 + now.minute * 60 + now.second)
    settings = {"clock": {"time_zone": "UTC", "offset_seconds": offset}, "failing_below": 6000}
    door = shape.of("ingestion")[0]
    door.put("/v1/settings", json.dumps(settings), "application/json", ("sis", shape.secret), shape.authority)
    pack = re.sub(r"settle-seconds: 600", "settle-seconds: 0", PACK.read_text())
    door.put("/v1/rule-pack", pack, "application/yaml", ("sis", shape.secret), shape.authority)
    sender.frame()


def versions(shape, around, before, binary):
    """From the version before to this one; back, where the database allows it; and on again. It ends with this one."""
    if change_version(shape, around, binary, "upgrade"):
        print("this version has changed the database, so there is no way back but a backup (docs/install.md)", flush=True)
        return
    change_version(shape, around, before, "rollback")
    change_version(shape, around, binary, "upgrade again")


def chosen(before):
    """The chapters that are told. One that is asked for and cannot be told is no success."""
    asked = os.environ.get("CHAPTERS", "").split()
    if unknown := set(asked) - set(CHAPTERS):
        raise SystemExit(f"CHAPTERS: there is no {', '.join(sorted(unknown))}; there are {', '.join(CHAPTERS)}")
    if "versions" in asked and not before:
        raise SystemExit("CHAPTERS: for `versions` HOMEROOM_BEFORE names the program of an earlier version")
    return [chapter for chapter in asked or CHAPTERS if before or chapter != "versions"]


def tell(folder, stop):
    """The whole story."""
    binary, before = os.environ["HOMEROOM_BINARY"], os.environ.get("HOMEROOM_BEFORE")
    chapters = chosen(before)
    began = time.monotonic()
    shape = Shape(folder, stop, before if "versions" in chapters else binary)
    print(f"three brokers, two of PostgreSQL, {shape.all_ready()} processes ready after {time.monotonic() - began:.0f} s", flush=True)
    sender = Sender(shape.door.port, shape.authority, shape.secret)
    begin_a_day(shape, sender)
    around = Around(shape, sender)
    sender.run(RATE, lambda: len(shape.told()))
    around("nothing lost", lambda: time.sleep(5))
    if "versions" in chapters:
        versions(shape, around, before, binary)
    if "scale" in chapters:
        scale(shape, around)
    if "losses" in chapters:
        losses(shape, around)
    sender.stop()
    print("\n".join(around.table(judge(shape, sender))))


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
