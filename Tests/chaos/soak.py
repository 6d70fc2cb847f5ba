"""Runs a mixed load for a given time under random faults, then checks that nobody could tell.

    Tests/chaos/soak.py [--minutes 60] [--every 10] [--seed N]

Several worker processes share a store. Every few seconds one of them is killed (and another one begins),
stopped and continued, or its clock jumps; or a worker joins or leaves in good order. What was
acknowledged, ran and was recorded is checked in rounds, after which the instances are removed: so it may
run for days. At the end the memory of the oldest worker, which nobody disturbs, must not have grown.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import perdure
from clocks import HOUR, Clock
from judge import Verdicts, percentile
from judge_work import Histories, judge_histories, judge_runs, wait_for_ends, wrong_ends
from shims import build_shim
from workload import KINDS, SLOTS, Script, Trace, wait_until

HERE = Path(__file__).resolve().parent
SETTLE_LIMIT_S = 120.0
RESTART_LIMIT_S = 1.0
# Of the memory after warming up.
GROWTH_LIMIT = 1.25
GROWTH_LIMIT_KB = 8 * 1024
WORKERS_MAX = 4


class Found(Verdicts):
    """Verdicts of many rounds: one line each at the end, or at once when something is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds: Counter[str] = Counter()
        self.wrong: dict[str, list[str]] = {}

    def check(self, name: str, wrong: list[str]) -> None:
        # The figures differ from round to round.
        what = "".join("#" if letter.isdigit() else letter for letter in name)
        while "##" in what:
            what = what.replace("##", "#")
        self.rounds[what] += 1
        if wrong:
            print(f"soak: wrong: {name}: {wrong[:3]}", flush=True)
            self.wrong.setdefault(what, []).extend(wrong)

    def report(self) -> None:
        for what, count in self.rounds.items():
            super().check(f"{what} ({count} rounds)", self.wrong.get(what, []))


@dataclass
class Worker:
    process: subprocess.Popen[bytes]
    clock: Clock
    begin: float


