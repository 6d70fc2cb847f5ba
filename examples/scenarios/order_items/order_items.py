"""An order with a child for each of its items: they are reserved side by side, and together or not at all.

An item that is out of stock is no accident: the order gives the others back and ends as it should, with an
answer for the customer. An order above a limit waits for an approval before anything is reserved; the worker
is restarted while it waits.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common

LARGE = 1000


@dataclass
class Item:
    name: str
    count: int
    price: int


@dataclass
class Order:
    items: list[Item]

    @property
    def total(self) -> int:
        return sum(item.count * item.price for item in self.items)


class OutOfStock(Exception):
    non_retryable = True


@perdure.activity(retry=perdure.RetryPolicy())
def reserve(context: perdure.ActivityContext, item: Item) -> None:
    if item.name == "unicorn":
        raise OutOfStock(item.name)
    common.note("reserved", item.count, item.name)


@perdure.activity(retry=perdure.RetryPolicy())
def release(context: perdure.ActivityContext, item: Item) -> None:
    common.note("released", item.count, item.name)


@perdure.activity
def charge(context: perdure.ActivityContext, amount: int) -> None:
    common.note("charged", amount)


@perdure.orchestration
async def line_item(context: perdure.OrchestrationContext, item: Item) -> str:
    await context.activity(reserve, item)
    return f"{item.count} {item.name}"


@perdure.orchestration
async def order(context: perdure.OrchestrationContext, order: Order) -> str:
    if order.total > LARGE:
        context.set_custom_status("waiting for approval")
        if await context.wait_for_event("approval") != "yes":
            return "refused"
    children = [context.sub_orchestration(line_item, item) for item in order.items]
    ends = await asyncio.gather(*children, return_exceptions=True)
    missing = [end for end in ends if isinstance(end, perdure.SubOrchestrationFailed)]
    if missing:
        reserved = [item for item, end in zip(order.items, ends, strict=True) if end not in missing]
        await asyncio.gather(*(context.activity(release, item) for item in reserved))
        for end in missing:
            if end.type != "OutOfStock":
                raise end
        return f"cancelled: no {' and no '.join(end.failure.message for end in missing)}"
    await context.activity(charge, order.total)
    return f"shipped: {', '.join(map(str, ends))}"


def story(scene: common.Scene) -> None:
    client = scene.client
    book, lamp = Item("book", 2, 20), Item("lamp", 1, 45)
    piano, unicorn = Item("piano", 1, 1900), Item("unicorn", 1, 10)
    client.start(order, Order([book, lamp]), instance="small")
    client.start(order, Order([book, piano]), instance="large")
    client.start(order, Order([piano]), instance="too-large")
    client.start(order, Order([lamp, unicorn, book]), instance="impossible")
    with scene.runtime():
        small, impossible = scene.result("small"), scene.result("impossible")
        scene.status("large", "waiting for approval")
        scene.status("too-large", "waiting for approval")
    assert not common.notes("reserved", 1, "piano"), "reserved without approval"
    common.say(f"small: {small}; impossible: {impossible}; the worker is restarted")
    client.raise_event("large", "approval", "yes")
    client.raise_event("too-large", "approval", "no")
    with scene.runtime():
        large, too_large = scene.result("large"), scene.result("too-large")
    common.say(f"large: {large}; too-large: {too_large}")

    assert small == "shipped: 2 book, 1 lamp", small
    assert large == "shipped: 2 book, 1 piano", large
    assert too_large == "refused", too_large
    # A clean end: the order is Completed, only the child for the missing item has failed.
    assert impossible == "cancelled: no unicorn", impossible
    ends = sorted((child.status, child.output) for child in client.list(parent="impossible"))
    assert ends == [("Completed", "1 lamp"), ("Completed", "2 book"), ("Failed", None)], ends
    released = sorted(name for _, _, name in common.notes("released"))
    assert released == ["book", "lamp"], released
    reserved = sorted(name for _, _, name in common.notes("reserved"))
    assert reserved == ["book", "book", "book", "lamp", "lamp", "piano"], reserved
    assert common.notes("charged") == [["charged", "85"], ["charged", "1940"]], common.notes("charged")
    # The children were begun together.
    kinds = [event["kind"] for event in scene.events("impossible")][1:4]
    assert kinds == ["SubOrchestrationScheduled"] * 3, kinds


if __name__ == "__main__":
    common.play(story, [order, line_item, reserve, release, charge])
