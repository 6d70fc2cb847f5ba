"""Several processes on one store: without faults nothing is done twice; one of them killed again and again,
or stopped and continued, disturbs nobody.

    Tests/chaos/processes.py [--processes 3] [--steps 100000] [--kills 30] [--stops 12] [--seed N]

A stopped process is alive as far as SQLite stores go (its locks are held): nothing of what it holds may
be done by others, who must go on with everything else; continued, it goes on as if nothing had been.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import perdure
from judge import Verdicts
from judge_work import Histories, judge_histories, judge_runs, wait_for_ends, wrong_ends
from workload import SLOTS, Script, Trace, wait_until

HERE = Path(__file__).resolve().parent
SETTLE_LIMIT_S = 120.0
STEPS_OF_CHAIN = 20


@dataclass
class Group:
    """Worker processes on one store."""

    folder: Path
    # How long an activity takes at most, in seconds.
    pause: float = 0.04
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    trace: Trace = field(init=False)

    def __post_init__(self) -> None:
        self.trace = Trace(self.folder / "trace")

    @property
    def url(self) -> str:
        return f"sqlite:{self.folder / 'work.sqlite'}"

    def start_worker(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {"CHAOS_TRACE": str(self.trace.path), "CHAOS_PAUSE": str(self.pause)}
        command = [sys.executable, str(HERE / "workload.py"), self.url]
        worker = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
        self.workers.append(worker)
        return worker

    def has_begun(self, worker: subprocess.Popen[bytes]) -> bool:
        self.trace.read()
        return worker.pid in self.trace.first

    def end(self) -> None:
        for worker in self.workers:
            if worker.poll() is None and worker.stdin is not None:
                worker.stdin.close()
        for worker in self.workers:
            worker.wait(timeout=30)


@contextmanager
def group(processes: int, pause: float = 0.04) -> Iterator[tuple[Group, perdure.Client]]:
    with tempfile.TemporaryDirectory(prefix="perdure-processes-") as folder:
        workers = Group(Path(folder), pause)
        with perdure.Store(workers.url) as store, perdure.Client(store) as client:
            try:
                for _ in range(processes):
                    workers.start_worker()
                yield workers, client
            finally:
                for worker in workers.workers:
                    if worker.poll() is None:
                        worker.send_signal(signal.SIGCONT)
                workers.end()


def judge(
    verdicts: Verdicts, workers: Group, client: perdure.Client, script: Script, killed: set[int], what: str
) -> None:
    open_ones = wait_for_ends(client, script.expected, SETTLE_LIMIT_S)
    verdicts.check(f"{what}: all {len(script.expected)} instances ended", open_ones)
    verdicts.check("each has the right end", wrong_ends(client, script.expected))
    histories = Histories(client, script.expected)
    judge_histories(verdicts, histories, script.expected)
    judge_runs(verdicts, workers.trace.read(), histories, killed, SLOTS)


# ---- Without faults -----------------------------------------------------------------------------------


def run_no_fault(verdicts: Verdicts, processes: int, steps: int) -> None:
    """Chains of activities, started by a client, so that any process may take any step."""
    chains = max(1, steps // STEPS_OF_CHAIN)
    with group(processes, pause=0.0) as (workers, client):
        wait_until(lambda: len(client.management().nodes()) == processes, 30)
        begin = time.monotonic()
        names = [f"chain-{number}" for number in range(chains)]
        # In small portions, so that each process gets some.
        for first in range(0, chains, 10):
            requests = [
                perdure.StartRequest("chain", STEPS_OF_CHAIN, instance=name)
                for name in names[first : first + 10]
            ]
            wrong = [str(answer) for answer in client.start_many(requests) if not isinstance(answer, str)]
            if wrong:
                verdicts.check("chains are started", wrong)
        open_ones = wait_for_ends(client, names, SETTLE_LIMIT_S + steps / 500)
        seconds = time.monotonic() - begin
        runs = workers.trace.read()
        verdicts.check(
            f"no fault: {chains} chains of {STEPS_OF_CHAIN} ended, {len(runs) / seconds:.0f} steps/s",
            open_ones,
        )
        counts = Counter(run.key for run in runs)
        twice = [f"{key} ran {count} times" for key, count in counts.items() if count > 1]
        wanted = chains * STEPS_OF_CHAIN
        missing = [f"{len(counts)} steps ran, not {wanted}"] if len(counts) != wanted else []
        verdicts.check(f"no fault: {wanted} steps, {len(twice)} of them twice", twice + missing)
        wrong = [f"{name} is {client.status(name)}" for name in names if client.describe(name).output != 20]
        verdicts.check("no fault: each has the right result", wrong)
        shares = Counter(run.pid for run in runs)
        # Little work may be done before the others have looked.
        idle = ["only one worked"] if len(shares) < 2 and steps >= 20_000 else []
        verdicts.check(f"no fault: the processes shared the steps {sorted(shares.values())}", idle)


# ---- Kills ----------------------------------------------------------------------------------------------


def run_kills(verdicts: Verdicts, processes: int, kills: int, randomness: random.Random) -> None:
    script = Script(20 * kills)
    killed: set[int] = set()
    made = 0
    with group(processes) as (workers, client):
        for kill in range(1, kills + 1):
            while made < len(script) * kill // kills:
                script.calls[made].make(client)
                made += 1
            victim = randomness.choice([each for each in workers.workers if each.poll() is None])
            wait_until(lambda victim=victim: workers.has_begun(victim), 0.5)  # type: ignore[misc]
            time.sleep(randomness.uniform(0.0, 0.1))
            killed.add(victim.pid)
            victim.kill()
            victim.wait()
            workers.start_worker()
        judge(verdicts, workers, client, script, killed, f"{kills} kills of one of {processes}")


# ---- Stops ----------------------------------------------------------------------------------------------


def run_stops(
    verdicts: Verdicts, processes: int, stops: int, seconds: float, randomness: random.Random
) -> None:
    script = Script(30 * stops)
    made = 0
    worst = 0.0
    with group(processes) as (workers, client):
        stuck = []
        for stop in range(1, stops + 1):
            victim = randomness.choice(workers.workers)
            half = len(script) * (2 * stop - 1) // (2 * stops)
            while made < half:
                script.calls[made].make(client)
                made += 1
            wait_until(lambda victim=victim: workers.has_begun(victim), 0.5)  # type: ignore[misc]
            victim.send_signal(signal.SIGSTOP)
            begin = time.monotonic()
            # It may have been in the middle of a write: then a write has to wait for it, and says so.
            while made < len(script) * stop // stops:
                if not make_while_stopped(script, made, client):
                    break
                made += 1
            # The others still work.
            probe = (
                client.start("leaf", stop, instance=f"probe-{stop}")
                if made == len(script) * stop // stops
                else ""
            )
            if probe:
                try:
                    client.wait(probe, timeout=10)
                except perdure.TimedOut:
                    stuck.append(f"{probe} is {client.status(probe)} beside a stopped process")
                worst = max(worst, time.monotonic() - begin)
            left = seconds - (time.monotonic() - begin)
            if left > 0:
                time.sleep(left)
            victim.send_signal(signal.SIGCONT)
        while made < len(script):
            script.calls[made].make(client)
            made += 1
        verdicts.check(
            f"{stops} stops of {seconds} s: the others went on with new work (slowest {worst:.2f} s)", stuck
        )
        judge(verdicts, workers, client, script, set(), f"{stops} stops of one of {processes}")


def make_while_stopped(script: Script, index: int, client: perdure.Client) -> bool:
    """false: the process that is stopped has the write lock of the database, and nobody can write."""
    try:
        script.calls[index].make(client)
        return True
    except perdure.StoreBusy:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Several processes on one store, and what may happen to one of them."
    )
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100_000, help="of the run without faults; 0: none")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--stops", type=int, default=12)
    parser.add_argument("--stopped", type=float, default=4.0, help="how long a stop lasts, in seconds")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"processes: {options.processes} on one store, --seed {seed}", flush=True)
    verdicts = Verdicts()
    randomness = random.Random(seed)
    if options.steps > 0:
        run_no_fault(verdicts, options.processes, options.steps)
    if options.kills > 0:
        run_kills(verdicts, options.processes, options.kills, randomness)
    if options.stops > 0:
        run_stops(verdicts, options.processes, options.stops, options.stopped, randomness)
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
