"""Brings each alert about by a real fault, follows its runbook, and prints what was seen."""

import time
from contextlib import closing

import trials_channels
import trials_database
import trials_doors
import trials_last
import trials_log
from trials import TRIALS, hurried, shipped
from waiting import wait_for
from world import section

# In this order: what is taken away last is needed before.
ORDER = (trials_doors, trials_channels, trials_database, trials_log, trials_last)

# A delivery that nobody takes is told of after five minutes.
PATIENCE_SECONDS = 420


def seen(prometheus, alert, instead):
    """Whether one of an alert's expressions says something now."""
    return any(prometheus.query(expression) for expression in hurried(alert, instead))


def tell(world, one, found):
    """One story; when each alert saw the fault is put into `found`."""
    for alert, instead in one.alerts.items():
        section(alert)
        if not one.begun and seen(world.prometheus, alert, instead):
            raise SystemExit(f"{alert} is there before anything is wrong")
    began, story = time.monotonic(), one.story(world)
    with closing(story):
        act = next(story)

        def all_seen():
            if act:
                act()
            for alert, instead in one.alerts.items():
                if alert not in found and seen(world.prometheus, alert, instead):
                    found[alert] = time.monotonic() - began
                    print(f"{alert}: seen after {found[alert]:.0f} s. {one.fault}", flush=True)
            return len(found) == len(one.alerts)

        wait_for(f"{', '.join(one.alerts)} to see it", all_seen, PATIENCE_SECONDS)
        for _ in story:
            raise SystemExit("the story goes on after its end")
    if one.ends:
        wait_for(f"{', '.join(one.alerts)} to end", lambda: not any(seen(world.prometheus, *it) for it in one.alerts.items()), PATIENCE_SECONDS)
    print(f"  mended by the runbook, {time.monotonic() - began:.0f} s in all", flush=True)


def table(rows):
    """What was seen, for the runbook."""
    yield "| alert | fault | seen after | instead of what is shipped |"
    yield "|---|---|---|---|"
    for alert, fault, after, instead in sorted(rows):
        words = ", ".join(f"`{new}` for `{old}`" for old, new in instead.items())
        yield f"| {alert.removeprefix('Homeroom')} | {fault} | {after:.0f} s | {words} |"


def try_each(world, only=()):
    """All of them, or those that have one of these alerts. What fails is told, and the others are tried all the same."""
    rows, failed = [], []
    for one in sorted(TRIALS, key=lambda it: [module.__name__ for module in ORDER].index(it.story.__module__)):
        if only and not set(only) & set(one.alerts):
            continue
        found = {}
        try:
            tell(world, one, found)
        except SystemExit as failure:
            print(f"FAIL  {', '.join(one.alerts)}: {failure}. {one.fault}", flush=True)
            failed += one.alerts
        rows += [(alert, one.fault, after, one.alerts[alert]) for alert, after in found.items() if alert not in failed]
    print("\n".join(table(rows)), flush=True)
    failed += sorted(set(shipped()) - {alert for one in TRIALS for alert in one.alerts})
    if failed:
        raise SystemExit(f"alerts that were not raised and mended: {', '.join(failed)}")
