"""What a large removal costs those who work at the same time.

    benchmarks/prune.py [STORE-URL] [--instances 20000] [--seconds 10] [--workers 8] [--by prune|retention]

Workers start orchestrations with one activity, one after the other, and wait for their results: first alone,
then while finished instances are removed. Prints the latencies of both, and how long the removal took.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import perdure


@perdure.activity
def echo(ctx: perdure.ActivityContext, value: int) -> int:
    return value


@perdure.orchestration
async def work(ctx: perdure.OrchestrationContext, value: int) -> int:
    return await ctx.activity(echo, value)


@perdure.orchestration
async def old(ctx: perdure.OrchestrationContext, value: int) -> int:
    return value


@dataclass
class Phase:
    """What the workers saw."""

    name: str
    began: float = 0.0
    ended: float = 0.0
    #: When each instance was done, and what it took.
    ends: list[tuple[float, float]] = field(default_factory=list)

    def percentile(self, part: float) -> float:
        taken = sorted(each for _, each in self.ends)
        return taken[min(len(taken) - 1, int(len(taken) * part))] if taken else float("nan")

    def __str__(self) -> str:
        rate = len(self.ends) / (self.ended - self.began)
        points = ", ".join(f"p{part} {self.percentile(part / 100) * 1000:.2f} ms" for part in (50, 99))
        return f"{self.name:8} {len(self.ends):7} instances {rate:8.0f}/s   {points}"


class Load:
    """Threads that each run one instance after the other."""

    def __init__(self, client: perdure.Client, workers: int) -> None:
        self.client = client
        self.workers = workers

    def run(self, name: str, body: object) -> Phase:
        """As long as `body` runs."""
        phase = Phase(name, began=time.monotonic())
        stop = threading.Event()

        def worker() -> None:
            while not stop.is_set():
                before = time.monotonic()
                instance = self.client.start(work, 1)
                self.client.result(instance, timeout=60)
                after = time.monotonic()
                phase.ends.append((after, after - before))

        threads = [threading.Thread(target=worker) for _ in range(self.workers)]
        for thread in threads:
            thread.start()
        try:
            body()  # type: ignore[operator]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        phase.ended = time.monotonic()
        return phase


def fill(client: perdure.Client, count: int) -> None:
    """So many finished instances."""
    for first in range(0, count, 10_000):
        size = min(10_000, count - first)
        client.start_many([perdure.StartRequest(old, number) for number in range(size)])
    while any(next(client.list(orchestration=old, status=status, page_size=1), None) for status in OPEN):
        time.sleep(0.05)


OPEN = ("Pending", "Running")


@dataclass
class Result:
    alone: Phase
    removing: Phase
    removed: int
    #: The first and the last write of the removal.
    began: float
    ended: float


def measure(url: str, instances: int, seconds: float, workers: int, by: str = "prune") -> Result:
    with (
        perdure.Store(url) as store,
        perdure.Runtime(store, [work, old, echo]),
        perdure.Client(store) as client,
    ):
        load = Load(client, workers)
        fill(client, instances)
        alone = load.run("alone", lambda: time.sleep(seconds))
        management = client.management("bench")
        span: list[float] = []
        removed = 0

        def prune() -> None:
            nonlocal removed
            span.append(time.monotonic())
            cursor = None
            while True:
                report = management.prune(
                    perdure.InstanceFilter(orchestration=old), limit=1_000, cursor=cursor
                )
                removed += report.done
                cursor = report.next
                if cursor is None:
                    break
            span.append(time.monotonic())

        def retain() -> None:
            nonlocal removed
            span.append(time.monotonic())
            management.set_retention(old, 0)
            while next(client.list(orchestration=old, page_size=1), None):
                time.sleep(0.02)
            removed = instances
            span.append(time.monotonic())

        removing = load.run("removing", prune if by == "prune" else retain)
        return Result(alone, removing, removed, span[0], span[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("url", nargs="?")
    parser.add_argument("--instances", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--by", choices=("prune", "retention"), default="prune")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:{Path(folder) / 'prune.sqlite'}"
        result = measure(url, given.instances, given.seconds, given.workers, given.by)
    print(result.alone)
    print(result.removing)
    taken = result.ended - result.began
    print(f"{result.removed} removed in {taken:.1f} s by {given.by}, {result.removed / taken:.0f}/s")


if __name__ == "__main__":
    main()
