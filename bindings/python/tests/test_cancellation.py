"""How a cancellation reaches the code: every await of every task, once; what is awaited there is given up."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any, Callable, List

import pytest
from script import Script, kinds

import perdure

Context = perdure.OrchestrationContext


async def wait_for_handles(ctx: Context) -> Any:
    await asyncio.wait([ctx.activity("a"), ctx.wait_for_event("e"), ctx.timer(9)])


async def wait_for_tasks(ctx: Context) -> Any:
    async def part(name: str) -> None:
        await ctx.activity(name)

    await asyncio.wait([asyncio.create_task(part(name)) for name in "abc"])


async def one_after_the_other(ctx: Context) -> Any:
    for each in asyncio.as_completed([ctx.activity(name) for name in "abc"]):
        await each


async def gathered_backwards(ctx: Context) -> Any:
    first, second, third = ctx.activity("a"), ctx.activity("b"), ctx.dequeue("q")
    await asyncio.gather(third, second, first)


async def sleep_beside_work(ctx: Context) -> Any:
    await asyncio.gather(asyncio.sleep(9), ctx.activity("b"), asyncio.sleep(8))


async def workers_of_a_pool(ctx: Context) -> Any:
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def work() -> None:
        while True:
            await ctx.activity("work", await queue.get())
            queue.task_done()

    workers = [asyncio.create_task(work()) for _ in range(3)]
    for item in range(3):
        queue.put_nowait(item)
    await queue.join()
    await asyncio.gather(*workers)


async def nested(ctx: Context) -> Any:
    async def inner() -> None:
        await asyncio.wait([ctx.activity("b"), asyncio.create_task(asyncio.sleep(1))])

    await asyncio.gather(ctx.activity("a"), inner())


@pytest.mark.parametrize(
    "code",
    [
        wait_for_handles, wait_for_tasks, one_after_the_other, gathered_backwards, sleep_beside_work,
        workers_of_a_pool, nested,
    ],
)  # fmt: skip
def test_all_awaited_work_is_given_up_in_the_order_of_its_actions(code: Callable[..., Any]) -> None:
    async def tidy(ctx: Context) -> Any:
        try:
            await code(ctx)
        finally:
            await ctx.activity("clean up")

    script = Script(tidy)
    opened = [action["id"] for action in script.start()]
    given_up = kinds(script.cancel())
    assert given_up == [f"Cancel:{each}" for each in opened] + ["Activity:clean up"]
    script.complete(script.actions[-1]["id"])
    assert script.end is not None
    assert script.end["kind"] == "Cancelled"
    script.check_replay()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.TaskGroup came with 3.11")
def test_tasks_of_a_group_may_clean_up_undisturbed() -> None:
    async def code(ctx: Context) -> Any:
        async def step(name: str) -> None:
            try:
                await ctx.activity(name)
            finally:
                await ctx.activity(f"undo {name}")

        async with asyncio.TaskGroup() as group:
            for name in "ab":
                group.create_task(step(name))

    script = Script(code)
    script.start()
    assert kinds(script.cancel()) == ["Cancel:1", "Cancel:2", "Activity:undo a", "Activity:undo b"]
    script.complete(5)
    assert script.end is None, "the group waits for both"
    script.complete(6)
    assert script.end is not None
    assert script.end["kind"] == "Cancelled"
    script.check_replay()


def test_each_await_is_cancelled_once() -> None:
    async def code(ctx: Context) -> Any:
        heard: List[str] = []

        async def step(name: str) -> None:
            try:
                await ctx.activity(name)
            except asyncio.CancelledError as error:
                heard.append(f"{name}: {error}")
                await ctx.activity(f"undo {name}")

        tasks = [asyncio.create_task(step(name)) for name in "ab"]
        try:
            await asyncio.wait_for(asyncio.gather(*tasks), 60)
        except asyncio.CancelledError:
            await asyncio.wait(tasks)
        return heard

    script = Script(code)
    script.start()
    script.cancel("enough")
    for action in [each["id"] for each in script.actions if each["kind"] == "ScheduleActivity"][2:]:
        script.complete(action)
    assert [each.split(":")[0] for each in script.output] == ["a", "b"]


def test_work_under_a_shield_goes_on() -> None:
    async def code(ctx: Context) -> Any:
        async def paying() -> Any:
            return [await asyncio.gather(ctx.activity("pay"), asyncio.create_task(asyncio.sleep(1, "slept")))]

        payment, booking = asyncio.create_task(paying()), ctx.activity("book")
        try:
            await asyncio.gather(asyncio.shield(payment), asyncio.shield(booking), ctx.activity("other"))
        except asyncio.CancelledError:
            return [await payment, await booking]

    script = Script(code)
    assert kinds(script.start()) == ["Activity:book", "Activity:other", "Activity:pay", "Timer"]
    assert kinds(script.cancel()) == ["Cancel:2"]
    script.complete(1, "booked")
    script.complete(3, "paid")
    script.fire(4)
    assert script.output == [[["paid", "slept"]], "booked"]


def test_a_gathering_under_a_shield_goes_on() -> None:
    async def code(ctx: Context) -> Any:
        both = asyncio.gather(ctx.activity("a"), ctx.activity("b"))
        try:
            await asyncio.shield(both)
        except asyncio.CancelledError:
            return await both

    script = Script(code)
    script.start()
    assert script.cancel() == []
    script.complete(2, 2)
    script.complete(1, 1)
    assert script.output == [1, 2]


def test_work_that_nobody_awaits_is_left_to_the_end() -> None:
    async def code(ctx: Context) -> Any:
        early = ctx.activity("early")
        try:
            await ctx.activity("late")
        except asyncio.CancelledError:
            return await early

    script = Script(code)
    script.start()
    assert kinds(script.cancel()) == ["Cancel:2"]
    script.complete(1, "still there")
    assert script.output == "still there"


def test_a_dropped_handle_emits_nothing_whenever_it_is_collected() -> None:
    async def code(ctx: Context) -> Any:
        ctx.activity("dropped")
        ctx.wait_for_event("go")
        gc.collect()
        await ctx.activity("a")
        gc.collect()
        return await ctx.activity("b")

    script = Script(code)
    assert kinds(script.start()) == ["Activity:dropped", "Event:go", "Activity:a"]
    gc.collect()
    assert kinds(script.complete(3)) == ["Activity:b"]
    script.complete(4, "done")
    assert script.output == "done"
    assert script.actions[-1]["kind"] == "ScheduleActivity", "the engine gives up what is open at the end"


def test_an_event_goes_past_a_dropped_wait_to_nobody_else() -> None:
    async def code(ctx: Context) -> Any:
        ctx.wait_for_event("go")
        await ctx.activity("a")
        return await ctx.wait_for_event("go")

    script = Script(code)
    script.start()
    script.raise_event("go", 1)
    script.complete(2)
    script.raise_event("go", 2)
    assert script.output == 2


def test_the_code_may_decide_to_complete_after_a_cancellation() -> None:
    async def code(ctx: Context) -> Any:
        try:
            await ctx.wait_for_event("never")
        except asyncio.CancelledError:
            return await asyncio.gather(ctx.activity("a"), asyncio.sleep(1, "slept"))

    script = Script(code)
    script.start()
    script.cancel()
    script.complete(3, 1)
    script.fire(4)
    assert script.output == [1, "slept"]
