"""The chart's settings tables against the structs that the binary reads.

A node of values.schema.json with a `$comment` such as `made from services/rules/src/config.rs Config without group` takes its
keys, types and descriptions from the Rust struct of that name: so the chart has no setting that the binary does not take, and
lacks none. Without arguments it compares; with `--write` it writes.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "charts/homeroom/values.schema.json"
MADE_FROM = re.compile(r"made from (?P<file>\S+) (?P<struct>\w+)(?: without (?P<without>.+))?$")
DATABASE = ("services/pg/src/config.rs", "Config", {"url", "url_file"})
INTEGERS = {"u8", "u16", "u32", "u64", "usize", "i32", "i64"}


class Unknown(Exception):
    """A type or struct that this script does not know."""


def fields(file, struct):
    """The public fields of a struct: name, type, words."""
    text = (ROOT / file).read_text()
    found = re.search(rf"pub struct {struct} \{{\n(.*?)\n\}}", text, re.S)
    if not found:
        raise Unknown(f"{file} has no struct {struct}")
    words = []
    for line in found.group(1).splitlines():
        line = line.strip()
        if line.startswith("///"):
            words.append(line[3:].strip())
        elif field := re.match(r"pub (\w+): (.+),$", line):
            yield field.group(1), field.group(2), plain(" ".join(words))
            words = []


def plain(words):
    """Without the links of a doc comment."""
    return re.sub(r"\[(`?[^\]]+`?)\](?:\([^)]*\))?", r"\1", words)


def schema_of(kind, file):
    """A field's type in JSON Schema, without its words."""
    if optional := re.match(r"Option<(.+)>$", kind):
        return schema_of(optional.group(1), file)
    if several := re.match(r"Vec<(.+)>$", kind):
        return {"type": "array", "items": schema_of(several.group(1), file)}
    if kind in INTEGERS:
        return {"type": "integer", "minimum": 0}
    if kind in ("String", "Network"):
        return {"type": "string"}
    if kind == "bool":
        return {"type": "boolean"}
    if kind == "homeroom_pg::Config":
        return table(*DATABASE)
    return table(file, kind, set())


def table(file, struct, without):
    """A struct as a closed object."""
    properties = {}
    for name, kind, words in fields(file, struct):
        if name not in without:
            properties[name.replace("_", "-")] = {"description": words, **schema_of(kind, file)}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def fill(node):
    """Puts what the structs say into each node that is made from one."""
    if isinstance(node, list):
        for part in node:
            fill(part)
    if not isinstance(node, dict):
        return
    source = MADE_FROM.match(node.get("$comment", "") if isinstance(node.get("$comment", ""), str) else "")
    if source:
        without = set((source["without"] or "").split())
        node.update(table(source["file"], source["struct"], without))
        return
    for part in node.values():
        fill(part)


def main():
    before = SCHEMA.read_text()
    schema = json.loads(before)
    fill(schema)
    after = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    if "--write" in sys.argv:
        SCHEMA.write_text(after)
    elif after != before:
        sys.exit("values.schema.json is not what the structs say: run `python3 tests/chart/settings.py --write`, and look at it")


if __name__ == "__main__":
    main()
