"""Renders the choices of variants.yaml: variants.py HELM FOLDER."""

import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
CHART = HERE.parents[1] / "charts/homeroom"


def main():
    helm, folder = sys.argv[1], Path(sys.argv[2])
    variants = yaml.safe_load((HERE / "variants.yaml").read_text())
    for variant in variants:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(variant["values"], file)
            file.flush()
            mode = CHART / f"modes/{variant['mode']}.yaml"
            command = [helm, "template", "homeroom", str(CHART), "-n", "homeroom", "-f", str(mode), "-f", file.name]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            sys.exit(f"{variant['name']}: {run.stderr}")
        (folder / f"{variant['name']}.yaml").write_text(run.stdout)
    print(f"{len(variants)} variants")


if __name__ == "__main__":
    main()
