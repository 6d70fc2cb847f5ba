"""The sample orchestrations of docs/wire-format.md, which the turn vectors run in every language."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import perdure

Context = perdure.OrchestrationContext


@perdure.orchestration(name="sequence")
async def sequence(ctx: Context, value: Any) -> Any:
    return await ctx.activity("B", await ctx.activity("A", value))


@perdure.orchestration(name="fan-out")
async def fan_out(ctx: Context) -> Any:
    return await asyncio.gather(*(ctx.activity("work", item) for item in range(3)))


@perdure.orchestration(name="race")
async def race(ctx: Context) -> Any:
    event = ctx.wait_for_event("go")
    timer = ctx.timer(1)
    _, pending = await asyncio.wait([event, timer], return_when=asyncio.FIRST_COMPLETED)
    for loser in pending:
        loser.cancel()
    return {"winner": "timer"} if event in pending else {"winner": "event", "data": event.result()}


@perdure.orchestration(name="timer")
async def timer(ctx: Context) -> str:
    await asyncio.sleep(0.5)
    return "done"


@perdure.orchestration(name="early-event")
async def early_event(ctx: Context) -> Any:
    await asyncio.sleep(1)
    return await ctx.wait_for_event("go")


@perdure.orchestration(name="queue")
async def queue(ctx: Context) -> Any:
    return [await ctx.dequeue("q"), await ctx.dequeue("q")]


@perdure.orchestration(name="child")
async def child(ctx: Context) -> Any:
    try:
        return await ctx.sub_orchestration("kid", {"n": 1})
    except perdure.SubOrchestrationFailed as error:
        return {"failed": error.type}


@perdure.orchestration(name="retry")
async def retry(ctx: Context, value: Any) -> Any:
    for attempt in range(3):
        try:
            return await ctx.activity("flaky", value)
        except perdure.ActivityFailed:
            if attempt == 2:
                raise
    return None


@perdure.orchestration(name="continue-as-new")
async def continue_as_new(ctx: Context, n: int) -> int:
    if n < 3:
        ctx.continue_as_new(n + 1)
    return n


@perdure.orchestration(name="cancel-cleanup")
async def cancel_cleanup(ctx: Context, value: Any) -> None:
    try:
        await ctx.activity("step", value)
        await ctx.wait_for_event("never")
    except asyncio.CancelledError:
        await ctx.activity("undo")
        raise


@perdure.orchestration(name="retry-policy")
async def retry_policy(ctx: Context, value: Any) -> Any:
    policy = perdure.RetryPolicy(
        max_attempts=5, backoff="linear", initial_interval=0.2, coefficient=1.5, max_interval=5, jitter=0.1,
        non_retryable=["Declined"],
    )  # fmt: skip
    return await ctx.activity(
        "flaky", value, retry=policy, schedule_to_start=60, start_to_close=timedelta(seconds=10),
        schedule_to_close=120, heartbeat=2.5, tag="gpu", session="s-1", priority=5,
    )  # fmt: skip


@perdure.orchestration(name="kv")
async def kv(ctx: Context, value: Any) -> Any:
    ctx.kv.set("n", ctx.kv.get("n", 0) + 1)
    ctx.kv.set("tmp", value)
    ctx.kv.clear("tmp")
    await asyncio.sleep(1)
    ctx.kv.set("late", True)
    pruned = ctx.kv.prune_before(ctx.now() - timedelta(milliseconds=500))
    return {"pruned": pruned, "keys": ctx.kv.keys(), "other": await ctx.read_kv("other", "n")}


@perdure.orchestration(name="topic")
async def topic(ctx: Context) -> Any:
    ctx.subscribe("news")
    news = await ctx.wait_for_topic("news")
    ctx.publish("echo", news)
    ctx.unsubscribe("news")
    return news


@perdure.orchestration(name="calls")
async def calls(ctx: Context) -> Any:
    total = 0

    def add(number: Any) -> Any:
        nonlocal total
        total += number
        return total

    def check(number: Any) -> None:
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise ValueError("not a number")

    ctx.on_call("add", add, validator=check)
    ctx.on_call("work", lambda value: ctx.activity("work", value))
    ctx.on_query("total", lambda _: total)
    await ctx.wait_for_event("stop")
    return total


@perdure.orchestration(name="requests")
async def requests(ctx: Context, value: Any) -> Any:
    try:
        await ctx.raise_event("a", "go", value, keep=True)
        await ctx.enqueue("b", "q", 1)
        await ctx.cancel_instance("c", "enough")
    except perdure.MessageRefused as error:
        return {"refused": error.type}
    return "sent"


@perdure.orchestration(name="patch")
async def patch(ctx: Context, value: Any) -> Any:
    ctx.deprecate_patch("p0")
    result = await ctx.activity("new" if ctx.patched("p1") else "old", value)
    return await ctx.activity("more", result) if ctx.patched("p1") else result


@perdure.orchestration(name="late")
async def late(ctx: Context, count: int) -> int:
    while await ctx.dequeue("q") != "stop":
        count += 1
        if ctx.should_continue_as_new:
            ctx.continue_as_new(count)
    return count


@perdure.orchestration(name="limit")
async def limit(ctx: Context) -> Any:
    text, types = "x" * 262_144, []
    for breach in (
        lambda: ctx.activity(""),
        lambda: ctx.set_custom_status(text),
        lambda: ctx.kv.set("k", text),
    ):
        try:
            breach()
        except perdure.LimitExceeded as error:
            types.append(error.failure_type)
    return types


@perdure.orchestration(name="trace")
async def trace(ctx: Context) -> Any:
    result = await ctx.activity("call", [ctx.traceparent, ctx.tracestate])
    return [ctx.traceparent, result]


SAMPLES = [
    sequence, fan_out, race, timer, early_event, queue, child, retry, continue_as_new, cancel_cleanup,
    retry_policy, kv, topic, calls, requests, patch, late, limit, trace,
]  # fmt: skip
