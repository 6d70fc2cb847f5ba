"""What cannot be durable is reported at once and by name; what is dropped has no effect."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import threading
from typing import Any, Callable, List

import pytest
from script import Script, kinds

import perdure

Context = perdure.OrchestrationContext


async def to_thread(ctx: Context) -> Any:
    return await asyncio.to_thread(len, "x")


async def executor(ctx: Context) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, len, "x")


async def socket(ctx: Context) -> Any:
    return await asyncio.open_connection("localhost", 80)


async def subprocess(ctx: Context) -> Any:
    return await asyncio.create_subprocess_exec("true")


async def resolve(ctx: Context) -> Any:
    return await asyncio.get_running_loop().getaddrinfo("localhost", 80)


async def signal(ctx: Context) -> Any:
    asyncio.get_running_loop().add_signal_handler(1, print)


async def pool_future(ctx: Context) -> Any:
    return await asyncio.wrap_future(concurrent.futures.Future())


async def nobody_completes(ctx: Context) -> Any:
    await asyncio.get_running_loop().create_future()


async def event_that_nobody_sets(ctx: Context) -> Any:
    await ctx.activity("before")
    await asyncio.Event().wait()


async def all_tasks_wait_for_each_other(ctx: Context) -> Any:
    lock = asyncio.Lock()
    async with lock, lock:
        pass


async def spin(ctx: Context) -> Any:
    while True:
        await asyncio.sleep(0)


async def unordered(ctx: Context) -> Any:
    async def one() -> Any:
        return await ctx.activity("a")

    for each in asyncio.as_completed([one(), one()]):
        await each


async def nested_loop(ctx: Context) -> Any:
    asyncio.get_running_loop().run_until_complete(asyncio.sleep(1))


@pytest.mark.parametrize(
    ("code", "named"),
    [
        (to_thread, "run_in_executor"),
        (executor, "run_in_executor(len)"),
        (socket, "create_connection"),
        (subprocess, "subprocess_exec"),
        (resolve, "getaddrinfo"),
        (signal, "add_signal_handler"),
        (pool_future, "wrap_future"),
        (nobody_completes, "nobody_completes (test_refusals.py"),
        (event_that_nobody_sets, "awaits Event.wait"),
        (all_tasks_wait_for_each_other, "awaits Lock.acquire"),
        (spin, "asyncio.sleep(0)"),
        (unordered, "asyncio.create_task"),
        (nested_loop, "run_until_complete"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_an_await_that_is_not_durable_fails_by_name(
    code: Callable[..., Any], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure._loop.STEPS_PER_EVENT", 10_000)
    script = Script(code)
    for action in script.start():
        script.complete(action["id"])
    assert script.failure["type"] == "NonDurableAwait"
    assert named in script.failure["message"]


def test_a_future_of_another_loop_is_refused() -> None:
    other = asyncio.new_event_loop()

    async def code(ctx: Context) -> Any:
        await other.create_future()

    script = Script(code)
    script.start()
    other.close()
    assert "attached to a different loop" in script.failure["message"]


def test_a_call_from_another_thread_is_reported() -> None:
    async def code(ctx: Context) -> Any:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()

        def call() -> None:
            with pytest.raises(perdure.NonDurableAwait):
                loop.call_soon_threadsafe(ready.set)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        await ctx.activity("a")

    script = Script(code)
    script.start()
    assert "another thread" in script.failure["message"]


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (float("nan"), "nan"),
        ({"a": [1, 2j]}, "at a[1] is of type complex"),
        ("a\0b", "NUL"),
        ({"k\0": 1}, "NUL"),
        ("\ud800", "surrogate"),
        ({(1, 2): 3}, "tuple"),
        (range(3), "range"),
        (object(), "object"),
    ],
)
def test_a_value_that_is_not_json_is_named_where_it_is_used(value: Any, named: str) -> None:
    async def code(ctx: Context) -> Any:
        with pytest.raises(perdure.InvalidArgument, match="The input of activity 'a'") as caught:
            ctx.activity("a", value)
        return str(caught.value)

    script = Script(code)
    assert script.start() == []
    assert named in script.output


def test_a_backslash_is_not_a_nul() -> None:
    async def code(ctx: Context) -> Any:
        return "\\u0000"

    script = Script(code)
    script.start()
    assert script.output == "\\u0000"


def test_a_result_that_is_not_json_fails_the_orchestration() -> None:
    async def code(ctx: Context) -> Any:
        return 1j

    script = Script(code)
    script.start()
    assert "result of orchestration 'test' is of type complex" in script.failure["message"]


def test_a_value_is_taken_as_it_was_when_given() -> None:
    async def code(ctx: Context) -> Any:
        items = [1]
        handle = ctx.activity("a", items)
        items.append(2)
        await handle

    assert Script(code).start()[0]["input"] == [1]


# ---- Dropped coroutines ----------------------------------------------------------------------------


def test_a_dropped_coroutine_has_no_effect(capfd: pytest.CaptureFixture[str]) -> None:
    seen: List[str] = []

    async def code(ctx: Context) -> Any:
        async def part() -> None:
            try:
                await ctx.wait_for_event("never")
            finally:
                seen.append("part")
                await ctx.activity("undo part")

        tasks = [asyncio.create_task(part()) for _ in range(3)]
        try:
            await asyncio.gather(*tasks)
        finally:
            try:
                await asyncio.sleep(5)
            finally:
                await asyncio.shield(ctx.activity("undo"))

    script = Script(code)
    script.start()
    script.host.close()
    gc.collect()
    assert seen == ["part"] * 3
    assert kinds(script.actions) == ["Event:never"] * 3
    assert capfd.readouterr().err == ""
    script.check_replay()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_coroutine_that_refuses_to_close_does_not_hang_the_host() -> None:
    async def code(ctx: Context) -> Any:
        while True:
            try:
                await ctx.wait_for_event("never")
            except BaseException:
                pass

    script = Script(code)
    script.start()
    script.host.close()
    assert len(script.host) == 0
    script.check_replay()


def test_a_full_cache_drops_the_one_used_longest_ago() -> None:
    async def code(ctx: Context) -> Any:
        return await ctx.wait_for_event("go")

    script = Script(code, cached=2)
    for instance in "abc":
        request = script.request([script.event("OrchestrationStarted", name="test", input=None)], 0, 0)
        script.host.run({**request, "instance": instance})
    assert len(script.host) == 2
    answer = script.host.run({**script.request([], 1, 1), "instance": "a"})
    assert answer == '{"v":1,"miss":true}'


def test_a_turn_from_another_place_is_a_miss() -> None:
    async def code(ctx: Context) -> Any:
        return await ctx.wait_for_event("go")

    script = Script(code)
    script.start()
    raised = script.event("EventRaised", name="go", data=1)
    assert "miss" in script.host.run(script.request([raised], 2, 2))
    assert "miss" in script.host.run(script.request([raised], 1, 1)), "the coroutine is gone"


def test_an_unknown_orchestration_is_an_error_of_the_host() -> None:
    async def code(ctx: Context) -> Any:
        return None

    script = Script(code)
    with pytest.raises(perdure.NotFound, match="'other' version"):
        script.host.run({**script.request([], 0, 0), "orchestration": "other"})


def test_the_running_loop_of_the_caller_is_put_back() -> None:
    async def code(ctx: Context) -> Any:
        return await asyncio.sleep(1)

    async def caller() -> Any:
        script = Script(code)
        script.start()
        await asyncio.sleep(0)
        script.fire(1)
        return asyncio.get_running_loop()

    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(caller()) is loop
    loop.close()
