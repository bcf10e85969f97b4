"""What the NetworkPolicies that live say of the pods that live: who may speak to whom, judged as Kubernetes defines it."""

import ipaddress
from collections import namedtuple

# A pod, or an address outside the cluster (which has no namespace). `house` are the labels of its namespace, `ports` numbers by name.
Actor = namedtuple("Actor", "name namespace house labels address ports")
SERVICES = ("ingestion", "rules", "notification")
PORTS = {"http": 8080, "grpc": 8081, "health": 8082, "peers": 8083}


def chosen(selector, labels):
    """Whether a selector of labels chooses these; an empty one chooses all."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for one in selector.get("matchExpressions", []):
        there, among = one["key"] in labels, labels.get(one["key"]) in one.get("values", [])
        if not {"In": among, "NotIn": not among, "Exists": there, "DoesNotExist": not there}[one["operator"]]:
            return False
    return True


def is_peer(peer, actor, home):
    """Whether a peer of a policy in namespace `home` is this actor. A block of addresses also holds pods that have one of them."""
    if block := peer.get("ipBlock"):
        address = ipaddress.ip_address(actor.address)
        return address in ipaddress.ip_network(block["cidr"]) and not any(
            address in ipaddress.ip_network(but) for but in block.get("except", []))
    if not actor.namespace:
        return False
    if "namespaceSelector" in peer:
        return chosen(peer["namespaceSelector"], actor.house) and chosen(peer.get("podSelector", {}), actor.labels)
    return actor.namespace == home and chosen(peer["podSelector"], actor.labels)


def is_port(rule, target, protocol, port):
    """Whether a rule is of this port of the target."""
    if not rule.get("ports"):
        return True
    return any(one["protocol"] == protocol and port == target.ports.get(one["port"], one["port"]) for one in rule["ports"])


def lets(policies, direction, who, peer, target, protocol, port):
    """Whether the policies that choose `who` let it speak with `peer` in this direction; who is chosen by none may."""
    own = [policy for policy in policies if policy["metadata"]["namespace"] == who.namespace
           and direction in policy["spec"]["policyTypes"] and chosen(policy["spec"]["podSelector"], who.labels)]
    if not own:
        return True
    side = "to" if direction == "Egress" else "from"
    return any(is_port(rule, target, protocol, port) and (not rule.get(side) or any(is_peer(one, peer, who.namespace) for one in rule[side]))
               for policy in own for rule in policy["spec"].get(direction.lower(), []))


def may(policies, source, target, port, protocol="TCP"):
    """Whether both ends let this through."""
    return lets(policies, "Egress", source, target, target, protocol, port) and lets(policies, "Ingress", target, source, target, protocol, port)


def outside(address):
    """An address that is no pod's."""
    return Actor(address, "", {}, {}, address, {})


def actors(api, namespaces, at):
    """Every pod of these namespaces; those of the release by the name of their part, its own namespace first."""
    found = {}
    for namespace in namespaces:
        house = api.find("Namespace", "", namespace)["metadata"]["labels"]
        for one in api.list("Pod", namespace):
            labels, status = one["metadata"].get("labels", {}), one.get("status", {})
            if "deletionTimestamp" in one["metadata"] or not status.get("podIP"):
                continue
            ports = {port["name"]: port["containerPort"] for it in one["spec"]["containers"] for port in it.get("ports", []) if "name" in port}
            part = labels.get("app.kubernetes.io/component") if namespace == at else None
            name = part or one["metadata"]["name"] + ("" if namespace == at else f".{namespace}")
            found.setdefault(name, []).append(Actor(name, namespace, house, labels, status["podIP"], ports))
    return found


