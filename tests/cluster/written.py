"""In which order things were written, by the API server's own account of it (audit.yaml)."""

import json

from waiting import expect, wait_for

# What a hook of the chart is called; `sh.helm.release` is Helm's own book-keeping.
HOOKS = ("-setup-upgrade", "-topics-upgrade")


class Written:
    """What is written from now on in one namespace."""

    def __init__(self, audit, namespace):
        self.audit, self.namespace = audit, namespace
        self.start = audit.stat().st_size

    def entries(self):
        """Every write that was answered well, in the order of the answers."""
        with self.audit.open("rb") as file:
            file.seek(self.start)
            lines = [line for line in file if line.endswith(b"\n")]
        for line in lines:
            one = json.loads(line)
            about = one.get("objectRef", {})
            if about.get("namespace") == self.namespace and "dryRun" not in one["requestURI"] and one["responseStatus"].get("code", 0) < 400:
                yield one

    def by_helm(self):
        """Helm's own, without its book-keeping: (begin, end, verb, resource, name)."""
        for one in self.entries():
            about = one["objectRef"]
            name = about.get("name") or one.get("responseObject", {}).get("metadata", {}).get("name", "")
            if one["userAgent"].startswith("Helm/") and not name.startswith("sh.helm.release") and about["resource"] != "secrets":
                yield one["requestReceivedTimestamp"], one["stageTimestamp"], one["verb"], about["resource"], name

    def completed(self, job):
        """When a job was said to be complete, or nothing."""
        for one in self.entries():
            about = one["objectRef"]
            if (about["resource"], about.get("subresource"), about.get("name")) == ("jobs", "status", job) and any(
                    it["type"] == "Complete" and it["status"] == "True" for it in one["responseObject"]["status"].get("conditions") or []):
                return one["stageTimestamp"]
        return None


def installed(written, strimzi):
    """On an install everything is applied at once, and the set-up job ends well."""
    wait_for("job homeroom-setup is complete", lambda: written.completed("homeroom-setup"))
    hooks = sorted({name for *_, name in written.by_helm() if name.endswith(HOOKS)})
    expect(not hooks, f"an install runs hooks of an upgrade: {hooks}")
    return "the set-up job ended well"


def upgraded(written, strimzi):
    """The hook's way through the network, its file, its job, which ends well; only then anything else, and Strimzi's topics last."""
    done = wait_for("job homeroom-setup-upgrade is complete", lambda: written.completed("homeroom-setup-upgrade"))
    writes = list(written.by_helm())
    early = sorted({f"{resource} {name}" for begin, _, _, resource, name in writes if begin < done and not name.endswith(HOOKS)})
    expect(not early, f"changed before the migration was complete: {early}")
    made = [resource for _, _, verb, resource, name in writes if verb in ("create", "patch") and name == "homeroom-setup-upgrade"]
    expect(made == ["networkpolicies", "configmaps", "jobs"], f"the hook homeroom-setup-upgrade was made as {made}")
    changed = [end for _, end, verb, resource, _ in writes if resource == "deployments" and verb in ("create", "patch", "update")]
    expect(changed, "Helm changed no Deployment")
    if strimzi:
        after(written, writes, max(changed))
    return f"{len(changed)} Deployments changed, the first after the migration"


def after(written, writes, changed):
    """Topics are looked at behind the release."""
    begun = [begin for begin, _, verb, resource, name in writes
             if (resource, name) == ("jobs", "homeroom-topics-upgrade") and verb in ("create", "patch")]
    expect(begun and min(begun) > changed, "job homeroom-topics-upgrade did not come after the Deployments")
    expect(written.completed("homeroom-topics-upgrade"), "job homeroom-topics-upgrade was not complete")


def refused(written, strimzi):
    """Nothing but hooks was touched when the migration failed."""
    touched = sorted({f"{resource} {name}" for _, _, verb, resource, name in written.by_helm() if not name.endswith(HOOKS)})
    expect(not touched, f"changed although the migration failed: {touched}")
    return "nothing was changed"


def rolled_back(written, strimzi):
    """No hook migrates back."""
    hooks = sorted({name for _, _, _, _, name in written.by_helm() if name.endswith(HOOKS)})
    expect(not hooks, f"a rollback ran hooks: {hooks}")
    return "no hook ran"
