"""Activities and orchestrations that the tests with the real library run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, List

import perdure


@dataclass
class Item:
    name: str
    count: int


@dataclass
class Basket:
    items: List[Item]


class Declined(Exception):
    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.details = {"code": code}


@perdure.activity
def double(ctx: perdure.ActivityContext, value: int) -> int:
    return value * 2


@perdure.activity(name="async-double")
async def async_double(ctx: perdure.ActivityContext, value: int) -> int:
    await asyncio.sleep(0.001)
    return value * 2


@perdure.activity
def about_me(ctx: perdure.ActivityContext) -> List[Any]:
    return [ctx.instance_id, ctx.execution_id, ctx.orchestration, ctx.name, ctx.attempt, ctx.idempotency_key]


@perdure.activity
def decline(ctx: perdure.ActivityContext) -> None:
    try:
        raise KeyError("card")
    except KeyError as error:
        raise Declined("the card was declined", 51) from error


@perdure.activity
def bad_result(ctx: perdure.ActivityContext) -> Any:
    return {"when": object()}


@perdure.activity
def grow(ctx: perdure.ActivityContext, basket: Basket) -> Basket:
    return Basket([Item(item.name, item.count + 1) for item in basket.items])


@perdure.orchestration
async def numbers(ctx: perdure.OrchestrationContext, count: int) -> int:
    work = [ctx.activity(double if item % 2 else async_double, item) for item in range(count)]
    return sum(await asyncio.gather(*work))


@perdure.orchestration
async def call(ctx: perdure.OrchestrationContext, name: str) -> Any:
    return await ctx.activity(name)


@perdure.orchestration
async def baskets(ctx: perdure.OrchestrationContext, basket: Basket) -> List[int]:
    grown = await ctx.activity(grow, basket)
    return [item.count for item in grown.items]


@perdure.orchestration
async def approval(ctx: perdure.OrchestrationContext) -> Any:
    ctx.set_custom_status("waiting")
    try:
        decision = await asyncio.wait_for(ctx.wait_for_event("decision"), 60)
    except asyncio.CancelledError:
        await ctx.activity(double, 1)
        raise
    ctx.set_custom_status(None)
    return [decision, await ctx.dequeue("notes"), await ctx.dequeue("notes")]


@perdure.orchestration
async def counter(ctx: perdure.OrchestrationContext, n: int) -> List[int]:
    if n < 5:
        ctx.continue_as_new(n + 1)
    return [n, ctx.execution_id]


@perdure.orchestration
async def family(ctx: perdure.OrchestrationContext) -> Any:
    detached = [ctx.start_detached(counter, 5, instance="detached"), ctx.start_detached(counter, 5)]
    try:
        await ctx.sub_orchestration(call, "decline")
    except perdure.SubOrchestrationFailed as error:
        return [error.type, await ctx.sub_orchestration(counter, 0, instance="child"), detached]


@perdure.orchestration
async def naps(ctx: perdure.OrchestrationContext) -> float:
    begin = ctx.now()
    await asyncio.sleep(0.05)
    return (ctx.now() - begin).total_seconds()


ACTIVITIES = [double, async_double, about_me, decline, bad_result, grow]
ORCHESTRATIONS = [numbers, call, baskets, approval, counter, family, naps]
