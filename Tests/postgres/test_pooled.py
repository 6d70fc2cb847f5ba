"""A store behind pgbouncer, which lends a session of the server for one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterator

import perdure
import postgres
import pytest
from shops import Shop, finished

WAIT = 60.0


@pytest.fixture(scope="module")
def proxy(server: postgres.Postgres) -> Iterator[postgres.Pgbouncer]:
    # Three processes with up to five connections each share three sessions.
    with postgres.pgbouncer(server, sessions=3) as proxy:
        yield proxy


def test_processes_work_and_hear_of_each_other_through_it(
    proxy: postgres.Pgbouncer, shops: list[Shop]
) -> None:
    url = proxy.url("through", "&pooled=on")
    shops += [Shop(url), Shop(url)]
    with perdure.Store(url) as store, perdure.Client(store) as client:
        orders = [f"order-{number}" for number in range(30)]
        began = time.monotonic()
        for order in orders:
            client.start("order", order, instance=order)
            client.raise_event(order, "approved", "yes")
        for order in orders:
            assert client.result(order, timeout=WAIT) == finished(order)
        # Nobody is told of a write: they look eight times a second, and not every five seconds.
        assert time.monotonic() - began < 12
        # More than a cursor hands over at once, in more than one page.
        listed = [each.instance for each in client.list(orchestration="order")]
        assert sorted(listed) == sorted(orders)


def test_a_process_that_is_killed_is_taken_over_when_its_lease_ends(
    proxy: postgres.Pgbouncer, shops: list[Shop]
) -> None:
    url = proxy.url("killed_through", "&pooled=on&lease_ms=2000")
    with perdure.Store(url) as store, perdure.Client(store) as client:
        shops.append(Shop(url))
        client.start("order", "one", instance="one")
        client.wait_for_status("one", timeout=WAIT)
        shops[0].kill()
        killed = time.monotonic()
        client.raise_event("one", "approved", "yes")
        shops.append(Shop(url))
        assert client.result("one", timeout=WAIT) == finished("one")
        assert 1.0 < time.monotonic() - killed < 10


def test_a_process_beside_it_that_has_sessions_leaves_it_in_peace(
    server: postgres.Postgres, proxy: postgres.Pgbouncer, shops: list[Shop]
) -> None:
    shops.append(Shop(proxy.url("beside", "&pooled=on")))
    with perdure.Store(server.url("beside") + "&grace_ms=0") as store, perdure.Client(store) as client:
        management = client.management()
        for number in range(10):
            order = f"order-{number}"
            client.start("order", order, instance=order)
            client.raise_event(order, "approved", "yes")
            assert [node.pid for node in management.nodes()] == [shops[0].process.pid]
        for number in range(10):
            assert client.result(f"order-{number}", timeout=WAIT) == finished(f"order-{number}")
        assert [node.pid for node in management.nodes()] == [shops[0].process.pid]


def test_without_the_option_it_is_refused(proxy: postgres.Pgbouncer) -> None:
    with pytest.raises(perdure.StoreCannotOpen, match="say pooled=on in the URL"):
        perdure.Store(proxy.url("refused"))


def test_in_session_mode_it_needs_no_option(server: postgres.Postgres) -> None:
    with (
        postgres.pgbouncer(server, "session", 20) as proxy,
        perdure.Store(proxy.url("lent")) as store,
        perdure.Client(store) as client,
    ):
        client.start("anything", instance="one")
        assert client.status("one") == "Pending"


def test_in_statement_mode_there_are_no_transactions(server: postgres.Postgres) -> None:
    with (
        postgres.pgbouncer(server, "statement") as proxy,
        pytest.raises(perdure.StoreError, match="statement pooling mode"),
    ):
        perdure.Store(proxy.url("split", "&pooled=on"))


def test_what_a_proxy_cannot_pass_on_is_named(proxy: postgres.Pgbouncer) -> None:
    with pytest.raises(perdure.StoreCannotOpen, match="unsupported startup parameter: options"):
        perdure.Store(proxy.url("optional", "&pooled=on&options=-cjit%3Doff"))


def test_a_store_that_takes_the_place_of_another_is_not_written_to(
    server: postgres.Postgres, proxy: postgres.Pgbouncer
) -> None:
    with perdure.Store(proxy.url("place", "&pooled=on")) as store, perdure.Client(store) as client:
        client.start("anything", instance="one")
        # The connections to the proxy stay as they are.
        server.ask("UPDATE place.perdure_store SET id = 'another'")
        with pytest.raises(perdure.StoreReplaced):
            client.start("anything", instance="two")
