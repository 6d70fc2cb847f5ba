"""Tests as users write them: virtual time, stubs, a restart; on memory and on a file."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Iterator

import pytest

import perdure
from perdure import RetryPolicy
from perdure.testing import NEVER, TestEnvironment

pytestmark = pytest.mark.library

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)
MONTH = timedelta(days=30)


@dataclass
class Order:
    item: str
    price: int


class Declined(Exception):
    pass


@perdure.activity
def charge(ctx: perdure.ActivityContext, order: Order) -> Any:
    raise RuntimeError("a test must not charge anybody")


@perdure.activity
async def mail(ctx: perdure.ActivityContext, text: str) -> str:
    return f"sent {text}"


@perdure.orchestration
async def subscription(ctx: perdure.OrchestrationContext, order: Order) -> int:
    for _month in range(12):
        await ctx.activity(charge, order)
        await ctx.timer(MONTH)
    return 12


@perdure.orchestration
async def approval(ctx: perdure.OrchestrationContext) -> str:
    try:
        return str(await asyncio.wait_for(ctx.wait_for_event("decision"), 3 * 86_400))
    except asyncio.TimeoutError:
        return "nobody decided"


@perdure.orchestration
async def once(ctx: perdure.OrchestrationContext, order: Order) -> Any:
    return await ctx.activity(charge, order)


@perdure.orchestration
async def remote(ctx: perdure.OrchestrationContext, options: Any) -> Any:
    """Calls an activity of another program."""
    retry = RetryPolicy(max_attempts=3, backoff="fixed", initial_interval=DAY, max_interval=DAY)
    return await ctx.activity("elsewhere", 5, retry=retry, start_to_close=3600, **(options or {}))


ORDER = Order("book", 5)
ALL = [subscription, approval, once, remote, charge, mail]


@pytest.fixture(params=["memory", "sqlite"])
def env(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestEnvironment]:
    url = "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'test.sqlite'}"
    with TestEnvironment(ALL, store=url) as env:
        yield env


def test_a_year_passes(env: TestEnvironment) -> None:
    env.stub(charge, "ok")
    assert env.run(subscription, ORDER) == 12
    calls = env.calls("charge")
    assert [call.at for call in calls] == [START + MONTH * number for number in range(12)]
    assert {call.attempt for call in calls} == {1}
    assert len({call.key for call in calls}) == 12
    assert calls[0].input == ORDER
    assert env.now == START + MONTH * 12


def test_a_restart_in_the_middle(env: TestEnvironment) -> None:
    env.stub("charge", "ok")
    instance = env.client.start(subscription, ORDER)
    for done in range(1, 4):
        env.advance(MONTH)
        assert len(env.calls(charge)) == done + 1
        env.restart()
    assert env.now == START + 3 * MONTH, "a restart takes no time"
    assert env.client.result(instance, 30) == 12
    assert [call.at for call in env.calls()] == [START + MONTH * number for number in range(12)]


def test_other_code_after_a_restart() -> None:
    @perdure.orchestration(name="job", version="1.0.0")
    async def old(ctx: perdure.OrchestrationContext) -> str:
        return "old"

    @perdure.orchestration(name="job", version="2.0.0")
    async def new(ctx: perdure.OrchestrationContext) -> str:
        return "new"

    with TestEnvironment([old]) as env:
        assert env.run("job") == "old"
        env.restart([old, new])
        assert env.run("job") == "new"


def test_a_file_is_opened_where_time_was(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'test.sqlite'}"
    with TestEnvironment(ALL, store=url, stubs={"charge": "ok"}) as env:
        instance = env.client.start(subscription, ORDER)
        until = env.advance(MONTH * 2)
    with TestEnvironment(ALL, store=url, start=until, stubs={"charge": "ok"}) as env:
        assert env.client.result(instance, 30) == 12
        assert env.now == START + MONTH * 12
        assert len(env.calls()) == 9


def test_messages_come_in_time(env: TestEnvironment) -> None:
    assert env.run(approval) == "nobody decided"
    assert env.now == START + 3 * DAY
    instance = env.client.start(approval)
    env.advance(2 * DAY)
    env.client.raise_event(instance, "decision", "yes")
    assert env.client.result(instance, 30) == "yes"
    assert env.now == START + 5 * DAY


def test_delayed_starts_follow_it(env: TestEnvironment) -> None:
    env.stub("charge", lambda order: order.price)
    assert env.run(once, ORDER, delay=DAY) == 5
    assert env.run(once, ORDER, start_at=START + 9 * DAY) == 5
    assert [call.at for call in env.calls()] == [START + DAY, START + 9 * DAY]


def test_retries_wait_for_days(env: TestEnvironment) -> None:
    env.stub("elsewhere", [Declined("no money"), Declined, 7])
    assert env.run(remote) == 7
    assert [(call.at - START, call.attempt) for call in env.calls()] == [
        (timedelta(0), 1),
        (DAY, 2),
        (2 * DAY, 3),
    ]
    assert len({call.key for call in env.calls()}) == 1


def test_time_limits_end_what_does_not_answer(env: TestEnvironment) -> None:
    env.stub("elsewhere", [NEVER, NEVER, "at last"])
    assert env.run(remote) == "at last"
    hours = [(call.at - START) // timedelta(hours=1) for call in env.calls()]
    assert hours == [0, 25, 50]
    # Completed by a test that plays the other program.
    env.stub("elsewhere", NEVER)
    instance = env.client.start(remote)
    env.settle()
    assert env.client.describe(instance).pending_reason is None
    env.client.complete_activity(env.calls()[-1].token, "by hand")
    assert env.client.result(instance, 30) == "by hand"


def test_what_is_neither_defined_nor_stubbed_fails(env: TestEnvironment) -> None:
    with pytest.raises(perdure.OrchestrationFailed) as raised:
        env.run(remote)
    assert raised.value.failure.type == "perdure.NotRegistered"
    assert "elsewhere" in raised.value.failure.message
    assert len(env.calls()) == 1, "another attempt cannot help"
    for options in ({"tag": "gpu"}, {"session": "s"}):
        with pytest.raises(perdure.OrchestrationFailed) as raised:
            env.run(remote, options)
        assert raised.value.failure.type == "perdure.NotRegistered", options


@perdure.activity(name="other")
def other(ctx: perdure.ActivityContext, order: Order) -> str:
    return f"{ctx.name} {order.item}"


async def later(order: Order) -> str:
    await asyncio.sleep(0)
    return order.item


STUBS = {
    "a value": ("ok", "ok"),
    "none": (None, None),
    "nothing to take": (lambda: [1, 2], [1, 2]),
    "the input": (lambda order: order.item, "book"),
    "context and input": (lambda ctx, order: f"{ctx.attempt} {order.price}", "1 5"),
    "a builtin": (str, "Order(item='book', price=5)"),
    "async": (later, "book"),
    "an activity": (other, "charge book"),
    "one by one": ([lambda order: order.price], 5),
}


@pytest.mark.parametrize("name", STUBS)
def test_stubs(env: TestEnvironment, name: str) -> None:
    stub, expected = STUBS[name]
    env.stub(charge, stub)
    assert env.run(once, ORDER) == expected


def test_stubs_that_fail(env: TestEnvironment) -> None:
    for stub, kind in [
        (Declined("no"), "Declined"),
        (Declined, "Declined"),
        (perdure.Failure("Custom", "m", non_retryable=True), "Custom"),
    ]:
        env.stub("charge", stub)
        with pytest.raises(perdure.OrchestrationFailed) as raised:
            env.run(once, ORDER)
        assert raised.value.failure.type == kind
    env.unstub(charge)
    with pytest.raises(perdure.OrchestrationFailed, match="must not charge"):
        env.run(once, ORDER)


def test_async_activities_run_as_they_are_and_stubbed() -> None:
    @perdure.orchestration
    async def letters(ctx: perdure.OrchestrationContext, text: str) -> Any:
        return await ctx.activity(mail, text)

    with TestEnvironment([letters, mail]) as env:
        assert env.run(letters, "hello") == "sent hello"
        env.stub(mail, "returned")
        assert env.run(letters, "hello") == "returned"
        env.stub(mail, NEVER)
        env.client.start(letters, "hello")
        env.settle()
        assert [call.input for call in env.calls(mail)] == ["hello"] * 3


def test_an_async_client() -> None:
    async def main(env: TestEnvironment) -> None:
        client = perdure.AsyncClient(env.client)
        instance = await client.start(approval)
        await asyncio.to_thread(env.advance, DAY)
        both = await asyncio.gather(client.wait(instance, 30), client.start(approval, instance="b"))
        assert both[0].result() == "nobody decided"
        assert await client.result("b", 30) == "nobody decided"

    with TestEnvironment(ALL) as env:
        asyncio.run(main(env))
        assert START + 3 * DAY <= env.now <= START + 6 * DAY


def test_what_runs_holds_time() -> None:
    gate = threading.Event()
    with TestEnvironment(ALL, timeout=0.1, stubs={"charge": lambda order: gate.wait(30)}) as env:
        instance = env.client.start(once, ORDER)
        with pytest.raises(perdure.TimedOut, match="at work"):
            env.advance(1)
        assert env.now == START
        gate.set()
        assert env.client.result(instance, 30) is True


def test_what_waits_for_ever_says_so() -> None:
    waiting = pytest.raises(perdure.TimedOut, match="no living runtime serves 'nothing'")
    with TestEnvironment([], timeout=0.1) as env, waiting:
        env.run("nothing")


def test_time_is_moved_to_a_moment(env: TestEnvironment) -> None:
    assert env.now == START
    assert env.advance_to(START + DAY) == START + DAY
    assert env.advance_to(START) == START + DAY
    with pytest.raises(perdure.InvalidArgument):
        env.advance(-1)


def test_refusals() -> None:
    with pytest.raises(perdure.InvalidArgument, match="time zone"):
        TestEnvironment([], start=datetime(2026, 1, 1))
    with perdure.Store("memory:") as store:
        assert abs(store.now() - datetime.now(timezone.utc)) < timedelta(minutes=1)
        with pytest.raises(perdure.Unsupported, match="virtual"):
            store.advance(1)
    env = TestEnvironment([])
    env.close()
    env.close()
    with pytest.raises(perdure.InvalidHandle):
        env.settle()


def test_it_takes_no_time() -> None:
    """Ten years of days."""

    @perdure.orchestration
    async def daily(ctx: perdure.OrchestrationContext, days: int) -> None:
        await ctx.activity("report", days)
        await ctx.timer(DAY)
        if days > 1:
            ctx.continue_as_new(days - 1)

    with TestEnvironment([daily], stubs={"report": None}) as env:
        begun = time.monotonic()
        env.run(daily, 3650)
        assert time.monotonic() - begun < 30
        assert env.now == START + 3650 * DAY
        assert len(env.calls("report")) == 3650
