"""Moves the wall clock under running processes: nothing may stand still, and nothing may be done twice.

    Tests/chaos/clocks.py [--naps 20] [CASES]

A preload library (shim/clock.c) shifts the clock of each worker by itself. Work is due by the monotonic
clock: an instance that sleeps 2 s is to go on 2 s after it was started, whatever the wall clock does
meanwhile.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import perdure
from judge import Verdicts
from judge_work import Histories, judge_histories, judge_runs, wait_for_ends, wrong_ends
from shims import build_shim
from workload import KINDS, SLOTS, Expected, Script, Trace, wait_until

HERE = Path(__file__).resolve().parent
LATE_LIMIT_S = 10.0
HOUR = 3_600.0
YEARS = 10 * 365.25 * 24 * HOUR


class Clock:
    """The wall clock of a process, in a file that it has mapped."""

    def __init__(self, path: Path, ahead: float) -> None:
        self.path = path
        path.write_bytes(b"\0" * 8)
        self.set(ahead)

    def set(self, ahead: float) -> None:
        """ahead: of the real one, in seconds."""
        with self.path.open("r+b", buffering=0) as file:
            file.write(int(ahead * 1_000_000_000).to_bytes(8, sys.byteorder, signed=True))


@dataclass
class World:
    """A store, workers with clocks of their own, and what is to happen."""

    folder: Path
    naps: int
    client: perdure.Client
    randomness: random.Random
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    killed: set[int] = field(default_factory=set)
    # Of each nap, the monotonic moment at which it is over.
    due: dict[str, float] = field(default_factory=dict)
    expected: dict[str, Expected] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.trace = Trace(self.folder / "trace")
        self.script = Script(35, KINDS)
        self.calls = iter(self.script.calls)

    def start_worker(self, clock: Clock) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "CHAOS_TRACE": str(self.trace.path), "CHAOS_CLOCK": str(clock.path),
            "LD_PRELOAD": str(build_shim("clock")),
        }  # fmt: skip
        command = [sys.executable, str(HERE / "workload.py"), f"sqlite:{self.folder / 'work.sqlite'}"]
        worker = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
        self.workers.append(worker)
        return worker

    def clock(self, ahead: float) -> Clock:
        return Clock(self.folder / f"clock-{len(list(self.folder.glob('clock-*')))}", ahead)

    def add_naps(self, seconds: float) -> None:
        for number in range(self.naps):
            name = f"nap-{len(self.due)}"
            # Some are told to begin later, by the clock of the client.
            delay = 0.5 if number % 2 else None
            rest = seconds - (delay or 0.0)
            self.client.start("nap", rest, instance=name, delay=delay)
            self.due[name] = time.monotonic() + seconds
            self.expected[name] = Expected("Completed", rest, 2)

    def add_load(self, part: float) -> None:
        """Makes this part of the calls of the mixed load."""
        for _ in range(math.ceil(len(self.script) * part)):
            call = next(self.calls, None)
            if call is not None:
                call.make(self.client)

    def begun(self, count: int) -> bool:
        """So many naps lie down: their timers are set."""
        self.trace.read()
        return sum(run.activity == "lie_down" for run in self.trace.runs) >= count


def jump(world: World, ahead: float) -> None:
    """The clock of a worker jumps and, some seconds later, back."""
    clock = world.clock(0.0)
    world.start_worker(clock)
    world.add_naps(2.0)
    world.add_load(0.3)
    wait_until(lambda: world.begun(world.naps), 10)
    clock.set(ahead)
    world.add_naps(2.0)
    world.add_naps(4.0)
    world.add_load(0.3)
    wait_until(lambda: world.begun(3 * world.naps), 10)
    clock.set(0.0)
    world.add_naps(2.0)
    world.add_load(1.0)


def begin_ahead(world: World, ahead: float) -> None:
    """The clock of a worker is wrong from the start and is set right later; the client's is right."""
    clock = world.clock(ahead)
    world.start_worker(clock)
    world.add_naps(2.0)
    world.add_load(0.5)
    wait_until(lambda: world.begun(world.naps), 10)
    clock.set(0.0)
    world.add_naps(2.0)
    world.add_load(1.0)


def apart(world: World, ahead: float) -> None:
    """Two processes whose clocks differ."""
    first = world.start_worker(world.clock(ahead))
    second = world.start_worker(world.clock(-ahead))
    for _ in range(3):
        world.add_naps(2.0)
        world.add_load(0.34)
        wait_until(lambda: {first.pid, second.pid} <= set(world.trace.first) or not world.trace.read(), 5)


