"""table.py OURS THEIRS: CPU seconds side by side, from the last line of homeroom-load and the lines of peer.py."""

import json
import pathlib
import sys

ours, theirs = (pathlib.Path(name).read_text().splitlines() for name in sys.argv[1:3])
run = json.loads(ours[-1])
value = {name: of["value"] for name, of in (run["figures"] | run["baselines"]).items()}
millions = run["settings"]["replayed"] / 1e6
facts, rules = (millions * value[name] for name in ("facts into ledgers", "years out of ledgers and ten rules"))
lines = [("Homeroom: words into ledgers, years, ten rules", facts + rules), ("  of it ten rules over ledgers that are there", rules)]
runs = {}
for line in map(json.loads, theirs):
    runs.setdefault((line["engine"], line["order"], line["threads"]), []).append(line["cpu_seconds"])
print(f"{value['words replayed']:,.0f} words of {run['settings']['replayed']:,} students,"
      f" {value['rows of ten rules, each as by hand']:,.0f} rows, all the same; CPU seconds, load {run['load_before']} to {run['load_after']}")
for name, seconds in lines:
    print(f"  {name:<60} {seconds:8.2f}")
for (engine, order, threads), seconds in runs.items():
    median = sorted(seconds)[len(seconds) // 2]
    name = f"{engine}, words by {order}, {threads} threads, median of {len(seconds)}"
    print(f"  {name:<60} {median:8.2f}   ours are {(facts + rules) / median:.2f} of it, rules alone {rules / median:.2f}")
