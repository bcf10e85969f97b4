"""A fault that is made, the alerts that must see it, and the runbook followed to its end: what a story of alarms is made of.

A story is a generator. Before its first `yield` the fault is made; what it yields is done again until the alerts see it (a rate takes two
readings), or `None`. Behind it the runbook is followed, with its own commands and words, until what was wrong is mended.

The time that an alert waits (`for`) is left out: what is tried is that the fault is seen, by the metric that the process has, in the expression
that the chart's alert has. `tests/chart/alerts.yaml` tries the waiting, with made-up series. Where an expression looks at half an hour or a
week, a trial says what stands there instead: all the rest of it is as it is shipped.
"""

from dataclasses import dataclass
from typing import Callable

import yaml
from prometheus import CHART

TRIALS = []


@dataclass
class Trial:
    """One fault."""

    # What stands in an alert's expressions instead of what is shipped.
    alerts: dict
    # Whether they must be silent again when it is mended; a counter's alert is so only after its window.
    ends: bool
    # Whether another story has made the fault before, so that the alerts may see it from the beginning.
    begun: bool
    story: Callable

    @property
    def fault(self):
        """What is made, in words."""
        return self.story.__doc__.split("\n", maxsplit=1)[0]


def trial(*alerts, ends=False, begun=False):
    """A story in which these alerts must see something: names, or names with what is hurried."""
    named = dict((one, {}) if isinstance(one, str) else one for one in alerts)

    def register(story):
        TRIALS.append(Trial(named, ends, begun, story))
        return story
    return register


def shipped():
    """Each alert's expressions, by its name."""
    found = {}
    for group in yaml.safe_load((CHART / "alerts/homeroom.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                found.setdefault(rule["alert"], []).append(rule["expr"])
    return found


def hurried(alert, instead):
    """An alert's expressions, with what a trial puts into them."""
    expressions = shipped()[alert]
    for old, new in instead.items():
        if not any(old in expression for expression in expressions):
            raise SystemExit(f"{alert} has no `{old}` that could be hurried")
        expressions = [expression.replace(old, new) for expression in expressions]
    return expressions
