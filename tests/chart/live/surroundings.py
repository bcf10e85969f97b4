"""What a cluster has beside the chart: Kafka and what Strimzi's operators do in it, PostgreSQL, somebody who takes webhooks."""

import os
import shutil
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourcePatternType, ResourceType,
)

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 120


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, condition, seconds=PATIENCE_SECONDS):
    """Asks again and again until the condition gives something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.2)
    raise SystemExit(f"waited {seconds} s for {what}")


class Kafka:
    """One broker that asks everybody for a certificate, and allows nothing that no rule allows."""

    def __init__(self, folder, authority):
        folder = Path(folder)
        folder.mkdir()
        self.port, controller = free_port(), free_port()
        certificate, key = authority.issue("broker")
        (folder / "broker.pem").write_text(key + certificate)
        self.admin_files = {"ca": authority.folder / "ca.crt"}
        admin_certificate, admin_key = authority.issue("admin")
        (folder / "admin.crt").write_text(admin_certificate)
        (folder / "admin.key").write_text(admin_key)
        self.folder = folder
        settings = folder / "settings.properties"
        settings.write_text(f"""
listeners=SSL://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SSL://localhost:{self.port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,SSL:SSL
inter.broker.listener.name=SSL
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={authority.folder}/ca.crt
ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:CN=broker;User:CN=admin
allow.everyone.if.no.acl.found=false
""")
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [ROOT / "deploy/local/kafka", "--for-tests", "--settings", settings, folder / "data", str(self.port), str(controller)],
            stdin=subprocess.PIPE, stdout=self.log, stderr=subprocess.STDOUT)
        wait_for("Kafka", lambda: b"Kafka Server started" in (folder / "log").read_bytes() or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise SystemExit((folder / "log").read_text()[-3000:])

    def client(self, user=None, **more):
        """How somebody connects: the administrator, or a user's certificate and key."""
        certificate, key = user or (self.folder / "admin.crt", self.folder / "admin.key")
        return {"bootstrap.servers": f"localhost:{self.port}", "security.protocol": "ssl", "ssl.ca.location": str(self.admin_files["ca"]),
                "ssl.certificate.location": str(certificate), "ssl.key.location": str(key), **more}

    def operate(self, objects):
        """What Strimzi's operators do: topics and rules as the objects say, on the one broker that there is."""
        admin = AdminClient(self.client())
        topics = [NewTopic(one["metadata"]["name"], one["spec"]["partitions"], 1,
                           config={key: str(1 if key == "min.insync.replicas" else value) for key, value in one["spec"]["config"].items()})
                  for one in objects if one["kind"] == "KafkaTopic"]
        for made in admin.create_topics(topics, operation_timeout=60).values():
            made.result()
        rules = [rule for one in objects if one["kind"] == "KafkaUser" for rule in acls(one)]
        for made in admin.create_acls(rules).values():
            made.result()
        return len(topics), len(rules)

    def stop(self):
        """It lives as long as its input."""
        self.process.stdin.close()
        self.process.wait(60)


OPERATIONS = {"Read": AclOperation.READ, "Write": AclOperation.WRITE, "Describe": AclOperation.DESCRIBE,
              "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS, "IdempotentWrite": AclOperation.IDEMPOTENT_WRITE}
# A cluster's own rules are kept under this name.
RESOURCES = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "cluster": ResourceType.BROKER}
CLUSTER = "kafka-cluster"


def acls(user):
    """The rules of a KafkaUser, as its operator makes them."""
    for acl in user["spec"]["authorization"]["acls"]:
        resource = acl["resource"]
        for operation in acl["operations"]:
            yield AclBinding(RESOURCES[resource["type"]], resource.get("name", CLUSTER), ResourcePatternType.LITERAL,
                             f"User:CN={user['metadata']['name']}", "*", OPERATIONS[operation], AclPermissionType.ALLOW)


class Postgres:
    """A server whose database belongs to somebody who may make roles, and is no superuser."""

    def __init__(self, folder, authority, password):
        self.folder, self.port = Path(folder), free_port()
        self.bin = os.environ["HOMEROOM_POSTGRES_BIN"]
        self.folder.mkdir()
        shutil.chown(self.folder, "postgres", "postgres")
        self.run("initdb", "-D", "data", "--auth-local=trust", "--auth-host=scram-sha-256", "--username=postgres", "--encoding=UTF8")
        for name, text in zip(("server.crt", "server.key"), authority.issue("postgres")):
            file = self.folder / "data" / name
            file.write_text(text)
            file.chmod(0o600)
            shutil.chown(file, "postgres", "postgres")
        with (self.folder / "data/postgresql.conf").open("a") as settings:
            settings.write(f"port = {self.port}\nssl = on\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{self.folder}'\n"
                           "fsync = off\nmax_connections = 200\n")
        hba = self.folder / "data/pg_hba.conf"
        hba.write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
        self.run("pg_ctl", "-D", "data", "-w", "-l", "log", "start")
        # As examples/postgres.yaml has it made.
        for sql in (f"create role homeroom login createrole password '{password}'", "create database homeroom owner homeroom"):
            self.run("psql", "-h", str(self.folder), "-p", str(self.port), "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-c", sql)

    def run(self, program, *args):
        """One of PostgreSQL's programs, as its user."""
        run = subprocess.run([f"{self.bin}/{program}", *args], cwd=self.folder, user="postgres", group="postgres", extra_groups=[],
                             capture_output=program != "pg_ctl", stdin=subprocess.DEVNULL, text=True, check=False)
        if run.returncode:
            raise SystemExit(f"{program}: {run.stderr}")

    def stop(self):
        """At once: nothing of it is kept."""
        self.run("pg_ctl", "-D", "data", "-m", "immediate", "stop")


class Receiver:
    """Takes webhooks."""

    def __init__(self):
        received = self.received = []

        class Handler(BaseHTTPRequestHandler):
            """Keeps what comes, and accepts it."""

            def do_POST(self):
                received.append((dict(self.headers), self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
