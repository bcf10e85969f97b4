"""A real Prometheus that reads the processes' metrics, judges the chart's alerts and answers the dashboard's queries."""

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import yaml
from waiting import ROOT, free_port, wait_for

CHART = ROOT / "charts/homeroom"
NAMESPACE = "live"


class Prometheus:
    """Reads every second, as the ServiceMonitors say: by names of jobs, over TLS, by the authority of the certificates."""

    def __init__(self, folder, authority, services):
        self.folder, self.port = Path(folder), free_port()
        self.folder.mkdir()
        jobs = [{
            "job_name": name, "scheme": "https", "tls_config": {"ca_file": str(authority.folder / "ca.crt"), "server_name": "localhost"},
            "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": NAMESPACE}}],
        } for name, port in services.items()]
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                  "rule_files": [str(CHART / "alerts/homeroom.yaml")], "scrape_configs": jobs}
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{self.port}"],
            cwd=self.folder, stdout=log, stderr=log)
        wait_for("Prometheus to read every service", lambda: len(self.query("up == 1")) == len(jobs))

    def query(self, expression):
        """The series of an expression now; none while Prometheus does not answer yet."""
        address = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(address, timeout=20) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return []
            raise SystemExit(f"`{expression}`: {error.read().decode()}") from None
        except OSError:
            return []

    def stop(self):
        """It keeps nothing."""
        self.process.kill()
        self.process.wait()


def panels():
    """Each panel's queries, with the dashboard's variables put in."""
    for panel in json.loads((CHART / "dashboards/homeroom.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], re.sub(r"\$namespace", NAMESPACE, target["expr"])


def judge(prometheus):
    """Every panel must show something, and no alert may fire in a run in which nothing is wrong."""
    asked = list(panels())
    for title, expression in asked:
        # A rate takes two readings, and the last samples may still be on their way.
        wait_for(f"the panel `{title}` to show something: {expression}", lambda it=expression: prometheus.query(it), 30)
    firing = sorted(series["metric"]["alertname"] for series in prometheus.query('ALERTS{alertstate="firing"}'))
    print(f"{len(asked)} queries of the dashboard show something; alerts that fire: {', '.join(firing) or 'none'}")
    return firing