def takes_over(world: World, ahead: float) -> None:
    """A process whose clock is ahead is killed; one whose clock is behind goes on with its work."""
    first = world.start_worker(world.clock(ahead))
    world.add_naps(2.0)
    world.add_load(0.5)
    wait_until(lambda: world.begun(world.naps), 10)
    world.start_worker(world.clock(-ahead))
    world.killed.add(first.pid)
    first.kill()
    first.wait()
    world.add_naps(2.0)
    world.add_load(1.0)


def restart(world: World, ahead: float) -> None:
    """The clock of a worker is set back, and then the worker is killed and started anew."""
    clock = world.clock(0.0)
    first = world.start_worker(clock)
    world.add_naps(2.0)
    world.add_load(0.5)
    wait_until(lambda: world.begun(world.naps), 10)
    clock.set(ahead)
    world.killed.add(first.pid)
    first.kill()
    first.wait()
    world.start_worker(clock)
    world.add_naps(2.0)
    world.add_load(1.0)


CASES: dict[str, tuple[Callable[[World, float], None], float]] = {
    "forward 1 h": (jump, HOUR),
    "back 1 h": (jump, -HOUR),
    "forward 10 years": (jump, YEARS),
    "back 10 years": (jump, -YEARS),
    "two nodes 120 s apart": (apart, 60.0),
    "two nodes 120 s apart, one killed": (takes_over, 60.0),
    "back 1 h, then a restart": (restart, -HOUR),
    "1 h ahead at first": (begin_ahead, HOUR),
    "1 h behind at first": (begin_ahead, -HOUR),
}


class Judgement(Verdicts):
    """Verdicts of one case, printed in one piece: several run at once."""

    def __init__(self, case: str) -> None:
        super().__init__()
        self.case = case
        self.found: list[tuple[str, list[str]]] = []

    def check(self, name: str, wrong: list[str]) -> None:
        self.found.append((f"{self.case}: {name}", wrong))


def judge_naps(world: World, judgement: Judgement) -> None:
    runs = {run.key.split("/")[0]: run for run in world.trace.read() if run.activity == "get_up"}
    late = {name: runs[name].begin - due if name in runs else math.inf for name, due in world.due.items()}
    worst = max(late.values())
    found = [f"{name} by {each:.1f} s" for name, each in late.items() if each > LATE_LIMIT_S]
    judgement.check(
        f"{len(late)} naps were over at most {worst:.2f} s late (limit {LATE_LIMIT_S:.0f} s)", found
    )


def run_case(name: str, naps: int, seed: int) -> Judgement:
    act, seconds = CASES[name]
    judgement = Judgement(name)
    with tempfile.TemporaryDirectory(prefix="perdure-clocks-") as folder:
        url = f"sqlite:{Path(folder) / 'work.sqlite'}"
        with perdure.Store(url) as store, perdure.Client(store) as client:
            world = World(Path(folder), naps, client, random.Random(seed))
            try:
                act(world, seconds)
                world.expected |= world.script.expected
                open_ones = wait_for_ends(client, world.expected, LATE_LIMIT_S + 10.0)
                judgement.check(f"all {len(world.expected)} instances ended", open_ones)
                judgement.check("each has the right end", wrong_ends(client, world.expected))
                histories = Histories(client, world.expected)
                judge_histories(judgement, histories, world.expected)
                judge_runs(judgement, world.trace.read(), histories, world.killed, SLOTS)
                judge_naps(world, judgement)
            finally:
                for worker in world.workers:
                    if worker.poll() is None:
                        worker.send_signal(signal.SIGKILL)
                        worker.wait()
    return judgement


def main() -> int:
    parser = argparse.ArgumentParser(description="Moves the wall clock under running processes.")
    parser.add_argument("--naps", type=int, default=20, help="at a time, in each case")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("cases", nargs="*", help="; ".join(CASES))
    options = parser.parse_args()
    chosen = options.cases or [*CASES]
    if not set(chosen) <= set(CASES):
        parser.error(f"there are {'; '.join(CASES)}")
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"clocks: {len(chosen)} cases, --seed {seed}", flush=True)
    build_shim("clock")
    judgements: dict[str, Judgement] = {}

    def run(name: str) -> None:
        judgements[name] = run_case(name, options.naps, seed)

    # They wait most of the time.
    threads = [threading.Thread(target=run, args=(name,)) for name in chosen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdicts = Verdicts()
    for name in chosen:
        found = judgements[name].found if name in judgements else [(name, ["it did not come to its end"])]
        for what, wrong in found:
            verdicts.check(what, wrong)
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
