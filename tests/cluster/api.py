"""The API server, spoken to directly: objects as they are, and refusals with the server's words."""

import json
import ssl
import urllib.error
import urllib.request

from waiting import Failed

# Where the kinds are that tests make or look at by name; every other one is found by asking the server.
PATHS = {
    "Namespace": "/api/v1/namespaces", "Node": "/api/v1/nodes", "Pod": "/api/v1/namespaces/{}/pods", "Secret": "/api/v1/namespaces/{}/secrets",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps", "Service": "/api/v1/namespaces/{}/services",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts", "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments", "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
    "Job": "/apis/batch/v1/namespaces/{}/jobs", "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "ScaledObject": "/apis/keda.sh/v1alpha1/namespaces/{}/scaledobjects",
    "TriggerAuthentication": "/apis/keda.sh/v1alpha1/namespaces/{}/triggerauthentications",
    "Certificate": "/apis/cert-manager.io/v1/namespaces/{}/certificates",
    "ExternalSecret": "/apis/external-secrets.io/v1/namespaces/{}/externalsecrets",
    "KafkaTopic": "/apis/kafka.strimzi.io/v1/namespaces/{}/kafkatopics", "KafkaUser": "/apis/kafka.strimzi.io/v1/namespaces/{}/kafkausers",
    "ServiceMonitor": "/apis/monitoring.coreos.com/v1/namespaces/{}/servicemonitors",
    "HTTPRoute": "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes",
    "GRPCRoute": "/apis/gateway.networking.k8s.io/v1/namespaces/{}/grpcroutes",
    "BackendTLSPolicy": "/apis/gateway.networking.k8s.io/v1/namespaces/{}/backendtlspolicies",
}
# What the server or its controllers write by themselves, for every namespace or node.
NOT_OURS = {"Event", "Lease", "Node", "CSINode", "ComponentStatus", "APIService", "FlowSchema", "PriorityLevelConfiguration", "PodMetrics",
            "CustomResourceDefinition", "Namespace", "IPAddress"}


class Refused(Failed):
    """The server's answer that is no success."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


def words(text):
    """What an answer says, without what is around it."""
    return json.loads(text).get("message", text) if text.startswith("{") else text


class Api:
    """The control plane's API, as its administrator."""

    def __init__(self, port, token, authority):
        self.address, self.token = f"https://127.0.0.1:{port}", token
        context = ssl.create_default_context(cafile=str(authority))
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))

    def ask(self, path, method="GET", body=None, kind="application/json"):
        """One request; its answer as JSON where it is that."""
        headers = {"authorization": f"Bearer {self.token}", "accept": "application/json", "content-type": kind}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data=content, method=method, headers=headers)
        try:
            with self.opener.open(request, timeout=60) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, words(error.read().decode())) from None
        except OSError as error:
            raise Refused(0, str(error)) from None
        return json.loads(text) if text.startswith(("{", "[")) else text

    def list(self, kind, namespace="", labels=""):
        """All of a kind; none where the cluster does not know the kind."""
        try:
            found = self.ask(PATHS[kind].format(namespace) + (f"?labelSelector={labels}" if labels else ""))
        except Refused as refusal:
            if refusal.status == 404:
                return []
            raise
        # The list says once what its items are.
        return [{"kind": kind, "apiVersion": found["apiVersion"]} | one for one in found["items"]]

    def find(self, kind, namespace, name):
        """One object, or nothing."""
        return next((one for one in self.list(kind, namespace) if one["metadata"]["name"] == name), None)

    def create(self, one):
        """Makes an object; `Refused` with the reason of the admission that does not want it."""
        return self.ask(PATHS[one["kind"]].format(one["metadata"].get("namespace", "")), "POST", one)

    def delete(self, kind, namespace, name):
        """Takes an object away, and what it owns as kubectl does, without waiting until it is gone."""
        self.ask(f"{PATHS[kind].format(namespace)}/{name}?propagationPolicy=Background", "DELETE")

    def resources(self):
        """Every kind that can be listed: (kind, whether it is in namespaces, path of the group)."""
        groups = ["/api/v1"] + [f"/apis/{group['preferredVersion']['groupVersion']}" for group in self.ask("/apis")["groups"]]
        for path in groups:
            for one in self.ask(path)["resources"]:
                if "list" in one["verbs"] and "/" not in one["name"]:
                    yield one["kind"], one["namespaced"], f"{path}/{{}}{one['name']}"

    def everything(self, namespace):
        """Whatever there is in a namespace, and outside of namespaces: (kind, name) of each."""
        found = set()
        for kind, namespaced, path in self.resources():
            if kind not in NOT_OURS:
                at = path.format(f"namespaces/{namespace}/" if namespaced else "")
                found |= {(kind, one["metadata"]["name"]) for one in self.ask(at)["items"] if "deletionTimestamp" not in one["metadata"]}
        return found
