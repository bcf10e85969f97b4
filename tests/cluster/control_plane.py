"""etcd, the API server, its controllers, its scheduler and KWOK, on free ports of this machine and with keys made for this run."""

import os
import secrets
import socket
import subprocess
import time
from pathlib import Path

from api import Api, Refused
from waiting import Failed, wait_for

HERE = Path(__file__).resolve().parent
ZONES = 3
NODES = 6


def free_ports(count):
    """Ports that nobody listens on, each once."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class ControlPlane:
    """Runs until `stop`."""

    def __init__(self, tools, work):
        self.bin, self.stages, self.work = tools / "bin", tools / "stages", work
        self.etcd, self.peer, self.api_port, self.controllers, self.scheduler, self.kwok = free_ports(6)
        self.token = secrets.token_hex(24)
        self.processes = {}
        self.kubeconfig, self.audit = work / "kubeconfig", work / "audit.log"
        self.make_keys()
        self.api = Api(self.api_port, self.token, work / "ca.crt")

    def make_keys(self):
        """An authority, the API server's certificate, the key of service accounts, and the administrator's token."""
        run = lambda *args: subprocess.run(["openssl", *args], cwd=self.work, check=True, capture_output=True)
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        run("req", "-x509", *curve, "-days", "2", "-subj", "/CN=tests", "-keyout", "ca.key", "-out", "ca.crt")
        run("req", *curve, "-subj", "/CN=kube-apiserver", "-keyout", "server.key", "-out", "server.csr")
        (self.work / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc\n")
        run("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names",
            "-out", "server.crt")
        run("genrsa", "-out", "accounts.key", "2048")
        run("rsa", "-in", "accounts.key", "-pubout", "-out", "accounts.pub")
        tokens = self.work / "tokens.csv"
        tokens.touch(0o600)
        tokens.write_text(f'{self.token},admin,admin,"system:masters"\n')
        self.kubeconfig.touch(0o600)
        self.kubeconfig.write_text(
            "apiVersion: v1\nkind: Config\ncurrent-context: tests\ncontexts: [{name: tests, context: {cluster: tests, user: admin}}]\n"
            f'clusters: [{{name: tests, cluster: {{server: "https://127.0.0.1:{self.api_port}", certificate-authority: "{self.work}/ca.crt"}}}}]\n'
            f'users: [{{name: admin, user: {{token: "{self.token}"}}}}]\n')

    def up(self, program, *args):
        """Starts one of the programs."""
        with (self.work / f"{program}.log").open("wb") as log:
            self.processes[program] = subprocess.Popen(
                [str(self.bin / program), *args], cwd=self.work, env={"PATH": os.environ["PATH"], "HOME": str(self.work)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def answers(self, condition):
        """Whether a condition of the API holds; fails at once when a program has ended."""
        for program, process in self.processes.items():
            if process.poll() is not None:
                log = (self.work / f"{program}.log").read_text()[-1500:]
                raise SystemExit(f"{program} ended with {process.returncode}: {log}")
        try:
            return condition()
        except Refused:
            return False

    def start(self):
        """Starts everything, and waits until a pod could run; gives the seconds that it took."""
        began = time.monotonic()
        client, peer, work = f"http://127.0.0.1:{self.etcd}", f"http://127.0.0.1:{self.peer}", self.work
        self.up("etcd", "--name", "tests", "--data-dir", f"{work}/etcd", "--unsafe-no-fsync", "--listen-client-urls", client,
                "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", f"tests={peer}")
        self.up("kube-apiserver", "--etcd-servers", client, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
                f"--secure-port={self.api_port}", "--endpoint-reconciler-type=none", f"--tls-cert-file={work}/server.crt",
                f"--tls-private-key-file={work}/server.key", f"--client-ca-file={work}/ca.crt", f"--token-auth-file={work}/tokens.csv",
                "--authorization-mode=RBAC", "--anonymous-auth=false", "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={work}/accounts.pub", f"--service-account-signing-key-file={work}/accounts.key",
                "--service-cluster-ip-range=10.96.0.0/16", f"--audit-policy-file={HERE}/audit.yaml", f"--audit-log-path={self.audit}")
        wait_for("the API server is ready", lambda: self.answers(lambda: self.api.ask("/readyz") == "ok"))
        self.up("kube-controller-manager", f"--kubeconfig={self.kubeconfig}", "--bind-address=127.0.0.1", f"--secure-port={self.controllers}",
                f"--cert-dir={work}/controllers", "--leader-elect=false", "--use-service-account-credentials",
                f"--root-ca-file={work}/ca.crt", f"--service-account-private-key-file={work}/accounts.key",
                "--horizontal-pod-autoscaler-sync-period=2s")
        self.up("kube-scheduler", f"--kubeconfig={self.kubeconfig}", "--bind-address=127.0.0.1", f"--secure-port={self.scheduler}",
                f"--cert-dir={work}/scheduler", "--leader-elect=false")
        stages = work / "stages.yaml"
        stages.write_text("\n---\n".join(file.read_text() for file in (*sorted(self.stages.glob("*.yaml")), HERE / "stages.yaml")))
        self.up("kwok", f"--kubeconfig={self.kubeconfig}", "--manage-all-nodes=true", "--node-ip=127.0.0.1",
                f"--server-address=127.0.0.1:{self.kwok}", f"--config={stages}")
        for number in range(NODES):
            self.api.create(node(number))
        wait_for("every node is ready", lambda: self.answers(lambda: all(ready(one) for one in self.api.list("Node"))))
        wait_for("namespaces have an account", lambda: self.answers(lambda: self.api.find("ServiceAccount", "default", "default")))
        return time.monotonic() - began

    def stop(self):
        """Ends what was started, the last first."""
        for process in reversed(self.processes.values()):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def node(number):
    """A machine that is only said to be there."""
    room = {"cpu": "32", "memory": "64Gi", "ephemeral-storage": "100Gi", "pods": "110"}
    name = f"node-{number}"
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}, "labels": {
            "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
            "topology.kubernetes.io/zone": f"zone-{number % ZONES}"}},
        "status": {"allocatable": room, "capacity": room, "nodeInfo": {
            "architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "fake", "bootID": "", "containerRuntimeVersion": "",
            "kernelVersion": "", "kubeProxyVersion": "", "machineID": "", "osImage": "", "systemUUID": ""}},
    }


def ready(one):
    """Whether an object says of itself that it is ready."""
    return any(it["type"] == "Ready" and it["status"] == "True" for it in one.get("status", {}).get("conditions") or [])
