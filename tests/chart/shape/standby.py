"""A PostgreSQL primary and the standby that has every commit before it is acknowledged."""

import shutil
import subprocess

from postgres import Postgres
from waiting import free_port, wait_for


class Standby(Postgres):
    """A copy of a primary that follows it. It becomes the primary when it is told to."""

    def __init__(self, folder, primary, name):  # pylint: disable=super-init-not-called
        self.folder, self.port, self.bin, self.name = folder, free_port(), primary.bin, name
        folder.mkdir()
        shutil.chown(folder, "postgres", "postgres")
        folder.chmod(0o711)
        source = f"host={primary.folder} port={primary.port} user=postgres application_name={name}"
        self.run("pg_basebackup", "-d", source, "-D", "data", "-R", "-X", "stream", "-c", "fast")
        with (folder / "data/postgresql.auto.conf").open("a") as settings:
            settings.write(f"port = {self.port}\nunix_socket_directories = '{folder}'\nsynchronous_standby_names = ''\n")
        self.run("pg_ctl", "-D", "data", "-w", "-l", "log", "start")

    def promote(self):
        """Makes it the primary."""
        self.run("pg_ctl", "-D", "data", "-w", "promote")


def allow_replication(primary):
    """What an operator sets on a primary."""
    with (primary.folder / "data/pg_hba.conf").open("a") as rules:
        rules.write("local replication all trust\n")
    sql(primary, "select pg_reload_conf()")


def sql(server, text):
    """One statement as the superuser; its answer."""
    run = subprocess.run([f"{server.bin}/psql", "-h", str(server.folder), "-p", str(server.port), "-U", "postgres", "-d", "homeroom",
                          "-v", "ON_ERROR_STOP=1", "-Atc", text], capture_output=True, text=True, check=False, timeout=60)
    if run.returncode:
        raise SystemExit(f"{text}: {run.stderr}")
    return run.stdout.strip()


def follow(primary, folder, name):
    """A synchronous standby for this primary, when no commit is acknowledged any more that it has not."""
    standby = Standby(folder, primary, name)
    sql(primary, f"alter system set synchronous_standby_names = '{name}'")
    sql(primary, "select pg_reload_conf()")
    wait_for("the standby to be synchronous",
             lambda: sql(primary, f"select sync_state from pg_stat_replication where application_name = '{name}'") == "sync")
    return standby
