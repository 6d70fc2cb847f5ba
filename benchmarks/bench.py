"""Measures the Python binding. Prints lines `W1 <what> python <store> <value> <unit>`.

    PERDURE_LIBRARY=.build/release/libdx.so PYTHONPATH=bindings/python/src python3 benchmarks/bench.py [W1 W3 W4 idle]
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from typing import Any, List

import perdure

INSTANCES = 2_000
ALONE = 200
CHAINS = (10, 100, 1_000, 5_000)
FAN_OUT = 1_000
PARKED = 2_000
IDLE_SECONDS = 10


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


def line(work: str, what: str, value: float, unit: str) -> None:
    print(f"{work:<5} {what:<34} python  sqlite  {value:>10.2f} {unit}", flush=True)


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def rss() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def start_all(client: perdure.Client, requests: List[perdure.StartRequest]) -> List[str]:
    started = client.start_many(requests)
    failed = [each for each in started if not isinstance(each, str)]
    if failed:
        raise SystemExit(f"{len(failed)} instances were not started, the first one: {failed[0]}")
    return [each for each in started if isinstance(each, str)]


def throughput(client: perdure.Client) -> None:
    for round in ("first", "second"):
        cpu_before, begin = cpu(), time.perf_counter()
        ids = start_all(client, [perdure.StartRequest(single, item) for item in range(INSTANCES)])
        results = [client.result(each, 120) for each in ids]
        took = time.perf_counter() - begin
        if results != list(range(INSTANCES)):
            raise SystemExit("W1: wrong results")
        line("W1", f"{INSTANCES} at once, {round} round", INSTANCES / took, "orchestrations/s")
        line("W1", f"CPU each, {round} round", (cpu() - cpu_before) / INSTANCES * 1e6, "us")


def alone(client: perdure.Client) -> None:
    times = []
    for item in range(ALONE):
        begin = time.perf_counter()
        client.result(client.start(single, item), 30)
        times.append((time.perf_counter() - begin) * 1000)
    times.sort()
    line("W1", f"one alone, p50 of {ALONE}", statistics.median(times), "ms")
    line("W1", f"one alone, p99 of {ALONE}", times[int(ALONE * 0.99)], "ms")


def chains(client: perdure.Client) -> None:
    for steps in CHAINS:
        begin = time.perf_counter()
        if client.result(client.start(chain, steps), 600) != steps:
            raise SystemExit("W3: wrong result")
        line("W3", f"chain of {steps}, per step", (time.perf_counter() - begin) / steps * 1000, "ms")


def fan(client: perdure.Client) -> None:
    for round in ("first", "second"):
        begin = time.perf_counter()
        if client.result(client.start(fan_out, FAN_OUT), 120) != FAN_OUT * (FAN_OUT - 1) // 2:
            raise SystemExit("W4: wrong result")
        line("W4", f"fan-out {FAN_OUT} and join, {round}", (time.perf_counter() - begin) * 1000, "ms")


def idle(client: perdure.Client) -> None:
    before = rss()
    ids = start_all(client, [perdure.StartRequest(parked) for _ in range(PARKED)])
    while client.describe(ids[-1]).event_count < 2:
        time.sleep(0.05)
    time.sleep(1)
    line("idle", f"RSS with {PARKED} parked", rss(), "MiB")
    line("idle", "RSS per parked instance", (rss() - before) * 1024 / PARKED, "KiB")
    begin = cpu()
    time.sleep(IDLE_SECONDS)
    line("idle", f"CPU over {IDLE_SECONDS} s, {PARKED} parked", (cpu() - begin) * 1000, "ms")


WORKLOADS = {"W1": (throughput, alone), "W3": (chains,), "W4": (fan,), "idle": (idle,)}


def main() -> None:
    chosen = sys.argv[1:] or list(WORKLOADS)
    unknown = [name for name in chosen if name not in WORKLOADS]
    if unknown:
        raise SystemExit(f"Unknown workload {unknown[0]}; there are {', '.join(WORKLOADS)}.")
    for name in chosen:
        for workload in WORKLOADS[name]:
            with tempfile.TemporaryDirectory() as folder:
                with perdure.Store(f"sqlite:{os.path.join(folder, 'bench.sqlite')}") as store:
                    with perdure.Runtime(store, DEFINITIONS), perdure.Client(store) as client:
                        workload(client)
    line("end", "RSS", rss(), "MiB")


if __name__ == "__main__":
    main()
