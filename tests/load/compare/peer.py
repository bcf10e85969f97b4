"""peer.py DIR duckdb|polars arrival|student THREADS: CPU seconds of the ten rules over the words that `homeroom-load` wrote to DIR, and whether
the rows are the same, one by one. One line of JSON."""

import importlib
import json
import os
import pathlib
import resource
import sys

import numpy as np


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def read(folder, name, columns):
    layout = np.dtype([(column, "<u4" if column == "student" else "u1") for column in columns])
    return np.fromfile(folder / f"{name}.bin", dtype=layout)


def columns_of(table, names):
    return {name: np.ascontiguousarray(table[name]) for name in names}


def packed(student, rule, day, begins):
    number = np.asarray(student).astype(np.uint64)
    for part in (rule, day, begins):
        number = number << np.uint64(8) | np.asarray(part).astype(np.uint64)
    number.sort()
    return number


def main():
    folder, engine, order, threads = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    peer = importlib.import_module(f"by_{engine}")
    words = read(folder, "words", ("student", "day", "code", "revision", "arrives"))
    if order == "arrival":
        words = words[np.argsort(words["arrives"], kind="stable")]
    spells = read(folder, "spells", ("student", "e1", "x1", "e2", "x2"))
    job, rows = peer.prepare(columns_of(words, ("student", "day", "code", "revision")),
                             columns_of(spells, ("student", "e1", "x1", "e2", "x2")), threads)
    began = cpu()
    job()
    took = cpu() - began
    theirs = packed(*rows())
    ours = read(folder, "rows", ("student", "rule", "day", "begins"))
    ours = packed(*(ours[name] for name in ("student", "rule", "day", "begins")))
    differ = len(np.setxor1d(ours, theirs, assume_unique=True))
    print(json.dumps({"engine": f"{engine} {peer.VERSION}", "order": order, "threads": threads,
                      "cpu_seconds": round(took, 3), "rows": len(theirs), "rows_that_differ": differ}), flush=True)
    sys.exit(differ > 0 or len(ours) != len(theirs))


main()
