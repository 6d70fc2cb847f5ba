"""Measures the Python binding: lines of `WORKLOAD NAME python VALUE UNIT`, as benchmarks/c/bench.c prints them.

    benchmarks/bench.py sqlite:PATH [quick]

benchmarks/run.py runs it beside the others, and preloads what counts syncs.
"""

from __future__ import annotations

import asyncio
import ctypes

import resource
import statistics
import sys
import time
from typing import Any, List, Optional

import perdure


@perdure.activity
def echo(ctx: perdure.ActivityContext, value: int) -> int:
    return value


@perdure.orchestration
async def single(ctx: perdure.OrchestrationContext, value: int) -> int:
    return await ctx.activity(echo, value)


@perdure.orchestration
async def chain(ctx: perdure.OrchestrationContext, steps: int) -> int:
    for step in range(steps):
        await ctx.activity(echo, step)
    return steps


@perdure.orchestration
async def fan_out(ctx: perdure.OrchestrationContext, width: int) -> int:
    return sum(await asyncio.gather(*(ctx.activity(echo, item) for item in range(width))))


@perdure.orchestration
async def parked(ctx: perdure.OrchestrationContext) -> Any:
    return await ctx.wait_for_event("go")


DEFINITIONS = [echo, single, chain, fan_out, parked]


def report(work: str, name: str, value: float, unit: str) -> None:
    print(f"{work} {name} python {value:.3f} {unit}", flush=True)


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def syncs() -> Optional[int]:
    """Syncs of this process so far; None without the preloaded counter."""
    try:
        count = ctypes.CDLL(None).sync_count
    except AttributeError:
        return None
    count.restype = ctypes.c_ulong
    return int(count())


def start_all(client: perdure.Client, requests: List[perdure.StartRequest]) -> List[str]:
    started = client.start_many(requests)
    failed = [each for each in started if not isinstance(each, str)]
    if failed:
        raise SystemExit(f"{len(failed)} instances were not started, the first one: {failed[0]}")
    return [each for each in started if isinstance(each, str)]


def many_at_once(client: perdure.Client, count: int) -> None:
    cpu_before, syncs_before, begin = cpu(), syncs(), time.perf_counter()
    ids = start_all(client, [perdure.StartRequest(single, item) for item in range(count)])
    results = [client.result(each, 120) for each in ids]
    took = time.perf_counter() - begin
    if results != list(range(count)):
        raise SystemExit("W1: wrong results")
    report("W1", f"{count}-at-once", count / took, "orchestrations/s")
    report("W1", f"{count}-at-once-cpu", (cpu() - cpu_before) / count * 1e6, "us/orchestration")
    if syncs_before is not None:
        report("W1", f"{count}-at-once-syncs", ((syncs() or 0) - syncs_before) / count, "syncs/orchestration")


def one_alone(client: perdure.Client, count: int) -> None:
    times, syncs_before = [], syncs()
    for item in range(count):
        begin = time.perf_counter()
        client.result(client.start(single, item), 30)
        times.append((time.perf_counter() - begin) * 1000)
    times.sort()
    report("W1", "alone-p50", statistics.median(times), "ms")
    report("W1", "alone-p99", times[int(count * 0.99)], "ms")
    if syncs_before is not None:
        report("W1", "alone-syncs", ((syncs() or 0) - syncs_before) / count, "syncs/orchestration")


def one_chain(client: perdure.Client, length: int) -> None:
    cpu_before, begin = cpu(), time.perf_counter()
    if client.result(client.start(chain, length), 600) != length:
        raise SystemExit("W3: wrong result")
    report("W3", f"chain-{length}", (time.perf_counter() - begin) / length * 1000, "ms/step")
    report("W3", f"chain-{length}-cpu", (cpu() - cpu_before) / length * 1e6, "us/step")


def one_fan_out(client: perdure.Client, width: int) -> None:
    begin = time.perf_counter()
    if client.result(client.start(fan_out, width), 120) != width * (width - 1) // 2:
        raise SystemExit("W4: wrong result")
    report("W4", f"fan-{width}", (time.perf_counter() - begin) * 1000, "ms")


def many_parked(client: perdure.Client, count: int, seconds: int) -> None:
    ids = start_all(client, [perdure.StartRequest(parked) for _ in range(count)])
    while any(client.describe(each).event_count < 2 for each in (ids[0], ids[-1])):
        time.sleep(0.05)
    time.sleep(1)
    cpu_before, begin = cpu(), time.perf_counter()
    time.sleep(seconds)
    report("W8", f"{count}-parked-cpu", (cpu() - cpu_before) / (time.perf_counter() - begin) * 60, "s/min")
    report("W8", f"{count}-parked-rss", resident(), "MiB")


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit("bench: which store? bench.py sqlite:PATH [quick]")
    quick = sys.argv[2:] == ["quick"]
    report("W8", "rss-at-start", resident(), "MiB")
    with perdure.Store(sys.argv[1]) as store:
        with perdure.Runtime(store, DEFINITIONS), perdure.Client(store) as client:
            one_alone(client, 20 if quick else 200)
            many_at_once(client, 200 if quick else 2_000)
            if not quick:
                many_at_once(client, 10_000)
            for length in (10, 100) if quick else (10, 100, 1_000, 5_000):
                one_chain(client, length)
            one_fan_out(client, 100 if quick else 1_000)
            many_parked(client, 100 if quick else 2_000, 1 if quick else 10)


if __name__ == "__main__":
    main()
