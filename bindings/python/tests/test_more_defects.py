"""The second half of the list of `test_defects.py`."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Callable, List

import pytest
from rig import WAIT, Rig

import perdure

pytestmark = pytest.mark.library

Context = perdure.OrchestrationContext
Make = Callable[..., Rig]


@perdure.activity
def echo(ctx: perdure.ActivityContext, value: Any) -> Any:
    return value


@perdure.orchestration
async def waits(ctx: Context, name: str) -> Any:
    return await ctx.wait_for_event(name)


@perdure.orchestration
async def talks(ctx: Context) -> None:
    ctx.log.warning("careful")
    ctx.log.error("trouble")
    ctx.metric("steps", 1)
    await ctx.activity(echo, None)
    ctx.metric("steps", 1)
    await ctx.activity(echo, None)


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.all: List[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.all.append(record)


@pytest.fixture
def records() -> Any:
    handler = Records()
    logger = logging.Logger("test")
    logger.addHandler(handler)
    yield logger, handler
    perdure.log_to(logging.getLogger("perdure"), "error")


def test_11_the_level_of_the_log_is_kept(rig: Make, records: Any) -> None:
    logger, handler = records
    perdure.log_to(logger, "error")
    world = rig(talks, echo)
    world.client.result(world.client.start(talks), WAIT)
    world.stop()
    assert [record.getMessage().rsplit(": ")[-1] for record in handler.all] == ["trouble"]


def test_12_what_code_counts_is_counted_once_however_often_it_is_replayed(rig: Make, records: Any) -> None:
    logger, handler = records
    perdure.log_to(logger, "info")
    world = rig(talks, echo, cache=False)
    world.client.result(world.client.start(talks), WAIT)
    world.stop()
    metrics = [record.perdure for record in handler.all if "metric" in getattr(record, "perdure", {})]
    assert [fields["metric"]["value"] for fields in metrics] == [1, 1]


@perdure.activity
def listens(ctx: perdure.ActivityContext) -> bool:
    return ctx.wait_cancelled(20)


@perdure.orchestration
async def abandons(ctx: Context) -> str:
    ctx.activity(listens)
    ctx.sub_orchestration(waits, "never")
    ctx.wait_for_event("never")
    await ctx.wait_for_event("go")
    return "done"


def test_13_the_terminal_event_is_the_last_one(rig: Make) -> None:
    world = rig(abandons, waits, listens)
    for number, end in enumerate(
        (
            lambda instance: world.client.raise_event(instance, "go"),
            lambda instance: world.client.cancel(instance),
            lambda instance: world.client.terminate(instance),
        )
    ):
        instance = world.client.start(abandons, instance=f"i{number}")
        end(instance)
        status = world.client.wait(instance, WAIT).status
        assert status == ("Completed", "Cancelled", "Terminated")[number]
        kinds = [event["kind"] for event in world.client.history(instance)]
        ends = ("OrchestrationCompleted", "OrchestrationCancelled", "OrchestrationTerminated")
        assert [kind for kind in kinds if kind in ends] == [ends[number]]
        assert kinds[-1] == ends[number]


@perdure.orchestration
async def late_waiter(ctx: Context) -> List[Any]:
    await asyncio.sleep(0.05)
    return [await ctx.wait_for_event("go"), await ctx.wait_for_event("go")]


def test_14_an_event_that_comes_before_its_waiter_is_kept(rig: Make) -> None:
    world = rig(late_waiter)
    instance = world.client.start(late_waiter)
    world.client.raise_event(instance, "go", 1)
    world.client.raise_event(instance, "go", 2)
    assert world.client.result(instance, WAIT) == [1, 2]


told: List[bool] = []


@perdure.activity
def works_long(ctx: perdure.ActivityContext) -> None:
    ctx.client.raise_event(ctx.instance_id, "begun")
    told.append(ctx.wait_cancelled(WAIT))


@perdure.orchestration
async def gives_up(ctx: Context) -> str:
    work = ctx.activity(works_long)
    await ctx.wait_for_event("begun")
    work.cancel()
    return "given up"


def test_15_a_cancelled_activity_is_told_at_once(rig: Make) -> None:
    told.clear()
    world = rig(gives_up, works_long)
    assert world.client.result(world.client.start(gives_up), WAIT) == "given up"
    world.stop()
    assert told == [True]


@perdure.orchestration
async def fans_out(ctx: Context, width: int) -> int:
    return sum(await asyncio.gather(*(ctx.activity(echo, number) for number in range(width))))


def test_16_a_wide_fan_out_joins(rig: Make) -> None:
    world = rig(fans_out, echo, activity_slots=64)
    assert world.client.result(world.client.start(fans_out, 3000), WAIT) == sum(range(3000))


def test_17_an_unregistered_name_is_pending_with_its_reason(rig: Make) -> None:
    world = rig(waits)
    world.client.start("unheard", None, instance="u")
    row = world.client.describe("u")
    assert row.status == "Pending"
    assert "unheard" in (row.pending_reason or "")


@perdure.orchestration
async def races(ctx: Context) -> Any:
    async def inner() -> str:
        await asyncio.gather(ctx.activity(echo, 1), ctx.activity(echo, 2))
        return f"{ctx.new_guid()} {ctx.now_ms > 0}"

    runners = [asyncio.create_task(each) for each in (inner(), waits_for(ctx, "a"), waits_for(ctx, "b"))]
    runners.append(asyncio.create_task(asyncio.wait_for(waits_for(ctx, "c"), 3600)))
    done, pending = await asyncio.wait(runners, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return [task.result() for task in runners if task in done]


async def waits_for(ctx: Context, name: str) -> Any:
    return await ctx.wait_for_event(name)


def test_18_races_of_any_number_nest_and_have_guids_and_time_inside(rig: Make) -> None:
    world = rig(races, echo, cache=False)
    (winner,) = world.client.result(world.client.start(races), WAIT)
    assert winner.endswith("True")


@perdure.activity
def returns_too_much(ctx: perdure.ActivityContext) -> str:
    return "x" * 2000


@perdure.orchestration
async def catches(ctx: Context) -> List[str]:
    types = []
    for work in (
        ctx.activity(returns_too_much),
        ctx.activity("nobody has this", schedule_to_start=0.05),
        ctx.activity(listens, start_to_close=0.05),
        ctx.sub_orchestration("unheard", instance=ctx.instance_id),
    ):
        try:
            await work
        except (perdure.ActivityFailed, perdure.SubOrchestrationFailed) as error:
            types.append(error.type)
    return types


def test_19_failures_of_the_engine_can_be_caught(rig: Make) -> None:
    limits = perdure.Limits(payload_bytes=1000)
    assert rig(catches, returns_too_much, listens, limits=limits).run(catches) == [
        "perdure.LimitExceeded",
        "perdure.Timeout",
        "perdure.Timeout",
        "perdure.AlreadyExists",
    ]


def test_20_a_message_to_a_finished_instance_is_an_error_to_the_sender(rig: Make) -> None:
    world = rig(waits)
    instance = world.client.start(waits, "go")
    world.client.raise_event(instance, "go")
    world.client.wait(instance, WAIT)
    for send in (
        lambda: world.client.raise_event(instance, "go"),
        lambda: world.client.enqueue(instance, "go"),
        lambda: world.client.cancel(instance),
    ):
        with pytest.raises(perdure.WrongStatus, match="Completed"):
            send()
