"""What the Python binding costs on top of the engine. Same workloads and names as benchmarks/c/bench.c.

    benchmarks/bench.py [STORE-URL [quick]]

Prints lines of `WORKLOAD NAME python VALUE UNIT`; without a store, one in a temporary folder. With
benchmarks/c/sync_counter.c preloaded it counts syncs too.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import perdure
from perdure._turn import TurnHost


@perdure.activity
def echo(ctx: perdure.ActivityContext, value: int) -> int:
    return value


@perdure.orchestration
async def hello(ctx: perdure.OrchestrationContext, value: int) -> int:
    return await ctx.activity(echo, value)


@perdure.orchestration
async def chain(ctx: perdure.OrchestrationContext, steps: int) -> int:
    for step in range(steps):
        await ctx.activity(echo, step)
    return steps


@perdure.orchestration
async def fan(ctx: perdure.OrchestrationContext, width: int) -> int:
    return sum(await asyncio.gather(*(ctx.activity(echo, item) for item in range(width))))


@perdure.orchestration
async def park(ctx: perdure.OrchestrationContext) -> Any:
    return await ctx.wait_for_event("never")


@dataclass
class Usage:
    """What this process has spent."""

    wall: float
    processor: float
    syncs: int | None

    @staticmethod
    def now() -> Usage:
        spent = resource.getrusage(resource.RUSAGE_SELF)
        try:
            syncs = ctypes.CDLL(None).sync_count()
        except AttributeError:
            syncs = None
        return Usage(time.perf_counter(), spent.ru_utime + spent.ru_stime, syncs)


def report(workload: str, name: str, value: float, unit: str) -> None:
    print(f"{workload} {name} python {value:.3f} {unit}", flush=True)


def report_syncs(name: str, begin: Usage, end: Usage, count: int) -> None:
    if begin.syncs is not None and end.syncs is not None:
        report("W1", f"{name}-syncs", (end.syncs - begin.syncs) / count, "syncs/orchestration")


def resident_mebibytes() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def start_all(client: perdure.Client, requests: list[perdure.StartRequest]) -> list[str]:
    started = client.start_many(requests)
    refused = [each for each in started if not isinstance(each, str)]
    if refused:
        raise SystemExit(f"{len(refused)} instances were not started, the first one: {refused[0]}")
    return [each for each in started if isinstance(each, str)]


def many_at_once(client: perdure.Client, count: int) -> None:
    begin = Usage.now()
    ids = start_all(client, [perdure.StartRequest(hello, item) for item in range(count)])
    results = [client.result(each, 120) for each in ids]
    end = Usage.now()
    if results != list(range(count)):
        raise SystemExit("W1: wrong results")
    report("W1", f"{count}-at-once", count / (end.wall - begin.wall), "orchestrations/s")
    report("W1", f"{count}-at-once-cpu", (end.processor - begin.processor) / count * 1e6, "us/orchestration")
    report_syncs(f"{count}-at-once", begin, end, count)


def alone(client: perdure.Client, count: int) -> None:
    begin = Usage.now()
    latencies = []
    for item in range(count):
        start = time.perf_counter()
        client.result(client.start(hello, item), 30)
        latencies.append((time.perf_counter() - start) * 1000)
    end = Usage.now()
    latencies.sort()
    report("W1", "alone-p50", latencies[count // 2], "ms")
    report("W1", "alone-p99", latencies[count * 99 // 100], "ms")
    report_syncs("alone", begin, end, count)


def chain_of(client: perdure.Client, length: int) -> None:
    begin = Usage.now()
    if client.result(client.start(chain, length), 600) != length:
        raise SystemExit("W3: wrong result")
    end = Usage.now()
    report("W3", f"chain-{length}", (end.wall - begin.wall) / length * 1e3, "ms/step")
    report("W3", f"chain-{length}-cpu", (end.processor - begin.processor) / length * 1e6, "us/step")


def fan_out(client: perdure.Client, width: int) -> None:
    begin = Usage.now()
    if client.result(client.start(fan, width), 120) != width * (width - 1) // 2:
        raise SystemExit("W4: wrong result")
    report("W4", f"fan-{width}", (Usage.now().wall - begin.wall) * 1e3, "ms")


def parked(client: perdure.Client, count: int, seconds: float) -> None:
    ids = start_all(client, [perdure.StartRequest(park) for _ in range(count)])
    while any(client.describe(each).event_count < 2 for each in reversed(ids)):
        time.sleep(0.05)
    # At rest: what the load left over of memory has gone back to the system, as each ten seconds.
    time.sleep(seconds + 1)
    begin = Usage.now()
    time.sleep(seconds)
    end = Usage.now()
    per_minute = (end.processor - begin.processor) / (end.wall - begin.wall) * 60
    report("W8", f"{count}-parked-cpu", per_minute, "s/min")
    report("W8", f"{count}-parked-rss", resident_mebibytes(), "MiB")


POLL = 32


def turn_cost(count: int) -> None:
    """The cost of a turn without the engine: reading the request, running code, writing the answer."""
    best: dict[str, float] = {}
    for _ in range(5):
        host = TurnHost({("hello", "1.0.0"): hello}, count, sandbox=True)
        for name, after, events in (
            ("first", 0, [{"id": 1, "at": 1, "kind": "OrchestrationStarted", "input": 7}]),
            (
                "next", 1,
                [
                    {"id": 2, "at": 1, "kind": "ActivityScheduled", "action": 1},
                    {"id": 3, "at": 2, "kind": "ActivityCompleted", "action": 1, "result": 7},
                ],
            ),
        ):  # fmt: skip
            request = {
                "v": 1, "execution": 1, "orchestration": "hello", "version": "1.0.0", "from": after,
                "replayed": after, "events": events,
            }  # fmt: skip
            polls = [
                json.dumps([{**request, "instance": f"i-{item}"} for item in range(first, first + POLL)])
                for first in range(0, count, POLL)
            ]
            begin = time.thread_time()
            for poll in polls:
                ",".join([host.run(each) for each in json.loads(poll)])
            spent = (time.thread_time() - begin) / (len(polls) * POLL) * 1e6
            best[name] = min(spent, best.get(name, spent))
        host.close()
    for name, spent in best.items():
        report("W9", f"{name}-turn-binding", spent, "us/turn")


def run(url: str, quick: bool) -> None:
    definitions = [echo, hello, chain, fan, park]
    with perdure.Store(url) as store, perdure.Runtime(store, definitions), perdure.Client(store) as client:
        report("W8", "rss-at-start", resident_mebibytes(), "MiB")
        alone(client, 20 if quick else 200)
        for count in (200,) if quick else (2_000, 10_000):
            many_at_once(client, count)
        for length in (10, 100) if quick else (10, 100, 1_000, 5_000):
            chain_of(client, length)
        fan_out(client, 100 if quick else 1_000)
        turn_cost(320 if quick else 3_200)
        parked(client, 100 if quick else 2_000, 1 if quick else 10)


def main() -> None:
    quick = "quick" in sys.argv[1:]
    if len(sys.argv) > 1:
        run(sys.argv[1], quick)
        return
    with tempfile.TemporaryDirectory() as folder:
        run(f"sqlite:{os.path.join(folder, 'bench.sqlite')}", quick)


if __name__ == "__main__":
    main()
