"""Kills processes again and again in the middle of their work, then checks that nobody could tell.

    Tests/chaos/kill_loop.py [--host python|c] [--victim worker|client] [--kills 30] [--seeds 1-9]

A client makes calls (workload.py): it starts instances, sends messages, some before the start or the
wait, and cancels; a worker process runs it all: chains, fan-outs, timers, sub-orchestrations, new
executions, retries. One of the two is killed with SIGKILL at random moments. With `--host c` the worker
is a C program that runs chains.

Verdicts are lines of `ok` and `FAIL`; the last line gives the sums.
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
import time
from dataclasses import dataclass, field
from pathlib import Path

import perdure
from judge import P99_SAMPLES, Verdicts, percentile
from judge_work import Histories, judge_histories, judge_runs, wait_for_ends, wrong_ends
from shims import build_host
from workload import KINDS, SLOTS, Script, Trace, wait_until

HERE = Path(__file__).resolve().parent
RESTART_LIMIT_S = 1.0
SETTLE_LIMIT_S = 60.0


@dataclass
class Loop:
    """One store, one load, one seed."""

    folder: Path
    script: Script
    kills: int
    randomness: random.Random
    host: str
    # Process id, and how many seconds after its start it ran its first activity.
    begun: dict[int, float] = field(default_factory=dict)
    killed: set[int] = field(default_factory=set)
    # Calls that were acknowledged.
    made: int = 0
    # Messages that may have been sent twice.
    twice: dict[str, set[int]] = field(default_factory=dict)
    trace: Trace = field(init=False)

    def __post_init__(self) -> None:
        self.trace = Trace(self.folder / "trace")

    @property
    def url(self) -> str:
        return f"sqlite:{self.folder / 'work.sqlite'}"

    def start_worker(self) -> tuple[subprocess.Popen[bytes], float]:
        if self.host == "c":
            command = [str(build_host()), self.url, str(SLOTS)]
        else:
            command = [sys.executable, str(HERE / "workload.py"), self.url]
        environment = os.environ | {"CHAOS_TRACE": str(self.trace.path)}
        begin = time.monotonic()
        return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE), begin

    def has_begun(self, worker: subprocess.Popen[bytes]) -> bool:
        self.trace.read()
        return worker.pid in self.trace.first

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        if process.wait() == -signal.SIGKILL:
            self.killed.add(process.pid)

    def make_calls(self, client: perdure.Client, upto: int) -> None:
        """What is acknowledged must be there at the end."""
        for call in self.script.calls[self.made : upto]:
            call.make(client)
            self.made += 1

    # ---- The worker is killed

    def kill_workers(self, client: perdure.Client) -> None:
        for kill in range(1, self.kills + 1):
            # Some before the worker lives and some while it does.
            self.make_calls(client, len(self.script) * (2 * kill - 1) // (2 * self.kills))
            worker, begin = self.start_worker()
            self.make_calls(client, len(self.script) * kill // self.kills)
            if wait_until(lambda worker=worker: self.has_begun(worker), 10):  # type: ignore[misc]
                self.begun[worker.pid] = self.trace.first[worker.pid] - begin
            else:
                self.begun[worker.pid] = math.inf
            time.sleep(self.randomness.uniform(0.0, 0.12))
            self.kill(worker)

    # ---- The client is killed

    def kill_clients(self) -> None:
        """A worker lives all the time."""
        total = len(self.script)
        for kill in range(1, self.kills + 2):
            is_last = kill > self.kills
            count = total if is_last else max(1, total // self.kills)
            upto = min(total, self.made + count)
            command = [sys.executable, str(HERE / "workload.py"), self.url]
            command += ["--calls", str(len(self.script.expected)), str(self.made), str(total)]
            caller = subprocess.Popen(command, stdout=subprocess.PIPE)
            assert caller.stdout is not None
            first = self.made
            if is_last:
                caller.wait()
            else:
                # Dies in the middle of the calls that it would go on to make.
                for line in caller.stdout:
                    self.acknowledged(line)
                    if self.made >= upto - count // 2:
                        break
                time.sleep(self.randomness.uniform(0.0, 0.01))
                self.kill(caller)
            # What it had said before it died counts.
            for line in caller.stdout:
                self.acknowledged(line)
            caller.stdout.close()
            if self.made >= first and self.made < total:
                # The next one makes this call again: it may have landed, and nobody was told.
                call = self.script.calls[self.made]
                if isinstance(call.data, int):
                    self.twice.setdefault(call.instance, set()).add(call.data)

    def acknowledged(self, line: bytes) -> None:
        if line.endswith(b"\n"):
            self.made = int(line) + 1

    def settle(self, client: perdure.Client, worker: subprocess.Popen[bytes]) -> list[str]:
        """Returns what did not end."""
        open_ones = wait_for_ends(client, self.script.expected, SETTLE_LIMIT_S)
        assert worker.stdin is not None
        worker.stdin.close()
        worker.wait(timeout=30)
        return open_ones


def run(loop: Loop, victim: str, verdicts: Verdicts) -> None:
    with perdure.Store(loop.url) as store, perdure.Client(store) as client:
        if victim == "worker":
            loop.kill_workers(client)
            worker, _ = loop.start_worker()
        else:
            worker, _ = loop.start_worker()
            loop.kill_clients()
        open_ones = loop.settle(client, worker)
        expected = loop.script.expected
        open_ones += [] if loop.made == len(loop.script) else [f"{len(loop.script)} calls were to be made"]
        verdicts.check(f"{loop.made} calls were acknowledged, and all instances ended", open_ones)
        verdicts.check("each has the right end", wrong_ends(client, expected, loop.twice))
        histories = Histories(client, expected)
        judge_histories(verdicts, histories, expected)
        dead = loop.killed if victim == "worker" else set()
        judge_runs(verdicts, loop.trace.read(), histories, dead, SLOTS)


def judge_restarts(verdicts: Verdicts, begun: list[float]) -> None:
    p50, p99 = percentile(begun, 0.5), percentile(begun, 0.99)
    name, judged = ("p99", p99) if len(begun) >= P99_SAMPLES else ("p50", p50)
    wrong = [f"{judged:.2f} s"] if judged > RESTART_LIMIT_S else []
    wrong += [] if math.isfinite(max(begun)) else ["one never began"]
    verdicts.check(
        f"{len(begun)} restarts to the first activity: p50 {p50:.3f} s, p99 {p99:.3f} s, "
        f"worst {max(begun):.3f} s; {name} at most {RESTART_LIMIT_S} s",
        wrong,
    )


def seeds(text: str) -> list[int]:
    first, _, last = text.partition("-")
    return [*range(int(first), int(last or first) + 1)]


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Kills processes again and again in the middle of their work."
    )
    parser.add_argument("--kills", type=int, default=30, help="per seed")
    parser.add_argument("--load", type=int, default=200, help="instances per seed")
    parser.add_argument("--seeds", type=seeds, default=None, help="of the moments of the kills: 7, or 1-10")
    parser.add_argument("--host", choices=["python", "c"], default="python", help="who runs the work")
    parser.add_argument("--victim", choices=["worker", "client"], default="worker", help="who is killed")
    options = parser.parse_args()
    if options.host == "c" and options.victim == "client":
        parser.error("the client is a Python program; there is none in C")
    chosen = options.seeds or [random.SystemRandom().randrange(1_000_000)]
    verdicts = Verdicts()
    begun: list[float] = []
    kills = 0
    for seed in chosen:
        script = Script(options.load, ("order",) if options.host == "c" else KINDS)
        print(f"kill loop: {options.kills} kills of a {options.victim}, {options.load} instances, host "
              f"{options.host}, --seeds {seed}", flush=True)  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="perdure-kills-") as folder:
            loop = Loop(Path(folder), script, options.kills, random.Random(seed), options.host)
            begin = time.monotonic()
            run(loop, options.victim, verdicts)
            print(f"kill loop: {time.monotonic() - begin:.1f} s")
            begun += loop.begun.values()
            kills += len(loop.killed)
    if begun:
        judge_restarts(verdicts, begun)
    wanted = options.kills * len(chosen)
    verdicts.check(f"{kills} kills in all", [] if kills == wanted else [f"{wanted} were asked for"])
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
