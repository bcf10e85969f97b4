"""The rows by DuckDB, from tables in memory: flags.sql, which says how."""

import pathlib

import duckdb
import pyarrow as pa

SHARE = """select student, {rule}::utinyint as rule, greatest(o, 9)::smallint as day, true as begins from absences
where least(next, {m} * n) > greatest(o, 9) and not (o > 9 and {m} * (n - 1) >= o)
union all select student, {rule}, {m} * n, false from absences where {m} * n > greatest(o, 9) and {m} * n < next"""


def prepare(words, spells, threads):
    db = duckdb.connect(config={"threads": threads, "preserve_insertion_order": False})
    for name, columns in (("words", words), ("spells", spells)):
        db.register("given", pa.table(columns))
        db.execute(f"create table {name} as select * from given")
        db.unregister("given")
    share = "\nunion all ".join(SHARE.format(rule=rule, m=m) for rule, m in enumerate((20, 10, 5)))
    statements = pathlib.Path(__file__).with_name("flags.sql").read_text().replace("{share}", share)

    def job():
        db.execute(statements)

    def rows():
        found = db.execute("select student, rule, day::utinyint as day, begins from flags").fetchnumpy()
        return found["student"], found["rule"], found["day"], found["begins"]

    return job, rows


VERSION = duckdb.__version__
