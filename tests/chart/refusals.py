"""Values that contradict the schema or each other are refused, with words that help: refusals.yaml, against the mode `minimal`."""

import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
CHART = HERE.parents[1] / "charts/homeroom"


def refusal(helm, values):
    """What Helm says when the mode with these values is rendered, empty when it takes them."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        command = [helm, "template", "homeroom", str(CHART), "-f", str(CHART / "modes/minimal.yaml"), "-f", file.name]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stderr if run.returncode else ""


def main():
    helm = sys.argv[1]
    wrong = []
    if said := refusal(helm, {}):
        wrong.append(f"the mode itself is refused: {said}")
    cases = yaml.safe_load((HERE / "refusals.yaml").read_text())
    for case in cases:
        said = refusal(helm, case["values"])
        if not said:
            wrong.append(f"{case['why']}: was taken")
        for words in case["says"]:
            if said and words not in said:
                wrong.append(f"{case['why']}: does not say `{words}`: {said.strip()}")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(cases)} refused, each with words that help")


if __name__ == "__main__":
    main()
