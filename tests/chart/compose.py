"""deploy/compose.yaml against the Compose Specification's schema, and against the files that it names."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "deploy/compose.yaml"
SCHEMA = ROOT / "tests/chart/schemas/compose-spec.json"


def made_by_prepare():
    """The paths that deploy/compose/prepare makes, from a run of it beside a copy of nothing else."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "deploy/compose/prepare"
        copy.parent.mkdir(parents=True)
        copy.write_text((ROOT / "deploy/compose/prepare").read_text())
        first, second = run_in(copy, name), run_in(copy, name)
        if first != second:
            sys.exit("deploy/compose/prepare makes other secrets when it is run again")
        return set(second) | {str(path.relative_to(name)) for path in Path(name).rglob("*") if path.is_dir()}


def run_in(script, folder):
    """What is in every file after the script has run."""
    subprocess.run(["bash", str(script)], check=True, capture_output=True)
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def sources(services):
    """What is mounted from this machine, as paths from the root."""
    for who, service in services.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                yield who, str((FILE.parent / source).resolve().relative_to(ROOT))


def problems(file):
    schema = json.loads(SCHEMA.read_text())
    for error in jsonschema.Draft202012Validator(schema).iter_errors(file):
        yield f"{'/'.join(str(part) for part in error.absolute_path)}: {error.message}"
    services, made = file["services"], made_by_prepare()
    for who, source in sources(services):
        if not (ROOT / source).exists() and source not in made:
            yield f"{who} mounts {source}, which nobody makes"
    for name, secret in file["secrets"].items():
        source = str((FILE.parent / secret["file"]).resolve().relative_to(ROOT))
        if source not in made:
            yield f"secret {name} is {source}, which nobody makes"
    config = (ROOT / "deploy/compose/homeroom.toml").read_text()
    for path in made_paths(config):
        if f"var/compose/files/{path}" not in made:
            yield f"homeroom.toml names {path}, which nobody makes"
    for who, service in services.items():
        for other in service.get("depends_on", []):
            if other not in services:
                yield f"{who} waits for {other}, which there is not"
        if service["image"].endswith(":latest") or ":" not in service["image"]:
            yield f"{who} may be another image tomorrow"
        if service["image"].startswith("homeroom") and not (service.get("read_only") and service.get("cap_drop") == ["ALL"]):
            yield f"{who} may do more than it needs"


def made_paths(config):
    """The mounted files that a configuration names."""
    return [part.split('"')[0] for part in config.split("/etc/homeroom/files/")[1:]]


if __name__ == "__main__":
    found = list(problems(yaml.safe_load(FILE.read_text())))
    if found:
        sys.exit("\n".join(found))
    print("valid, and every file that it names is there")
