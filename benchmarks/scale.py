"""How a store bears several processes: orchestrations per second with 1, 2 and 4 of them, and how long it
takes until the work of one that is killed goes on elsewhere.

    benchmarks/scale.py [--store sqlite|postgres|URL] [--processes 1,2,4] [--count 10000] [--kills 20]

Settings are the durable ones. Orchestrations (one activity each) run in C (`benchmarks/c/bench.c serve`) and
are started from this process, which has no runtime, in batches of 500, half of them before the processes are
there. The takeover runs in Python: of two processes the one that is at an activity is killed with SIGKILL,
and the time is taken until the other has begun the same activity. Prints a table.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import perdure
from run import OUT, ROOT, build_c

sys.path.insert(0, str(ROOT / "Tests" / "chaos"))
from places import Place, place

BATCH = 500
LIMIT_S = 600.0
# Until the others may be sure that a process is gone which the system tells of.
TAKEOVER_LIMIT_S = 1.0


@contextlib.contextmanager
def processes(command: list[str], count: int, **environment: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers that end when their input does."""
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, env=os.environ | environment) for _ in range(count)
    ]
    try:
        yield workers
    finally:
        for worker in workers:
            if worker.stdin is not None:
                worker.stdin.close()
        for worker in workers:
            worker.wait(60)


def wait_for_nodes(client: perdure.Client, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(client.management().nodes()) != count:
        if time.monotonic() > deadline:
            raise SystemExit(f"scale: there are not {count} runtimes on the store after a minute")
        time.sleep(0.01)


# ---- Throughput -----------------------------------------------------------------------------------------


@dataclass
class Throughput:
    processes: int
    per_second: float
    # Until all had been started, in seconds.
    started: float


def start_all(client: perdure.Client, first: int, count: int) -> None:
    for begin in range(first, first + count, BATCH):
        numbers = range(begin, min(begin + BATCH, first + count))
        wrong = [
            str(answer)
            for answer in client.start_many(
                [perdure.StartRequest("hello", 1, instance=f"scale-{number}") for number in numbers]
            )
            if not isinstance(answer, str)
        ]
        if wrong:
            raise SystemExit(f"scale: {len(wrong)} starts were refused: {wrong[0]}")


def completed(client: perdure.Client) -> int:
    return client.management().statistics("hello").counts.by_status.get("Completed", 0)


def throughput(url: str, count: int, workers: int) -> Throughput:
    with perdure.Store(url) as store, perdure.Client(store) as client:
        # What lies there already when they come, and what comes while they work.
        start_all(client, 0, count // 2)
        with processes([str(OUT / "bench"), url, "serve"], workers) as running:
            begin = time.monotonic()
            start_all(client, count // 2, count - count // 2)
            started = time.monotonic() - begin
            while completed(client) < count:
                if any(worker.poll() is not None for worker in running):
                    raise SystemExit("scale: a process ended by itself")
                if time.monotonic() - begin > LIMIT_S:
                    raise SystemExit(f"scale: {completed(client)} of {count} have ended after {LIMIT_S} s")
                time.sleep(0.02)
            return Throughput(workers, count / (time.monotonic() - begin), started)


# ---- Takeover -------------------------------------------------------------------------------------------


@perdure.activity
def hold(context: perdure.ActivityContext) -> int:
    """The first attempt never ends by itself: whoever comes second has taken it over."""
    line = f"{context.instance_id} {os.getpid()} {time.monotonic()}\n"
    descriptor = os.open(os.environ["SCALE_TRACE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, line.encode())
    os.close(descriptor)
    if context.attempt == 1:
        context.wait_cancelled()
    return context.attempt


@perdure.orchestration
async def held(context: perdure.OrchestrationContext) -> int:
    return await context.activity(hold)


def serve(url: str) -> None:
    with perdure.Store(url) as store, perdure.Runtime(store, [hold, held]):
        sys.stdin.read()


def begun(trace: Path, instance: str) -> list[tuple[int, float]]:
    """Process and moment of each attempt."""
    lines = trace.read_text().splitlines() if trace.exists() else []
    found = [line.split() for line in lines]
    return [(int(pid), float(at)) for name, pid, at in found if name == instance]


def wait_for_attempt(trace: Path, instance: str, number: int) -> tuple[int, float]:
    deadline = time.monotonic() + 60
    while len(attempts := begun(trace, instance)) < number:
        if time.monotonic() > deadline:
            raise SystemExit(f"scale: attempt {number} of {instance} has not begun after a minute")
        time.sleep(0.001)
    return attempts[number - 1]


def takeovers(url: str, folder: Path, kills: int) -> list[float]:
    """Seconds from each kill to the first sign of the other process."""
    trace = folder / "takeovers"
    command = [sys.executable, __file__, "--serve", url]
    times = []
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(perdure.Client(stack.enter_context(perdure.Store(url))))
        workers = stack.enter_context(processes(command, 2, SCALE_TRACE=str(trace)))
        wait_for_nodes(client, 2)
        for kill in range(kills):
            instance = client.start("held", instance=f"held-{kill}")
            holder, _ = wait_for_attempt(trace, instance, 1)
            victim = next(worker for worker in workers if worker.pid == holder)
            # A process that has been at rest for a while hears of it no later than a busy one.
            time.sleep((kill % 5) * 0.1)
            begin = time.monotonic()
            victim.kill()
            _, at = wait_for_attempt(trace, instance, 2)
            times.append(at - begin)
            victim.wait()
            workers.remove(victim)
            workers.append(
                subprocess.Popen(command, stdin=subprocess.PIPE, env=os.environ | {"SCALE_TRACE": str(trace)})
            )
            client.result(instance, timeout=60)
            wait_for_nodes(client, 2)
    return times


def measure(where: Place, counts: list[int], count: int, kills: int, runs: int) -> bool:
    """Prints the figures of one place; false: a takeover took too long."""
    rates: dict[int, list[Throughput]] = {workers: [] for workers in counts}
    for _ in range(runs):
        for workers in counts:
            rates[workers].append(throughput(where.url(), count, workers))
    print(f"\n{where.kind}: {count} orchestrations of one activity, best of {runs}")
    print(f"{'processes':>10} {'orchestrations/s':>18} {'all started after':>19}")
    for workers, found in rates.items():
        best = max(found, key=lambda each: each.per_second)
        print(f"{workers:>10} {best.per_second:>18,.0f} {best.started:>17.2f} s", flush=True)
    if kills == 0:
        return True
    times = takeovers(where.url(), where.folder, kills)
    print(
        f"takeover after kill -9, {kills} kills: median {statistics.median(times):.3f} s, "
        f"worst {max(times):.3f} s (target {TAKEOVER_LIMIT_S} s)",
        flush=True,
    )
    return max(times) <= TAKEOVER_LIMIT_S


def main() -> int:
    parser = argparse.ArgumentParser(description="How a store bears several processes.")
    parser.add_argument("--store", default="sqlite", help="sqlite, postgres (a server of our own), or a URL")
    parser.add_argument("--processes", default="1,2,4")
    parser.add_argument("--count", type=int, default=10_000, help="orchestrations")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3, help="of the throughput; the best counts")
    parser.add_argument("--serve", metavar="URL", help="be one of the processes of the takeover")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return 0
    OUT.mkdir(parents=True, exist_ok=True)
    build_c()
    counts = [int(each) for each in options.processes.split(",")]
    with place(options.store) as where:
        is_fast = measure(where, counts, options.count, options.kills, options.runs)
    return 0 if is_fast else 1


if __name__ == "__main__":
    sys.exit(main())
