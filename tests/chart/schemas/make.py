"""Makes the schemas beside it, which kubeconform judges rendered objects by. Run it to take another version, not in CI.

    tests/chart/schemas/make.py KUBERNETES_SCHEMAS CRD.yaml...

KUBERNETES_SCHEMAS is `kubernetes_validate/kubernetes-json-schema/v1.36.0-local-strict` of the Python package kubernetes-validate
(1.37.0). The files of custom resources come from these Go modules (`go mod download`): prometheus-operator v0.85.0, keda v2.21.0,
gateway-api v1.6.3, cert-manager v1.21.2, external-secrets v1.3.2. Only kinds that the chart or its examples use are kept, without
their descriptions, each in one file with every definition that it needs.

`strimzi` and `cnpg` in this folder are made by hand, of the fields that the chart and its examples use, since their definitions
come in no package; docs of both name more.
"""

import json
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
KINDS = """configmap-v1 service-v1 serviceaccount-v1 secret-v1 deployment-apps-v1 job-batch-v1 pod-v1 namespace-v1
networkpolicy-networking-v1 ingress-networking-v1 horizontalpodautoscaler-autoscaling-v2
poddisruptionbudget-policy-v1""".split()
CUSTOM = {
    ("ServiceMonitor", "v1"), ("PrometheusRule", "v1"), ("ScaledObject", "v1alpha1"), ("TriggerAuthentication", "v1alpha1"),
    ("HTTPRoute", "v1"), ("GRPCRoute", "v1"), ("BackendTLSPolicy", "v1"), ("Certificate", "v1"), ("ExternalSecret", "v1"),
}
WORDS = ("description", "$schema", "x-kubernetes-group-version-kind", "x-kubernetes-validations", "default", "example")


def bare(node, within_properties=False):
    """Without words that judge nothing. A property may be called like one of them."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if within_properties or key not in WORDS}
        return {
            key: bare(value, key in ("properties", "definitions", "$defs") and not within_properties)
            for key, value in kept.items()
        }
    if isinstance(node, list):
        return [bare(part) for part in node]
    return node


def references(node):
    """The names of definitions that are referred to."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rsplit("/", 1)[-1]
        for part in node.values():
            yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


def local(node):
    """References within the file itself."""
    if isinstance(node, dict):
        return {
            key: "#/definitions/" + value.rsplit("/", 1)[-1] if key == "$ref" and isinstance(value, str) else local(value)
            for key, value in node.items()
        }
    return [local(part) for part in node] if isinstance(node, list) else node


def write(name, schema):
    (HERE / f"{name}.json").write_text(json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n")


def kubernetes(folder):
    definitions = json.loads((folder / "_definitions.json").read_text())["$defs"]
    for kind in KINDS:
        schema = json.loads((folder / f"{kind}.json").read_text())
        schema.pop("$id", None)
        needed, left = {}, list(references(schema))
        while left:
            name = left.pop()
            if name not in needed:
                needed[name] = definitions[name]
                left.extend(references(definitions[name]))
        schema["definitions"] = needed
        write(kind, local(bare(schema)))


def strict(node):
    """Unknown fields are refused, as an API server would drop them."""
    if isinstance(node, list):
        return [strict(part) for part in node]
    if not isinstance(node, dict):
        return node
    node = {key: strict(value) for key, value in node.items()}
    if node.pop("x-kubernetes-int-or-string", False):
        for key in ("type", "format", "anyOf"):
            node.pop(key, None)
        node["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    free = node.pop("x-kubernetes-preserve-unknown-fields", False)
    if isinstance(node.get("properties"), dict) and node.get("type") == "object" and not free:
        node.setdefault("additionalProperties", False)
    return node


def custom(file):
    for crd in yaml.safe_load_all(file.read_text()):
        if not crd or crd.get("kind") != "CustomResourceDefinition":
            continue
        spec = crd["spec"]
        for version in spec["versions"]:
            kind = spec["names"]["kind"]
            if (kind, version["name"]) not in CUSTOM:
                continue
            schema = bare(version["schema"]["openAPIV3Schema"])
            schema["properties"].pop("status", None)
            schema = strict(schema)
            schema["properties"]["metadata"] = {"type": "object"}
            write(f"{kind.lower()}-{spec['group'].split('.')[0]}-{version['name']}", schema)


if __name__ == "__main__":
    kubernetes(Path(sys.argv[1]))
    for argument in sys.argv[2:]:
        custom(Path(argument))
