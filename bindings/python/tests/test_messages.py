"""Messages with the real library on SQLite: keeping, topics, requests between instances, calls, queries."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Callable, List

import pytest
from rig import WAIT, Rig

import perdure

pytestmark = pytest.mark.library

Context = perdure.OrchestrationContext
Make = Callable[..., Rig]


@perdure.activity
def step(ctx: perdure.ActivityContext, value: Any) -> Any:
    return value


@perdure.orchestration
async def hears(ctx: Context, count: int) -> List[Any]:
    return [await ctx.wait_for_event("go") for _ in range(count)]


@perdure.orchestration
async def consumer(ctx: Context, taken: List[int]) -> List[int]:
    """Takes a hundred messages in each execution, until it has 300."""
    for _ in range(100):
        taken.append(await ctx.dequeue("q"))
    if len(taken) < 300:
        ctx.continue_as_new(taken)
    return taken


@perdure.orchestration
async def reader(ctx: Context, count: int) -> List[Any]:
    ctx.subscribe("news")
    ctx.set_custom_status("subscribed")
    return [await ctx.wait_for_topic("news") for _ in range(count)]


@perdure.orchestration
async def account(ctx: Context, balance: int) -> int:
    """Is called; continues as new when told, with its balance."""

    def deposit(amount: int) -> int:
        nonlocal balance
        balance += amount
        return balance

    def positive(amount: int) -> None:
        if amount <= 0:
            raise ValueError(f"{amount} is not positive")

    async def slowly(amount: Any) -> Any:
        return await ctx.activity(step, amount)

    def broken(_: Any) -> None:
        raise KeyError("broken")

    ctx.on_call("deposit", deposit, validator=positive)
    ctx.on_call("slowly", slowly)
    ctx.on_call("broken", broken)
    ctx.on_query("balance", lambda _: balance)
    ctx.on_query("broken", broken)
    if await ctx.wait_for_event("next") == "renew":
        ctx.continue_as_new(balance)
    return balance


# ---- Events and queues ---------------------------------------------------------------------------


def test_a_message_to_nobody_is_an_error_for_its_sender_and_stalls_no_one(rig: Make) -> None:
    world = rig(hears)
    for send in (world.client.raise_event, world.client.enqueue):
        with pytest.raises(perdure.NotFound, match="'nobody'"):
            send("nobody", "go", 1)
    for control in (world.client.cancel, world.client.suspend, world.client.resume, world.client.terminate):
        with pytest.raises(perdure.NotFound, match="'nobody'"):
            control("nobody")
    instance = world.client.start(hears, 1)
    world.client.raise_event(instance, "go", 1)
    assert world.client.result(instance, WAIT) == [1]


def test_a_message_to_a_finished_instance_is_not_lost_without_a_word(rig: Make) -> None:
    world = rig(hears)
    instance = world.client.start(hears, 0)
    world.client.result(instance, WAIT)
    for call in (world.client.raise_event, world.client.enqueue):
        with pytest.raises(perdure.WrongStatus, match=instance):
            call(instance, "go")
    with pytest.raises(perdure.WrongStatus, match=instance):
        world.client.cancel(instance)


def test_a_kept_message_waits_for_its_instance_across_a_restart(rig: Make) -> None:
    world = rig(hears)
    assert world.client.raise_event("later", "go", 1, keep=True) is True
    assert world.client.raise_event("later", "go", 2, keep=True) is True
    world.restart()
    world.client.start(hears, 3, instance="later")
    assert world.client.raise_event("later", "go", 3, keep=True) is False
    assert world.client.result("later", WAIT) == [1, 2, 3]


def test_events_that_came_early_are_not_lost(rig: Make) -> None:
    world = rig()
    world.client.start(hears, 3, instance="i")
    for number in range(3):
        world.client.raise_event("i", "go", number)
    world.restart(hears)
    assert world.client.result("i", WAIT) == [0, 1, 2]


def test_three_hundred_messages_survive_continue_as_new_all_and_in_order(rig: Make) -> None:
    world = rig()
    world.client.start(consumer, [], instance="i")
    for number in range(300):
        world.client.enqueue("i", "q", number)
    world.restart(consumer)
    assert world.client.result("i", WAIT) == list(range(300))
    assert world.client.describe("i").execution == 3


# ---- Topics --------------------------------------------------------------------------------------


def test_publishing_reaches_all_subscribers_once_also_after_a_restart(rig: Make) -> None:
    world = rig(reader, hears)
    readers = [world.client.start(reader, 2) for _ in range(3)]
    for each in readers:
        assert world.client.wait_for_status(each, 0, WAIT).custom_status == "subscribed"
    assert world.client.publish("news", 1) == 3
    assert world.client.publish("weather", 1) == 0
    world.restart()
    assert world.client.publish("news", {"n": 2}) == 3
    assert [world.client.result(each, WAIT) for each in readers] == [[1, {"n": 2}]] * 3
    assert world.client.publish("news", 3) == 0, "all of them have ended"


def test_an_orchestration_publishes(rig: Make) -> None:
    @perdure.orchestration
    async def publisher(ctx: Context) -> None:
        ctx.publish("news", "from an orchestration")

    world = rig(reader, publisher)
    instance = world.client.start(reader, 1)
    world.client.wait_for_status(instance, 0, WAIT)
    world.run(publisher)
    assert world.client.result(instance, WAIT) == ["from an orchestration"]


# ---- Requests between instances ------------------------------------------------------------------


def test_instances_send_to_each_other(rig: Make) -> None:
    @perdure.orchestration
    async def other(ctx: Context) -> Any:
        ctx.kv.set("n", 42)
        received = [await ctx.wait_for_event("go"), await ctx.dequeue("q")]
        try:
            await ctx.wait_for_event("never")
        except asyncio.CancelledError as error:
            return [*received, str(error)]

    @perdure.orchestration
    async def one(ctx: Context) -> Any:
        await ctx.raise_event("other", "go", 1)
        await ctx.enqueue("other", "q", 2)
        await ctx.raise_event("other", "hint", keep=True)
        await asyncio.sleep(0.01)
        await ctx.cancel_instance("other", "enough")
        return [await ctx.read_kv("other", "n"), await ctx.read_kv("other", "missing")]

    world = rig(other, one)
    world.client.start(other, instance="other")
    world.until_history("other", "KVSet")
    assert world.run(one) == [42, None]
    assert world.client.wait("other", WAIT).output == [1, 2, "enough"]


def test_a_request_to_nobody_is_a_typed_error_that_can_be_caught(rig: Make) -> None:
    @perdure.orchestration
    async def one(ctx: Context) -> Any:
        types = []
        for request in (
            ctx.raise_event("nobody", "go"),
            ctx.enqueue("nobody", "q"),
            ctx.cancel_instance("nobody"),
            ctx.read_kv("nobody", "k"),
            ctx.raise_event("done", "go"),
        ):
            try:
                await request
            except perdure.MessageRefused as error:
                types.append(error.type)
        return types

    world = rig(one, hears)
    world.run(hears, 0, instance="done")
    assert world.run(one) == ["perdure.NotFound"] * 4 + ["perdure.WrongStatus"]


# ---- Calls ---------------------------------------------------------------------------------------


def test_calls_are_answered_rejected_or_fail(rig: Make) -> None:
    world = rig(account, step)
    client = world.client
    client.start(account, 10, instance="a")
    assert [client.call("a", "deposit", amount, WAIT) for amount in (1, 2)] == [11, 13]
    assert client.call("a", "slowly", {"x": "ü"}, WAIT) == {"x": "ü"}
    with pytest.raises(perdure.CallRejected, match="-5 is not positive") as rejected:
        client.call("a", "deposit", -5, WAIT)
    assert rejected.value.type == "perdure.CallRejected"
    with pytest.raises(perdure.CallFailed, match="KeyError") as failed:
        client.call("a", "broken", timeout=WAIT)
    assert not isinstance(failed.value, perdure.CallRejected)
    with pytest.raises(perdure.NotFound):
        client.call("nobody", "deposit", 1, WAIT)
    client.raise_event("a", "next")
    assert client.result("a", WAIT) == 13
    with pytest.raises(perdure.WrongStatus):
        client.call("a", "deposit", 1, WAIT)


def test_a_call_that_timed_out_has_one_effect_and_its_answer_waits(rig: Make) -> None:
    world = rig()
    world.client.start(account, 0, instance="a")
    with pytest.raises(perdure.TimedOut) as late:
        world.client.call("a", "deposit", 5, 0.05)
    call_id = late.value.details["call"]
    world.restart(account, step)
    assert [world.client.call("a", "deposit", 5, WAIT, call_id=call_id) for _ in range(2)] == [5, 5]
    assert world.client.call("a", "deposit", 1, WAIT) == 6


def test_a_call_reaches_the_execution_after_continue_as_new(rig: Make) -> None:
    world = rig(account, step)
    world.client.start(account, 1, instance="a")
    assert world.client.call("a", "deposit", 1, WAIT) == 2
    world.client.raise_event("a", "next", "renew")
    assert world.client.call("a", "deposit", 1, WAIT) == 3
    assert world.client.describe("a").execution == 2


def test_a_caller_hears_when_the_instance_ends_without_an_answer(rig: Make) -> None:
    world = rig(account, step)
    world.client.start(account, 0, instance="a")
    threading.Timer(0.2, world.client.terminate, ("a",)).start()
    with pytest.raises(perdure.WrongStatus):
        world.client.call("a", "no-such-handler", timeout=WAIT)


# ---- Queries -------------------------------------------------------------------------------------


def test_queries_look_and_change_nothing(rig: Make) -> None:
    world = rig(account, step)
    client = world.client
    client.start(account, 10, instance="a")
    client.call("a", "deposit", 5, WAIT)
    before = world.kinds("a")
    assert client.query("a", "balance", timeout=WAIT) == 15
    with pytest.raises(perdure.QueryFailed, match="KeyError"):
        client.query("a", "broken", timeout=WAIT)
    with pytest.raises(
        perdure.QueryFailed, match="no handler for the query 'unknown'; it has 'balance'"
    ) as caught:
        client.query("a", "unknown", timeout=WAIT)
    assert caught.value.type == "perdure.NotRegistered"
    with pytest.raises(perdure.NotFound):
        client.query("nobody", "balance", timeout=WAIT)
    assert world.kinds("a") == before
    assert client.call("a", "deposit", 1, WAIT) == 16
    client.raise_event("a", "next")
    client.result("a", WAIT)
    world.restart()
    assert world.client.query("a", "balance", timeout=WAIT) == 16, "also after its end, and a restart"


def test_a_query_without_a_runtime_that_serves_it_says_so(rig: Make) -> None:
    world = rig(account, step)
    world.client.start(account, 1, instance="a")
    world.client.call("a", "deposit", 1, WAIT)
    world.restart(hears)
    with pytest.raises(perdure.Unsupported):
        world.client.query("a", "balance", timeout=WAIT)


def test_the_async_client_calls_queries_and_publishes(rig: Make) -> None:
    world = rig(account, step, reader)

    async def use() -> None:
        async with perdure.AsyncClient(world.store) as client:
            instance = await client.start(account, 1, instance="a", memo={"m": 1}, priority=3)
            calls = [client.call(instance, "deposit", amount, WAIT) for amount in (1, 2, 3)]
            assert sorted(await asyncio.gather(*calls))[-1] == 7
            with pytest.raises(perdure.CallRejected):
                await client.call(instance, "deposit", 0, WAIT)
            with pytest.raises(perdure.TimedOut) as late:
                await client.call(instance, "nothing", timeout=0.05)
            assert late.value.details["call"]
            assert await client.query(instance, "balance", timeout=WAIT) == 7
            assert await client.publish("news") == 0
            assert await client.raise_event("later", "x", keep=True)
            assert await client.enqueue("later", "x", keep=True)
            assert await client.kv(instance) == {}
            assert await client.get_kv(instance, "k", "default") == "default"
            assert await client.suspend(instance, "why") == "Suspended"
            assert (await client.describe(instance)).suspend_reason == "why"
            assert await client.resume(instance) in ("Running", "Pending")
            subscribed = await client.start(reader, 1)
            assert (await client.wait_for_status(subscribed, 0, WAIT)).custom_status == "subscribed"
            await client.cancel(subscribed, "no", grace=1)
            assert (await client.wait(subscribed, WAIT)).status == "Cancelled"
            assert await client.terminate(instance, "enough") == "Terminated"

    asyncio.run(use())
