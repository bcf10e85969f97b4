"""Conditions that are waited for, and how a check fails."""

import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120


class Failed(Exception):
    """What was expected, and of which object."""


def wait_for(what, condition):
    """Waits until the condition gives something true, and gives that; a condition that raises `Failed` is not there yet."""
    end, why = time.monotonic() + PATIENCE_SECONDS, None
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except Failed as error:
            why = error
        time.sleep(0.1)
    raise Failed(f"not within {PATIENCE_SECONDS} s: {what}" + (f": {why}" if why else ""))


def expect(holds, what):
    """Fails with `what` unless it holds."""
    if not holds:
        raise Failed(what)
