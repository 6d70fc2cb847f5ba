"""Passwords that the program gives, as tokens of cloud identities: they change while the store is open."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

import perdure
import pytest
from perdure.duroxide import Client, PostgresEntraOptions, PostgresProvider
from secured import Secured

WAIT = 60.0


class Vault:
    """Knows the password of the role `app`, which changes."""

    def __init__(self, secured: Secured) -> None:
        self.secured = secured
        self.number = 0
        self.asked = 0
        self.threads: set[int] = set()
        self.rotate()

    def rotate(self) -> None:
        self.number += 1
        self.secured.set_password(self.current)

    @property
    def current(self) -> str:
        return f"token-{self.number}-{'x' * 2000}"

    def __call__(self) -> str:
        self.asked += 1
        self.threads.add(threading.get_ident())
        return self.current

    def end_sessions(self) -> None:
        ended = self.secured.server.ask(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = 'app'"
        )
        assert int(ended[0]) > 0


@pytest.fixture
def vault(secured: Secured) -> Iterator[Vault]:
    yield Vault(secured)


@perdure.activity
def charge(context: perdure.ActivityContext, order: str) -> str:
    return f"paid {order}"


@perdure.orchestration
async def order(context: perdure.OrchestrationContext, order: str) -> str:
    await context.wait_for_event("approved")
    return await context.activity(charge, order)


def test_a_store_goes_on_while_passwords_change(secured: Secured, vault: Vault) -> None:
    with perdure.Store(secured.url("sslmode=require", schema="vault"), password=vault) as store:
        asked = vault.asked
        assert asked > 1, "each connection asks"
        assert threading.get_ident() not in vault.threads
        with perdure.Runtime(store, [order, charge]), perdure.Client(store) as client:
            for number in range(5):
                client.start("order", str(number), instance=f"order-{number}")
                vault.rotate()
                vault.end_sessions()
                client.raise_event(f"order-{number}", "approved")
                assert client.result(f"order-{number}", WAIT) == f"paid {number}"
        assert vault.asked >= asked + 10, "all that were ended came back with a new one"


def test_a_password_that_does_not_come_is_a_clear_error(secured: Secured) -> None:
    def fails() -> str:
        raise ConnectionError("the token service answered 503")

    with pytest.raises(
        perdure.StoreCannotOpen, match=r"got no password: .*ConnectionError: the token service"
    ):
        perdure.Store(secured.url(""), password=fails)
    with pytest.raises(perdure.StoreCannotOpen, match="it returned int, not a str"):
        perdure.Store(secured.url(""), password=lambda: 5)  # type: ignore[arg-type,return-value]
    with pytest.raises(perdure.StoreCannotOpen, match="empty"):
        perdure.Store(secured.url(""), password=lambda: "")
    with pytest.raises(perdure.StoreCannotOpen, match="gave is no text"):
        perdure.Store(secured.url(""), password=lambda: "a\0b")
    with pytest.raises(perdure.InvalidArgument, match="a function that returns one"):
        perdure.Store(secured.url(""), password="sesame")  # type: ignore[arg-type]
    with pytest.raises(perdure.Unsupported, match="postgresql: URL"):
        perdure.Store("memory:", password=lambda: "sesame")


def test_while_the_store_is_open_it_is_one_that_passes(secured: Secured, vault: Vault) -> None:
    broken = threading.Event()

    def password() -> str:
        if broken.is_set():
            raise ConnectionError("the token service is away")
        return vault()

    with (
        perdure.Store(secured.url("", schema="vault"), password=password, busy_timeout=1.0) as store,
        perdure.Client(store) as client,
    ):
        client.start("order", "one", instance="passing")
        broken.set()
        vault.end_sessions()
        with pytest.raises(perdure.StoreIO, match="the token service is away") as caught:
            client.status("passing")
        assert caught.value.transient
        broken.clear()
        assert client.status("passing") == "Pending"


def test_a_wrong_one_is_told_and_not_shown(
    secured: Secured, vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    perdure.log_to(logging.getLogger("perdure"), "debug")
    with pytest.raises(
        perdure.StoreCannotOpen, match='password authentication failed for user "app"'
    ) as caught:
        perdure.Store(secured.url(""), password=lambda: "sesame-" + vault.current)
    with (
        perdure.Store(secured.url("", schema="vault"), password=vault) as store,
        perdure.Client(store) as client,
        perdure.Runtime(store, [order, charge]),
    ):
        vault.end_sessions()
        client.start("order", "one", instance="logged", policy="use_existing")
    for text in (str(caught.value), repr(caught.value), repr(store), caplog.text):
        assert "sesame" not in text and "token-" not in text


def test_who_asks_keeps_nobody_from_reading(secured: Secured, vault: Vault) -> None:
    """A function that is slow, and reads the store itself: no lock is held while it runs."""
    slow, waiting, go = threading.Event(), threading.Event(), threading.Event()
    seen: list[str] = []

    def password() -> str:
        if slow.is_set() and not waiting.is_set():
            waiting.set()
            # The connection that reads is new, too: this call asks for its own.
            seen.append(client.status("slow"))
            assert go.wait(WAIT)
        return vault()

    store = perdure.Store(secured.url("", schema="vault"), password=password)
    with store, perdure.Client(store) as client:
        client.start("order", "one", instance="slow")
        slow.set()
        vault.end_sessions()
        starter = threading.Thread(target=lambda: client.start("order", "two", instance="behind"))
        starter.start()
        assert waiting.wait(WAIT)
        assert client.status("slow") == "Pending"
        with pytest.raises(perdure.NotFound):
            client.status("behind")
        go.set()
        starter.join(WAIT)
        assert seen == ["Pending"]
        assert client.status("behind") == "Pending"


def test_closing_waits_for_no_password(secured: Secured, vault: Vault) -> None:
    held, waiting, go = threading.Event(), threading.Event(), threading.Event()
    late: list[str] = []

    def password() -> str:
        if held.is_set():
            waiting.set()
            if not go.wait(WAIT):
                late.append("nobody closed the store meanwhile")
        return vault()

    def start() -> None:
        # The session that watches may have asked first, and the client be closed by now.
        with contextlib.suppress(perdure.PerdureError):
            client.start("order", "one")

    store = perdure.Store(secured.url("", schema="vault"), password=password)
    client = perdure.Client(store)
    held.set()
    vault.end_sessions()
    starter = threading.Thread(target=start)
    starter.start()
    assert waiting.wait(WAIT)
    client.close()
    store.close()
    assert not late
    go.set()
    starter.join(WAIT)
    assert not starter.is_alive()


def test_tokens_of_entra_are_such_passwords(secured: Secured, vault: Vault) -> None:
    options = PostgresEntraOptions(
        max_connections=4, acquire_timeout_ms=5_000, refresh_interval_ms=1_000, token_provider=vault
    )
    provider = PostgresProvider.connect_with_schema_and_entra(
        "127.0.0.1", secured.server.port, "postgres", "app", "entra", options
    )
    client = Client(provider)
    client.start_orchestration("one", "anything", None)
    assert client.get_status("one").status == "Running"
    assert vault.asked < 3, "a token is used for more than one connection"
    provider.store.close()
