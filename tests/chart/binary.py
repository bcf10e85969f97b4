"""The binary takes every configuration file of the rendered modes: binary.py BINARY FILE...

Each part is started with its own file, its mounted files made up, and a database that refuses connections. A file that cannot be
used ends it with code 64 before anything is opened; whatever else it ends with, or that it goes on trying, says that the file is good.
"""

import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

EX_USAGE = 64
# A part that has not refused its file by then has taken it: files are read before anything is waited for.
PATIENCE_SECONDS = 5
NOBODY = "postgresql://homeroom@127.0.0.1:1/homeroom"
KEYS = '[[key]]\nid = "k"\ndistrict = "d"\nsource = "s"\nscopes = ["feed"]\nsecret-sha256 = "%s"\n' % ("0" * 64)
CONTENT = {
    "keys.toml": KEYS, "token.key": "0123456789abcdef0123456789abcdef", "url": NOBODY, "d.key": "by-content:0123456789abcdef",
    "feed.key": "k:secret", "password": "secret", "d.yaml": "teams: []\n",
    # Canaries' keys.
    "canary.key": "k:secret", "springfield.key": "k:secret", "shelbyville.key": "k:secret",
}
SIGNING = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def certificate(folder):
    """A key and a certificate that is its own authority."""
    key, crt = folder / "made.key", folder / "made.crt"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=test",
               "-keyout", str(key), "-out", str(crt)]
    subprocess.run(command, check=True, capture_output=True)
    return crt.read_text(), key.read_text()


def content(name, crt, key):
    """What is in a mounted file of this name."""
    if name.endswith(".crt"):
        return crt
    if name in ("tls.key", "user.key"):
        return key
    if name.endswith("-url"):
        return NOBODY
    return CONTENT.get(name, "secret" if name.endswith("password") else SIGNING)


def lay_out(folder, config, crt, key):
    """Makes every file that the configuration names, and the file itself with their paths."""
    here = str(folder / "etc")
    for path in re.findall(r'"/etc/homeroom/([^"]+)"', config):
        path += {"pseudonyms": "/d.key", "routing": "/d.yaml"}.get(path.rsplit("/", 1)[-1], "")
        file = folder / "etc" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content(file.name, crt, key))
        file.chmod(0o600)
    written = folder / "homeroom.toml"
    written.write_text(config.replace("/etc/homeroom", here))
    return written


def refusal(binary, args, config, crt, key):
    """What the part says when it refuses its file, else nothing."""
    with tempfile.TemporaryDirectory() as name:
        file = lay_out(Path(name), config, crt, key)
        command = [binary] + [str(file) if arg == "/etc/homeroom/config/homeroom.toml" else arg for arg in args]
        environment = {"PATH": "/usr/bin:/bin"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as part:
            try:
                _, said = part.communicate(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                part.kill()
                return None
        return said if part.returncode == EX_USAGE else None


def composed(file):
    """The same of a compose file."""
    config = (file.parent / "compose/homeroom.toml").read_text()
    for who, service in yaml.safe_load(file.read_text())["services"].items():
        if service["image"].startswith("homeroom:"):
            yield who, [str(arg) for arg in service["command"]], config


def parts(file):
    """Every container that has a configuration file: who, its arguments, the file."""
    if file.name == "compose.yaml":
        yield from composed(file)
        return
    objects = [one for one in yaml.safe_load_all(file.read_text()) if one]
    configs = {one["metadata"]["name"]: one["data"].get("homeroom.toml") for one in objects if one["kind"] == "ConfigMap"}
    for one in objects:
        if one["kind"] not in ("Deployment", "Job"):
            continue
        spec = one["spec"]["template"]["spec"]
        config = configs[next(it for it in spec["volumes"] if it["name"] == "config")["configMap"]["name"]]
        for container in spec["containers"] + spec.get("initContainers", []):
            yield container["name"], [str(arg) for arg in container["args"]], config


def main():
    binary, files = sys.argv[1], sys.argv[2:]
    # Modes share files; no need to try one twice.
    different = {}
    for file in files:
        for who, args, config in parts(Path(file)):
            different.setdefault((tuple(args), config), f"{Path(file).stem}: {who}")
    with tempfile.TemporaryDirectory() as name:
        crt, key = certificate(Path(name))
    # It must be able to refuse.
    if not refusal(binary, ["rules", "--config", "/etc/homeroom/config/homeroom.toml"], "[rules]\nno-such-key = 1\n", crt, key):
        sys.exit("the binary takes a key that there is not: this test would pass whatever is rendered")
    with ThreadPoolExecutor(max_workers=32) as starter:
        said = starter.map(lambda it: refusal(binary, list(it[0]), it[1], crt, key), different)
    wrong = [f"{who} refuses its file: {words.strip()}" for who, words in zip(different.values(), said) if words]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(different)} configuration files are taken")


if __name__ == "__main__":
    main()
