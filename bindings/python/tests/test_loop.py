"""asyncio's own functions inside an orchestration: what they emit, and that a replay emits the same."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest
from script import START, Script, kinds

import perdure
from perdure._turn import TurnHost

Context = perdure.OrchestrationContext


def test_a_sequence_awaits_one_activity_after_the_other() -> None:
    async def code(ctx: Context, value: int) -> Any:
        first = await ctx.activity("a", value)
        return await ctx.activity("b", first)

    script = Script(code)
    assert script.start(1) == [{"id": 1, "after": 1, "kind": "ScheduleActivity", "name": "a", "input": 1}]
    assert script.complete(1, 2) == [
        {"id": 2, "after": 3, "kind": "ScheduleActivity", "name": "b", "input": 2}
    ]
    assert script.complete(2, "done") == []
    assert script.output == "done"


def test_gather_schedules_all_at_once_and_keeps_their_order() -> None:
    async def code(ctx: Context) -> Any:
        return await asyncio.gather(*(ctx.activity("work", item) for item in range(3)))

    script = Script(code)
    assert kinds(script.start()) == ["Activity:work"] * 3
    for action in (3, 1, 2):
        script.complete(action, action * 10)
    assert script.output == [10, 20, 30]


def test_gather_with_return_exceptions() -> None:
    async def code(ctx: Context) -> Any:
        results = await asyncio.gather(ctx.activity("a"), ctx.activity("b"), return_exceptions=True)
        return [getattr(each, "type", each) for each in results]

    script = Script(code)
    script.start()
    script.fail(1, "Declined")
    script.complete(2, 7)
    assert script.output == ["Declined", 7]


def test_gather_fails_with_the_first_failure() -> None:
    async def code(ctx: Context) -> Any:
        return await asyncio.gather(ctx.activity("a"), ctx.activity("b"))

    script = Script(code)
    script.start()
    script.fail(2, "Declined", "the card")
    assert script.failure["type"] == "Declined"
    assert script.failure["message"] == "the card"
    script.check_replay()


def test_a_handle_is_started_before_it_is_awaited() -> None:
    async def code(ctx: Context) -> Any:
        early = ctx.activity("early")
        late = await ctx.activity("late")
        return [await early, late]

    script = Script(code)
    assert kinds(script.start()) == ["Activity:early", "Activity:late"]
    script.complete(1, "e")
    script.complete(2, "l")
    assert script.output == ["e", "l"]


def test_sleep_is_a_durable_timer() -> None:
    async def code(ctx: Context) -> Any:
        await asyncio.sleep(0.5)
        return ctx.now_ms

    script = Script(code)
    assert script.start() == [{"id": 1, "after": 1, "kind": "CreateTimer", "fireAt": START + 500}]
    assert script.fire(1) == []
    assert script.output == START + 500


@pytest.mark.parametrize(
    ("seconds", "milliseconds"),
    [(0.1, 100), (0.0001, 1), (1.1, 1100), (0.3, 300), (86_400, 86_400_000), (1e15, None)],
)
def test_timers_are_whole_milliseconds_never_early(seconds: float, milliseconds: Any) -> None:
    async def code(ctx: Context) -> None:
        await asyncio.sleep(seconds)

    wanted = 2**53 - 1 if milliseconds is None else START + milliseconds
    assert Script(code).start()[0]["fireAt"] == wanted


def test_sleep_of_nothing_lets_others_run_and_costs_nothing() -> None:
    async def code(ctx: Context) -> Any:
        order = []

        async def other() -> None:
            order.append("other")

        task = asyncio.create_task(other())
        await asyncio.sleep(0)
        order.append("main")
        await task
        return order

    script = Script(code)
    assert script.start() == []
    assert script.output == ["other", "main"]


def test_wait_first_completed_and_cancel_the_loser() -> None:
    async def code(ctx: Context) -> Any:
        event, timer = ctx.wait_for_event("go"), ctx.timer(1)
        done, pending = await asyncio.wait({event, timer}, return_when=asyncio.FIRST_COMPLETED)
        for each in pending:
            each.cancel()
        return event.result() if event in done else "late"

    early = Script(code)
    assert kinds(early.start()) == ["Event:go", "Timer"]
    assert kinds(early.raise_event("go", 5)) == ["Cancel:2"]
    assert early.output == 5

    late = Script(code)
    late.start()
    assert kinds(late.fire(2)) == ["Cancel:1"]
    assert late.output == "late"


def test_the_first_event_of_a_batch_decides_a_race() -> None:
    async def code(ctx: Context) -> Any:
        event, timer = ctx.wait_for_event("go"), ctx.timer(1)
        done, _ = await asyncio.wait([event, timer], return_when=asyncio.FIRST_COMPLETED)
        return [len(done), "event" if event in done else "timer"]

    script = Script(code)
    script.start()
    fired = script.event("TimerFired", 1000, action=2)
    script.deliver(fired, script.event("EventRaised", name="go", data=1))
    assert script.output == [1, "timer"]


def test_tasks_of_different_instances_do_not_hash_alike() -> None:
    # asyncio has one set of all tasks: equal hashes make each new one look at every other.
    @perdure.orchestration
    async def hashed(ctx: Context) -> int:
        return hash(asyncio.current_task())

    def of(instance: str) -> int:
        event = {"id": 1, "at": START, "kind": "OrchestrationStarted", "name": "hashed", "version": "1.0.0"}
        request = {
            "v": 1, "turn": 1, "instance": instance, "execution": 1, "orchestration": "hashed",
            "version": "1.0.0", "from": 0, "replayed": 0, "events": [event],
        }  # fmt: skip
        answer = TurnHost({("hashed", "1.0.0"): hashed}, 0).run(request)
        return int(json.loads(answer)["end"]["output"])

    assert len({of(f"instance-{number}") for number in range(1_000)}) == 1_000
    assert of("instance-1") == of("instance-1")


def test_sets_of_tasks_iterate_in_the_same_order_in_every_run() -> None:
    async def code(ctx: Context) -> Any:
        async def wait(name: str) -> str:
            return str(await ctx.wait_for_event(name))

        names = {asyncio.create_task(wait(f"e{item}")): item for item in range(100)}
        first = ctx.activity("first")
        _, pending = await asyncio.wait({first, *names}, return_when=asyncio.FIRST_COMPLETED)
        order = [names[each] for each in pending]
        for each in pending:
            each.cancel()
        return order

    script = Script(code)
    script.start()
    assert len(script.complete(1)) == 100
    assert len(script.output) == 100


def test_wait_for_gives_up_the_work_when_time_is_up() -> None:
    async def code(ctx: Context) -> Any:
        try:
            return await asyncio.wait_for(ctx.activity("slow"), 2)
        except asyncio.TimeoutError:
            return "timed out"

    late = Script(code)
    assert kinds(late.start()) == ["Activity:slow", "Timer"]
    assert kinds(late.fire(2)) == ["Cancel:1"]
    assert late.output == "timed out"

    early = Script(code)
    early.start()
    assert kinds(early.complete(1, "result")) == ["Cancel:2"]
    assert early.output == "result"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout came with 3.11")
def test_timeout_around_anything() -> None:
    async def code(ctx: Context) -> Any:
        try:
            async with asyncio.timeout(3):
                await ctx.activity("a")
                await ctx.wait_for_event("go")
        except TimeoutError:
            return ["timed out", await ctx.activity("clean up")]
        return "in time"

    late = Script(code)
    assert kinds(late.start()) == ["Timer", "Activity:a"]
    assert late.actions[0]["fireAt"] == START + 3000
    late.complete(2)
    assert kinds(late.fire(1)) == ["Cancel:3", "Activity:clean up"]
    late.complete(5, "ok")
    assert late.output == ["timed out", "ok"]

    early = Script(code)
    early.start()
    early.complete(2)
    assert kinds(early.raise_event("go")) == ["Cancel:1"]
    assert early.output == "in time"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.TaskGroup came with 3.11")
def test_a_task_group_cancels_its_tasks_when_one_fails() -> None:
    async def code(ctx: Context) -> Any:
        async def step(name: str) -> None:
            await ctx.activity(name)

        try:
            async with asyncio.TaskGroup() as group:
                for item in range(4):
                    group.create_task(step(f"s{item}"))
        except BaseExceptionGroup as failed:  # noqa: F821
            return [type(each).__name__ for each in failed.exceptions]

    script = Script(code)
    assert kinds(script.start()) == ["Activity:s0", "Activity:s1", "Activity:s2", "Activity:s3"]
    assert sorted(kinds(script.fail(2))) == ["Cancel:1", "Cancel:3", "Cancel:4"]
    assert script.output == ["ActivityFailed"]


def test_shield_keeps_the_work() -> None:
    async def code(ctx: Context) -> Any:
        work = ctx.activity("slow")
        try:
            await asyncio.wait_for(asyncio.shield(work), 1)
        except asyncio.TimeoutError:
            pass
        return await work

    script = Script(code)
    script.start()
    assert kinds(script.fire(2)) == []
    script.complete(1, "late but there")
    assert script.output == "late but there"


def test_as_completed_of_handles() -> None:
    async def code(ctx: Context) -> Any:
        return [await each for each in asyncio.as_completed([ctx.activity("w", item) for item in range(3)])]

    script = Script(code)
    script.start()
    for action in (2, 3, 1):
        script.complete(action, action)
    assert script.output == [2, 3, 1]


def test_event_lock_semaphore_queue_and_condition_of_asyncio() -> None:
    async def code(ctx: Context) -> Any:
        lock, queue, ready, permits = asyncio.Lock(), asyncio.Queue(2), asyncio.Event(), asyncio.Semaphore(2)
        log = []

        async def produce() -> None:
            for item in range(5):
                await queue.put(await ctx.activity("make", item))
            await queue.put(None)
            ready.set()

        async def work(name: str) -> None:
            async with permits, lock:
                log.append(name)
                await ctx.activity("locked", name)

        tasks = [asyncio.create_task(produce()), *(asyncio.create_task(work(name)) for name in "ab")]
        items = []
        while (item := await queue.get()) is not None:
            items.append(item)
        await ready.wait()
        await asyncio.gather(*tasks)
        return [items, log]

    script = Script(code)
    script.start()
    answered = 0
    while script.end is None:
        action = script.actions[answered]
        answered += 1
        script.complete(action["id"], action["input"])
    assert script.output == [[0, 1, 2, 3, 4], ["a", "b"]]


def test_callbacks_run_first_in_first_out_and_timers_run_theirs() -> None:
    async def code(ctx: Context) -> Any:
        loop, order = asyncio.get_running_loop(), []
        loop.call_soon(order.append, 1)
        loop.call_soon(order.append, 2)
        loop.call_later(0, order.append, 3)
        loop.call_later(0.01, order.append, 4)
        dropped = loop.call_later(0.02, order.append, 5)
        dropped.cancel()
        dropped.cancel()
        await asyncio.sleep(0.03)
        return [order, loop.time() == ctx.now_ms / 1000]

    script = Script(code)
    assert kinds(script.start()) == ["Timer", "Timer", "Cancel:2", "Timer"]
    script.fire(1)
    script.fire(4)
    assert script.output == [[1, 2, 3, 4], True]
