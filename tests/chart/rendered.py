"""What must hold of every rendered mode and no schema says: rendered.py FILE..."""

import re
import sys
from pathlib import Path

import yaml


def matches(selector, labels):
    """Whether a selector of labels chooses these."""
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", selector).items())


def pods(objects):
    """The pod templates, with who has them."""
    for one in objects:
        if one["kind"] in ("Deployment", "Job"):
            yield f"{one['kind']} {one['metadata']['name']}", one["spec"]["template"]


def restricted(who, spec):
    """The Pod Security Standard `restricted`, and what we ask beyond it."""
    context = spec.get("securityContext", {})
    if not context.get("runAsNonRoot") or context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{who} may run as root, or without a seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield f"{who} has a token"
    if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        yield f"{who} shares the host's namespaces"
    for container in spec["containers"] + spec.get("initContainers", []):
        name = f"{who}, container {container['name']}"
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False or own.get("capabilities", {}).get("drop") != ["ALL"]:
            yield f"{name} may get privileges"
        if own.get("readOnlyRootFilesystem") is not True:
            yield f"{name} may write its root"
        resources = container.get("resources", {})
        if "memory" not in resources.get("limits", {}) or not {"cpu", "memory"} <= resources.get("requests", {}).keys():
            yield f"{name} does not say what it needs"
        if container.get("env"):
            yield f"{name} has an environment: secrets and settings come in files"


def mounted(who, spec, config):
    """Each volume is mounted, and each path of the configuration file is in one."""
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for volume in volumes.values():
        if "configMap" not in volume and (volume.get("secret") or volume["projected"]).get("defaultMode") != 0o440:
            yield f"{who}: volume {volume['name']} can be read by others"
    for container in spec["containers"] + spec.get("initContainers", []):
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        if set(mounts.values()) != set(volumes):
            yield f"{who}: volumes and mounts are not the same"
        for path in re.findall(r'"(/etc/homeroom/[^"]+)"', config):
            place = next((mount for mount in mounts if path == mount or path.startswith(mount + "/")), None)
            if place is None:
                yield f"{who}: nothing is mounted at {path}"
            elif items := keys(volumes[mounts[place]]):
                if path.removeprefix(place + "/") not in items:
                    yield f"{who}: {path} is not among what is mounted there"


def keys(volume):
    """The paths in a volume, where they are named."""
    sources = [source["secret"] for source in volume.get("projected", {}).get("sources", [])]
    sources = sources or [volume.get("secret", {})]
    return {item["path"] for source in sources for item in source.get("items", [])}


def network(objects):
    """Every pod is denied by default, is chosen by a policy of its own, and no policy chooses nobody."""
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    labels = {who: template["metadata"]["labels"] for who, template in pods(objects)}
    for who, own in labels.items():
        mine = [policy for policy in policies if matches(policy["spec"]["podSelector"], own)]
        if not any({"ingress", "egress"}.isdisjoint(policy["spec"]) for policy in mine):
            yield f"{who} is not denied by default"
        if len(mine) < 3:
            yield f"{who} has no policy of its own"
        leaves = [who for policy in mine for rule in policy["spec"].get("egress", []) for peer in rule["to"]
                  if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"]
        if leaves and "channel" not in who:
            yield f"{who} may leave the cluster"
    for policy in policies:
        if not any(matches(policy["spec"]["podSelector"], own) for own in labels.values()):
            yield f"NetworkPolicy {policy['metadata']['name']} chooses nobody"
        for direction in ("ingress", "egress"):
            for rule in policy["spec"].get(direction, []):
                if not (rule.get("from") or rule.get("to")) or not rule.get("ports"):
                    yield f"NetworkPolicy {policy['metadata']['name']} lets everybody or every port"


def found_each_other(objects):
    """What refers to another object finds it: services, budgets, monitors, routes, scalers, configuration files."""
    names = {(one["kind"], one["metadata"]["name"]) for one in objects}
    labels = [template["metadata"]["labels"] for _, template in pods(objects)]
    services = [one for one in objects if one["kind"] == "Service"]
    for one in objects:
        spec, who = one.get("spec", {}), f"{one['kind']} {one['metadata']['name']}"
        if one["kind"] in ("Service", "PodDisruptionBudget") and not any(matches(spec["selector"], own) for own in labels):
            yield f"{who} chooses no pod"
        if one["kind"] == "ServiceMonitor":
            if not any(matches(spec["selector"], service["metadata"]["labels"]) for service in services):
                yield f"{who} chooses no service"
        if target := spec.get("scaleTargetRef"):
            if ("Deployment", target["name"]) not in names:
                yield f"{who} scales nothing"
            scaled = next(it for it in objects if (it["kind"], it["metadata"]["name"]) == ("Deployment", target["name"]))
            if "replicas" in scaled["spec"]:
                yield f"{who} and its Deployment both say how many"
        for rule in spec.get("rules", []) if "Route" in one["kind"] else []:
            for backend in rule["backendRefs"]:
                if ("Service", backend["name"]) not in names:
                    yield f"{who} leads to no service"
    if len(names) != len(objects):
        yield "two objects have one name"


def hook(one):
    """Of which event an object is a hook, and its place among them."""
    notes = one["metadata"].get("annotations", {})
    return notes.get("helm.sh/hook"), int(notes.get("helm.sh/hook-weight", 0))


def upgraded(objects):
    """A hook before an upgrade finds nothing of the release that comes: it brings what it needs, and looks at nothing that changes."""
    release = {one["kind"] for one in objects if hook(one)[0] is None}
    for one in objects:
        event, weight = hook(one)
        if event != "pre-upgrade" or one["kind"] != "Job":
            continue
        who, template = f"hook {one['metadata']['name']}", one["spec"]["template"]
        before = [it for it in objects if hook(it)[0] == event and hook(it)[1] < weight]
        config = next(volume for volume in template["spec"]["volumes"] if volume["name"] == "config")["configMap"]["name"]
        if ("ConfigMap", config) not in {(it["kind"], it["metadata"]["name"]) for it in before}:
            yield f"{who} does not bring its file"
        if "NetworkPolicy" in release and not any(
                it["kind"] == "NetworkPolicy" and matches(it["spec"]["podSelector"], template["metadata"]["labels"]) for it in before):
            yield f"{who} does not bring its way through the network"
        containers = template["spec"]["containers"] + template["spec"].get("initContainers", [])
        if "KafkaTopic" in release and any(container["args"][0] == "topics" for container in containers):
            yield f"{who} looks at topics before the release changes them"


def problems(objects):
    configs = {one["metadata"]["name"]: one["data"].get("homeroom.toml", "") for one in objects if one["kind"] == "ConfigMap"}
    for who, template in pods(objects):
        spec = template["spec"]
        yield from restricted(who, spec)
        volume = next(volume for volume in spec["volumes"] if volume["name"] == "config")
        name = volume["configMap"]["name"]
        if name not in configs:
            yield f"{who} has no configuration"
        else:
            yield from mounted(who, spec, configs[name])
    yield from network(objects)
    yield from found_each_other(objects)
    yield from upgraded(objects)
    for one in objects:
        if one["kind"] == "Secret" and set(one.get("stringData", {})) - {"user"}:
            yield f"Secret {one['metadata']['name']} holds more than a user's name"


def main():
    wrong = []
    for name in sys.argv[1:]:
        objects = [one for one in yaml.safe_load_all(Path(name).read_text()) if one]
        wrong += [f"{Path(name).stem}: {problem}" for problem in problems(objects)]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(sys.argv) - 1} files hold")


if __name__ == "__main__":
    main()
