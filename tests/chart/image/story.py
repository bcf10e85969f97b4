"""A container of the rendered mode `single-node` is started by `podman kube play` as its Deployment says, and answers."""

import os
import secrets as chance
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "live"))

from authority import Authority  # noqa: E402
from pods import Pod  # noqa: E402
from postgres import Postgres  # noqa: E402
from waiting import ROOT, wait_for  # noqa: E402

CHART = ROOT / "charts/homeroom"
ROLES = ("ingestion", "rules", "notification", "bus")


def homeroom(*args, **environment):
    """A command in the image itself, on this machine's network."""
    variables = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
    command = ["podman", "run", "--rm", "--network=host", "--read-only", "--cap-drop=all", *variables, "homeroom:0.1.0", *args]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"homeroom {args[0]}: {run.stderr[-2000:]}")


def rendered():
    """The mode's objects, with the database's authority mounted."""
    command = ["helm", "template", "homeroom", str(CHART), "-f", str(CHART / "modes/single-node.yaml"), "--set", "database.ca.secret=db-ca"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [one for one in yaml.safe_load_all(text) if one]


def pod(folder, objects, authority, postgres, password):
    """The rules service's Deployment on the machine's network, at free ports, with the files that a kubelet would have mounted."""
    one = next(it for it in objects if (it["kind"], it["metadata"]["name"]) == ("Deployment", "homeroom-rules"))
    url = f"postgresql://homeroom_%s:{password}@localhost:{postgres.port}/homeroom?sslmode=verify-full&sslrootcert=/etc/homeroom/database-ca/ca.crt"
    made = Pod(folder, one, objects, {
        "homeroom-access": {"keys.toml": "", "token.key": chance.token_hex(32)},
        "homeroom-database": {"rules-url": url % "rules", "log-url": url % "bus"},
        "db-ca": {"ca.crt": authority.ca},
    })
    config = made.folder / "etc/config/homeroom.toml"
    config.write_text(config.read_text().replace("0.0.0.0:8080", f"127.0.0.1:{made.http}").replace("0.0.0.0:8081", f"127.0.0.1:{made.grpc}")
                      .replace("0.0.0.0:8082", f"127.0.0.1:{made.health}"))
    spec = one["spec"]["template"]["spec"]
    spec["hostNetwork"] = True
    spec["volumes"] = [{"name": it["name"], "hostPath": {"path": f"{made.folder}/etc/{it['name']}", "type": "Directory"}} for it in spec["volumes"]]
    # Probes and limits are a cluster's; here there is neither a kubelet nor, always, a controller of memory.
    for key in ("startupProbe", "readinessProbe", "livenessProbe", "resources", "ports"):
        spec["containers"][0].pop(key)
    one["spec"]["replicas"] = 1
    return one, made.health


def answer(health, path):
    """The status of an answer, and its text."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{health}{path}", timeout=5) as answered:
            return answered.status, answered.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def status_of(name):
    """What the kernel says of the container's process."""
    inspected = subprocess.run(["podman", "inspect", "--format", "{{.State.Pid}}", name], check=True, capture_output=True, text=True)
    lines = Path(f"/proc/{inspected.stdout.strip()}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def tell(folder, stop):
    """The story."""
    authority, owner, password = Authority(folder / "ca"), chance.token_hex(16), chance.token_hex(16)
    postgres = Postgres(folder / "postgres", authority, owner)
    stop.append(postgres.stop)
    # Required, not verified: the authority's file is not in the image.
    url = f"postgresql://homeroom:{owner}@localhost:{postgres.port}/homeroom?sslmode=require"
    homeroom("migrate", DATABASE_URL=url)
    for role in ROLES:
        sql = f"alter role homeroom_{role} password '{password}'"
        postgres.run("psql", "-h", str(postgres.folder), "-p", str(postgres.port), "-U", "postgres", "-d", "homeroom", "-c", sql)
    homeroom("topics", "create", "--partitions", "4", DATABASE_URL=url.replace(f"homeroom:{owner}", f"homeroom_bus:{password}"))
    one, health = pod(folder / "pods", rendered(), authority, postgres, password)
    file = folder / "pod.yaml"
    file.write_text(yaml.safe_dump(one))
    stop.append(lambda: subprocess.run(["podman", "kube", "down", str(file)], capture_output=True, check=False))
    run = subprocess.run(["podman", "kube", "play", str(file)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"podman kube play: {run.stderr}")
    wait_for("the container to be ready", lambda: answer(health, "/readyz")[0] == 200)
    name = "homeroom-rules-pod-rules" if "homeroom-rules-pod" in run.stdout else subprocess.run(
        ["podman", "ps", "--format", "{{.Names}}"], check=True, capture_output=True, text=True).stdout.split()[-1]
    status = status_of(name)
    if status["Uid"].split()[0] != "10001" or int(status["CapEff"], 16) or status["NoNewPrivs"].strip() != "1" or status["Seccomp"].strip() != "2":
        raise SystemExit(f"it may do more than it needs: {status['Uid']}, {status['CapEff']}, {status['NoNewPrivs']}, {status['Seccomp']}")
    print(f"a rendered Deployment answers as user 10001, without capabilities: {answer(health, '/readyz')[1].strip()}")


def main():
    stop = []
    with tempfile.TemporaryDirectory(prefix="homeroom-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            tell(folder, stop)
        finally:
            for end in reversed(stop):
                end()


if __name__ == "__main__":
    os.umask(0o022)
    main()
