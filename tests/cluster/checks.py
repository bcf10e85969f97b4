"""What must hold of a release that lives; each gives a word on what it saw, and fails with the object and what was expected of it."""

import re

import networks
import surroundings
from api import Refused
from networks import chosen
from waiting import expect, wait_for

SCALED = {"operators": {"ingestion": 2, "rules": 2}, "large-district": {"ingestion": 4, "rules": 4}}


def part_of(one):
    """Which part of Homeroom an object belongs to."""
    return one["metadata"]["labels"]["app.kubernetes.io/component"]


def living(api, at, selector):
    """The pods that a selector chooses, without those that have ended or are about to."""
    return [pod for pod in api.list("Pod", at) if chosen(selector, pod["metadata"].get("labels", {})) and "deletionTimestamp" not in pod["metadata"]
            and pod["status"].get("phase") not in ("Succeeded", "Failed")]


def available(release, tag):
    """Every Deployment has all its pods, of this image, and as many as it must."""
    seen = []
    for one in release.api.list("Deployment", release.at):
        name, image = one["metadata"]["name"], one["spec"]["template"]["spec"]["containers"][0]["image"]
        expect(image.endswith(f":{tag}"), f"Deployment {name} has image {image}, not the tag {tag}")

        def settled(name=name, part=part_of(one)):
            it = release.api.find("Deployment", release.at, name)
            status, wanted = it["status"], it["spec"]["replicas"]
            least = SCALED.get(release.mode, {}).get(part, 1)
            return wanted >= least and all(status.get(key) == wanted for key in ("replicas", "updatedReplicas", "availableReplicas")) and wanted
        count = wait_for(f"Deployment {name} is available with all it must have", settled)
        seen.append(f"{part_of(one)} {count}")
    return ", ".join(sorted(seen))


def ports_of(release, part):
    """The ports that a part is reached at."""
    names = {"health"} if part == "canary" or part.startswith("channel-") else {"http", "grpc", "health"}
    if part == "notification" and networks.SHAPES[release.mode].get("mutual"):
        names.add("peers")
    return {(name, networks.PORTS[name]) for name in names}


def services_lead_to_pods(release):
    """The endpoints that Kubernetes found are the pods of the part, at the ports that they are called by."""
    services = release.api.list("Service", release.at)
    for one in services:
        name, selector, wanted = one["metadata"]["name"], {"matchLabels": one["spec"]["selector"]}, ports_of(release, part_of(one))

        def found(name=name, selector=selector, wanted=wanted):
            slices = release.api.list("EndpointSlice", release.at, f"kubernetes.io/service-name={name}")
            ready = {it["targetRef"]["name"] for piece in slices for it in piece["endpoints"] or [] if it["conditions"].get("ready")}
            ports = {(port["name"], port["port"]) for piece in slices for port in piece["ports"] or []}
            expect(ports == wanted, f"it is at {sorted(ports)}")
            return ready == {pod["metadata"]["name"] for pod in living(release.api, release.at, selector)}
        wait_for(f"Service {name} leads to all its pods at {sorted(wanted)}", found)
    return f"{len(services)} services"


def budgets_and_scalers(release):
    """Budgets count the pods of one Deployment and let one go; scalers find what they scale."""
    api, at = release.api, release.at
    deployments = {one["metadata"]["name"]: one for one in api.list("Deployment", at)}
    budgets = {one["metadata"]["name"]: one for one in api.list("PodDisruptionBudget", at)}
    for name, one in budgets.items():
        expect(name in deployments, f"PodDisruptionBudget {name} is of no Deployment")
        expect(one["spec"]["selector"] == deployments[name]["spec"]["selector"], f"PodDisruptionBudget {name} chooses others than its Deployment")
        wait_for(f"PodDisruptionBudget {name} counts its pods, and lets one go", lambda name=name: counted(api, at, name))
    if release.mode != "single-node":
        # A budget of one of one would say nothing of the canary.
        several = {name for name, one in deployments.items() if part_of(one) != "canary"}
        expect(budgets.keys() == several, f"no PodDisruptionBudget is of {sorted(several - budgets.keys())}")
    scalers = api.list("HorizontalPodAutoscaler", at) + api.list("ScaledObject", at)
    for one in scalers:
        target = one["spec"]["scaleTargetRef"]["name"]
        expect(target in deployments, f"{one['metadata']['name']} scales {target}, which there is not")
    for one in api.list("HorizontalPodAutoscaler", at):
        wait_for(f"HorizontalPodAutoscaler {one['metadata']['name']} can scale", lambda one=one: any(
            it["type"] == "AbleToScale" and it["status"] == "True"
            for it in api.find("HorizontalPodAutoscaler", at, one["metadata"]["name"])["status"].get("conditions") or []))
    return f"{len(budgets)} budgets, {len(scalers)} scalers"


