"""Programs in Python on PostgreSQL: what dies, what is started anew, and who hears of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import perdure
import postgres
import pytest
from shops import Shop, finished

ROOT = Path(__file__).resolve().parent.parent.parent
WAIT = 60.0


def insist(call: Callable[[], object]) -> None:
    """A connection that dies in the middle of a commit leaves the caller to try again."""
    while True:
        try:
            call()
            return
        except perdure.StoreError as error:
            if not error.transient:
                raise


def place(client: perdure.Client, number: int) -> None:
    """An order that is approved already: each of the calls may come twice."""
    name = f"order-{number}"
    insist(lambda: client.start("order", f"o{number}", instance=name, policy="use_existing"))
    insist(lambda: client.raise_event(name, "approved", "yes"))


def test_orders_outlive_a_process_that_is_killed(server: postgres.Postgres, shops: list[Shop]) -> None:
    url = server.url("killed")
    with perdure.Store(url) as store:
        client = perdure.Client(store)
        shops.append(Shop(url))
        orders = [f"order-{number}" for number in range(20)]
        for order in orders[:10]:
            client.start("order", order, instance=order)
        shops.append(Shop(url))
        for order in orders[10:]:
            client.start("order", order, instance=order)
        # All are in the middle: some charge, some sleep, some wait.
        client.wait_for_status(orders[0], timeout=WAIT)
        shops[0].kill()
        killed = time.monotonic()
        for order in orders:
            client.raise_event(order, "approved", "yes")
        for order in orders:
            assert client.result(order, timeout=WAIT) == finished(order)
        # They need less than two seconds; what the dead process had is taken over before its lease ends.
        assert time.monotonic() - killed < 14


def test_a_forked_child_does_not_keep_the_sessions_of_its_parent(
    server: postgres.Postgres, shops: list[Shop]
) -> None:
    # The lease does not help here.
    url = server.url("forked") + "&lease_ms=3600000"
    with perdure.Store(url) as store:
        client = perdure.Client(store)
        shop = Shop(url, forks=True)
        assert shop.child is not None
        try:
            for number in range(10):
                client.start("order", f"o{number}", instance=f"order-{number}")
            client.wait_for_status("order-0", timeout=WAIT)
            shop.kill()
            shops.append(Shop(url))
            for number in range(10):
                client.raise_event(f"order-{number}", "approved", "yes")
            for number in range(10):
                assert client.result(f"order-{number}", timeout=WAIT) == finished(f"o{number}")
        finally:
            os.kill(shop.child, signal.SIGKILL)


def test_a_server_that_is_started_anew_is_no_error(server: postgres.Postgres, shops: list[Shop]) -> None:
    url = server.url("restarted")
    shops.append(Shop(url))
    with perdure.Store(url, busy_timeout=30.0) as store:
        client = perdure.Client(store)
        restart = threading.Thread(target=server.restart)
        restart.start()
        # These calls fall into the pause, or lose their connection.
        for number in range(10):
            place(client, number)
        restart.join()
        for number in range(10):
            assert client.result(f"order-{number}", timeout=WAIT) == finished(f"o{number}")


def test_sessions_that_the_server_ends_come_back(server: postgres.Postgres, shops: list[Shop]) -> None:
    url = server.url("ended")
    shops.append(Shop(url))
    with perdure.Store(url) as store:
        client = perdure.Client(store)
        for number in range(30):
            server.terminate_backend()
            place(client, number)
        for number in range(30):
            assert client.result(f"order-{number}", timeout=WAIT) == finished(f"o{number}")


def test_without_libpq_only_postgresql_is_missing() -> None:
    code = (
        "import perdure\n"
        "perdure.Store('memory:').close()\n"
        "try: perdure.Store('postgresql://nobody@127.0.0.1/none')\n"
        "except perdure.StoreCannotOpen as error: print(error)\n"
    )
    environment = os.environ | {
        "PERDURE_LIBPQ": "libpq-of-nobody.so",
        "PYTHONPATH": str(ROOT / "bindings" / "python" / "src"),
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "needs libpq" in done.stdout, done.stderr


def test_a_server_that_is_not_there_is_refused_without_the_password() -> None:
    with pytest.raises(perdure.StoreCannotOpen) as caught:
        perdure.Store("postgresql://me:secret@127.0.0.1:1/none?schema=x")
    assert "secret" not in str(caught.value)
    assert "postgresql://127.0.0.1:1/none (schema x)" in str(caught.value)


def test_a_url_that_libpq_cannot_read_is_refused_without_the_password() -> None:
    with pytest.raises(perdure.StoreCannotOpen) as caught:
        perdure.Store("postgresql://me:secret@[::1/none")
    assert "secret" not in str(caught.value)