# By mode: who are clients, who looks at metrics (`None` is whoever there is), where database and Kafka are, which addresses a
# webhook's adapter must not reach beside the private ones, whether the feed asks adapters for a certificate, at a port of its own, and
# where a canary that does not call the services inside goes.
SHAPES = {
    "minimal": {"clients": None, "monitoring": None, "database": "10.9.0.5", "kafka": ("10.9.0.6", 9092)},
    "large-district": {"clients": None, "monitoring": None, "database": "10.9.0.5", "kafka": ("10.9.0.6", 9092)},
    "single-node": {"clients": None, "monitoring": None, "database": "10.9.0.5", "kafka": None},
    "operators": {"clients": ("gateway.gateways",), "monitoring": ("prometheus.monitoring",), "database": "database", "kafka": ("broker", 9093),
                  "mutual": True, "canary": None},
    "secured": {"clients": ("controller.ingress-nginx",), "monitoring": ("prometheus.monitoring",), "database": "10.20.1.5",
                "kafka": ("10.20.2.5", 9093), "telemetry": "prometheus.monitoring", "ours": ("203.0.113.7", "2001:db8:20::7"),
                "mail": ("10.20.0.25", 465), "mutual": True, "canary": ("10.20.3.10", 443)},
}
WORLD = ("93.184.215.14", "2a00:1450:4001::65")
INSIDE = ("10.9.9.9", "172.20.0.1", "192.168.1.1", "169.254.169.254", "100.100.0.1", "fd00::1", "fe80::1")


def comes_in(shape, source, target):
    """Which ports of a service or an adapter a pod may reach."""
    feed = "peers" if shape.get("mutual") else "grpc"
    if source in (*SERVICES, "setup") or target == "setup":
        return set()
    if source.startswith("channel-"):
        return {feed} if target == "notification" else set()
    if source == "canary":
        return {"ingestion": {"http"}, "notification": {"grpc"}}.get(target, set()) if not shape["canary"] else set()
    ports = set()
    if target in SERVICES and (shape["clients"] is None or source in shape["clients"]):
        ports |= {"http", "grpc"} if target == "ingestion" else {"grpc"}
    if shape["monitoring"] is None or source in shape["monitoring"]:
        ports.add("health")
    return ports


def expectations(mode, names):
    """Everything that is expected, as (source, target, port, protocol, whether): targets that are addresses are outside."""
    shape = SHAPES[mode]
    ours = [name for name in names if name in (*SERVICES, "setup", "canary") or name.startswith("channel-")]
    for source in names:
        for target in (one for one in ours if one != source):
            wanted = comes_in(shape, source, target)
            for name, port in PORTS.items():
                yield source, target, port, "TCP", name in wanted
    for source in ours:
        client = source == "canary" or source.startswith("channel-")
        yield source, "dns.kube-system", 53, "UDP", True
        yield source, "stranger.elsewhere", 443, "TCP", False
        yield source, shape["database"], 5432, "TCP", not client
        if shape["kafka"]:
            yield source, *shape["kafka"], "TCP", not client
        if "telemetry" in shape:
            yield source, shape["telemetry"], 4317, "TCP", source != "setup"
        port, leaves = leaving(shape, source)
        for address in WORLD:
            yield source, address, port, "TCP", leaves
        for address in (*INSIDE, *shape.get("ours", ())):
            yield source, address, port, "TCP", False
        if source == "channel-mail" and "mail" in shape:
            yield source, *shape["mail"], "TCP", True
        if source == "canary" and shape["canary"]:
            yield source, *shape["canary"], "TCP", True


def leaving(shape, source):
    """By which port an adapter leaves the cluster, and whether it does."""
    if source == "channel-mail":
        return (shape["mail"][1], False) if "mail" in shape else (587, True)
    return 443, source == "channel-webhook"


def judge(api, mode, at, namespaces):
    """Compares what the policies say with what is expected; gives the differences, and how many pairs were judged."""
    policies = [policy for namespace in namespaces for policy in api.list("NetworkPolicy", namespace)]
    living, wrong, judged = actors(api, namespaces, at), [], 0
    for source, target, port, protocol, wanted in expectations(mode, sorted(living)):
        for here in living[source]:
            for there in living.get(target) or [outside(target)]:
                judged += 1
                if may(policies, here, there, port, protocol) != wanted:
                    wrong.append(f"{source} {'must' if wanted else 'must not'} reach {target} at {protocol} {port}")
    for policy in policies:
        spec = policy["spec"]
        if not any(chosen(spec["podSelector"], one.labels) and one.namespace == at for all_of in living.values() for one in all_of):
            # The set-up job's pod is gone after an upgrade; what would let it through stays for the next one.
            if spec["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/component") != "setup":
                wrong.append(f"NetworkPolicy {policy['metadata']['name']} chooses no pod")
    return sorted(set(wrong)), judged
