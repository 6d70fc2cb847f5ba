"""The package with the real library, on SQLite: one test for each thing that a user does first."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Iterator

import pytest
from programs import (
    ACTIVITIES,
    ORCHESTRATIONS,
    Basket,
    Item,
    approval,
    baskets,
    call,
    double,
    family,
    naps,
    numbers,
)
from rig import WAIT

import perdure

pytestmark = pytest.mark.library


@pytest.fixture
def client(store: perdure.Store) -> Iterator[perdure.Client]:
    with perdure.Runtime(store, [*ACTIVITIES, *ORCHESTRATIONS]), perdure.Client(store) as client:
        yield client


def test_plain_and_async_activities(client: perdure.Client) -> None:
    assert client.result(client.start(numbers, 50), WAIT) == 50 * 49


def test_an_activity_knows_its_attempt(client: perdure.Client) -> None:
    instance = client.start(call, "about_me", instance="me")
    assert client.result(instance, WAIT) == ["me", 1, "call", "about_me", 1, "me/1/1"]


def test_a_failure_comes_through_whole(client: perdure.Client) -> None:
    with pytest.raises(perdure.OrchestrationFailed) as caught:
        client.result(client.start(call, "decline"), WAIT)
    failure = caught.value.failure
    assert (failure.type, failure.message) == ("Declined", "the card was declined")
    assert failure.details == {"code": 51}
    assert "programs.py" in (failure.stack or "")
    assert failure.cause is not None
    assert failure.cause.type == "KeyError"


def test_a_result_that_is_not_json_fails_the_activity(client: perdure.Client) -> None:
    with pytest.raises(perdure.OrchestrationFailed, match="at when is of type object"):
        client.result(client.start(call, "bad_result"), WAIT)


def test_dataclasses_by_type_hints(client: perdure.Client) -> None:
    assert client.result(client.start(baskets, Basket([Item("pen", 1), Item("ink", 2)])), WAIT) == [2, 3]


def test_an_input_that_does_not_fit_fails_the_orchestration(client: perdure.Client) -> None:
    with pytest.raises(perdure.OrchestrationFailed, match="Basket"):
        client.result(client.start("baskets", {"wrong": 1}), WAIT)


def test_events_queues_and_status(client: perdure.Client) -> None:
    instance = client.start(approval)
    client.enqueue(instance, "notes", "first")
    client.enqueue(instance, "notes", "zweite ü 🦄")
    while client.describe(instance).custom_status != "waiting":
        time.sleep(0.01)
    client.raise_event(instance, "decision", {"ok": True})
    assert client.result(instance, WAIT) == [{"ok": True}, "first", "zweite ü 🦄"]
    assert client.describe(instance).custom_status is None
    with pytest.raises(perdure.WrongStatus):
        client.raise_event(instance, "decision")


def test_cancel_lets_the_code_clean_up(client: perdure.Client) -> None:
    instance = client.start(approval)
    while client.describe(instance).custom_status != "waiting":
        time.sleep(0.01)
    client.cancel(instance, "changed my mind")
    with pytest.raises(perdure.OrchestrationCancelled):
        client.result(instance, WAIT)
    kinds = [event["kind"] for event in client.history(instance)]
    assert kinds[-1] == "OrchestrationCancelled"
    assert "ActivityCompleted" in kinds


def test_continue_as_new_children_and_detached(client: perdure.Client) -> None:
    instance = client.start(family, instance="parent")
    assert client.result(instance, WAIT) == ["Declined", [5, 6], ["detached", "parent.1.2"]]
    assert client.result("detached", WAIT) == client.result("parent.1.2", WAIT) == [5, 1]
    assert client.describe("child").parent is not None


def test_a_timer_is_not_early(client: perdure.Client) -> None:
    begin = time.monotonic()
    assert client.result(client.start(naps), WAIT) >= 0.05
    assert time.monotonic() - begin >= 0.05


def test_start_many_tells_each_one_apart(client: perdure.Client) -> None:
    started = client.start_many(
        [
            perdure.StartRequest(numbers, 1, instance="one"),
            perdure.StartRequest("numbers", 2, instance="one"),
            perdure.StartRequest(numbers, 3),
        ]
    )
    assert started[0] == "one"
    assert isinstance(started[1], perdure.AlreadyExists)
    assert client.result(str(started[2]), WAIT) == 6
    with pytest.raises(perdure.AlreadyExists):
        client.start(numbers, 1, instance="one")


def test_list_history_and_delete(client: perdure.Client) -> None:
    ids = [client.start(numbers, item, instance=f"n-{item:02}") for item in range(25)]
    for each in ids:
        client.result(each, WAIT)
    listed = [each.instance for each in client.list(orchestration=numbers, prefix="n-", page_size=10)]
    assert sorted(listed) == ids
    assert {each.status for each in client.list(status="Completed", prefix="n-")} == {"Completed"}
    history = client.history("n-03")
    assert [event["id"] for event in history] == list(range(1, len(history) + 1))
    assert client.delete("n-03") == ["n-03"]
    with pytest.raises(perdure.NotFound):
        client.describe("n-03")


def test_waiting_ends_at_the_timeout(client: perdure.Client) -> None:
    instance = client.start(approval)
    with pytest.raises(perdure.TimedOut):
        client.wait(instance, 0.05)
    with pytest.raises(perdure.NotFound):
        client.wait("nobody", 1)


def test_closing_a_client_ends_its_waits(store: perdure.Store) -> None:
    with perdure.Runtime(store, [double, approval]):
        client = perdure.Client(store)
        instance = client.start(approval)
        threading.Timer(0.1, client.close).start()
        with pytest.raises(perdure.Closed):
            client.wait(instance)
        with pytest.raises(perdure.InvalidHandle, match="client is closed"):
            client.describe(instance)


def test_the_async_client(store: perdure.Store) -> None:
    async def use() -> None:
        async with perdure.AsyncClient(store) as client:
            ids = await asyncio.gather(*(client.start(numbers, item) for item in range(20)))
            results = await asyncio.gather(*(client.result(each, WAIT) for each in ids))
            assert results == [item * (item - 1) for item in range(20)]
            waiting = await client.start(approval)
            with pytest.raises(perdure.TimedOut):
                await client.wait(waiting, 0.02)
            await client.cancel(waiting)
            assert (await client.wait(waiting, WAIT)).status == "Cancelled"
            assert (await client.status(ids[0])) == "Completed"
            assert len(await client.list(orchestration=numbers)) == 20
            assert (await client.history(ids[0]))[-1]["kind"] == "OrchestrationCompleted"
            assert await client.delete(ids[0]) == [ids[0]]
            with pytest.raises(perdure.NotFound):
                await client.describe(ids[0])

    with perdure.Runtime(store, [*ACTIVITIES, *ORCHESTRATIONS]):
        asyncio.run(use())


@pytest.mark.parametrize(
    ("call_", "named"),
    [
        (lambda client: client.start("x\0y"), "NUL character at position 1"),
        (lambda client: client.start("x", "\ud800"), "surrogate"),
        (lambda client: client.start("x", float("inf")), "inf"),
        (lambda client: client.start(5), "must be a str, not int"),
        (lambda client: client.raise_event("i", "n", 1j), "of type complex"),
        (lambda client: client.describe("\0"), "NUL"),
        (lambda client: client.cancel("i", "\udfff"), "surrogate"),
    ],
)
def test_arguments_are_checked_before_they_reach_the_library(
    client: perdure.Client, call_: Any, named: str
) -> None:
    with pytest.raises(perdure.InvalidArgument, match=named):
        call_(client)
