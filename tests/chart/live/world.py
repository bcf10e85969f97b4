"""What somebody on call has in their hands, and what a fault is made with: the running processes and what they stand on."""

import base64
import json
import os
import re
import signal
import ssl
import urllib.error
import urllib.request
from datetime import date, timedelta
from pathlib import Path

from prometheus import CHART
from pods import client
from waiting import wait_for

RULES = Path(__file__).resolve().parent / "rules.yaml"
RUNBOOK = (CHART / "docs/runbook.md").read_text()


def section(alert):
    """What the runbook says of an alert."""
    found = re.search(rf"^## {alert}\n(.*?)(?=^## |\Z)", RUNBOOK, re.M | re.S)
    if not found:
        raise SystemExit(f"the runbook has no heading {alert}")
    return " ".join(found[1].split())


def said(alert, words):
    """These words must stand in the runbook, or nobody would look for them."""
    if words not in section(alert):
        raise SystemExit(f"the runbook says nothing of `{words}` under {alert}")


class School:
    """A school of its own with students who have been there for 20 days: one absence is a tier, and so an alert."""

    DAYS = 20

    def __init__(self, name, students):
        self.name = name
        self.students = [f"{name}-{number}" for number in range(students)]
        self.day = date.today() - timedelta(days=3)
        self.first = self.day - timedelta(days=self.DAYS - 1)

    def frame(self):
        """Everything but marks."""
        year = self.day.year + (self.day.month > 7)
        calendar = f"{self.name}-{year}"
        yield {"kind": "school", "data": {"school": self.name, "name": self.name, "types": []}}
        yield {"kind": "calendar", "data": {"calendar": calendar, "school": self.name, "school_year": year, "code": "C", "calendar_type": "School"}}
        for day in range(self.DAYS):
            yield {"kind": "calendar-date",
                   "data": {"calendar": calendar, "date": str(self.first + timedelta(days=day)), "events": ["Instructional day"]}}
        for one in self.students:
            yield {"kind": "student", "data": {"student": one, "first_name": "A", "last_name": "B", "preferred_name": ""}}
            yield {"kind": "enrollment", "key": one, "data": {
                "student": one, "school": self.name, "entry_on": str(self.first), "exit_on": None, "calendar": calendar,
                "primary_school": True, "grade_level": "", "exit_type": ""}}

    def marks(self, code="Unexcused Absence"):
        """A mark for each."""
        return [{"kind": "attendance", "key": f"{one}-mark", "data": {
            "student": one, "school": self.name, "date": str(self.day), "section": None, "session": None, "code": code, "share": None}}
            for one in self.students]


