"""Alerts that a real fault brings about: what is done, and which expression must then say something.

The time that an alert waits (`for`) is left out: what is tried is that the fault is seen, by the metric that the process has, in the
expression that the chart's alert has. `tests/chart/alerts.yaml` tries the waiting, with made-up series.
"""

import base64
import json
import socket
import ssl
import time
import urllib.error
import urllib.request

import yaml
from prometheus import CHART
from waiting import wait_for


def expressions():
    """Each alert's expressions, by its name."""
    found = {}
    for group in yaml.safe_load((CHART / "alerts/homeroom.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                found.setdefault(rule["alert"], []).append(rule["expr"])
    return found


class Faults:
    """What goes wrong. Each is a method that is named as its alert, and is done again until it is seen: a rate takes two readings."""

    def __init__(self, pods, authority, sender):
        self.pods, self.sender, self.short = pods, sender, authority.issue("short", days=1)
        self.context = ssl.create_default_context(cadata=authority.ca)

    def send(self, body, secret=None):
        """Records to the native door; the status of the answer."""
        credentials = base64.b64encode(f"sis:{secret or self.sender}".encode()).decode()
        headers = {"authorization": f"Basic {credentials}", "content-type": "application/json"}
        port = self.pods["homeroom-ingestion"].http
        request = urllib.request.Request(f"https://localhost:{port}/v1/events", data=json.dumps(body).encode(), headers=headers)
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def mounted(self, pod, file, text):
        """Another content of a mounted file; when it has that, it is left alone."""
        path = self.pods[f"homeroom-{pod}"].folder / "etc" / file
        if path.read_text() != text:
            path.write_text(text)

    @staticmethod
    def again():
        """What makes a text another one every 20 seconds: a change is taken once it has stayed for a while, and a counter that is born
        with its first step shows none until it takes the next."""
        return f"# {int(time.monotonic()) // 20}\n"

    def access_refused(self):
        """A sender still has a key of before."""
        for _ in range(100):
            self.send([], "0" * 64)

    def records_quarantined(self):
        """A source has changed its form."""
        self.send([{"kind": "attendance", "key": f"k{number}", "data": {"student": 1}} for number in range(500)])

    def codes_unmapped(self):
        """A code that nobody has mapped."""
        mark = {"student": "s", "school": "1", "date": "2026-01-12", "section": None, "session": None, "code": "Zzz", "share": None}
        self.send([{"kind": "attendance", "key": "unmapped", "data": mark}])

    def keys_refused(self):
        """A file of keys that somebody has edited badly."""
        self.mounted("ingestion", "access/keys.toml", f"[[key]\n{self.again()}")

    def routing_refused(self):
        """The same of who is told."""
        self.mounted("notification", "routing/springfield.yaml", f"teams: none\n{self.again()}")

    def certificate_refused(self):
        """A certificate that is none."""
        self.mounted("rules", "tls/tls.crt", self.again())

    def certificate_ends(self):
        """A certificate that nobody renews: it has a day at the most."""
        for file, text in zip(("tls/tls.crt", "tls/tls.key"), self.short):
            self.mounted("channel-webhook", file, text)

    def handshakes_fail(self):
        """Clients who do not get through TLS."""
        for _ in range(60):
            with socket.create_connection(("127.0.0.1", self.pods["homeroom-ingestion"].http), 5) as client:
                client.sendall(b"GET / HTTP/1.1\r\n\r\n")

    def service_down(self):
        """The only process of an adapter is gone."""
        self.pods["homeroom-channel-webhook"].kill()


# In this order: what is taken away last is needed before.
TRIED = {
    "HomeroomAccessRefused": "access_refused", "HomeroomRecordsQuarantined": "records_quarantined", "HomeroomCodesUnmapped": "codes_unmapped",
    "HomeroomKeysRefused": "keys_refused", "HomeroomRoutingRefused": "routing_refused", "HomeroomCertificateRefused": "certificate_refused",
    "HomeroomCertificateEnds": "certificate_ends", "HomeroomCertificateNotRenewed": "certificate_ends", "HomeroomHandshakesFail": "handshakes_fail",
    "HomeroomServiceDown": "service_down",
}


def seen(prometheus, alert):
    """Whether one of an alert's expressions says something now."""
    return any(prometheus.query(expression) for expression in expressions()[alert])


def try_each(prometheus, pods, authority, sender):
    """Brings each about, and waits until its alert would begin to wait."""
    faults, done = Faults(pods, authority, sender), set()
    for alert, fault in TRIED.items():
        if fault not in done and seen(prometheus, alert):
            raise SystemExit(f"{alert} is there before anything is wrong")
        act, began = getattr(faults, fault), time.monotonic()
        done.add(fault)

        def brought_about(act=act, alert=alert):
            act()
            return seen(prometheus, alert)

        wait_for(f"{alert} to see it: {act.__doc__}", brought_about)
        print(f"{alert}: seen after {time.monotonic() - began:.1f} s. {act.__doc__}", flush=True)