def counted(api, at, name):
    """Whether the controller of budgets agrees."""
    one = api.find("PodDisruptionBudget", at, name)
    pods = len(living(api, at, one["spec"]["selector"]))
    return one["status"]["expectedPods"] == pods and one["status"]["disruptionsAllowed"] == 1


def one_may_be_evicted(release):
    """The API that drains a machine takes a pod, and its Deployment has another."""
    budgets = release.api.list("PodDisruptionBudget", release.at)
    if not budgets:
        return "no budget, nothing to ask"
    name = budgets[0]["metadata"]["name"]
    pod = living(release.api, release.at, budgets[0]["spec"]["selector"])[0]["metadata"]["name"]
    release.api.ask(f"/api/v1/namespaces/{release.at}/pods/{pod}/eviction", "POST", {
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": release.at}})
    wait_for(f"Deployment {name} has another pod for {pod}", lambda: counted(release.api, release.at, name))
    return name


def mounts_are_there(release):
    """What pods mount has somebody made, with the keys that they take; and none has a token."""
    api, at = release.api, release.at
    held = {("secret", one["metadata"]["name"]): one.get("data", {}) for one in api.list("Secret", at)}
    held |= {("configMap", one["metadata"]["name"]): one.get("data", {}) for one in api.list("ConfigMap", at)}
    volumes = 0
    for pod in (one for one in api.list("Pod", at) if "app.kubernetes.io/component" in one["metadata"].get("labels", {})):
        for volume in pod["spec"]["volumes"]:
            volumes += 1
            for source in volume.get("projected", {}).get("sources", []) or [volume]:
                expect("serviceAccountToken" not in source, f"Pod {pod['metadata']['name']} has a token")
                kind = "configMap" if "configMap" in source else "secret"
                name = source[kind].get("name") or source[kind]["secretName"]
                expect((kind, name) in held, f"Pod {pod['metadata']['name']} mounts {kind} {name}, which nobody made")
                missing = {item["key"] for item in source[kind].get("items", [])} - held[kind, name].keys()
                expect(not missing, f"Pod {pod['metadata']['name']} takes {sorted(missing)} of {kind} {name}, which it has not")
    for one in api.list("TriggerAuthentication", at):
        for it in one["spec"]["secretTargetRef"]:
            expect(it["key"] in held.get(("secret", it["name"]), {}), f"TriggerAuthentication {one['metadata']['name']}: no {it['key']} in {it['name']}")
    return f"{volumes} volumes"


def spread(release):
    """Where the mode says that pods must not share a zone or a machine, they do not."""
    nodes = {one["metadata"]["name"]: one["metadata"]["labels"] for one in release.api.list("Node")}
    hard = 0
    for one in release.api.list("Deployment", release.at):
        for rule in one["spec"]["template"]["spec"].get("topologySpreadConstraints", []):
            if rule["whenUnsatisfiable"] != "DoNotSchedule":
                continue
            places = [nodes[pod["spec"]["nodeName"]][rule["topologyKey"]] for pod in living(release.api, release.at, one["spec"]["selector"])]
            count = [places.count(place) for place in set(places)]
            everywhere = {labels[rule["topologyKey"]] for labels in nodes.values()}
            least = min(count) if len(count) == len(everywhere) else 0
            expect(max(count) - least <= rule["maxSkew"], f"Deployment {one['metadata']['name']} runs at {places}")
            hard += 1
    return f"{hard} hard rules" if hard else "no hard rule"


def routes_and_monitors(release):
    """What leads to a Service finds it, with the port."""
    api, at = release.api, release.at
    services = {one["metadata"]["name"]: one for one in api.list("Service", at)}
    ports = {name: {port["name"] for port in one["spec"]["ports"]} | {port["port"] for port in one["spec"]["ports"]} for name, one in services.items()}
    led = []
    for one in api.list("Ingress", at):
        led += [(one, it["backend"]["service"]) for rule in one["spec"]["rules"] for it in rule["http"]["paths"]]
    for one in api.list("HTTPRoute", at) + api.list("GRPCRoute", at):
        led += [(one, it) for rule in one["spec"]["rules"] for it in rule["backendRefs"]]
    for one, to in led:
        port = to["port"].get("name") or to["port"]["number"] if isinstance(to["port"], dict) else to["port"]
        expect(port in ports.get(to["name"], ()), f"{one['kind']} {one['metadata']['name']} leads to {to['name']}:{port}")
    for one in api.list("BackendTLSPolicy", at):
        expect(all(it["name"] in services for it in one["spec"]["targetRefs"]), f"BackendTLSPolicy {one['metadata']['name']} is of no Service")
        for it in one["spec"]["validation"]["caCertificateRefs"]:
            expect(api.find("ConfigMap", at, it["name"]), f"BackendTLSPolicy {one['metadata']['name']} wants ConfigMap {it['name']}")
    monitors = api.list("ServiceMonitor", at)
    for one in monitors:
        found = [name for name, it in services.items() if chosen(one["spec"]["selector"], it["metadata"]["labels"])]
        expect(found and all(it["port"] in ports[name] for name in found for it in one["spec"]["endpoints"]),
               f"ServiceMonitor {one['metadata']['name']} finds {found}")
    return f"{len(led)} ways in, {len(monitors)} monitors"


def networks_are_as_meant(release):
    """Who may speak to whom, both ways."""
    namespaces = [release.at] + sorted({at for at, *_ in surroundings.NEIGHBOURS})
    wrong, judged = networks.judge(release.api, release.mode, release.at, namespaces)
    expect(not wrong, "NetworkPolicies: " + "; ".join(wrong))
    return f"{judged} pairs judged"


def desk_comes_and_goes(release, made):
    """The job with a person's command is let in beside the release, mounts what there is, ends, and leaves nothing."""
    api, at, before = release.api, release.at, release.objects()
    for one in made:
        api.create(one)
    job = next(one["metadata"]["name"] for one in made if one["kind"] == "Job")

    def ended():
        return any(it["type"] == "Complete" and it["status"] == "True" for it in api.find("Job", at, job)["status"].get("conditions") or [])
    wait_for(f"Job {job} ends", ended)
    word = mounts_are_there(release)
    for one in made:
        expect(part_of(one) == "desk", f"{one['kind']} {one['metadata']['name']} is not found by the part's label")
        api.delete(one["kind"], at, one["metadata"]["name"])
    wait_for("nothing of it is left", lambda: release.objects() == before)
    return word


def admission(release):
    """A pod that may be root, and one that does not say what it needs, are refused where the release runs."""
    root = surroundings.pod(release.at, "root", {}, hostNetwork=True)
    endless = surroundings.pod(release.at, "endless", {})
    del endless["spec"]["containers"][0]["resources"]
    for one, words in ((root, 'violates PodSecurity "restricted'), (endless, "must specify limits")):
        try:
            release.api.create(one)
        except Refused as refusal:
            expect(refusal.status == 403 and words in refusal.message, f"Pod {one['metadata']['name']} was refused otherwise: {refusal}")
        else:
            expect(False, f"Pod {one['metadata']['name']} was let in")
    quota = wait_for("the quota has been counted", lambda: release.api.find("ResourceQuota", release.at, "all").get("status", {}).get("used"))
    # Helm shows the server's warnings; one of them would be that a template breaks the rules of the namespace.
    warned = re.findall(r".*would violate PodSecurity.*", release.said)
    expect(not warned, f"warned: {warned}")
    return f"refused; {quota['pods']} pods want {quota['requests.cpu']} processors and {quota['requests.memory']} of memory"


LIVING = {
    "services lead to pods": services_lead_to_pods, "budgets and scalers": budgets_and_scalers, "eviction": one_may_be_evicted,
    "mounts": mounts_are_there, "spread": spread, "routes and monitors": routes_and_monitors, "networks": networks_are_as_meant,
    "admission": admission,
}
