"""Crash loops: processes that live shorter than an activity takes, and activities and turns that kill theirs.

    Tests/chaos/crash_loop.py [--kills 16] [--seconds 4] [--others-only]

Work that merely was on the way when processes died must not fail: it is done in the end, or its instance
is set aside (quarantined) and one call, `retry`, puts it back to work.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import perdure
from judge import Verdicts
from workload import Trace, leave_trace, wait_until

WAIT_LIMIT_S = 60.0


# ---- The worker ---------------------------------------------------------------------------------------


@perdure.activity
def last_long(context: perdure.ActivityContext, seconds: float) -> float:
    leave_trace(context)
    time.sleep(seconds)
    return seconds


@perdure.activity
def short(context: perdure.ActivityContext, number: int) -> int:
    leave_trace(context)
    time.sleep(0.05)
    return number


@perdure.activity
def kill_process(context: perdure.ActivityContext) -> str:
    leave_trace(context)
    die()
    return "well"


def die() -> None:
    if not (Path(os.environ["CHAOS_TRACE"]).parent / "healthy").exists():
        os.kill(os.getpid(), signal.SIGKILL)


@perdure.orchestration
async def deadly_start(context: perdure.OrchestrationContext) -> str:
    die()
    return "well"


@perdure.orchestration
async def deadly_end(context: perdure.OrchestrationContext) -> str:
    await context.activity(short, 1)
    die()
    return "well"


@perdure.orchestration
async def slow(context: perdure.OrchestrationContext, seconds: float) -> float:
    return await context.activity(last_long, seconds)


@perdure.orchestration
async def bystander(context: perdure.OrchestrationContext, number: int) -> int:
    return await context.activity(short, number)


@perdure.orchestration
async def deadly(context: perdure.OrchestrationContext) -> str:
    return await context.activity(kill_process)


@perdure.orchestration
async def careful(context: perdure.OrchestrationContext) -> str:
    try:
        return await context.activity(kill_process)
    except perdure.ActivityFailed as error:
        return f"gave up: {error.type}"


DEFINITIONS = [last_long, short, kill_process, slow, bystander, deadly, careful, deadly_start, deadly_end]


def work(url: str, slots: int) -> None:
    with perdure.Store(url) as store, perdure.Runtime(store, DEFINITIONS, activity_slots=slots):
        sys.stdin.read()


# ---- The loop -----------------------------------------------------------------------------------------


@dataclass
class Loop:
    folder: Path
    client: perdure.Client
    slots: int
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.trace = Trace(self.folder / "trace")

    def start_worker(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {"CHAOS_TRACE": str(self.trace.path)}
        command = [
            sys.executable,
            __file__,
            "--work",
            f"sqlite:{self.folder / 'work.sqlite'}",
            str(self.slots),
        ]
        worker = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
        self.workers.append(worker)
        return worker

    def has_begun(self, worker: subprocess.Popen[bytes]) -> bool:
        self.trace.read()
        return worker.pid in self.trace.first or worker.poll() is not None

    def statuses(self, names: list[str]) -> Counter[str]:
        return Counter(self.client.status(name) for name in names)

    def settle(self, verdicts: Verdicts, what: str, names: list[str]) -> None:
        """With a process that lives, all complete: by themselves, or after one `retry`."""

        def rest() -> bool:
            return not {"Pending", "Running"} & set(self.statuses(names))

        wait_until(rest, WAIT_LIMIT_S, 0.05)
        found = self.statuses(names)
        failed = [f"{name}: {self.client.describe(name).failure}" for name in names
                  if self.client.status(name) not in ("Completed", "Quarantined")]  # fmt: skip
        verdicts.check(f"{what}: nothing failed ({dict(found)})", failed)
        aside = [name for name in names if self.client.status(name) == "Quarantined"]
        for name in aside:
            self.client.retry(name)
        wait_until(rest, WAIT_LIMIT_S, 0.05)
        open_ones = [f"{name} is {self.client.status(name)}: {self.client.describe(name).failure}"
                     for name in names if self.client.status(name) != "Completed"]  # fmt: skip
        verdicts.check(f"{what}: all {len(names)} completed, {len(aside)} of them after one retry", open_ones)


@contextmanager
def loop(slots: int) -> Iterator[Loop]:
    with tempfile.TemporaryDirectory(prefix="perdure-crashes-") as folder:
        url = f"sqlite:{Path(folder) / 'work.sqlite'}"
        with perdure.Store(url) as store, perdure.Client(store) as client:
            one = Loop(Path(folder), client, slots)
            try:
                yield one
            finally:
                for worker in one.workers:
                    if worker.poll() is None:
                        worker.kill()
                    worker.wait()


def short_lives(verdicts: Verdicts, kills: int, seconds: float, slots: int) -> None:
    """Each process dies before the activity could end."""
    what = f"{kills} kills, activity of {seconds} s, {slots} slots"
    with loop(slots) as one:
        slow_ones = [one.client.start("slow", seconds, instance=f"slow-{number}") for number in range(6)]
        others = [
            one.client.start("bystander", number, instance=f"bystander-{number}") for number in range(30)
        ]
        for _ in range(kills):
            worker = one.start_worker()
            wait_until(lambda worker=worker: one.has_begun(worker), 1)  # type: ignore[misc]
            time.sleep(0.1)
            worker.kill()
            worker.wait()
        one.start_worker()
        one.settle(verdicts, what, slow_ones + others)
        aside = [
            name for name in others if sum(run.key.startswith(f"{name}/") for run in one.trace.read()) > kills
        ]
        verdicts.check(f"{what}: no bystander ran more often than processes lived", aside)


def deadly_activity(verdicts: Verdicts, slots: int) -> None:
    """An activity kills each process that runs it, until it is given up; nobody else suffers for that."""
    with loop(slots) as one:
        deadly_one = one.client.start("deadly", instance="deadly-0")
        careful_one = one.client.start("careful", instance="careful-0")
        others = [
            one.client.start("bystander", number, instance=f"bystander-{number}") for number in range(60)
        ]
        deaths = 0
        worker = one.start_worker()

        def over() -> bool:
            nonlocal deaths, worker
            if worker.poll() is not None:
                deaths += 1
                worker = one.start_worker()
            return (
                one.client.status(careful_one) == "Completed"
                and one.client.status(deadly_one) == "Quarantined"
            )

        is_over = wait_until(over, 4 * WAIT_LIMIT_S)
        found = one.client.describe(deadly_one)
        verdicts.check(
            f"a deadly activity was given up after {deaths} deaths, {slots} slots: its instance is set aside",
            [] if is_over and found.failure and found.failure.type == "perdure.Poison" else [str(found)],
        )
        output = one.client.describe(careful_one).output
        verdicts.check("code can catch it", [] if output == "gave up: perdure.Poison" else [str(output)])
        one.settle(verdicts, f"beside it, {slots} slots", others)
        (one.folder / "healthy").touch()
        one.settle(verdicts, "its cause is gone", [deadly_one])


def deadly_turns(verdicts: Verdicts, slots: int, *, others_only: bool) -> None:
    """Turns that kill each process that runs them: the others go on, and in the end these are set aside."""
    with loop(slots) as one:
        deadly_ones = [one.client.start(name, instance=name) for name in ("deadly_start", "deadly_end")]
        others = [
            one.client.start("bystander", number, instance=f"bystander-{number}") for number in range(20)
        ]
        deaths = 0
        worker = one.start_worker()

        def are(statuses: set[str], names: list[str]) -> bool:
            nonlocal deaths, worker
            if worker.poll() is not None:
                deaths += 1
                worker = one.start_worker()
            return set(one.statuses(names)) <= statuses

        wait_until(lambda: are({"Completed", "Quarantined"}, others), WAIT_LIMIT_S)
        aside = [name for name in others if one.client.status(name) == "Quarantined"]
        for name in aside:
            one.client.retry(name)
        went_on = wait_until(lambda: are({"Completed"}, others), WAIT_LIMIT_S)
        verdicts.check(
            f"beside two deadly turns {len(others)} others completed, {len(aside)} of them after one retry, "
            f"after {deaths} deaths",
            [] if went_on else [str(dict(one.statuses(others)))],
        )
        if others_only:
            return
        set_aside = wait_until(lambda: are({"Quarantined"}, deadly_ones), 4 * WAIT_LIMIT_S)
        found = [str(one.client.describe(name).failure) for name in deadly_ones]
        verdicts.check(
            f"deadly turns were given up after {deaths} deaths",
            [] if set_aside and all("perdure.Poison" in failure for failure in found) else found,
        )
        (one.folder / "healthy").touch()
        one.settle(verdicts, "the cause of their deaths is gone", deadly_ones)


def main() -> int:
    parser = argparse.ArgumentParser(description="Processes that die again and again under their work.")
    parser.add_argument("--kills", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4.0, help="how long an activity takes")
    parser.add_argument("--slots", type=int, nargs="+", default=[8, 1])
    parser.add_argument("--others-only", action="store_true", help="deadly turns need not end")
    parser.add_argument("--work", nargs=2, metavar=("URL", "SLOTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work[0], int(options.work[1]))
        return 0
    verdicts = Verdicts()
    print(f"crash loop: {options.kills} kills", flush=True)
    for slots in options.slots:
        short_lives(verdicts, options.kills, options.seconds, slots)
        deadly_activity(verdicts, slots)
        deadly_turns(verdicts, slots, others_only=options.others_only)
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
