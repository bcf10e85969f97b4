"""PostgreSQL."""

import os
import shutil
import subprocess
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
