"""Three Kafka brokers that are one cluster."""

import base64
import os
import subprocess

from confluent_kafka.admin import AdminClient
from kafka import Kafka
from waiting import ROOT, free_port, wait_for

BROKERS = 3


class Brokers(Kafka):
    """Each record is kept thrice, and acknowledged when two have it. Certificates and rules as the one broker of `live` has them."""

    replication = BROKERS

    def __init__(self, folder, authority):  # pylint: disable=super-init-not-called
        self.folder = folder
        folder.mkdir()
        self.admin_files = {"ca": authority.folder / "ca.crt"}
        for name, text in zip(("admin.crt", "admin.key"), authority.issue("admin")):
            (folder / name).write_text(text)
        certificate, key = authority.issue("broker")
        (folder / "broker.pem").write_text(key + certificate)
        self.ports = [(free_port(), free_port()) for _ in range(BROKERS)]
        self.processes = [None] * BROKERS
        # Its first letter must not look like an option.
        self.cluster = base64.urlsafe_b64encode(bytes([os.urandom(1)[0] & 0x7F]) + os.urandom(15)).decode().rstrip("=")
        for which in range(BROKERS):
            self.describe(which, authority)

    def begin(self):
        """Starts all of them, and waits until they are one."""
        for which in range(BROKERS):
            self.start(which)
        for which in range(BROKERS):
            log = self.folder / f"{which}.log"
            wait_for(f"broker {which + 1}: see {log}", lambda it=log: b"Kafka Server started" in it.read_bytes(), 300)
        wait_for("all brokers", lambda: len(self.metadata().brokers) == BROKERS)

    @property
    def servers(self):
        """Where clients find them."""
        return ",".join(f"localhost:{tls}" for tls, _ in self.ports)

    def describe(self, which, authority):
        """One broker's settings."""
        voters = ",".join(f"{number}@127.0.0.1:{controller}" for number, (_, controller) in enumerate(self.ports, 1))
        tls, controller = self.ports[which]
        (self.folder / f"{which}.properties").write_text(f"""
node.id={which + 1}
controller.quorum.voters={voters}
listeners=SSL://127.0.0.1:{tls},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SSL://localhost:{tls}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,SSL:SSL
inter.broker.listener.name=SSL
ssl.keystore.type=PEM
ssl.keystore.location={self.folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={authority.folder}/ca.crt
ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:CN=broker;User:CN=admin
allow.everyone.if.no.acl.found=false
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
# A replica that is away is given up in seconds, so that two are enough to go on with.
replica.lag.time.max.ms=3000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controller.quorum.fetch.timeout.ms=3000
initial.broker.registration.timeout.ms=240000
""")

    def start(self, which):
        """Starts a broker on its data."""
        tls, controller = self.ports[which]
        log = (self.folder / f"{which}.log").open("ab")
        # Three of them on a small machine must not take its memory.
        environment = os.environ | {"_JAVA_OPTIONS": "-Xms128m -Xmx384m -XX:TieredStopAtLevel=1"}
        self.processes[which] = subprocess.Popen(
            [ROOT / "deploy/local/kafka", "--settings", self.folder / f"{which}.properties", "--cluster-id", self.cluster,
             self.folder / f"data-{which}", str(tls), str(controller)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def kill(self, which):
        """The script has become the virtual machine: SIGKILL, as a machine that is gone."""
        self.processes[which].kill()
        self.processes[which].wait()

    def client(self, user=None, secret=None, **more):
        """By certificate: the administrator's, or a user's."""
        if user is None:
            secret = {f"user.{kind}": (self.folder / f"admin.{kind}").read_text() for kind in ("crt", "key")}
        return {"bootstrap.servers": self.servers, "ssl.ca.location": str(self.admin_files["ca"]), "security.protocol": "ssl",
                "ssl.certificate.pem": secret["user.crt"], "ssl.key.pem": secret["user.key"],
                # Brokers are away on purpose, and each attempt would be a line.
                "log_level": 0, **more}

    def metadata(self):
        """What the cluster says of itself."""
        return AdminClient(self.client()).list_topics(timeout=60)

    def in_sync(self):
        """Whether every replica of every partition is."""
        partitions = [one for topic in self.metadata().topics.values() for one in topic.partitions.values()]
        return all(len(one.isrs) == len(one.replicas) for one in partitions)

    def stop(self):
        """All of them, at once."""
        for which, process in enumerate(self.processes):
            if process and process.poll() is None:
                self.kill(which)
