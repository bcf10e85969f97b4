"""What a release finds: its namespace with the secrets that docs/install.md names, neighbours, and operators that answer it."""

import base64

# Which secrets a mode finds made before, and what it finds them with: docs/install.md and the head of each mode's file.
ACCESS = {"homeroom-access": ("keys.toml", "token.key"), "homeroom-pseudonyms": ("springfield.key",)}
DATABASE = {"homeroom-database": ("ingestion-url", "rules-url", "notification-url", "log-url"),
            "homeroom-migration": ("url", "ingestion-password", "rules-password", "notification-password", "bus-password")}
WEBHOOK, MAIL = {"homeroom-channel-webhook": ("feed.key", "signing.key")}, {"homeroom-channel-mail": ("feed.key", "password")}
CANARY = {"homeroom-canary": ("canary.key",)}
TEAMS = {"homeroom-teams": ("springfield.yaml",)}
SECRETS = {
    "minimal": ACCESS | DATABASE | WEBHOOK,
    "large-district": ACCESS | DATABASE | WEBHOOK,
    "single-node": ACCESS | DATABASE | MAIL,
    "operators": ACCESS | DATABASE | WEBHOOK | MAIL | TEAMS | CANARY | {"homeroom-db-ca": ("ca.crt",), "homeroom-log-cluster-ca-cert": ("ca.crt",)},
    "secured": TEAMS | {name: ("ca.crt",) for name in ("kafka-ca", "database-ca", "otlp-ca")} | {"registry": (".dockerconfigjson",)}
    | {"entrance-tls": ("tls.crt", "tls.key")} | {f"kafka-{part}": ("password",) for part in ("ingestion", "rules", "notification", "setup")},
}
CONFIG_MAPS = {"minimal": ("homeroom-teams",), "large-district": ("homeroom-teams",), "single-node": ("homeroom-teams",),
               "operators": ("homeroom-ca",), "secured": ()}
# What an object in a store outside has, by the last part of its key.
STORED = {"access": ACCESS["homeroom-access"], "pseudonyms": ACCESS["homeroom-pseudonyms"], "database": DATABASE["homeroom-database"],
          "migration": DATABASE["homeroom-migration"], "canary": ("springfield.key", "shelbyville.key"), "channel-mail": MAIL["homeroom-channel-mail"],
          "channel-webhook": ("feed.key", "signing-new.key", "signing-old.key", "district-hooks.key")}
# Enough for the largest mode while it is replaced, and no more than a quota that somebody may have set.
QUOTA = {"requests.cpu": "60", "requests.memory": "120Gi", "limits.cpu": "160", "limits.memory": "160Gi",
         "requests.ephemeral-storage": "20Gi", "limits.ephemeral-storage": "40Gi", "pods": "100"}


def owned_by(owner):
    """With whom an object goes."""
    return [{"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}]


def secret(namespace, name, keys, owner=None):
    """A secret with something in each key."""
    metadata = {"name": name, "namespace": namespace}
    if owner:
        metadata["ownerReferences"] = owned_by(owner)
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata,
            "data": {key: base64.b64encode(b"something").decode() for key in keys}}


def pod(namespace, name, labels, **spec):
    """A neighbour: a pod as `restricted` wants it, with a port 5432 and 9093 as a store would have."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"}}
    resources = {key: {"cpu": "10m", "memory": "16Mi", "ephemeral-storage": "16Mi"} for key in ("requests", "limits")}
    container = {"name": "it", "image": "neighbour:1", "securityContext": security, "resources": resources}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"containers": [container]} | spec}


def namespace(name, **labels):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


# Pods that are there whatever the release does: (namespace, name, labels).
NEIGHBOURS = [
    ("gateways", "gateway", {"app": "gateway"}), ("ingress-nginx", "controller", {"app": "nginx"}),
    ("monitoring", "prometheus", {"app": "prometheus"}), ("kube-system", "dns", {"k8s-app": "kube-dns"}),
    ("elsewhere", "stranger", {"app": "stranger"}),
]
# And those in the release's own namespace.
HOUSEMATES = [
    ("stranger", {"app": "stranger"}),
    ("database", {"cnpg.io/cluster": "homeroom-db"}),
    ("broker", {"strimzi.io/cluster": "homeroom-log", "strimzi.io/kind": "Kafka"}),
]


def make_neighbours(api):
    """Other namespaces, and who lives there."""
    there = {one["metadata"]["name"] for one in api.list("Namespace")}
    for at, name, labels in NEIGHBOURS:
        if at not in there:
            api.create(namespace(at))
        api.create(pod(at, name, labels))


def prepare(api, mode, at):
    """The release's namespace: restricted, with a quota, housemates, and what the mode finds made before."""
    levels = {f"pod-security.kubernetes.io/{what}": "restricted" for what in ("enforce", "warn")}
    api.create(namespace(at, **levels))
    api.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "all", "namespace": at}, "spec": {"hard": QUOTA}})
    for name, keys in SECRETS[mode].items():
        api.create(secret(at, name, keys))
    for name in CONFIG_MAPS[mode]:
        api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": at}, "data": {"ca.crt": ""}})


def move_in(api, at):
    """The housemates, once the namespace has its account."""
    for name, labels in HOUSEMATES:
        api.create(pod(at, name, labels))


def operators_answer(api, at):
    """The secrets that operators make of what a release asks for. cert-manager's have no owner, and stay; the others' go with theirs.

    Gives the names of those that stay.
    """
    stay = {one["spec"]["secretName"] for one in api.list("Certificate", at)}
    wanted = [secret(at, name, ("tls.crt", "tls.key", "ca.crt")) for name in sorted(stay)]
    for one in api.list("KafkaUser", at):
        keys = ("password",) if one["spec"]["authentication"]["type"] == "scram-sha-512" else ("ca.crt", "user.crt", "user.key")
        wanted.append(secret(at, one["metadata"]["name"], keys, owner=one))
    for one in api.list("ExternalSecret", at):
        stored = one["spec"]["dataFrom"][0]["extract"]["key"].rsplit("/", 1)[-1]
        wanted.append(secret(at, one["spec"]["target"]["name"], STORED[stored], owner=one))
    wanted += [keda_scaler(at, one) for one in api.list("ScaledObject", at)]
    there = {(kind, one["metadata"]["name"]) for kind in ("Secret", "HorizontalPodAutoscaler") for one in api.list(kind, at)}
    for one in wanted:
        if (one["kind"], one["metadata"]["name"]) not in there:
            api.create(one)
    return stay


def keda_scaler(at, scaled):
    """What KEDA makes of a ScaledObject: Kubernetes' own scaler, which asks KEDA for a number (nobody answers here)."""
    spec, name = scaled["spec"], scaled["metadata"]["name"]
    metric = {"type": "External", "external": {"metric": {"name": "s0-kafka"}, "target": {"type": "AverageValue", "averageValue": "1"}}}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": f"keda-hpa-{name}", "namespace": at, "ownerReferences": owned_by(scaled)},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec["scaleTargetRef"]["name"]},
                     "minReplicas": spec["minReplicaCount"], "maxReplicas": spec["maxReplicaCount"], "metrics": [metric]}}
