"""What a process takes of memory when its queues are full: the measure of the chart's limits.

    python3 tests/chart/live/limits.py HOMEROOM_LOAD [BENCHMARK [ARGUMENT...]]

Runs benchmarks of tests/load, looks at the processes that they start, and prints the most that each role held (VmHWM). Memory hardly
depends on what else the machine does, so it need not be idle. HOMEROOM_LOAD is the program that tests/load/run builds; `homeroom` lies
beside it. Without a benchmark it runs those that fill queues. Not a part of tests/chart/run.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

FILLING = (
    ["push", "--turns", "1"],
    ["edfi", "--turns", "1"],
    ["rules", "--students", "60000", "--events", "420000"],
    ["feed", "--turns", "1"],
)


def children(parent):
    """The processes that a process has started, and those that they have."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            who, _, rest = stat.read_text().rpartition(") ")
        except OSError:
            continue
        if int(rest.split()[1]) == parent:
            yield int(who.split()[0])
            yield from children(int(who.split()[0]))


def held(process):
    """The role of a process of ours and what it held at most, MiB; nothing of others, and of one that has just ended."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_text().split("\0")
        most = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    except OSError:
        return None
    return (words[1], int(most[1]) // 1024) if most and Path(words[0]).name == "homeroom" else None


def measure(program, args):
    """The most of each role in one benchmark."""
    most = {}
    with subprocess.Popen([program, *args], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        while run.poll() is None:
            for role, mebibytes in filter(None, map(held, children(run.pid))):
                most[role] = max(most.get(role, 0), mebibytes)
            time.sleep(0.2)
        if run.returncode:
            sys.exit(f"{' '.join(args)}: {run.stderr.read()[-2000:]}")
    return most


def main():
    program, *args = sys.argv[1:]
    for benchmark in [args] if args else FILLING:
        for role, mebibytes in measure(program, benchmark).items():
            print(f"homeroom-load {' '.join(benchmark)}: {role} held {mebibytes} MiB at most", flush=True)


if __name__ == "__main__":
    main()
