"""One instance with very many steps, with very many activities at once, with very many events.

    Tests/chaos/large.py [--events 10000] [--no-times]

Each form runs with a tenth and with all of the events, on SQLite with full durability: the work may grow with
the number, not with its square. The growth is that of the time of the processor: the clock also measures what
others do with the machine and its disk.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import perdure
from judge import Verdicts

LIMIT_S = 60.0
GROWTH = 12.0


@perdure.activity
def double(_: perdure.ActivityContext, number: int) -> int:
    return 2 * number


@perdure.orchestration
async def sequence(context: perdure.OrchestrationContext, count: int) -> int:
    total = 0
    for number in range(count):
        total += await context.activity(double, number)
    return total


@perdure.orchestration
async def fan_out(context: perdure.OrchestrationContext, count: int) -> int:
    return sum(await asyncio.gather(*(context.activity(double, number) for number in range(count))))


@perdure.orchestration
async def flood(context: perdure.OrchestrationContext, count: int) -> int:
    total = 0
    for _ in range(count):
        total += 2 * await context.wait_for_event("number")
    return total


DEFINITIONS = [double, sequence, fan_out, flood]
# The defaults are for instances of a usual size.
LIMITS = perdure.Limits(history_events=400_000, pending_actions=50_000, inbox_messages=200_000)


def just_start(client: perdure.Client, definition: perdure.Orchestration, count: int) -> str:
    return client.start(definition, count)


def start_and_flood(client: perdure.Client, definition: perdure.Orchestration, count: int) -> str:
    """The events come while it works, from many threads."""
    instance = client.start(definition, count)
    with ThreadPoolExecutor(16) as threads:
        for _ in threads.map(lambda number: client.raise_event(instance, "number", number), range(count)):
            pass
    return instance


def run(
    start: Callable[..., str], definition: perdure.Orchestration, count: int
) -> tuple[float, float, list[str]]:
    """Returns the seconds until the instance has ended, those of the processor, and what is wrong."""
    with tempfile.TemporaryDirectory(prefix="perdure-large-") as folder:
        store = perdure.Store(f"sqlite:{Path(folder) / 'store.sqlite'}", limits=LIMITS)
        with store, perdure.Runtime(store, DEFINITIONS), perdure.Client(store) as client:
            begin, worked = time.monotonic(), time.process_time()
            instance = start(client, definition, count)
            try:
                result = client.result(instance, timeout=10 * LIMIT_S)
            except perdure.PerdureError as error:
                return time.monotonic() - begin, 0.0, [f"{type(error).__name__}: {error}"]
            seconds, worked = time.monotonic() - begin, time.process_time() - worked
    right = count * (count - 1)
    return seconds, worked, [] if result == right else [f"the result is {result}, not {right}"]


def main() -> int:
    parser = argparse.ArgumentParser(description="Very large instances.")
    parser.add_argument(
        "--events", type=int, default=10_000, help="steps, activities at once; five times events"
    )
    parser.add_argument("--no-times", action="store_true", help="judge the results only")
    options = parser.parse_args()
    verdicts = Verdicts()
    for name, start, definition, count in (
        ("steps one after the other", just_start, sequence, options.events),
        ("activities at once", just_start, fan_out, options.events),
        ("events to one instance", start_and_flood, flood, 5 * options.events),
    ):
        _, small, wrong_small = run(start, definition, count // 10)
        seconds, large, wrong_large = run(start, definition, count)
        wrong = wrong_small + wrong_large
        growth = large / small if small > 0 else 0.0
        if not options.no_times and seconds > LIMIT_S:
            wrong.append(f"it took {seconds:.1f} s")
        if not options.no_times and growth > GROWTH:
            wrong.append(f"ten times as many took {growth:.1f} times the work")
        figure = f"{seconds:.1f} s, {growth:.1f} times the work of {count // 10}"
        verdicts.check(f"{count} {name}: {figure}", wrong)
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