@dataclass
class Soak:
    folder: Path
    randomness: random.Random
    every: float
    workers: list[Worker] = field(default_factory=list)
    # Of the round: its trace, and who was killed.
    killed: set[int] = field(default_factory=set)
    faults: Counter[str] = field(default_factory=Counter)
    restarts: list[float] = field(default_factory=list)
    starting: Worker | None = None
    trace: Trace = field(init=False)
    next_fault: float = 0.0

    def __post_init__(self) -> None:
        self.trace = Trace(self.folder / "trace")
        self.oldest = self.start_worker()

    @property
    def url(self) -> str:
        return f"sqlite:{self.folder / 'work.sqlite'}"

    def start_worker(self) -> Worker:
        clock = Clock(self.folder / f"clock-{self.faults.total()}-{len(self.workers)}", 0.0)
        environment = os.environ | {
            "CHAOS_TRACE": str(self.trace.path), "CHAOS_CLOCK": str(clock.path),
            "LD_PRELOAD": str(build_shim("clock")), "CHAOS_PAUSE": "0.02",
        }  # fmt: skip
        command = [sys.executable, str(HERE / "workload.py"), self.url]
        begin = time.monotonic()
        worker = Worker(subprocess.Popen(command, env=environment, stdin=subprocess.PIPE), clock, begin)
        self.workers.append(worker)
        return worker

    # ---- Faults

    def disturb(self) -> None:
        """A fault, if it is time for one."""
        self.note_start()
        if time.monotonic() < self.next_fault:
            return
        self.next_fault = time.monotonic() + self.randomness.uniform(0.5, 1.5) * self.every
        victims = self.workers[1:]
        kinds = ["join"] if len(victims) < 2 else ["kill", "kill", "stop", "clock", "leave", "join"]
        kind = self.randomness.choice(kinds)
        if kind == "join" and len(self.workers) >= WORKERS_MAX:
            kind = "kill"
        self.faults[kind] += 1
        if kind == "join":
            self.start_worker()
            return
        victim = self.randomness.choice(victims)
        if kind == "kill":
            self.killed.add(victim.process.pid)
            victim.process.kill()
            victim.process.wait()
            self.workers.remove(victim)
            self.starting = self.start_worker()
        elif kind == "stop":
            victim.process.send_signal(signal.SIGSTOP)
            time.sleep(self.randomness.uniform(0.2, 3.0))
            victim.process.send_signal(signal.SIGCONT)
        elif kind == "clock":
            # Ahead it would stay, for this store: time never goes back. So only a little.
            victim.clock.set(self.randomness.choice([-HOUR, -10.0, 0.0, 5.0]))
        else:
            self.leave(victim)

    def leave(self, worker: Worker) -> None:
        self.workers.remove(worker)
        assert worker.process.stdin is not None
        worker.process.stdin.close()
        worker.process.wait(timeout=60)

    def note_start(self) -> None:
        """How long the last one that was started after a kill took to its first activity."""
        if self.starting is None:
            return
        self.trace.read()
        first = self.trace.first.get(self.starting.process.pid)
        if first is not None:
            self.restarts.append(first - self.starting.begin)
        if first is not None or self.starting not in self.workers:
            self.starting = None

    # ---- Rounds

    def round(self, client: perdure.Client, number: int, size: int, found: Found) -> None:
        script = Script(size, KINDS, first=number * size)
        pace = self.randomness.uniform(0.0, 0.02)
        for call in script.calls:
            self.disturb()
            while True:
                try:
                    call.make(client, is_again=False)
                    break
                except perdure.StoreBusy:
                    # Somebody was stopped in the middle of a write.
                    self.faults["busy"] += 1
            time.sleep(pace)
        open_ones = []
        for instance in script.expected:
            self.disturb()
            open_ones += wait_for_ends(client, [instance], SETTLE_LIMIT_S)
        found.check("all instances ended", open_ones)
        found.check("each has the right end", wrong_ends(client, script.expected))
        histories = Histories(client, script.expected)
        judge_histories(found, histories, script.expected)
        runs = [run for run in self.trace.read() if run.key.split("/")[0].split(".")[0] in script.expected]
        judge_runs(found, runs, histories, self.killed, SLOTS)
        for instance in script.expected:
            client.delete(instance)
        # The trace would grow, too.
        self.trace.runs.clear()

    def memory_kb(self) -> int:
        """Of the oldest worker, whom nobody disturbs."""
        for line in Path(f"/proc/{self.oldest.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0

    def end(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGCONT)
                worker.process.kill()
            worker.process.wait()


def judge_memory(found: Found, samples: list[int]) -> None:
    """The highest of the last third against the highest of the second."""
    third = len(samples) // 3
    before, after = max(samples[third : 2 * third]), max(samples[2 * third :])
    limit = max(before * GROWTH_LIMIT, before + GROWTH_LIMIT_KB)
    found.report()
    Verdicts.check(
        found, f"memory is flat: at most {before // 1024} MiB, later {after // 1024} MiB",
        [f"{after} KiB after {before} KiB"] if after > limit else [],
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description="A mixed load under random faults.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two faults, about")
    parser.add_argument("--round", type=int, default=140, help="instances between two checks")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"soak: {options.minutes} minutes, a fault every {options.every} s, --seed {seed}", flush=True)
    found = Found()
    with tempfile.TemporaryDirectory(prefix="perdure-soak-") as folder:
        soak = Soak(Path(folder), random.Random(seed), options.every)
        samples: list[int] = []
        rounds = 0
        try:
            with perdure.Store(soak.url) as store, perdure.Client(store) as client:
                wait_until(lambda: len(client.management().nodes()) > 0, 30)
                deadline = time.monotonic() + options.minutes * 60
                told = time.monotonic()
                while time.monotonic() < deadline or rounds < 6:
                    soak.round(client, rounds, options.round, found)
                    rounds += 1
                    samples.append(soak.memory_kb())
                    if time.monotonic() > told + 60:
                        told = time.monotonic()
                        print(
                            f"soak: {rounds} rounds, {dict(soak.faults)}, {samples[-1] // 1024} MiB",
                            flush=True,
                        )
        finally:
            soak.end()
    judge_memory(found, samples)
    restarts = soak.restarts
    if restarts:
        p99 = percentile(restarts, 0.99)
        Verdicts.check(
            found, f"{len(restarts)} restarts to the first activity: p99 {p99:.2f} s, beside others at work",
            [f"{p99:.2f} s"] if p99 > RESTART_LIMIT_S else [],
        )  # fmt: skip
    Verdicts.check(
        found, f"{rounds} rounds of {options.round} instances, faults {dict(soak.faults)}",
        [] if soak.faults else ["there were none"],
    )  # fmt: skip
    return found.end()


if __name__ == "__main__":
    sys.exit(main())
