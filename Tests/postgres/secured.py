"""A server that asks for certificates and passwords."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import postgres

PASSWORD = "open/sesame?&é"
# Who comes how; the lines that initdb wrote trust everybody else.
ACCESS = """\
hostssl all sealed 127.0.0.1/32 trust
host all sealed 127.0.0.1/32 reject
host all app 127.0.0.1/32 scram-sha-256
"""


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def authority(folder: Path, name: str) -> Path:
    """A certificate authority that signs itself."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    openssl(
        "req", "-x509", *curve, "-nodes", "-days", "2", "-subj", f"/CN={name}",
        "-keyout", str(key), "-out", str(certificate),
    )  # fmt: skip
    return certificate


def certify(server: postgres.Postgres, folder: Path, ca: Path) -> None:
    """Gives the server a certificate for the name localhost."""
    data = server.folder / "data"
    request, names = folder / "server.csr", folder / "names"
    names.write_text("subjectAltName=DNS:localhost\n")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    openssl(
        "req", *curve, "-nodes", "-subj", "/CN=localhost",
        "-keyout", str(data / "server.key"), "-out", str(request),
    )  # fmt: skip
    openssl(
        "x509", "-req", "-in", str(request), "-CA", str(ca), "-CAkey", str(ca.with_suffix(".key")),
        "-CAcreateserial", "-days", "2", "-extfile", str(names), "-out", str(data / "server.crt"),
    )  # fmt: skip
    for path in (data / "server.key", data / "server.crt"):
        path.chmod(0o600)
        if server.account is not None:
            shutil.chown(path, server.account, server.account)


@dataclass
class Secured:
    server: postgres.Postgres
    folder: Path
    ca: Path
    other_ca: Path

    def url(self, options: str, user: str = "app", host: str = "localhost", schema: str = "app") -> str:
        """Of the database, by a name that resolves to 127.0.0.1 whatever the machine thinks of it."""
        place = f"{user}@{host}:{self.server.port}/postgres"
        return f"postgresql://{place}?hostaddr=127.0.0.1&schema={schema}&{options}"

    def passfile(self, password: str) -> Path:
        path = self.folder / "pgpass"
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        path.write_text(f"localhost:{self.server.port}:postgres:app:{escaped}\n")
        path.chmod(0o600)
        return path

    def set_password(self, password: str) -> None:
        self.server.ask(f"ALTER ROLE app PASSWORD '{password}'")


@contextlib.contextmanager
def secure(server: postgres.Postgres, folder: Path) -> Iterator[Secured]:
    """A server with TLS, whose role `app` needs a password and whose role `sealed` needs TLS, for a while."""
    ca, other_ca = authority(folder, "ours"), authority(folder, "theirs")
    certify(server, folder, ca)
    access = server.folder / "data" / "pg_hba.conf"
    trusting = access.read_text()
    access.write_text(ACCESS + trusting)
    for role in ("sealed", "app"):
        if not server.ask(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
            server.ask(f"CREATE ROLE {role} LOGIN")
        server.ask(f"GRANT CREATE ON DATABASE postgres TO {role}")
    server.ask("ALTER SYSTEM SET ssl = on")
    server.ask("SELECT pg_reload_conf()")
    yield Secured(server, folder, ca, other_ca)
    # The other tests come without.
    access.write_text(trusting)
    server.ask("ALTER SYSTEM RESET ssl")
    server.ask("SELECT pg_reload_conf()")
