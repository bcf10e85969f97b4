"""The story that run tells of each mode: story.py TOOLS WORK [--keep] [MODE...]"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import checks
import definitions
import surroundings
import written
import yaml
from control_plane import ControlPlane
from waiting import ROOT, Failed, expect, wait_for

MODES = ("minimal", "operators", "secured", "large-district", "single-node")
NAME = "homeroom"
# What comes and goes by itself; Helm's own book-keeping goes with the release, which `helm uninstall` says.
PASSING = {"Pod", "ReplicaSet", "EndpointSlice", "Endpoints", "ControllerRevision"}


class Release:
    """One release of the chart, in a namespace of its own."""

    def __init__(self, plane, work, mode):
        self.plane, self.api, self.mode, self.work = plane, plane.api, mode, work
        self.at, self.said, self.failures = f"homeroom-{mode}", "", 0
        # The secrets that cert-manager has made.
        self.certificates = set()

    def helm(self, *args, fails=False):
        """Runs Helm; what it says is kept, and shown when it ends otherwise than it should."""
        home = {f"HELM_{what}_HOME": str(self.work / "helm" / what.lower()) for what in ("CACHE", "CONFIG", "DATA")}
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.work), "KUBECONFIG": str(self.plane.kubeconfig)} | home
        run = subprocess.run(["helm", *args, "--namespace", self.at], env=environment, capture_output=True, text=True, check=False)
        self.said = run.stdout + run.stderr
        expect((run.returncode != 0) == fails, f"helm {args[0]} ended with {run.returncode}: {self.said[-2000:]}")

    def values(self, chart, *more):
        """The options that choose the mode. The large district's file says how much, and goes behind another one."""
        files = ["minimal", "large-district"] if self.mode == "large-district" else [self.mode]
        return [option for file in files for option in ("-f", str(chart / f"modes/{file}.yaml"))] + [
            option for one in more for option in ("--set", one)]

    def objects(self):
        """What there is that stays."""
        return {(kind, name) for kind, name in self.api.everything(self.at) if kind not in PASSING and not name.startswith("sh.helm.release")}

    def check(self, stage, name, of, *args):
        """One check; a failure is told with the mode and the stage, and the story goes on."""
        began = time.monotonic()
        try:
            word = of(*args)
        except Failed as error:
            self.failures += 1
            print(f"FAIL  {self.mode}, {stage}: {name}: {error}", flush=True)
            return
        print(f"ok    {self.mode:14} {stage:12} {name:22} {time.monotonic() - began:5.1f} s  {word}", flush=True)

    def live(self, stage, tag):
        """Everything that must hold while it lives."""
        self.check(stage, "deployments", checks.available, self, tag)
        for name, of in checks.LIVING.items():
            self.check(stage, name, of, self)


def step(release, stage, order, *helm, fails=False):
    """Something that Helm does, how long it took, and in which order it was done."""
    since, began = written.Written(release.plane.audit, release.at), time.monotonic()
    release.helm(*helm, fails=fails)
    print(f"      {release.mode:14} {stage:12} helm {helm[0]} in {time.monotonic() - began:.1f} s", flush=True)
    release.certificates |= surroundings.operators_answer(release.api, release.at)
    strimzi = bool(release.api.list("KafkaTopic", release.at))
    release.check(stage, "order", order, since, strimzi)


