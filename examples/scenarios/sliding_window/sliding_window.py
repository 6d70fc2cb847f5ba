"""A batch of records, a few of them at a time: as soon as one is done, the next begins.

Each record is an orchestration of its own that reports to a queue of the batch. The batch continues as new
after every ten starts, while records are being processed: the reports that have come, and those that come
later, reach its next execution. The worker is restarted in the middle.

Expect: every record once, never more than the window at a time, a history that does not grow with the batch.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common

RECORDS = 60
WINDOW = 5
STARTS_PER_EXECUTION = 10


@dataclass
class Batch:
    records: int
    window: int
    started: int = 0
    done: int = 0
    total: int = 0


@dataclass
class Record:
    number: int
    batch: str


@perdure.activity
async def process(context: perdure.ActivityContext, number: int) -> int:
    common.note("begins", number)
    await asyncio.sleep(0.01)
    common.note("ends", number)
    return number * number


@perdure.orchestration
async def record(context: perdure.OrchestrationContext, record: Record) -> None:
    value = await context.activity(process, record.number)
    await context.enqueue(record.batch, "reports", value)


@perdure.orchestration
async def batch(context: perdure.OrchestrationContext, state: Batch) -> int:
    starts = 0
    while state.done < state.records:
        while state.started < min(state.records, state.done + state.window):
            if starts == STARTS_PER_EXECUTION:
                context.continue_as_new(state)
            # Detached: it goes on when this execution ends.
            context.start_detached(
                record,
                Record(state.started, context.instance_id),
                instance=f"{context.instance_id}/{state.started}",
            )
            state.started += 1
            starts += 1
        state.total += await context.dequeue("reports")
        state.done += 1
    return state.total


def story(scene: common.Scene) -> None:
    scene.client.start(batch, Batch(RECORDS, WINDOW), instance="batch")
    with scene.runtime():
        common.wait_for_note("ends", count=RECORDS // 3)
    common.say(f"the worker is restarted after {len(common.notes('ends'))} records")
    with scene.runtime():
        total = scene.result("batch")

    assert total == sum(number * number for number in range(RECORDS)), total
    ended = sorted(int(number) for _, number in common.notes("ends"))
    assert ended == list(range(RECORDS)), f"each record once: {ended}"

    running = most = 0
    for what, _ in common.notes():
        running += 1 if what == "begins" else -1
        most = max(most, running)
    assert most == WINDOW, f"{most} records were processed at a time, the window is {WINDOW}"

    executions = scene.client.describe("batch").execution
    assert executions == RECORDS // STARTS_PER_EXECUTION, executions
    sizes = [len(scene.events("batch", execution=number + 1)) for number in range(executions)]
    # A start is one event; a report that is waited for and comes is two, and some come from the last one.
    bound = STARTS_PER_EXECUTION + 2 * (STARTS_PER_EXECUTION + WINDOW) + WINDOW
    assert max(sizes) <= bound, f"the histories have {sizes} events"
    common.say(f"{RECORDS} records, at most {most} at a time, {executions} executions with {sizes} events")


if __name__ == "__main__":
    common.play(story, [batch, record, process])
