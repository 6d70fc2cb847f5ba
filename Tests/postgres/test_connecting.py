"""How a store reaches its server: TLS, passwords and where they come from. Libpq does it; what a program is
told of it is ours."""

from __future__ import annotations

from urllib.parse import quote

import perdure
import pytest
from secured import PASSWORD, Secured


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
            "SELECT bool_and(s.ssl), count(*) > 1 FROM pg_stat_ssl AS s JOIN pg_stat_activity USING (pid) "
            "WHERE application_name = 'tls'"
        )
        assert sealed == ["t|t"], "all connections are sealed"


def test_a_certificate_of_another_authority_is_refused(secured: Secured) -> None:
    url = secured.url(
        f"sslmode=verify-full&sslrootcert={secured.other_ca}", user=f"app:{quote(PASSWORD, safe='')}"
    )
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
