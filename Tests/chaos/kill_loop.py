"""Kills a worker again and again in the middle of orders, then checks that nobody could tell.

    Tests/chaos/kill_loop.py [--kills 30] [--orders 200] [--seed N]

The orders are started by this process, which only is a client; a worker process runs them and is killed with
SIGKILL at random moments. Each run of an activity leaves a line in a file, so that what really happened is
known from outside of the engine. Verdicts are lines of `ok` and `FAIL`; the last line gives the sums.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import perdure
from judge import Verdicts

SLOTS = 8
STEPS = ("reserve", "charge", "ship")
RESTART_LIMIT_S = 1.0
SETTLE_LIMIT_S = 60.0


# ---- The worker: what is killed ----------------------------------------------------------------------


def leave_trace(step: str, instance: str) -> None:
    """One write to a file opened for appending: whole or not there."""
    line = f"{step} {instance} {os.getpid()} {time.monotonic()}\n"
    descriptor = os.open(os.environ["KILL_LOOP_TRACE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def run_step(context: perdure.ActivityContext, step: str) -> str:
    leave_trace(step, context.instance_id)
    time.sleep(random.uniform(0.0, 0.04))
    return f"{step}ed {context.instance_id}"


@perdure.activity
def reserve(context: perdure.ActivityContext) -> str:
    return run_step(context, "reserve")


@perdure.activity
def charge(context: perdure.ActivityContext) -> str:
    return run_step(context, "charge")


@perdure.activity
def ship(context: perdure.ActivityContext) -> str:
    return run_step(context, "ship")


@perdure.orchestration
async def order(context: perdure.OrchestrationContext) -> list[str]:
    reserved = await context.activity(reserve)
    await asyncio.sleep(context.random() * 0.05)
    charged = await context.activity(charge)
    return [reserved, charged, await context.activity(ship)]


def expected_output(instance: str) -> list[str]:
    return [f"{step}ed {instance}" for step in STEPS]


def work(url: str) -> None:
    """Runs orders until it is killed, or until the other end closes its input."""
    with (
        perdure.Store(url) as store,
        perdure.Runtime(store, [reserve, charge, ship, order], activity_slots=SLOTS),
    ):
        sys.stdin.read()


# ---- The other side: starts orders, kills workers, judges ---------------------------------------------


@dataclass
class Run:
    """A run of an activity, as it was seen from outside."""

    step: str
    instance: str
    pid: int
    begin: float

    @property
    def activity(self) -> tuple[str, str]:
        return self.step, self.instance


@dataclass
class Loop:
    folder: Path
    orders: int
    kills: int
    randomness: random.Random
    instances: list[str] = field(default_factory=list)
    # Process id, and how many seconds after its start it ran its first activity.
    begun: dict[int, float] = field(default_factory=dict)
    started_at: float = 0.0
    # Process id, and the moment of its death.
    killed: dict[int, float] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"sqlite:{self.folder / 'orders.sqlite'}"

    @property
    def trace_file(self) -> Path:
        return self.folder / "trace"

    def runs(self) -> list[Run]:
        """In the order in which they began."""
        runs: list[Run] = []
        for line in self.trace_file.read_text().splitlines() if self.trace_file.exists() else []:
            step, instance, pid, at = line.split()
            runs.append(Run(step, instance, int(pid), float(at)))
        return runs

    def start_orders(self, client: perdure.Client, upto: int) -> None:
        """One call each: what is acknowledged must be there at the end."""
        while len(self.instances) < upto:
            self.instances.append(client.start(order, instance=f"order-{len(self.instances)}"))

    def start_worker(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {"KILL_LOOP_TRACE": str(self.trace_file)}
        command = [sys.executable, __file__, "--work", self.url]
        self.started_at = time.monotonic()
        return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)

    def first_activity(self, pid: int) -> None:
        """Waits until the worker has run something, and notes when that was."""
        deadline = self.started_at + 10
        while time.monotonic() < deadline:
            first = next((run for run in self.runs() if run.pid == pid), None)
            if first is not None:
                self.begun[pid] = first.begin - self.started_at
                return
            time.sleep(0.005)
        self.begun[pid] = float("inf")

    def run(self, client: perdure.Client) -> None:
        for kill in range(1, self.kills + 1):
            # Some before the worker lives and some while it does.
            self.start_orders(client, self.orders * (2 * kill - 1) // (2 * self.kills))
            worker = self.start_worker()
            self.start_orders(client, self.orders * kill // self.kills)
            self.first_activity(worker.pid)
            time.sleep(self.randomness.uniform(0.0, 0.12))
            self.killed[worker.pid] = time.monotonic()
            worker.kill()
            worker.wait()
        worker = self.start_worker()
        deadline = time.monotonic() + SETTLE_LIMIT_S
        for instance in self.instances:
            try:
                client.wait(instance, timeout=max(0.0, deadline - time.monotonic()))
            except perdure.TimedOut:
                continue
        assert worker.stdin is not None
        worker.stdin.close()
        worker.wait(timeout=30)


def judge(loop: Loop, client: perdure.Client) -> Verdicts:
    verdicts = Verdicts()
    descriptions = [client.describe(instance) for instance in loop.instances]
    open_ones = [f"{one.instance} is {one.status}" for one in descriptions if not one.is_ended]
    verdicts.check(f"all {loop.orders} orders ended", open_ones)
    wrong = [
        f"{one.instance} is {one.status} with {one.output}"
        for one in descriptions
        if one.status != "Completed" or one.output != expected_output(one.instance)
    ]
    verdicts.check("each has the right result", wrong)
    histories = {instance: client.history(instance) for instance in loop.instances}
    verdicts.check("each ended once, and nothing follows the end", [*wrong_histories(histories)])

    judge_runs(loop, verdicts)
    slow = [f"{seconds:.2f} s" for seconds in loop.begun.values() if seconds > RESTART_LIMIT_S]
    worst = max(loop.begun.values(), default=0.0)
    verdicts.check(
        f"a new process worked within {RESTART_LIMIT_S} s of its start (worst {worst:.2f} s)", slow
    )
    return verdicts


def judge_runs(loop: Loop, verdicts: Verdicts) -> None:
    runs = loop.runs()
    last = {run.activity: run for run in runs}
    missing = [f"{step} of {one}" for one in loop.instances for step in STEPS if (step, one) not in last]
    verdicts.check("each step of each order ran", missing)

    repeated = [run for run in runs if run is not last[run.activity]]
    unkilled = [f"{run.step} of {run.instance}" for run in repeated if run.pid not in loop.killed]
    verdicts.check("only what a killed process ran is run again", unkilled)
    twice = Counter((*run.activity, run.pid) for run in runs)
    again = [f"{step} of {instance}" for (step, instance, _), count in twice.items() if count > 1]
    verdicts.check("no process runs anything twice", again)
    # A slot is taken until the result is on disk.
    cut = Counter(run.pid for run in repeated)
    crowded = [f"{count} of one process" for count in cut.values() if count > SLOTS]
    verdicts.check(f"{cut.total()} runs were repeated, at most {SLOTS} (one per slot) for each kill", crowded)


def wrong_histories(histories: dict[str, list[dict[str, Any]]]) -> list[str]:
    wrong = []
    for instance, events in histories.items():
        ends = [event["id"] for event in events if event["kind"] == "OrchestrationCompleted"]
        results = Counter(event["action"] for event in events if event["kind"] == "ActivityCompleted")
        if ends != [len(events)] or [event["id"] for event in events] != [*range(1, len(events) + 1)]:
            wrong.append(f"{instance} ends at {ends} of {len(events)}")
        if len(results) != len(STEPS) or any(count > 1 for count in results.values()):
            wrong.append(f"{instance} has results {dict(results)}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="Kills a worker again and again in the middle of orders.")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="of the moments of the kills")
    parser.add_argument("--work", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return 0
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"kill loop: {options.kills} kills, {options.orders} orders, --seed {seed}")
    with tempfile.TemporaryDirectory(prefix="perdure-kills-") as folder:
        loop = Loop(Path(folder), options.orders, options.kills, random.Random(seed))
        with perdure.Store(loop.url) as store, perdure.Client(store) as client:
            begin = time.monotonic()
            loop.run(client)
            print(f"kill loop: {time.monotonic() - begin:.1f} s")
            verdicts = judge(loop, client)
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
