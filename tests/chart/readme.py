"""The chart's README: its table of values is made from values.schema.json and values.yaml. Without arguments it compares; with
`--write` it writes."""

import json
import sys
from pathlib import Path

import yaml

CHART = Path(__file__).resolve().parents[2] / "charts/homeroom"
README = CHART / "README.md"
BEGIN, END = "<!-- values: made by tests/chart/readme.py -->\n", "<!-- end of values -->\n"


def rows(schema, defaults, path):
    """A row for each value that is set as a whole."""
    for name, node in schema["properties"].items():
        here = f"{path}.{name}" if path else name
        default = (defaults or {}).get(name)
        if name == "global":
            continue
        if node.get("properties") and "$comment" not in node and default:
            yield from rows(node, default, here)
        elif "$comment" in node:
            keys = ", ".join(f"`{key}`" for key in keys_of(node))
            yield here, default, f"{node['description']} Keys: {keys}."
        else:
            words = node["description"]
            # A switch says what it switches.
            yield here, default, words.replace("Whether", schema["description"].rstrip("."), 1) if name == "enabled" else words + choices(node)


def keys_of(node, path=""):
    """The keys of a settings table, those of tables below it with their path."""
    for name, below in node["properties"].items():
        here = f"{path}.{name}" if path else name
        if "properties" in below:
            yield from keys_of(below, here)
        else:
            yield here


def choices(node):
    """What may be chosen, when that is few."""
    return " One of " + ", ".join(f"`{choice}`" for choice in node["enum"]) + "." if "enum" in node else ""


def cell(value):
    """A default as it is written, on one line."""
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`".replace("|", "\\|") if len(text) <= 60 else "see values.yaml"


def made():
    """The README with the values as they are."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    before, rest = README.read_text().split(BEGIN)
    after = rest.split(END)[1]
    lines = ["| Value | Default | |", "|---|---|---|"]
    for path, default, words in rows(schema, defaults, ""):
        lines.append(f"| `{path}` | {cell(default)} | {words.replace('|', chr(92) + '|')} |")
    return before + BEGIN + "\n".join(lines) + "\n" + END + after


def undescribed(node, path=""):
    """Values without a word about them."""
    for name, below in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        if not below.get("description"):
            yield here
        if not below.get("$ref"):
            yield from undescribed(below, here)


def main():
    silent = list(undescribed(json.loads((CHART / "values.schema.json").read_text())))
    if silent:
        sys.exit(f"values without a description: {', '.join(silent)}")
    text = made()
    if "--write" in sys.argv:
        README.write_text(text)
    elif text != README.read_text():
        sys.exit("the chart's README is not what its values say: run `tests/chart/run --write`")


if __name__ == "__main__":
    main()