class World:
    """Everything that a story may touch."""

    def __init__(self, pods, authority, prometheus, sender, stores, acts):
        self.pods, self.authority, self.prometheus, self.sender = pods, authority, prometheus, sender
        self.postgres, self.kafka, self.receiver, self.users = stores
        # The variables of a client, a second process of a part, a command at the desk.
        self.client_of, self.second_of, self.desk_of = acts
        self.context = ssl.create_default_context(cadata=authority.ca)

    def pod(self, part):
        """The process of a part."""
        return self.pods[f"homeroom-{part}"]

    def ask(self, method, path, body=b"", kind="application/json", secret=None, more=None):
        """A request to the native door; its status, 0 when there is no answer."""
        headers = {"authorization": f"Basic {basic('sis', secret or self.sender)}", "content-type": kind} | (more or {})
        request = urllib.request.Request(f"https://localhost:{self.pod('ingestion').http}{path}", data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def send(self, records, secret=None):
        """Records; the status of the answer."""
        return self.ask("POST", "/v1/events", json.dumps(list(records)).encode(), secret=secret)[0]

    def take(self, records, headers=None):
        """The same, and they must be taken."""
        status, body = self.ask("POST", "/v1/events", json.dumps(list(records)).encode(), more=headers)
        outcomes = {one["outcome"] for one in json.loads(body)["results"]} if status in (200, 207) else status
        if outcomes != {"accepted"}:
            raise SystemExit(f"records were not taken: {outcomes}: {body[:500]}")

    def school(self, name, students):
        """A new one, sent in."""
        school = School(name, students)
        self.take(school.frame())
        return school

    def put(self, path, body, kind="application/json"):
        """What an administrator puts in force."""
        status, answer = self.ask("PUT", path, body.encode(), kind)
        if status not in (200, 201, 204):
            raise SystemExit(f"PUT {path}: {status} {answer[:1000]}")

    def change_settings(self, **changes):
        """The district's settings as they are, but for these."""
        self.put("/v1/settings", json.dumps(json.loads(self.ask("GET", "/v1/settings")[1]) | changes))

    def key_of(self, student):
        """By which name events have a student."""
        return json.loads(self.ask("POST", "/v1/student-keys", json.dumps({"local_ids": [student]}).encode())[1])["student_keys"][0]

    def command(self, alert, words, *more, service="rules"):
        """A client's command that the runbook names; what it prints."""
        said(alert, f"homeroom {words}")
        return client([*words.split(), *more], self.client_of(f"homeroom-{service}"))

    def at_desk(self, alert, words, *more, fails=False):
        """A command that the runbook names, at the desk; what it prints."""
        said(alert, f"homeroom {words}")
        run = self.desk_of([*words.split(), *more])
        if (run.returncode != 0) != fails:
            raise SystemExit(f"homeroom {words}: code {run.returncode}: {run.stdout[-1500:]}{run.stderr[-1500:]}")
        return run.stdout + run.stderr

    def verified(self, alert):
        """`homeroom verify` finds no difference, as soon as it has everything."""
        said(alert, "homeroom verify")
        wait_for("homeroom verify to find no difference", lambda: (it := self.desk_of(["verify"])).returncode == 0 and ": 0 differences" in it.stdout)

    def log_says(self, alert, part, words):
        """The log of a part has words that the runbook names; the last line with them."""
        said(alert, words)
        return self.logged(part, words)

    def logged(self, part, words, seconds=30):
        """The last line of a part's log with these words, which may be on their way."""
        pod = self.pod(part)

        def found():
            return [line for line in pod.log(pod.spec["containers"][0]["name"]).splitlines() if words in line]
        return wait_for(f"the log of {part} to say `{words}`", found, seconds)[-1]

    def ready(self, part):
        """What /readyz of a part says."""
        return self.pod(part).ask("/readyz", self.authority)

    def until_ready(self, part):
        """Waits until a part can work."""
        wait_for(f"{part} to be ready: {self.ready(part)}", lambda: self.ready(part)[0] == 200)

    def restart(self, part):
        """What `kubectl rollout restart` does of one process."""
        self.pod(part).drain()
        self.pod(part).time_to_ready(self.authority)

    def keep_running(self, part):
        """What a kubelet does of a process that has ended."""
        pod = self.pod(part)
        if any(process.poll() is not None for process in pod.processes.values()):
            pod.time_to_ready(self.authority)

    def value(self, expression):
        """The first series' value; none when there is none."""
        found = self.prometheus.query(expression)
        return float(found[0]["value"][1]) if found else None

    def mounted(self, part, file, text):
        """Another content of a mounted file; the one of before."""
        path = self.pod(part).folder / "etc" / file
        before = path.read_text()
        if before != text:
            path.write_text(text)
        return before


class Frozen:
    """Processes that are stopped where they are, as on a machine that hangs."""

    def __init__(self, processes):
        self.processes = processes

    def __enter__(self):
        for one in self.processes:
            os.kill(one, signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        for one in self.processes:
            os.kill(one, signal.SIGCONT)


def basic(key, secret):
    """A key as a header has it."""
    return base64.b64encode(f"{key}:{secret}".encode()).decode()


def expect(what, text, *words):
    """Each of the words must stand there."""
    for one in words:
        if one not in text:
            raise SystemExit(f"{what} does not say `{one}`: {text[-2000:]}")
