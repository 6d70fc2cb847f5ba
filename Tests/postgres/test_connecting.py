"""How a store reaches its server: TLS, passwords and where they come from. Libpq does it; what a program is
told of it is ours."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import perdure
import postgres
import pytest

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


@pytest.fixture(scope="module")
def secured(server: postgres.Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    ca, other_ca = authority(folder, "ours"), authority(folder, "theirs")
    certify(server, folder, ca)
    access = server.folder / "data" / "pg_hba.conf"
    trusting = access.read_text()
    access.write_text(ACCESS + trusting)
    for role in ("sealed", "app"):
        server.ask(f"CREATE ROLE {role} LOGIN")
        server.ask(f"GRANT CREATE ON DATABASE postgres TO {role}")
    server.ask("ALTER SYSTEM SET ssl = on")
    server.ask("SELECT pg_reload_conf()")
    yield Secured(server, folder, ca, other_ca)
    # The other tests come without.
    access.write_text(trusting)
    server.ask("ALTER SYSTEM RESET ssl")
    server.ask("SELECT pg_reload_conf()")


@pytest.fixture(autouse=True)
def password(secured: Secured) -> str:
    secured.set_password(PASSWORD)
    return PASSWORD


def works(url: str) -> None:
    with perdure.Store(url) as store, perdure.Client(store) as client:
        client.start("anything", policy="use_existing", instance="one")
        assert client.status("one") == "Pending"


def refusal(url: str) -> str:
    with pytest.raises(perdure.StoreCannotOpen) as caught:
        perdure.Store(url)
    message = str(caught.value)
    for piece in (PASSWORD, quote(PASSWORD, safe=""), "sesame"):
        assert piece not in message
    return message


# ---- TLS ------------------------------------------------------------------------------------------------


def test_a_server_with_the_right_certificate_is_trusted(secured: Secured) -> None:
    url = secured.url(f"sslmode=verify-full&sslrootcert={secured.ca}&application_name=tls", user="sealed",
                      schema="tls")  # fmt: skip
    with perdure.Store(url) as store, perdure.Client(store) as client:
        client.start("anything")
        sealed = secured.server.ask(
            "SELECT bool_and(s.ssl), count(*) > 2 FROM pg_stat_ssl AS s JOIN pg_stat_activity USING (pid) "
            "WHERE application_name = 'tls'"
        )
        assert sealed == ["t|t"], "all connections are sealed"


def test_a_certificate_of_another_authority_is_refused(secured: Secured) -> None:
    url = secured.url(f"sslmode=verify-full&sslrootcert={secured.other_ca}", user=f"app:{quote(PASSWORD)}")
    message = refusal(url)
    assert "certificate verify failed" in message
    assert f"postgresql://localhost:{secured.server.port}/postgres (schema app)" in message


def test_a_certificate_for_another_name_is_refused(secured: Secured) -> None:
    url = secured.url(f"sslmode=verify-full&sslrootcert={secured.ca}", user="sealed", host="db.example.com")
    assert 'does not match host name "db.example.com"' in refusal(url)


def test_a_server_that_wants_tls_refuses_those_who_come_without(secured: Secured) -> None:
    assert "no encryption" in refusal(secured.url("sslmode=disable", user="sealed", schema="tls"))


def test_an_authority_that_is_not_there_is_named(secured: Secured) -> None:
    missing = secured.folder / "missing.crt"
    assert str(missing) in refusal(secured.url(f"sslmode=verify-ca&sslrootcert={missing}", user="sealed"))


# ---- Passwords ------------------------------------------------------------------------------------------


def test_a_password_comes_from_the_url(secured: Secured) -> None:
    works(secured.url("", user=f"app:{quote(PASSWORD, safe='')}"))
    works(secured.url(f"password={quote(PASSWORD, safe='')}"))


def test_a_password_comes_from_a_file_or_the_environment(
    secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    works(secured.url(f"passfile={secured.passfile(PASSWORD)}"))
    monkeypatch.setenv("PGPASSFILE", str(secured.passfile(PASSWORD)))
    works(secured.url(""))
    monkeypatch.delenv("PGPASSFILE")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    works(secured.url(""))


def test_a_service_says_where_the_server_is(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    services = secured.folder / "services"
    services.write_text(
        f"[orders]\nhost=localhost\nhostaddr=127.0.0.1\nport={secured.server.port}\n"
        f"user=app\ndbname=postgres\npassword={PASSWORD}\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    works("postgresql:///?service=orders&schema=app")
    assert 'service "bills" not found' in refusal("postgresql:///?service=bills&schema=app")


def test_a_wrong_password_is_a_clear_error(secured: Secured) -> None:
    wrong = secured.passfile("wrong-sesame")
    expected = 'password authentication failed for user "app"'
    assert expected in refusal(secured.url(f"passfile={wrong}"))
    assert expected in refusal(secured.url("", user="app:not-sesame"))
    assert "no password supplied" in refusal(secured.url(f"passfile={secured.folder / 'none'}"))


# What must be escaped in a URL, and was not: libpq takes parts of it for a host, a port or a database.
MISWRITTEN = ["se%zzsame", "open/sesame", "open@sesame", "open?sesame", "open#sesame", "sesame%"]


@pytest.mark.parametrize("password", MISWRITTEN)
def test_a_password_that_cannot_be_read_is_not_shown(secured: Secured, password: str) -> None:
    for url in (
        f"postgresql://app:{password}@127.0.0.1:1/postgres?schema=app",
        f"postgresql://app@127.0.0.1:1/postgres?schema=app&password={password}",
    ):
        with pytest.raises(perdure.PerdureError) as caught:
            perdure.Store(url)
        assert "sesame" not in str(caught.value) and "sesame" not in repr(caught.value)
        assert '"open"' not in str(caught.value)


def test_a_password_that_changes_in_its_file_is_read_again(secured: Secured) -> None:
    url = secured.url(f"passfile={secured.passfile(PASSWORD)}&application_name=rotated")
    with perdure.Store(url, busy_timeout=0.2) as store, perdure.Client(store) as client:
        secured.set_password("another")
        ended = secured.server.ask(
            "SELECT bool_and(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
            "WHERE application_name = 'rotated'"
        )
        assert ended == ["t"]
        with pytest.raises(perdure.StoreIO) as caught:
            client.start("anything")
        assert caught.value.transient and "authentication failed" in str(caught.value)
        secured.passfile("another")
        client.start("anything")
