"""A standby answers what people look at, which may be behind; the primary does when it is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import perdure
import postgres
import pytest

WAIT = 30.0


@pytest.fixture(scope="module")
def standby(server: postgres.Postgres) -> Iterator[postgres.Postgres]:
    with postgres.standby(server) as standby:
        yield standby


def beside(server: postgres.Postgres, schema: str, replica: postgres.Postgres) -> str:
    place = quote(f"postgresql://perdure@127.0.0.1:{replica.port}/postgres", safe="")
    return f"{server.url(schema)}&replica={place}"


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def copied(server: postgres.Postgres, standby: postgres.Postgres, schema: str) -> None:
    """Makes a store, which the standby has then, too."""
    perdure.Store(server.url(schema)).close()
    until(lambda: standby.ask(f"SELECT 1 FROM pg_namespace WHERE nspname = '{schema}'"))


def test_lists_come_from_the_standby_and_decisions_from_the_primary(
    server: postgres.Postgres, standby: postgres.Postgres
) -> None:
    copied(server, standby, "copied")
    with perdure.Store(beside(server, "copied", standby)) as store, perdure.Client(store) as client:
        management = client.management()

        def seen() -> tuple[list[str], int]:
            counts = management.statistics().counts.by_status
            return [each.instance for each in client.list()], counts.get("Pending", 0)

        client.start("anything", instance="one")
        until(lambda: seen() == (["one"], 1))
        standby.ask("SELECT pg_wal_replay_pause()")
        client.start("anything", instance="two")
        assert seen() == (["one"], 1), "the standby has not heard of it"
        assert client.status("two") == "Pending", "an instance by its id is what it is now"
        # What changes something goes by the primary.
        report = management.bulk("suspend", perdure.InstanceFilter(prefix="t"))
        assert [each.instance for each in report.changes] == ["two"]
        assert client.status("two") == "Suspended"
        standby.ask("SELECT pg_wal_replay_resume()")
        until(lambda: seen()[0] == ["one", "two"])

        standby.stop("immediate")
        client.start("anything", instance="three")
        assert len(seen()[0]) == 3, "the primary answers in its place"
        standby.start()


def test_a_standby_that_is_away_holds_up_no_open(
    server: postgres.Postgres, standby: postgres.Postgres
) -> None:
    gone = postgres.Postgres(standby.bin, standby.folder, 1, standby.account)
    began = time.monotonic()
    with perdure.Store(beside(server, "alone", gone)) as store, perdure.Client(store) as client:
        client.start("anything", instance="one")
        assert [each.instance for each in client.list()] == ["one"]
    assert time.monotonic() - began < 5


def test_another_store_in_its_place_is_refused(server: postgres.Postgres, standby: postgres.Postgres) -> None:
    copied(server, standby, "mixed")
    standby.ask("SELECT pg_wal_replay_pause()")
    server.ask("UPDATE mixed.perdure_store SET id = 'another'")
    with pytest.raises(perdure.StoreCannotOpen, match="has another store than"):
        perdure.Store(beside(server, "mixed", standby))
    standby.ask("SELECT pg_wal_replay_resume()")
    with pytest.raises(perdure.StoreCannotOpen, match="replica=… of the store URL"):
        perdure.Store(server.url("mixed") + "&replica=me:secret@standby")