def tell(release, before, chart):
    """Installed and uninstalled as it is; then installed as it was, upgraded badly, upgraded well, rolled back, and uninstalled."""
    api, at = release.api, release.at
    surroundings.prepare(api, release.mode, at)
    wait_for("the namespace has its account", lambda: api.find("ServiceAccount", at, "default") and api.find("ConfigMap", at, "kube-root-ca.crt"))
    surroundings.move_in(api, at)
    found, waited = release.objects(), ("--wait", "--timeout=5m")

    step(release, "install", written.installed, "install", NAME, str(chart), *release.values(chart, "image.tag=this"), *waited)
    release.live("install", "this")
    release.check("install", "desk", checks.desk_comes_and_goes, release, desk(release, chart))
    step(release, "uninstall", written.rolled_back, "uninstall", NAME, *waited)
    release.check("uninstall", "nothing left", left, release, found)

    # The chart as it was is judged only by what an upgrade and a rollback must keep.
    step(release, "as it was", written.installed, "install", NAME, str(before), *release.values(before, "image.tag=before"), *waited)
    release.check("as it was", "deployments", checks.available, release, "before")
    installed = release.objects()

    bad = release.values(chart, "image.tag=bad", "migration.backoffLimit=0", 'pod.labels.tests\\.homeroom/fails=yes')
    step(release, "bad upgrade", written.refused, "upgrade", NAME, str(chart), *bad, *waited, fails=True)
    release.check("bad upgrade", "deployments", checks.available, release, "before")

    step(release, "upgrade", written.upgraded, "upgrade", NAME, str(chart), *release.values(chart, "image.tag=after"), *waited)
    release.live("upgrade", "after")

    step(release, "rollback", written.rolled_back, "rollback", NAME, "1", *waited)
    release.check("rollback", "deployments", checks.available, release, "before")
    release.check("rollback", "mounts", checks.mounts_are_there, release)
    stay = {("Secret", name) for name in release.certificates}
    release.check("rollback", "objects", same, installed - stay, release.objects() - stay)

    step(release, "uninstall", written.rolled_back, "uninstall", NAME, *waited)
    release.check("uninstall", "nothing left", left, release, found)


def desk(release, chart):
    """The objects of a command at the desk, as docs/guide.md has them made."""
    release.helm("template", NAME, str(chart), *release.values(chart, "image.tag=this", "desk.command={doctor}"), "--show-only", "templates/desk.yaml")
    return [one for one in yaml.safe_load_all(release.said) if one]


def same(were, are):
    """After a rollback there is what there was."""
    more, fewer = sorted(are - were), sorted(were - are)
    expect(not more and not fewer, f"more than before: {more}; less: {fewer}")
    return f"{len(are)} as they were"


def left(release, found):
    """What an uninstall leaves: what docs/install.md says, by name, and by its own commands nothing."""
    api, at = release.api, release.at
    topics = {("KafkaTopic", f"homeroom.{it}.v1") for it in ("events", "reference", "directory", "alerts", "dead-letters")}
    stay = topics if release.mode == "operators" else set()
    stay = stay | {("Secret", name) for name in release.certificates}

    def settled():
        more, fewer = (release.objects() - found) - stay, (found | stay) - release.objects()
        expect(not more and not fewer, f"left behind: {sorted(more)}; gone, and should have stayed: {sorted(fewer)}")
        pods = [one["metadata"]["name"] for one in api.list("Pod", at) if "app.kubernetes.io/part-of" in one["metadata"].get("labels", {})]
        expect(not pods, f"pods left behind: {pods}")
        kept = [one["metadata"]["name"] for one in api.list("Secret", at) if one["metadata"]["name"].startswith("sh.helm.release")]
        expect(not kept, f"Helm's own left behind: {kept}")
        return True
    wait_for("only what is said to stay is left", settled)
    for kind, name in stay:
        api.delete(kind, at, name)
    release.certificates = set()
    wait_for("nothing is left when that is deleted as the documentation says", lambda: release.objects() == found)
    return f"{len(stay)} that must outlive it" if stay else "nothing"


def main():
    tools, work, rest = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    modes = [one for one in rest if one != "--keep"] or MODES
    if unknown := set(modes) - set(MODES):
        sys.exit(f"no such mode: {sorted(unknown)}; there are {', '.join(MODES)}")
    began, failures = time.monotonic(), 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    plane = ControlPlane(tools, work)
    try:
        print(f"the control plane is up after {plane.start():.1f} s", flush=True)
        print(f"{definitions.define(plane.api, tools / 'definitions')} definitions of operators", flush=True)
        surroundings.make_neighbours(plane.api)
        for mode in modes:
            since, release = time.monotonic(), Release(plane, work, mode)
            try:
                tell(release, work / "before/charts/homeroom", ROOT / "charts/homeroom")
            except Failed as error:
                release.failures += 1
                print(f"FAIL  {mode}: {error}", flush=True)
            failures += release.failures
            print(f"      {mode}: {time.monotonic() - since:.1f} s, {release.failures} failures", flush=True)
        if "--keep" in rest:
            print(f"KUBECONFIG={plane.kubeconfig}; Ctrl-C ends it", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        plane.stop()
        shutil.rmtree(work, ignore_errors=True)
    if failures:
        sys.exit(f"{failures} checks failed, after {time.monotonic() - began:.0f} s")
    print(f"{len(modes)} modes hold, after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
