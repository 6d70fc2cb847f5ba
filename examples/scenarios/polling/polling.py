"""Three ways to wait for a service that can only be asked whether it is ready.

- Often: one activity asks in a loop and tells how far it is with heartbeats. When its attempt fails, the next
  one reads the last heartbeat and goes on from there.
- Seldom: each question is an attempt; "not ready" is a failure, and the retry policy is the pause. Durable,
  and the history has two events however many attempts there were.
- In turns, when a question is several steps: a child orchestration asks, sleeps, and continues as new, of
  which its parent sees nothing.

The worker is restarted while all three are asking.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common

#: The service is ready when it is asked for the 8th time, and drops the connection at the 3rd.
READY, DROPPED = 8, 3
PAUSE = 0.04
ASKED_PER_EXECUTION = 3


class NotReady(Exception):
    pass


def ask(job: str, number: int) -> bool:
    common.note("asked", job, number)
    return number >= READY


# ---- Often ----------------------------------------------------------------------------------------------


@perdure.activity(retry=perdure.RetryPolicy(initial_interval=0.01), heartbeat=5)
def ask_often(context: perdure.ActivityContext, job: str) -> str:
    begin: int = context.last_heartbeat or 0
    for number in itertools.count(begin + 1):
        if ask(job, number):
            return f"ready in attempt {context.attempt}"
        context.heartbeat(number)
        if number == DROPPED:
            raise ConnectionError("the line is dead")
        context.wait_cancelled(PAUSE)
    raise AssertionError("counting does not end")


@perdure.orchestration
async def often(context: perdure.OrchestrationContext, job: str) -> str:
    return await context.activity(ask_often, job)


# ---- Seldom ---------------------------------------------------------------------------------------------


@perdure.activity(retry=perdure.RetryPolicy(max_attempts=0, backoff="fixed", initial_interval=PAUSE))
def ask_once(context: perdure.ActivityContext, job: str) -> str:
    if not ask(job, context.attempt):
        raise NotReady(job)
    return f"ready in attempt {context.attempt}"


@perdure.orchestration
async def seldom(context: perdure.OrchestrationContext, job: str) -> str:
    return await context.activity(ask_once, job)


# ---- In turns -------------------------------------------------------------------------------------------


@dataclass
class Turns:
    job: str
    asked: int = 0


@perdure.activity
def ask_in_turn(context: perdure.ActivityContext, turns: Turns) -> bool:
    return ask(turns.job, turns.asked)


@perdure.orchestration
async def ask_in_turns(context: perdure.OrchestrationContext, turns: Turns) -> str:
    for _ in range(ASKED_PER_EXECUTION):
        turns.asked += 1
        if await context.activity(ask_in_turn, turns):
            return f"ready in execution {context.execution_id}"
        await asyncio.sleep(PAUSE)
    context.continue_as_new(turns)


@perdure.orchestration
async def in_turns(context: perdure.OrchestrationContext, job: str) -> str:
    return await context.sub_orchestration(ask_in_turns, Turns(job), instance=f"{job}-asking")


# ---- The story ------------------------------------------------------------------------------------------


def story(scene: common.Scene) -> None:
    for form in (often, seldom, in_turns):
        scene.client.start(form, form.name, instance=form.name)
    with scene.runtime():
        for form in (seldom, in_turns):
            common.wait_for_note("asked", form.name, count=READY // 2)
    common.say(f"the worker is restarted after {len(common.notes('asked'))} questions")
    with scene.runtime():
        results = {form.name: scene.result(form.name) for form in (often, seldom, in_turns)}
    common.say(", ".join(f"{name}: {result}" for name, result in results.items()))

    executions = -(-READY // ASKED_PER_EXECUTION)
    assert results["often"] == "ready in attempt 2", results
    assert results["seldom"] == f"ready in attempt {READY}", results
    assert results["in_turns"] == f"ready in execution {executions}", results
    for name in results:
        asked = [int(number) for _, _, number in common.notes("asked", name)]
        assert asked == list(range(1, READY + 1)), f"{name} asked {asked}: nothing twice, nothing left out"

    flat = ["OrchestrationStarted", "ActivityScheduled", "ActivityCompleted", "OrchestrationCompleted"]
    for name in ("often", "seldom"):
        assert [event["kind"] for event in scene.events(name)] == flat, scene.events(name)
    parent = [event["kind"] for event in scene.events("in_turns")]
    assert parent == [
        "OrchestrationStarted",
        "SubOrchestrationScheduled",
        "SubOrchestrationCompleted",
        "OrchestrationCompleted",
    ], parent
    child = scene.client.describe("in_turns-asking")
    assert child.execution == executions, child
    common.say(f"the child had {child.execution} executions, its parent saw one end")


if __name__ == "__main__":
    common.play(story, [often, ask_often, seldom, ask_once, in_turns, ask_in_turns, ask_in_turn])
