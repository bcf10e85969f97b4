"""Faults at the doors: keys, records, certificates, and files that somebody has edited."""

import socket
import time

import grpc
from trials import trial
from waiting import wait_for
from world import basic, expect, said


def again():
    """What makes a text another one every 20 seconds: a change is taken once it has stayed for a while, and a counter that is born with its
    first step shows none until it takes the next."""
    return f"# {int(time.monotonic()) // 20}\n"


@trial("HomeroomAccessRefused")
def access_refused(world):
    """A sender still has a key of before."""
    yield lambda: [world.send([], "0" * 64) for _ in range(100)]
    reasons = {one["metric"]["reason"] for one in world.prometheus.query("rate(homeroom_access_refused_total[10m]) > 1")}
    said("HomeroomAccessRefused", "`unknown`")
    expect("the alert", str(reasons), "unknown")


@trial("HomeroomRecordsQuarantined")
def records_quarantined(world):
    """A source has changed its form."""
    yield lambda: world.send({"kind": "attendance", "key": f"k{number}", "data": {"student": 1}} for number in range(500))
    letters = world.at_desk("HomeroomRecordsQuarantined", "dead-letters")
    expect("homeroom dead-letters", letters, "student", "sis")


@trial("HomeroomCodesUnmapped")
def codes_unmapped(world):
    """A code that nobody has mapped."""
    alert, school = "HomeroomCodesUnmapped", world.school("codes", 1)
    world.take(school.marks("Zzz"))
    key = world.key_of(school.students[0])
    yield lambda: world.send(school.marks("Zzz"))
    expect("homeroom risk", world.command(alert, "risk", key), "unmapped code", "Zzz")
    world.change_settings(codes={"Zzz": "UnexcusedAbsence"})
    wait_for("the mark to count", lambda: "unmapped code" not in world.command(alert, "risk", key))


@trial("HomeroomKeysRefused")
def keys_refused(world):
    """A file of keys that somebody has edited badly."""
    before = world.mounted("ingestion", "access/keys.toml", "[[key]\n")
    yield lambda: world.mounted("ingestion", "access/keys.toml", f"[[key]\n{again()}")
    expect("the log", world.log_says("HomeroomKeysRefused", "ingestion", "the changed keys cannot be used"), "line 1")
    world.mounted("ingestion", "access/keys.toml", before)


@trial("HomeroomRoutingRefused")
def routing_refused(world):
    """A routing file that somebody has edited badly."""
    before = world.mounted("notification", "routing/springfield.yaml", "teams: none\n")
    yield lambda: world.mounted("notification", "routing/springfield.yaml", f"teams: none\n{again()}")
    expect("the log", world.log_says("HomeroomRoutingRefused", "notification", "routing could not be read again"), "springfield.yaml", "line 1")
    world.mounted("notification", "routing/springfield.yaml", before)


@trial("HomeroomCertificateRefused")
def certificate_refused(world):
    """A certificate that is none."""
    before = world.mounted("rules", "tls/tls.crt", again())
    yield lambda: world.mounted("rules", "tls/tls.crt", again())
    expect("the log", world.log_says("HomeroomCertificateRefused", "rules", "changed certificates cannot be used"), "tls.crt")
    world.mounted("rules", "tls/tls.crt", before)


@trial("HomeroomCertificateEnds", "HomeroomCertificateNotRenewed", ends=True)
def certificate_ends(world):
    """A certificate that nobody renews: it has a day at the most."""
    files = ("tls/tls.crt", "tls/tls.key")
    before = [world.mounted("channel-webhook", file, text) for file, text in zip(files, world.authority.issue("short", days=1))]
    yield None
    said("HomeroomCertificateEnds", "processes take it up within two minutes, without a restart")
    for file, text in zip(files, before):
        world.mounted("channel-webhook", file, text)


@trial("HomeroomHandshakesFail")
def handshakes_fail(world):
    """Clients who do not get through TLS."""
    def knock():
        for _ in range(60):
            with socket.create_connection(("127.0.0.1", world.pod("ingestion").http), 5) as client:
                client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    yield knock


@trial("HomeroomCallsFail")
def calls_fail(world):
    """A client of another make sends messages that are none of ours."""
    credentials = grpc.ssl_channel_credentials(world.authority.ca.encode())
    key = [("authorization", "Basic " + basic("sis", world.sender))]
    with grpc.secure_channel(f"localhost:{world.pod('rules').grpc}", credentials) as channel:
        ask = channel.unary_unary("/homeroom.risk.v1.RiskQuery/GetSummary")

        def call():
            for _ in range(20):
                try:
                    ask(b"\xff\xff\xff", metadata=key, timeout=20)
                except grpc.RpcError as error:
                    said("HomeroomCallsFail", f"`{error.code().name.title()}`")
        yield call


@trial("HomeroomSourceSilent", ends=True)
def source_silent(world):
    """A source with a key was last heard of six days ago."""
    world.postgres.sql("update ingestion.sources set heard_at = now() - interval '6 days' where source = 'quiet'")
    yield None
    said("HomeroomSourceSilent", "take its key out of `keys.toml`")
    keys = world.mounted("ingestion", "access/keys.toml", "")
    world.mounted("ingestion", "access/keys.toml", "".join(f"[[key]]{one}" for one in keys.split("[[key]]")[1:] if '"quiet"' not in one))
