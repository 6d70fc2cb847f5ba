"""How long operators wait: management calls on a store of 200,000 instances.

    benchmarks/management.py [--instances N] [--store FILE]

Makes the store if FILE is not there: by starting instances of ten orchestrations and running them, some to
their end, some until they wait for an event, a timer, or an activity that nobody takes. Prints median and
95th percentile of each call, and fails if a median is not below 20 ms.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import perdure

CITIES = 100
ROUNDS = 200
LIMIT_MS = 20.0


async def body(ctx: perdure.OrchestrationContext, what: str) -> str:
    if what == "fails":
        raise ValueError("declined")
    if what == "event":
        await ctx.wait_for_event("go")
    elif what == "timer":
        await ctx.timer(86_400)
    elif what == "activity":
        await ctx.activity("pay", {"amount": 1}, tag="nobody")
    return what


NAMES = [f"order-{number}" for number in range(10)]
ORCHESTRATIONS = [perdure.orchestration(name=name)(body) for name in NAMES]
#: Of 100 instances: so many of each kind.
SHARES = {"ends": 86, "fails": 3, "event": 4, "timer": 2, "activity": 5}
OPEN = ("event", "timer", "activity")


def requests(count: int) -> Iterator[perdure.StartRequest]:
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    for number in range(count):
        kind = kinds[number * 37 % len(kinds)]
        labels = {"city": f"city-{number % CITIES}", "kind": kind} if number % 4 == 0 else None
        yield perdure.StartRequest(NAMES[number % 10], kind, f"{kind}-{number:07d}", attributes=labels)


def fill(url: str, count: int) -> None:
    began = time.monotonic()
    with perdure.Store(url) as store:
        client = perdure.Client(store)
        batch: list[perdure.StartRequest] = []
        with perdure.Runtime(store, ORCHESTRATIONS):
            for request in requests(count):
                batch.append(request)
                if len(batch) == 5_000:
                    client.start_many(batch)
                    batch = []
            client.start_many(batch)
            while client.management().statistics().counts.by_status.get("Pending", 0) > 0:
                time.sleep(0.2)
        # A backlog: due, and nobody takes them.
        client.start_many([perdure.StartRequest("unknown", None, f"new-{n:05d}") for n in range(1_000)])
    print(f"made {count} instances in {time.monotonic() - began:.0f} s", flush=True)


def measure(name: str, call: Callable[[], Any]) -> bool:
    call()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    median = statistics.median(times)
    print(f"{name:<28} median {median:7.2f} ms   p95 {times[len(times) * 95 // 100]:7.2f} ms", flush=True)
    return median < LIMIT_MS


def run(url: str, count: int) -> bool:
    with perdure.Store(url) as store:
        client = perdure.Client(store)
        management = client.management()
        chance = random.Random(1)
        found = management.statistics().counts
        print(f"{found.total} instances: {found.by_status}", flush=True)

        def some(*kinds: str) -> str:
            while True:
                number = chance.randrange(count)
                kind = [kind for kind, share in SHARES.items() for _ in range(share)][number * 37 % 100]
                if not kinds or kind in kinds:
                    return f"{kind}-{number:07d}"

        def page(**filters: Any) -> None:
            listing = client.list(page_size=100, **filters)
            for _ in range(100):
                if next(listing, None) is None:
                    return

        checks = [
            ("list, first page", lambda: page()),
            ("list, newest first", lambda: page(order="newest")),
            ("list by attribute", lambda: page(attributes={"city": f"city-{chance.randrange(25) * 4}"})),
            ("list by two attributes", lambda: page(attributes={"city": "city-4", "kind": "fails"})),
            ("list by status", lambda: page(status=["Failed", "Pending"])),
            ("list by name and status", lambda: page(orchestration="order-3", status="Failed")),
            ("describe", lambda: client.describe(some())),
            ("describe, open", lambda: client.describe(some(*OPEN))),
            ("inspect", lambda: management.inspect(some(*OPEN))),
            ("why", lambda: management.why(some(*OPEN))),
            ("executions", lambda: management.executions(some())),
            ("tree", lambda: management.tree(some())),
            ("count by status", lambda: management.statistics()),
            ("queues", lambda: management.queues()),
        ]
        return all([measure(name, call) for name, call in checks])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--instances", type=int, default=200_000)
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.store or Path(folder) / "management.sqlite"
        url = f"sqlite:{path}"
        if not path.exists():
            fill(url, options.instances)
        good = run(url, options.instances)
    print("all medians below 20 ms" if good else "FAIL: a median is not below 20 ms")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
