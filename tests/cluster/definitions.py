"""What operators define of their own: from their modules, and for those that have none, from the schemas of tests/chart."""

import json

import yaml

from waiting import ROOT, wait_for

SCHEMAS = ROOT / "tests/chart/schemas"
# Kinds whose schema in tests/chart was made by hand: (file, group, version, kind, plural).
BY_HAND = [
    ("kafkatopic-kafka-v1", "kafka.strimzi.io", "v1", "KafkaTopic", "kafkatopics"),
    ("kafkauser-kafka-v1", "kafka.strimzi.io", "v1", "KafkaUser", "kafkausers"),
]

# And those that modules define, by the names of their files.
BY_MODULES = "servicemonitors prometheusrules scaledobjects triggerauthentications httproutes grpcroutes backendtlspolicies certificates externalsecrets"


class Loader(yaml.CSafeLoader):
    """Reads `=` as a text, as everybody but YAML 1.1 does."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)


def structural(node):
    """A JSON schema as a definition wants it: closed by itself, and `any of these types` said in its own way."""
    if isinstance(node, list):
        return [structural(part) for part in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("type"), list):
        return {"x-kubernetes-preserve-unknown-fields": True}
    kept = {key: structural(value) for key, value in node.items() if key != "$comment"}
    if kept.get("additionalProperties") is False:
        del kept["additionalProperties"]
    if "enum" in kept:
        kept.setdefault("type", "string")
    return kept


def by_hand(file, group, version, kind, plural):
    """A definition around a schema made by hand."""
    schema = structural(json.loads((SCHEMAS / f"{file}.json").read_text()))
    schema["properties"] = {"spec": schema["properties"]["spec"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{"name": version, "served": True, "storage": True, "schema": {
                "openAPIV3Schema": {"type": "object", "properties": schema["properties"], "required": ["spec"]}}}],
        },
    }


def define(api, folder):
    """Makes the definitions of what the chart has, of the folder and by hand; gives how many."""
    files = [next(folder.glob(f"*_{name}.yaml")) for name in BY_MODULES.split()]
    made = [next(yaml.load_all(file.read_text(), Loader)) for file in files] + [by_hand(*one) for one in BY_HAND]
    for one in made:
        # A webhook of the operator converts other versions; there is no operator here.
        one["spec"].pop("conversion", None)
        one.pop("status", None)
        api.create(one)
    wait_for("every definition is taken up", lambda: all(established(one) for one in api.list("CustomResourceDefinition")))
    # The server says so before it can answer.
    wait_for("every kind can be listed", lambda: api.everything("default"))
    return len(made)


def established(one):
    """Whether the server serves what a definition defines."""
    return any(it["type"] == "Established" and it["status"] == "True" for it in one.get("status", {}).get("conditions") or [])
