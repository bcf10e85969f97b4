"""PostgreSQL."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from waiting import free_port


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
            self.sql(sql, "postgres")

    def run(self, program, *args):
        """One of PostgreSQL's programs, as its user."""
        run = subprocess.run([f"{self.bin}/{program}", *args], cwd=self.folder, user="postgres", group="postgres", extra_groups=[],
                             capture_output=program != "pg_ctl", stdin=subprocess.DEVNULL, text=True, check=False)
        if run.returncode:
            raise SystemExit(f"{program}: {run.stderr}")
        return run.stdout

    def sql(self, text, database="homeroom"):
        """Statements as its superuser; what they print, columns with a bar between."""
        where = ("-h", str(self.folder), "-p", str(self.port), "-U", "postgres", "-d", database)
        return self.run("psql", *where, "-X", "-At", "-v", "ON_ERROR_STOP=1", "-c", text).strip()

    @contextmanager
    def holding(self, statement):
        """A session in which somebody has begun something and gone to lunch."""
        session = subprocess.Popen(
            [f"{self.bin}/psql", "-h", str(self.folder), "-p", str(self.port), "-U", "postgres", "-d", "homeroom", "-X", "-At"],
            cwd=self.folder, user="postgres", group="postgres", extra_groups=[], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        session.stdin.write(f"begin;\n{statement};\n\\echo held\n")
        session.stdin.flush()
        while (line := session.stdout.readline()) and line != "held\n":
            pass
        try:
            yield
        finally:
            session.kill()
            session.wait()

    def stop(self):
        """At once: nothing of it is kept."""
        self.run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
