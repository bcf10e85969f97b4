"""A private authority, and certificates of it."""

import subprocess
from pathlib import Path


class Authority:
    """Signs in a folder of its own."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.run("req", "-x509", *self.key("ca"), "-out", "ca.crt", "-subj", "/CN=test authority", "-days", "90",
                 "-addext", "basicConstraints=critical,CA:TRUE")
        self.ca = (self.folder / "ca.crt").read_text()

    @staticmethod
    def key(name):
        """Options for a new key."""
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key"]

    def run(self, *args):
        """One command of OpenSSL."""
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=self.folder)

    def issue(self, name, hosts=(), days=60):
        """A certificate of this common name: its PEM and its key's."""
        self.run("req", *self.key(name), "-out", f"{name}.csr", "-subj", f"/CN={name}")
        extensions = self.folder / f"{name}.ext"
        names = ",".join(f"DNS:{host}" for host in ("localhost", *hosts))
        extensions.write_text(f"subjectAltName={names},IP:127.0.0.1\n")
        self.run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", str(days),
                 "-out", f"{name}.crt", "-extfile", extensions.name)
        return (self.folder / f"{name}.crt").read_text(), (self.folder / f"{name}.key").read_text()
