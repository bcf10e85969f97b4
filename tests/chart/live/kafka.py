"""Kafka, and what Strimzi's operators do in it."""

import subprocess
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourcePatternType, ResourceType, ScramCredentialInfo,
    ScramMechanism, UserScramCredentialUpsertion,
)
from limits import children
from waiting import ROOT, free_port, wait_for


class Kafka:
    """One broker that lets nobody in without a certificate or a password, and allows nothing that no rule allows."""

    # How often each record is kept.
    replication = 1

    def __init__(self, folder, authority):
        folder = Path(folder)
        folder.mkdir()
        # By certificate, and by password.
        self.tls, self.scram, controller = free_port(), free_port(), free_port()
        certificate, key = authority.issue("broker")
        (folder / "broker.pem").write_text(key + certificate)
        self.admin_files = {"ca": authority.folder / "ca.crt"}
        admin_certificate, admin_key = authority.issue("admin")
        (folder / "admin.crt").write_text(admin_certificate)
        (folder / "admin.key").write_text(admin_key)
        self.folder = folder
        settings = folder / "settings.properties"
        settings.write_text(f"""
listeners=SSL://127.0.0.1:{self.tls},SASL_SSL://127.0.0.1:{self.scram},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SSL://localhost:{self.tls},SASL_SSL://localhost:{self.scram}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
inter.broker.listener.name=SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.ssl.client.auth=none
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
            [ROOT / "deploy/local/kafka", "--for-tests", "--settings", settings, folder / "data", str(self.tls), str(controller)],
            stdin=subprocess.PIPE, stdout=self.log, stderr=subprocess.STDOUT)
        wait_for("Kafka", lambda: b"Kafka Server started" in (folder / "log").read_bytes() or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise SystemExit((folder / "log").read_text()[-3000:])

    def client(self, user=None, secret=None, **more):
        """How somebody connects: the administrator, or a user by what Strimzi keeps in the user's secret."""
        common = {"ssl.ca.location": str(self.admin_files["ca"]), **more}
        if user is None:
            secret = {f"user.{kind}": (self.folder / f"admin.{kind}").read_text() for kind in ("crt", "key")}
        if "password" in secret:
            return common | {"bootstrap.servers": f"localhost:{self.scram}", "security.protocol": "sasl_ssl", "sasl.mechanisms": "SCRAM-SHA-512",
                             "sasl.username": user, "sasl.password": secret["password"]}
        return common | {"bootstrap.servers": f"localhost:{self.tls}", "security.protocol": "ssl", "ssl.certificate.pem": secret["user.crt"],
                         "ssl.key.pem": secret["user.key"]}

    def operate(self, objects, secrets):
        """What Strimzi's operators do: topics, passwords and rules as the objects say, as far as there are brokers."""
        admin = AdminClient(self.client())
        topics = [NewTopic(one["metadata"]["name"], one["spec"]["partitions"], self.replication,
                           config={key: str(min(self.replication, value) if key == "min.insync.replicas" else value) for key, value in one["spec"]["config"].items()})
                  for one in objects if one["kind"] == "KafkaTopic"]
        for made in admin.create_topics(topics, operation_timeout=60).values():
            made.result()
        users = [one for one in objects if one["kind"] == "KafkaUser"]
        passwords = [UserScramCredentialUpsertion(name, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), secrets[name]["password"].encode())
                     for name in (user["metadata"]["name"] for user in users) if "password" in secrets[name]]
        if passwords:
            for made in admin.alter_user_scram_credentials(passwords).values():
                made.result()
        return len(topics), self.permit(users)

    def permit(self, users):
        """What KafkaUsers may do; how many rules that takes."""
        rules = [rule for user in users for rule in acls(user)]
        admin = AdminClient(self.client())
        for made in admin.create_acls(rules).values():
            made.result()
        return len(rules)

    def processes(self):
        """The broker's virtual machine, which the script waits for."""
        return [one for one in children(self.process.pid) if Path(f"/proc/{one}/comm").read_text().strip() == "java"]

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
    """The rules of a KafkaUser, as its operator makes them: of a certificate's name, or of the user's own."""
    spec, name = user["spec"], user["metadata"]["name"]
    principal = f"User:CN={name}" if spec["authentication"]["type"] == "tls" else f"User:{name}"
    for acl in spec["authorization"]["acls"]:
        resource = acl["resource"]
        for operation in acl["operations"]:
            yield AclBinding(RESOURCES[resource["type"]], resource.get("name", CLUSTER), ResourcePatternType.LITERAL,
                             principal, "*", OPERATIONS[operation], AclPermissionType.ALLOW)
