"""The rows by Polars, from frames in memory. The same arithmetic as flags.sql; a sort by one packed number, and shifts, do what windows do
there."""

import polars as pl
from polars import col as c, lit

SMALL = pl.Int16


def prepare(words, spells, _threads):
    words, spells = pl.DataFrame(words).lazy(), pl.DataFrame(spells).lazy()
    found = {}

    def job():
        found["rows"] = flags(words, spells)

    def rows():
        of = found["rows"]
        return tuple(of[name].to_numpy() for name in ("student", "rule", "day", "begins"))

    return job, rows


def facts(words):
    """What was said last of each day: corrections are few."""
    packed = (c("student").cast(pl.UInt64) * 256 + c("day")).alias("cell")
    corrected = (words.filter(c("revision") > 1).with_columns(packed).sort("revision").group_by("cell")
                 .agg(c("student").last(), c("day").last(), c("code").last()).collect())
    first = (words.filter(c("revision") == 1).with_columns(packed)
             .join(corrected.lazy().select("cell"), on="cell", how="anti"))
    columns = ["student", "day", "code"]
    return pl.concat([first.select(columns), corrected.lazy().filter(c("code").is_in([2, 3, 4])).select(columns)])


def counted(words, spells):
    """Each fact by which of the student's days it is of, in their order."""
    day = c("day").cast(SMALL)
    e1, x1, e2, x2 = (c(name).cast(SMALL) for name in ("e1", "x1", "e2", "x2"))
    o = pl.when(day < x1).then(day - e1).otherwise(x1 - e1 + day - e2)
    all_facts = facts(words).join(spells, on="student", how="left").select(
        "student", "code", o=o.fill_null(day), days=(x1 - e1 + x2 - e2).fill_null(180))
    return all_facts.sort(c("student").cast(pl.UInt64) * 256 + c("o").cast(pl.UInt64)).collect()


def before(k):
    return pl.when(c("student").shift(k) == c("student")).then(c("o").shift(k))


def following():
    return pl.when(c("student").shift(-1) == c("student")).then(c("o").shift(-1)).otherwise(c("days"))


def row(frame, rule, day, begins, when):
    return frame.filter(when).select(
        "student", rule=lit(rule, pl.UInt8), day=day.cast(pl.UInt8), begins=lit(begins))


def window(frame, rule, width, last, longer):
    """So many of the last days: up to the day on which the first of them is too old."""
    end = c(last) + width
    holds = (end > c("o")).fill_null(False)
    return [row(frame, rule, c("o"), True, holds & (c(longer) + width < c("o")).fill_null(True)),
            row(frame, rule, end, False, holds & (end < c("next")))]


def streak(frame, rule, length, last, longer):
    holds = (c(last) == c("o") - (length - 1)).fill_null(False)
    return [row(frame, rule, c("o"), True, holds & (c(longer) != c("o") - length).fill_null(True)),
            row(frame, rule, c("o") + 1, False, holds & (c("next") > c("o") + 1) & (c("o") + 1 < c("days")))]


def share(frame, rule, m):
    start, end, end_before = pl.max_horizontal("o", lit(9, SMALL)), c("n") * m, (c("n") - 1) * m
    return [row(frame, rule, start, True, (pl.min_horizontal(c("next"), end) > start) & ~((c("o") > 9) & (end_before >= c("o")))),
            row(frame, rule, end, False, (end > start) & (end < c("next")))]


def pace(frame):
    end, end_before = c("n") // 2 * 20, (c("n") - 1) // 2 * 20
    holds = end > c("o")
    return [row(frame, 8, c("o"), True, holds & (end_before < c("o"))),
            row(frame, 8, end, False, holds & (end < c("next"))),
            row(frame, 8, c("o"), False, ~holds & (end_before >= c("o")) & (c("o") > 0))]


def flags(words, spells):
    everything = counted(words, spells).lazy()
    new = c("student").shift(1).ne_missing(c("student"))
    unexcused = c("code") == 2
    absences = everything.filter(c("code").is_in([2, 3])).with_row_index("at").with_columns(
        first=pl.when(new).then(c("at")).forward_fill(), sum=unexcused.cast(pl.UInt32).cum_sum())
    absences = absences.with_columns(
        n=(c("at") - c("first") + 1).cast(SMALL),
        unexcused=c("sum") - pl.when(new).then(c("sum") - unexcused.cast(pl.UInt32)).forward_fill(),
        next=following(), **{f"l{k}": before(k) for k in (2, 3, 4, 5, 8, 9)})
    absences = absences.drop("at", "first", "sum").collect().lazy()
    tardies = everything.filter(c("code") == 4).with_columns(next=following(), l2=before(2), l3=before(3)).collect().lazy()
    parts = [*share(absences, 0, 20), *share(absences, 1, 10), *share(absences, 2, 5),
             *streak(absences, 3, 3, "l2", "l3"), *window(absences, 4, 45, "l4", "l5"),
             *streak(absences, 5, 5, "l4", "l5"), *window(absences, 6, 45, "l8", "l9"),
             row(absences, 7, c("o"), True, (c("code") == 2) & (c("unexcused") == 5)),
             *pace(absences), *window(tardies, 9, 20, "l2", "l3")]
    return pl.concat(pl.collect_all(parts))


VERSION = pl.__version__
