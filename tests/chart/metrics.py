"""Alerts and dashboard only ask for metrics that the code has, and each alert has its heading in the
runbook and a story in which it fires."""

import json
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/homeroom"
# What Prometheus itself keeps of each target.
PROMETHEUS = {"up"}
# What a histogram is stored as.
PARTS = ("_bucket", "_count", "_sum")


def known():
    """Every metric's name that the code says."""
    names = set(PROMETHEUS)
    for file in (ROOT / "services").rglob("*.rs"):
        names.update(re.findall(r'"(homeroom_[a-z0-9_]+)"', file.read_text()))
    return names


def asked(expression):
    """The metrics that an expression asks for; series of recording rules have colons in their names."""
    for name in re.findall(r"(?<![\w:])(?:up(?=\{)|homeroom_[a-z0-9_]+)", expression):
        yield next((name.removesuffix(part) for part in PARTS if name.endswith(part)), name)


def expressions():
    """Every expression, with where it is."""
    for group in yaml.safe_load((CHART / "alerts/homeroom.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield f"alert {rule.get('alert', rule.get('record'))}", rule["expr"]
    board = json.loads((CHART / "dashboards/homeroom.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield f"panel {panel['title']}", target["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", variable["query"]


def alerts():
    for group in yaml.safe_load((CHART / "alerts/homeroom.yaml").read_text())["groups"]:
        yield from (rule for rule in group["rules"] if "alert" in rule)


def problems():
    names = known()
    for where, expression in expressions():
        wanted = set(asked(expression))
        for name in sorted(wanted - names):
            yield f"{where} asks for `{name}`, which the code does not have"
        if not wanted and ":" not in expression:
            yield f"{where} asks for nothing"
    headings = set(re.findall(r"^## (\w+)$", (CHART / "docs/runbook.md").read_text(), re.M))
    stories = "".join(file.read_text() for file in (ROOT / "tests/chart").glob("alerts*.yaml"))
    names_of_alerts = {rule["alert"] for rule in alerts()}
    for name in sorted(names_of_alerts ^ headings):
        yield f"{name} is an alert or a heading of the runbook, and not both"
    for rule in alerts():
        if rule["annotations"].get("runbook_url") != f"RUNBOOK#{rule['alert'].lower()}":
            yield f"{rule['alert']} does not link to its heading of the runbook"
        if not re.search(rf"value: [1-9]\d*, labels: '{{alertname=\"{rule['alert']}\"", stories):
            yield f"{rule['alert']} fires in no story of tests/chart/alerts.yaml"
        if rule["labels"].get("severity") not in ("critical", "warning"):
            yield f"{rule['alert']} has no severity"


if __name__ == "__main__":
    found = list(problems())
    if found:
        sys.exit("\n".join(found))
    print(f"{len(list(alerts()))} alerts and their headings, {len(list(expressions()))} expressions")
