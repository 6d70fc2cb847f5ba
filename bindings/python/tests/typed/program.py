# pyright: strict, reportUnnecessaryTypeIgnoreComment=error
"""What users write, for the type checkers only: mypy and pyright, both strict, find what is marked and
nothing else.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Dict, List, Optional, Tuple

from typing_extensions import assert_type

import perdure
from perdure.testing import TestEnvironment


@dataclass
class Order:
    number: int


@dataclass
class Receipt:
    text: str


@perdure.activity
def charge(ctx: perdure.ActivityContext, order: Order) -> Receipt:
    assert_type(ctx.attempt, int)
    return Receipt(f"order {order.number}")


@perdure.activity(retry=perdure.RetryPolicy(max_attempts=5), start_to_close=timedelta(seconds=10))
async def ship(ctx: perdure.ActivityContext, order: Order) -> int:
    await asyncio.sleep(0)
    return order.number


@perdure.activity(process=True)
def tidy(ctx: perdure.ActivityContext) -> None: ...


@perdure.orchestration
async def child(ctx: perdure.OrchestrationContext) -> List[str]:
    return []


@perdure.orchestration(name="order", version="2.0.0")
async def handle(ctx: perdure.OrchestrationContext, order: Order) -> Dict[str, int]:
    handle = ctx.activity(charge, order)
    assert_type(handle, perdure.Handle[Receipt])
    assert_type(await handle, Receipt)
    assert_type(await ctx.activity(ship, order, priority=3), int)
    assert_type(await ctx.activity("by-name", 1), Any)
    await ctx.activity(tidy)
    assert_type(await ctx.sub_orchestration(child), List[str])
    both = await asyncio.gather(ctx.activity(charge, order), ctx.activity(ship, order))
    assert_type(both, Tuple[Receipt, int])
    assert_type(await asyncio.wait_for(ctx.activity(ship, order), 10), int)
    task = asyncio.create_task(deliver(ctx, order))
    assert_type(await task, Receipt)
    assert_type(ctx.random(), float)
    assert_type(await ctx.wait_for_event("paid", of=Receipt), Receipt)
    assert_type(await ctx.dequeue("notes"), Any)

    await ctx.activity(charge, 7)  # type: ignore
    await ctx.activity(charge)  # type: ignore
    await ctx.activity(child)  # type: ignore
    await ctx.activity(ship, order, retries=3)  # type: ignore
    await ctx.sub_orchestration(handle_wrong, "order")  # type: ignore
    ctx.metric("orders", 1, "sum")  # type: ignore
    return {"number": order.number}


async def deliver(ctx: perdure.OrchestrationContext, order: Order) -> Receipt:
    return await ctx.activity(charge, order)


@perdure.orchestration
async def handle_wrong(ctx: perdure.OrchestrationContext, order: Order) -> None:
    receipt: str = await ctx.activity(charge, order)  # type: ignore
    print(receipt)


def blocking(store: perdure.Store) -> None:
    with perdure.Runtime(store, [handle, child, charge, ship, tidy]) as runtime:
        assert_type(runtime, perdure.Runtime)
        client = perdure.Client(store)
        instance = client.start(handle, Order(1), delay=5)
        assert_type(instance, str)
        assert_type(client.result(instance, of=handle), Dict[str, int])
        assert_type(client.result(instance, of=Receipt), Receipt)
        assert_type(client.result(instance), Any)
        assert_type(client.describe(instance), perdure.Description)
        assert_type(client.management().why(instance), perdure.Why)
        client.start(handle, 7)  # type: ignore
        client.start(handle, Order(1), policy="whatever")  # type: ignore
        client.result(instance, timeout="soon")  # type: ignore


async def waiting(store: perdure.Store) -> Optional[str]:
    async with perdure.Runtime(store, [child]) as runtime, perdure.AsyncClient(store) as client:
        assert_type(runtime, perdure.Runtime)
        instance = await client.start(child)
        assert_type(await client.result(instance, of=child), List[str])
        assert_type(await client.management().why(instance), perdure.Why)
        assert_type([each async for each in client.follow(instance)], List[Dict[str, Any]])
        await client.start(handle, "order")  # type: ignore
        await client.management().why(7)  # type: ignore
    return instance


def testing() -> None:
    with TestEnvironment([handle], stubs={"charge": Receipt("paid")}) as env:
        assert_type(env, TestEnvironment)
        env.run(handle, Order(1))
