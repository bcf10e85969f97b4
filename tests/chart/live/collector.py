"""A real collector of traces, metrics and logs: rotel, which prints what it is sent."""

import importlib.util
import re
import subprocess
from pathlib import Path

from pods import client
from waiting import free_port, wait_for
from world import School

TRACE = "0af7651916cd43dd8448eb211c80319c"
# As a sender's own tracing would send it.
HEADER = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
IN_THE_TRACE = ("POST /v1/events", "rules.alert.decide", "channel.delivery.send")
LINKED_TO_IT = ("rules.batch.fold", "notification.alert.apply")


class Collector:
    """Takes OTLP by gRPC."""

    def __init__(self, folder):
        folder = Path(folder)
        folder.mkdir()
        self.port, web, self.log, self.read = free_port(), free_port(), folder / "log", 0
        agent = Path(importlib.util.find_spec("rotel").submodule_search_locations[0]) / "rotel-agent"
        shown = [word for kind in ("traces", "metrics", "logs") for word in ("--debug-log", kind)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [agent, "start", "--otlp-grpc-endpoint", f"127.0.0.1:{self.port}", "--otlp-http-endpoint", f"127.0.0.1:{web}",
                 "--exporter", "blackhole", *shown, "--debug-log-verbosity", "detailed"], stdout=log, stderr=log)
        wait_for("the collector", lambda: "Starting Rotel" in self.log.read_text(errors="replace"))

    def spans(self):
        """What is new since the last look: each span's name, its trace, and the traces that it is linked to."""
        with self.log.open("rb") as log:
            log.seek(self.read)
            text = log.read()
        # The last one may not be whole yet.
        text = text[:max(text.rfind(b"\nSpan #"), 0)]
        self.read += len(text)
        found = re.split(r"^Span #\d+$", text.decode(errors="replace"), flags=re.M)[1:]
        for span in found:
            trace, name = (re.search(rf"^    {key}\s*: (.*)$", span, re.M) for key in ("Trace ID", "Name"))
            if trace and name:
                yield name[1], trace[1], set(re.findall(r"-> Trace ID: (\w+)", span))

    def stop(self):
        """It keeps nothing."""
        self.process.kill()
        self.process.wait()


def has_days(world, school):
    """Whether its student's days are counted."""
    try:
        text = client(["risk", world.key_of(school.students[0])], world.client_of("homeroom-rules"))
    except SystemExit:
        return False
    return re.search(rf"^ *district +{School.DAYS} ", text, re.M)


def judge(world, collector):
    """One trace from a record that is sent to the message that is delivered, and the processes' metrics and logs."""
    # All of it in the trace: what is counted together is told of in the trace of one of it. A calendar that came after the mark would
    # be what the alert is decided by, in no record's trace.
    school = School("traced", 1)
    world.take(school.frame(), HEADER)
    wait_for("the days of a student to be counted", lambda: has_days(world, school))
    world.take(school.marks(), HEADER)
    missing = set(IN_THE_TRACE) | set(LINKED_TO_IT)

    def whole():
        for name, trace, links in collector.spans():
            if trace == TRACE and name in IN_THE_TRACE or TRACE in links and name in LINKED_TO_IT:
                missing.discard(name)
        return not missing

    try:
        wait_for("the trace to be whole", whole)
    except SystemExit as late:
        raise SystemExit(f"{late}: it lacks {', '.join(sorted(missing))}") from None
    wait_for("metrics and logs of the rules service", lambda: all(
        words in collector.log.read_text(errors="replace") for words in ("homeroom_rules_events_total", "took a partition")))
    print("a real collector has one trace from the request to the delivery, metrics and logs", flush=True)
