"""A fleet on one store under everything that may happen to it at once: processes killed all the time, the
PostgreSQL server restarted as if its machine had died, connections cut on the server's side.

    Tests/chaos/fleet.py [--store sqlite|postgres|URL] [--processes 4] [--instances 20000] [--every 0.5]
                         [--restarts 2] [--cuts 1.0] [--host python|c] [--seed N]

Clients (threads of this process) make the calls of a mixed load (workload.py); what was acknowledged is noted
here, outside of the store, and a call whose answer was lost is made again. Worker processes run it, and each
run of an activity leaves a line in a file of its own, outside of the store as well. At the end all must have
ended once and with the right result, and what the store says must agree with both.

With `--host c` the workers are C programs that run chains (host.c); they are there at once, so that most of
their short lives is work. The faults of PostgreSQL come only if the server is ours (`--store postgres`).
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import perdure
from judge import Verdicts
from judge_work import Histories, judge_histories, judge_runs, wait_for_ends, wrong_ends
from places import Place, place
from postgres import Postgres
from shims import build_host
from workload import KINDS, SLOTS, Call, Expected, Run, Script, Trace, wait_until

HERE = Path(__file__).resolve().parent
CLIENTS = 4
# What three processes died under is tried again one by one, four in a second.
SETTLE_LIMIT_S = 1_200.0
RUN_LIMIT_S = 1_800.0
# A call that fails for so long was not held up, but refused.
CALL_LIMIT_S = 60.0


@dataclass
class Caller:
    """A client on a thread of its own, with its share of the load."""

    url: str
    script: Script
    made: int = 0
    again: int = 0
    # Messages that may have been sent twice, because the answer to the first time was lost.
    twice: dict[str, set[int]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def run(self) -> None:
        try:
            with perdure.Store(self.url) as store, perdure.Client(store) as client:
                for call in self.script.calls:
                    self.make(client, call)
                    self.made += 1
        except Exception as error:
            self.wrong.append(f"call {self.made}: {type(error).__name__}: {error}")

    def make(self, client: perdure.Client, call: Call) -> None:
        """Until it is acknowledged."""
        deadline = time.monotonic() + CALL_LIMIT_S
        is_again = False
        while True:
            try:
                return call.make(client, is_again)
            except perdure.StoreError as error:
                if not error.transient or time.monotonic() > deadline:
                    raise
            is_again = True
            self.again += 1
            if isinstance(call.data, int) and call.kind != "start":
                self.twice.setdefault(call.instance, set()).add(call.data)
            time.sleep(0.05)


@dataclass
class Fleet:
    """The processes, and the faults that come over them until told to end."""

    where: Place
    url: str
    processes: int
    host: str
    randomness: random.Random
    trace: Trace = field(init=False)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    killed: set[int] = field(default_factory=set)
    restarts: list[float] = field(default_factory=list)
    cuts: int = 0
    # Workers that came while the server was down.
    in_vain: int = 0
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.trace = Trace(self.where.folder / "trace")

    def start_worker(self) -> None:
        environment = os.environ | {"CHAOS_TRACE": str(self.trace.path), "CHAOS_PAUSE": "0.01"}
        if self.host == "c":
            command = [str(build_host()), self.url, str(SLOTS)]
        else:
            command = [sys.executable, str(HERE / "workload.py"), self.url]
        self.workers.append(subprocess.Popen(command, env=environment, stdin=subprocess.PIPE))

    def kill_one(self) -> None:
        victim = self.randomness.choice(self.workers)
        if victim.poll() is None:
            self.killed.add(victim.pid)
            victim.kill()
            victim.wait()
        else:
            self.ended(victim)
        self.workers.remove(victim)
        self.start_worker()

    def ended(self, worker: subprocess.Popen[bytes]) -> None:
        """It did so by itself."""
        if worker.returncode == 1 and self.where.postgres is not None:
            # It could not open the store. What starts workers starts another one.
            self.in_vain += 1
        else:
            self.wrong.append(f"a worker ended with status {worker.returncode}")

    def restart(self, postgres: Postgres) -> None:
        begin = time.monotonic()
        postgres.restart("immediate")
        self.restarts.append(time.monotonic() - begin)

    def cut(self, postgres: Postgres) -> None:
        try:
            self.cuts += postgres.terminate_backend()
        except RuntimeError:
            # It may be on its way up.
            return

    def end(self) -> None:
        for worker in self.workers:
            if worker.stdin is not None:
                worker.stdin.close()
        for worker in self.workers:
            if worker.wait(60) != 0:
                self.ended(worker)


def shares(instances: int, kinds: tuple[str, ...]) -> list[Script]:
    each, rest = divmod(instances, CLIENTS)
    scripts, first = [], 0
    for index in range(CLIENTS):
        count = each + (index < rest)
        if count > 0:
            scripts.append(Script(count, kinds, first))
        first += count
    return scripts


def ended(client: perdure.Client) -> int:
    """How many roots and children have; 0 while the store does not answer."""
    try:
        return client.management().statistics().counts.ended
    except perdure.StoreError:
        return 0


def disturb(fleet: Fleet, client: perdure.Client, callers: list[Caller], options: argparse.Namespace) -> None:
    """Kills, restarts and cuts until nine of ten instances have ended."""
    expected = [end for caller in callers for end in caller.script.expected.values()]
    total = len(expected)
    postgres = fleet.where.postgres
    # By the activities that ran: who came first is served first, so that most end late.
    steps = sum(end.activities for end in expected)
    restarts_at = [steps * (number + 1) // (options.restarts + 1) for number in range(options.restarts)]
    next_kill = next_cut = time.monotonic() + options.every
    done = 0
    deadline = time.monotonic() + RUN_LIMIT_S
    while done < total * 9 // 10 and not any(caller.wrong for caller in callers):
        now = time.monotonic()
        if now > deadline:
            fleet.wrong.append(f"only {done} of {total} instances had ended after {RUN_LIMIT_S:.0f} s")
            return
        if now >= next_kill:
            fleet.kill_one()
            next_kill = now + options.every
            done = max(done, ended(client))
        if postgres is not None and options.cuts > 0 and now >= next_cut:
            fleet.cut(postgres)
            next_cut = now + fleet.randomness.uniform(0.2, 2 * options.cuts)
        if postgres is not None and restarts_at and len(fleet.trace.read()) >= restarts_at[0]:
            restarts_at.pop(0)
            fleet.restart(postgres)
        time.sleep(0.01)


def judge_ledger(verdicts: Verdicts, runs: list[Run], histories: Histories) -> None:
    """What holds even if the store could not tell who was alive."""
    ran = {run.key for run in runs if not run.fails}
    missing = [key for key in histories.all_results() if key not in ran]
    verdicts.check("whatever has a result was run", missing)
    counts = Counter(run.key for run in runs if not run.fails)
    repeats = sum(count - 1 for count in counts.values())
    often = [f"{key} ran {count} times" for key, count in counts.items() if count > 10]
    verdicts.check(f"{repeats} of {len(runs)} runs were repeats, none more than ten times", often)
    known = {key.rsplit("/", 2)[0] for key in ran}
    unknown = sorted(known - {instance for instance, _ in histories.executions})
    verdicts.check("whatever ran belongs to an instance that is there", unknown)


def run(where: Place, options: argparse.Namespace, seed: int) -> int:
    verdicts = Verdicts()
    url = where.url()
    fleet = Fleet(where, url, options.processes, options.host, random.Random(seed))
    kinds = ("order",) if options.host == "c" else KINDS
    callers = [Caller(url, script) for script in shares(options.instances, kinds)]
    expected: dict[str, Expected] = {}
    for caller in callers:
        expected |= caller.script.expected
    begin = time.monotonic()
    with perdure.Store(url) as store, perdure.Client(store) as client:
        for _ in range(options.processes):
            fleet.start_worker()
        threads = [threading.Thread(target=caller.run) for caller in callers]
        for thread in threads:
            thread.start()
        try:
            disturb(fleet, client, callers, options)
        finally:
            for thread in threads:
                thread.join()
        open_ones = wait_for_ends(client, expected, SETTLE_LIMIT_S)
        seconds = time.monotonic() - begin
        fleet.end()
        made = sum(caller.made for caller in callers)
        again = sum(caller.again for caller in callers)
        wrong = [each for caller in callers for each in caller.wrong] + fleet.wrong
        verdicts.check(f"{made} calls were acknowledged, {again} attempts had to be made again", wrong)
        faults = f"{len(fleet.killed)} kills of {options.processes} processes"
        if where.postgres is not None:
            faults += f", {len(fleet.restarts)} restarts of the server, {fleet.cuts} connections cut"
            faults += f", {fleet.in_vain} processes that found no server"
        verdicts.check(
            f"{where.kind}: {len(expected)} instances ended in {seconds:.0f} s; {faults}", open_ones
        )
        twice: dict[str, set[int]] = {}
        for caller in callers:
            twice |= caller.twice
        verdicts.check("each has the right end", wrong_ends(client, expected, twice))
        histories = Histories(client, expected)
        judge_histories(verdicts, histories, expected)
        runs = fleet.trace.read()
        if where.kind == "sqlite":
            # The system says who is alive: nobody else's work is done again.
            judge_runs(verdicts, runs, histories, fleet.killed, SLOTS)
        else:
            judge_ledger(verdicts, runs, histories)
        is_left = wait_until(lambda: not client.management().nodes(), 30)
        verdicts.check("no process is left on the store", [] if is_left else ["some are"])
    return verdicts.end()


def main() -> int:
    parser = argparse.ArgumentParser(
        description="A fleet on one store under everything that may happen to it."
    )
    parser.add_argument("--store", default="sqlite", help="sqlite, postgres (a server of our own), or a URL")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--instances", type=int, default=20_000)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two kills")
    parser.add_argument("--restarts", type=int, default=2, help="of the PostgreSQL server")
    parser.add_argument("--cuts", type=float, default=1.0, help="seconds between two cuts, about; 0: none")
    parser.add_argument("--host", choices=["python", "c"], default="python", help="who runs the work")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"fleet: {options.processes} processes on {options.store}, {options.instances} instances, "
          f"host {options.host}, --seed {seed}", flush=True)  # fmt: skip
    with place(options.store) as where:
        return run(where, options, seed)


if __name__ == "__main__":
    sys.exit(main())
