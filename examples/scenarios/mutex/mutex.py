"""A lock that is an orchestration: wishes come by a queue, one holder at a time is granted the resource.

Who holds it gives it back, also when its work fails. A holder that cannot give it back any more, because it
was terminated, loses it when its lease ends; one that has ended before its turn is passed over. The worker is
restarted while the lock is held.

Expect: the critical sections never overlap, and everybody who still can gets in, in the order of the wishes.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common

LEASE = 1.0


@dataclass
class Wish:
    holder: str
    ticket: str
    lease: float


# ---- The lock -------------------------------------------------------------------------------------------


@perdure.orchestration
async def mutex(context: perdure.OrchestrationContext, granted: int) -> None:
    for _ in range(3):
        wish = Wish(**await context.dequeue("wishes"))
        try:
            await context.raise_event(wish.holder, f"granted {wish.ticket}")
        except perdure.MessageRefused:
            continue  # It has ended while it waited.
        granted += 1
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(given_back(context, wish.ticket), wish.lease)
        context.set_custom_status({"granted": granted})
    # The wishes that wait go along.
    context.continue_as_new(granted)


async def given_back(context: perdure.OrchestrationContext, ticket: str) -> None:
    while await context.dequeue("given back") != ticket:
        pass  # By a holder whose lease had ended before.


@contextlib.asynccontextmanager
async def locked(context: perdure.OrchestrationContext, lock: str, lease: float) -> AsyncIterator[None]:
    ticket = str(context.new_guid())
    await context.enqueue(lock, "wishes", Wish(context.instance_id, ticket, lease))
    context.set_custom_status("waiting")
    await context.wait_for_event(f"granted {ticket}")
    try:
        yield
    finally:
        await context.enqueue(lock, "given back", ticket)


# ---- Who uses it ----------------------------------------------------------------------------------------


@perdure.activity
def use_printer(context: perdure.ActivityContext, works: bool) -> None:
    common.note("enters", context.instance_id)
    time.sleep(0.03)
    common.note("leaves", context.instance_id)
    if not works:
        raise OSError("paper jam")


@perdure.orchestration
async def print_page(context: perdure.OrchestrationContext, page: str) -> str:
    async with locked(context, "printer", LEASE):
        context.set_custom_status("printing")
        if page == "endless":
            await context.wait_for_event("never")
        await context.activity(use_printer, page == "good")
    return f"{page} page printed"


def story(scene: common.Scene) -> None:
    client = scene.client
    client.start(mutex, 0, instance="printer")
    with scene.runtime():
        client.start(print_page, "endless", instance="Edsger")
        scene.status("Edsger", "printing")
        for name, page in (("Grace", "bad"), ("Barbara", "good"), ("Alan", "good"), ("Ada", "good")):
            client.start(print_page, page, instance=name)
            scene.status(name, "waiting")
        # Both end without any code of theirs: one has the lock, the other waits for it.
        client.terminate("Edsger", "switched off")
        client.terminate("Barbara", "switched off")
    common.say("Edsger is terminated with the lock in his hands; the worker is restarted")
    with scene.runtime():
        failure = scene.failure("Grace")
        assert failure.message == "paper jam", failure
        for name in ("Alan", "Ada"):
            assert scene.result(name) == "good page printed"
        # Edsger, Grace, Alan and Ada; the last grant is over.
        scene.status("printer", {"granted": 4})

    passages = [(what, who) for what, who in common.notes()]
    order = [(what, who) for who in ("Grace", "Alan", "Ada") for what in ("enters", "leaves")]
    assert passages == order, f"they overlap, or not in the order of the wishes: {passages}"
    common.say("then in: Grace, who fails and gives it back, Alan, Ada")

    def granted_at(who: str) -> int:
        [event] = scene.events(who, "EventRaised")
        return int(event["at"])

    # The first three wishes were served by the first execution of the lock; one lease ended with a timer.
    [lease] = scene.events("printer", "TimerCreated", execution=1)[:1]
    [ended] = scene.events("printer", "TimerFired", execution=1)
    assert ended["action"] == lease["action"] and ended["at"] >= lease["fireAt"], (lease, ended)
    assert granted_at("Grace") >= ended["at"], "Grace was let in while Edsger's lease ran"
    assert granted_at("Alan") - granted_at("Grace") < LEASE * 1000, "Grace did not give it back herself"
    assert not scene.events("Barbara", "EventRaised"), "Barbara had ended, she cannot be granted anything"


if __name__ == "__main__":
    common.play(story, [mutex, print_page, use_printer])
