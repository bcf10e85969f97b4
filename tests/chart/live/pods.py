"""Containers as processes: what a kubelet does of it, with the mounts that a pod has and no others."""

import base64
import os
import re
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from waiting import ROOT, free_port


class Pod:
    """One pod of a rendered Deployment or Job: its files laid out, its ports its own."""

    def __init__(self, folder, one, objects, secrets):
        self.name = one["metadata"]["name"]
        self.spec = one["spec"]["template"]["spec"]
        self.folder = Path(folder) / self.name
        self.secrets = secrets
        self.configs = {it["metadata"]["name"]: it["data"] for it in objects if it["kind"] == "ConfigMap"}
        self.http, self.grpc, self.health, self.peers = free_port(), free_port(), free_port(), free_port()
        for volume in self.spec["volumes"]:
            self.mount(volume)
        self.binary, self.processes = os.environ["HOMEROOM_BINARY"], {}

    def mount(self, volume):
        """The files of one volume, root's and readable by the pod's group, as a kubelet has them."""
        at = self.folder / "etc" / volume["name"]
        at.mkdir(parents=True)
        if "configMap" in volume:
            files = self.configs.get(volume["configMap"]["name"]) or self.secrets[volume["configMap"]["name"]]
        else:
            sources = [source["secret"] | {"secretName": source["secret"]["name"]} for source in volume.get("projected", {}).get("sources", [])]
            files = {}
            for source in sources or [volume["secret"]]:
                held = self.secrets[source["secretName"]]
                items = source.get("items") or [{"key": key, "path": key} for key in held]
                files |= {item["path"]: held[item["key"]] for item in items}
        for name, text in files.items():
            file = at / name
            file.write_text(text)
            os.chown(file, 0, self.spec["securityContext"]["fsGroup"])
            file.chmod(0o440 if "configMap" not in volume else 0o444)

    def rewrite(self, called):
        """Puts this machine's paths and ports into its files. `called` has the port of each service's that others call, by
        the service's name and the port in the cluster."""
        file = self.folder / "etc/config/homeroom.toml"
        text = file.read_text().replace("/etc/homeroom/", f"{self.folder}/etc/")
        for port, own in ((8080, self.http), (8081, self.grpc), (8082, self.health), (8083, self.peers)):
            text = text.replace(f'"0.0.0.0:{port}"', f'"127.0.0.1:{own}"')
        for (service, port), own in called.items():
            text = re.sub(rf'"https://{service}\.[^"]+:{port}"', f'"https://localhost:{own}"', text)
        file.chmod(0o644)
        file.write_text(text)
        for file in (self.folder / "etc").rglob("*url"):
            file.write_text(file.read_text().replace("DATABASE_CA", f"{self.folder}/etc/database-ca/ca.crt"))

    def start(self, container):
        """Starts one container as the pod's user."""
        args = [str(arg).replace("/etc/homeroom/config", f"{self.folder}/etc/config") for arg in container["args"]]
        user, group = (self.spec["securityContext"][key] for key in ("runAsUser", "runAsGroup"))
        log = (self.folder / f"{container['name']}.log").open("ab")
        self.processes[container["name"]] = subprocess.Popen(
            [self.binary, *args], cwd="/", env={"PATH": "/usr/bin:/bin"}, user=user, group=group, extra_groups=[],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def command(self, args):
        """A command of the program where its container is, with its configuration file; the process, which has ended."""
        config = ["--config", f"{self.folder}/etc/config/homeroom.toml"]
        user, group = (self.spec["securityContext"][key] for key in ("runAsUser", "runAsGroup"))
        return subprocess.run([self.binary, *args, *config], cwd="/", env={"PATH": "/usr/bin:/bin"}, user=user, group=group, extra_groups=[],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300)

    def run_to_the_end(self):
        """A job: its init containers, then its container, each tried again as `OnFailure` does."""
        for container in self.spec.get("initContainers", []) + self.spec["containers"]:
            for _ in range(10):
                self.start(container)
                if self.processes[container["name"]].wait(120) == 0:
                    break
                time.sleep(1)
            else:
                raise SystemExit(f"{self.name}, {container['name']}: {self.log(container['name'])[-2000:]}")

    def log(self, container):
        """What a container has said."""
        return (self.folder / f"{container}.log").read_text()

    def ask(self, path, authority):
        """A probe: the status of an answer, 0 when there is none, and its text."""
        context = ssl.create_default_context(cadata=authority.ca)
        try:
            with urllib.request.urlopen(f"https://localhost:{self.health}{path}", context=context, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def put(self, path, body, kind, key, authority):
        """What an administrator puts in force."""
        credentials = base64.b64encode(":".join(key).encode()).decode()
        headers = {"authorization": f"Basic {credentials}", "content-type": kind}
        request = urllib.request.Request(f"https://localhost:{self.http}{path}", data=body.encode(), method="PUT", headers=headers)
        try:
            with urllib.request.urlopen(request, context=ssl.create_default_context(cadata=authority.ca), timeout=60):
                pass
        except urllib.error.HTTPError as error:
            raise SystemExit(f"PUT {path}: {error.code} {error.read().decode()}") from None

    def memory(self):
        """What its processes hold of memory now, and held at most, in MiB."""
        status = "".join(Path(f"/proc/{process.pid}/status").read_text() for process in self.processes.values())
        return tuple(sum(int(kib) for kib in re.findall(rf"{key}:\s+(\d+) kB", status)) // 1024 for key in ("VmRSS", "VmHWM"))

    def time_to_ready(self, authority):
        """Starts its only container, which does not run; how long it takes until it is ready, in seconds."""
        began = time.monotonic()
        self.start(self.spec["containers"][0])
        while self.ask("/readyz", authority)[0] != 200:
            if time.monotonic() - began > 60:
                raise SystemExit(f"{self.name} is not ready after a minute: {self.log(self.spec['containers'][0]['name'])[-2000:]}")
            time.sleep(0.01)
        return time.monotonic() - began

    def drain(self):
        """Tells it to end; how long that took, in seconds."""
        began = time.monotonic()
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for name, process in self.processes.items():
            grace = self.spec["terminationGracePeriodSeconds"]
            try:
                code = process.wait(grace)
            except subprocess.TimeoutExpired:
                process.kill()
                raise SystemExit(f"{self.name} did not end within {grace} s: {self.log(name)[-2000:]}") from None
            if code:
                raise SystemExit(f"{self.name} ended with {code}: {self.log(name)[-2000:]}")
        return time.monotonic() - began

    def kill(self):
        """Whatever still runs."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()


def client(args, environment):
    """A client command of the binary; what it prints."""
    run = subprocess.run([os.environ["HOMEROOM_BINARY"], *args], env={"PATH": "/usr/bin:/bin", **environment}, cwd=ROOT,
                         capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"homeroom {' '.join(args)}: {run.stdout[-1500:]}{run.stderr[-1500:]}")
    return run.stdout
