"""Waiting for a person, but not for ever: a race of an event and a durable timer.

The approval of the first request comes in time. That of the second comes after the deadline, which passes
while no worker runs: the request is escalated, and the late approval changes nothing about that. After the
end of an instance its messages are refused.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common


@dataclass
class Request:
    what: str
    #: Seconds that the approver has.
    patience: float


@perdure.activity
def submit(context: perdure.ActivityContext, what: str) -> None:
    common.note("submitted", what)


@perdure.activity
def escalate(context: perdure.ActivityContext, what: str) -> None:
    common.note("escalated", what)


@perdure.orchestration
async def approval(context: perdure.OrchestrationContext, request: Request) -> str:
    await context.activity(submit, request.what)
    context.set_custom_status("waiting")
    try:
        approver = await asyncio.wait_for(context.wait_for_event("approved"), request.patience)
        return f"approved by {approver}"
    except asyncio.TimeoutError:
        await context.activity(escalate, request.what)
    context.set_custom_status("escalated")
    answer = await context.wait_for_event("boss")
    return f"escalated, the boss says {answer}"


def story(scene: common.Scene) -> None:
    client = scene.client
    deadline = time.time() + 0.5
    with scene.runtime():
        client.start(approval, Request("holiday", 60), instance="in-time")
        client.start(approval, Request("sabbatical", 0.5), instance="late")
        scene.status("in-time", "waiting")
        scene.status("late", "waiting")
        client.raise_event("in-time", "approved", "Ada")
        assert scene.result("in-time") == "approved by Ada"
    common.say("in time: approved by Ada; the worker stops")

    # The deadline passes with nobody there: the next runtime finds it overdue.
    time.sleep(max(0.0, deadline - time.time()))
    with scene.runtime():
        scene.status("late", "escalated")
        client.raise_event("late", "approved", "Grace")
        client.raise_event("late", "boss", "no")
        result = scene.result("late")
    common.say(f"late: {result}")

    assert result == "escalated, the boss says no", result
    events = scene.events("late", "TimerFired", "EventRaised", "EventSubscriptionCancelled")
    kinds = [event.get("name", event["kind"]) for event in events]
    assert kinds == ["TimerFired", "EventSubscriptionCancelled", "approved", "boss"], kinds
    # The winner of the other race cancelled its timer.
    assert len(scene.events("in-time", "TimerCancelled")) == 1
    assert common.notes("escalated") == [["escalated", "sabbatical"]]

    try:
        client.raise_event("late", "approved", "Grace")
    except perdure.WrongStatus as error:
        common.say(f"much later: {error}")
    else:
        raise AssertionError("a message to a finished instance must be refused")


if __name__ == "__main__":
    common.play(story, [approval, submit, escalate])
