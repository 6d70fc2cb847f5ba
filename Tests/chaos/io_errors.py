"""Lets each system call on the files of a store fail in turn, and looks what a program sees of it.

    Tests/chaos/io_errors.py [--every 1] [--jobs 4] [--only NAME] [--from N]

A worker on shim/faults.c opens a store, starts orchestrations, sends events, waits for results and
closes, again and again: in trial n the nth call fails that can fail in this way, until a trial goes
through without a failure. It must neither crash nor hang; errors that it sees are of a type, name the
store and the cause; the same process goes on; and a look without failures finds all that was
acknowledged, each result once, no instance Failed.
"""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import json
import os
import random
import selectors
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import perdure
from judge import Verdicts
from shims import build_shim, preloaded, remove

STORE = "store.sqlite"
CALL_LIMIT_S = 10.0
TRIAL_LIMIT_S = 40.0
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Sweep:
    """Which calls fail, and how.

    kind: as shim/faults.c has it. times: so many calls in a row. stride: not each n, but each of these.
    """

    name: str
    kind: int
    causes: tuple[str, ...]
    times: int = 1
    stride: int = 1
    is_crashed: bool = False


IO = ("Input/output error", "disk I/O error")
FULL = ("No space left on device", "database or disk is full", "Cannot allocate memory")
INTERRUPTED = ("Interrupted system call", "disk I/O error")
SWEEPS = [
    Sweep("EIO, new store", 1, IO),
    Sweep("EIO, store of a killed process", 1, IO, is_crashed=True),
    Sweep("EIO 25 times, new store", 1, IO, times=25, stride=7),
    Sweep("EIO 25 times, store of a killed process", 1, IO, times=25, stride=7, is_crashed=True),
    Sweep("ENOSPC, new store", 2, FULL),
    Sweep("ENOSPC, store of a killed process", 2, FULL, is_crashed=True),
    Sweep("ENOSPC 10 times, new store", 2, FULL, times=10, stride=5),
    Sweep("EINTR, new store", 3, INTERRUPTED, stride=2),
    Sweep("EINTR, store of a killed process", 3, INTERRUPTED, stride=2, is_crashed=True),
    Sweep("short reads and writes, new store", 4, (), stride=2),
    Sweep("short reads and writes, store of a killed process", 4, (), stride=2, is_crashed=True),
]


# ---- The worker ----------------------------------------------------------------------------------------


@perdure.activity
def stamp(context: perdure.ActivityContext, letter: str) -> str:
    return f"{letter} of {context.instance_id}"


@perdure.orchestration
async def exchange(context: perdure.OrchestrationContext) -> list[str]:
    first = await context.activity(stamp, "first")
    return [first, await context.activity(stamp, await context.wait_for_event("letter"))]


def expected(instance: str) -> list[str]:
    return [f"first of {instance}", f"second of {instance}"]


def open_files(folder: Path) -> list[str]:
    """Of this process, below the folder."""
    names = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            name = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if name.startswith(str(folder)):
            names.append(Path(name).name)
    return names


class GaveUp(Exception):
    """A call failed more often than there were failures."""


@dataclass
class Trial:
    path: Path
    sweep: Sweep
    wrong: list[str] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    completed: set[str] = field(default_factory=set)
    is_open: bool = False

    def call(self, what: str, body: Callable[[], Answer]) -> Answer:
        """Tries until it goes through; each failure must be a good one."""
        for _ in range(self.sweep.times + 3):
            begin = time.monotonic()
            try:
                return body()
            except perdure.StoreError as error:
                self.complain(what, error)
            except perdure.PerdureError as error:
                self.wrong.append(f"{what}: {type(error).__name__}: {error}")
                raise GaveUp from None
            finally:
                if time.monotonic() - begin > CALL_LIMIT_S:
                    self.wrong.append(f"{what} took {time.monotonic() - begin:.1f} s")
        self.wrong.append(f"{what} does not go through any more")
        raise GaveUp

    def complain(self, what: str, error: perdure.StoreError) -> None:
        self.errors[type(error).__name__] += 1
        why = []
        if isinstance(error, (perdure.StoreCorrupt, perdure.StoreForeign, perdure.StoreReplaced)):
            why.append("accuses the file")
        if str(self.path) not in str(error):
            why.append("does not name the store")
        if not any(cause in str(error) for cause in self.sweep.causes):
            why.append("does not name the cause")
        if self.is_open and not error.transient:
            why.append("is not transient")
        if why:
            self.wrong.append(f"{what} {', '.join(why)}: {type(error).__name__}: {error}")

    # ---- The workload

    def run(self) -> None:
        url = f"sqlite:{self.path}"
        with self.call("open", lambda: perdure.Store(url)) as store:
            self.is_open = True
            with perdure.Client(store) as client:
                self.start(client, "a")
                runtime = self.call("runtime", lambda: perdure.Runtime(store, [stamp, exchange]).start())
                try:
                    self.start(client, "b")
                    for instance in ["a", "b"] + ["old"] * self.sweep.is_crashed:
                        self.send(client, instance)
                        self.finish(client, instance)
                        self.call("list", lambda: [*client.list()])
                finally:
                    self.call("stop", runtime.stop)
        self.is_open = False
        self.wait_closed()

    def wait_closed(self) -> None:
        """A store closes when its last write is done."""
        deadline = time.monotonic() + CALL_LIMIT_S
        while (left := open_files(self.path.parent)) and time.monotonic() < deadline:
            time.sleep(0.002)
        if left:
            self.wrong.append(f"{len(left)} files stay open, such as {left[0]}")

    def start(self, client: perdure.Client, instance: str) -> None:
        def body() -> None:
            try:
                client.start(exchange, instance=instance)
            except perdure.AlreadyExists:
                # The attempt before had landed all the same.
                if not self.errors:
                    raise

        self.call("start", body)

    def send(self, client: perdure.Client, instance: str) -> None:
        def body() -> None:
            try:
                client.raise_event(instance, "letter", "second")
            except perdure.WrongStatus:
                if not self.errors:
                    raise

        self.call("event", body)

    def finish(self, client: perdure.Client, instance: str) -> None:
        output = self.call("result", lambda: client.result(instance, timeout=CALL_LIMIT_S))
        self.completed.add(instance)
        if output != expected(instance):
            self.wrong.append(f"{instance} answers {output}")

    # ---- What is left

    def look(self) -> None:
        """Without failures."""
        with perdure.Store(f"sqlite:{self.path}") as store, perdure.Client(store) as client:
            for instance in self.completed:
                row = client.describe(instance)
                if row.status != "Completed" or row.output != expected(instance):
                    self.wrong.append(f"{instance} is {row.status} with {row.output} afterwards")
                events = client.history(instance)
                results = Counter(event["action"] for event in events if event["kind"] == "ActivityCompleted")
                if sorted(results.values()) != [1, 1]:
                    self.wrong.append(f"{instance} has results {dict(results)}")
            with sqlite3.connect(self.path) as database:
                answer = database.execute("PRAGMA integrity_check").fetchone()[0]
            database.close()
            if answer != "ok":
                self.wrong.append(f"integrity_check says {answer}")


def work(sweep: Sweep, folder: Path, begin: int, stride: int) -> None:
    """Prints a line before each trial and one with its findings after it."""
    faults = ctypes.CDLL(str(build_shim("faults")))
    faults.faults_what.restype = ctypes.c_char_p
    template = folder / "template"
    if sweep.is_crashed:
        leave_behind(template)
    number, fired = begin, True
    while fired:
        print(json.dumps({"begins": number}), flush=True)
        # Tells where it hangs, if it does.
        faulthandler.dump_traceback_later(TRIAL_LIMIT_S - 5)
        trial = Trial(folder / f"trial-{number}" / STORE, sweep)
        if sweep.is_crashed:
            shutil.copytree(template, trial.path.parent)
        else:
            trial.path.parent.mkdir()
        faults.faults_set_root(str(trial.path.parent).encode())
        faults.faults_arm(sweep.kind, ctypes.c_long(number), ctypes.c_long(sweep.times))
        started = time.monotonic()
        try:
            trial.run()
        except GaveUp:
            pass
        except Exception as error:
            trial.wrong.append(f"{type(error).__name__}: {error}")
        seconds = time.monotonic() - started
        fired, what = faults.faults_fired() > 0, faults.faults_what().decode()
        faults.faults_arm(0, ctypes.c_long(0), ctypes.c_long(0))
        try:
            trial.look()
        except perdure.PerdureError as error:
            trial.wrong.append(f"a look afterwards: {type(error).__name__}: {error}")
        finding = {
            "ended": number,
            "fired": what,
            "wrong": trial.wrong,
            "errors": trial.errors,
            "took": seconds,
        }
        print(json.dumps(finding), flush=True)
        remove(trial.path.parent)
        number += stride


def leave_behind(template: Path) -> None:
    """What a process leaves that is killed while an instance waits: the log holds most of it."""
    living = template.with_name("living")
    living.mkdir()
    definitions, url = [stamp, exchange], f"sqlite:{living / STORE}"
    with perdure.Store(url) as store, perdure.Client(store) as client, perdure.Runtime(store, definitions):
        client.start(exchange, instance="old")
        deadline = time.monotonic() + CALL_LIMIT_S
        while client.describe("old").status != "Running" or len(client.history("old")) < 4:
            if time.monotonic() > deadline:
                raise TimeoutError("the instance does not get to its wait")
        shutil.copytree(living, template)


# ---- The other side ------------------------------------------------------------------------------------


@dataclass
class Outcome:
    trials: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    was_clean: bool = False


@dataclass
class Job:
    """Trials `next`, `next + stride`...: a worker, and another one when it dies."""

    sweep: Sweep
    next: int
    stride: int
    outcome: Outcome
    folder: Path
    worker: subprocess.Popen[str] | None = None
    heard: float = 0.0
    lives: int = 0

    def begin(self) -> None:
        self.lives += 1
        folder = self.folder / f"{self.next}-{self.lives}"
        folder.mkdir(parents=True)
        arguments = [self.sweep.name, str(folder.resolve()), str(self.next), str(self.stride)]
        self.worker = subprocess.Popen(
            [sys.executable, __file__, "--work", *arguments],
            env=preloaded("faults", {}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.heard = time.monotonic()

    def hear(self, line: str) -> None:
        self.heard = time.monotonic()
        said = json.loads(line)
        if "begins" in said:
            self.next = said["begins"]
            return
        self.next += self.stride
        outcome = self.outcome
        if not said["fired"]:
            outcome.was_clean = True
        outcome.trials += 1
        outcome.errors.update(said["errors"])
        outcome.slowest = max(outcome.slowest, said["took"])
        if said["fired"]:
            outcome.fired[said["fired"].split()[0]] += 1
        outcome.wrong += [f"n={said['ended']} ({said['fired']}): {wrong}" for wrong in said["wrong"]]

    def ended(self, why: str) -> None:
        """Before its time: the next one goes on with the next trial."""
        assert self.worker is not None and self.worker.stderr is not None
        last = " / ".join(self.worker.stderr.read().strip().splitlines()[-12:])
        self.outcome.wrong.append(f"n={self.next}: {why} {last}")
        self.next += self.stride
        if self.lives < 10:
            self.begin()


def run(sweep: Sweep, folder: Path, jobs: int, every: int, first: int) -> Outcome:
    outcome = Outcome()
    stride = sweep.stride * every
    selector = selectors.DefaultSelector()
    for index in range(jobs):
        job = Job(sweep, first + stride * index, stride * jobs, outcome, folder / f"job-{index}")
        watch(selector, job)
    while selector.get_map():
        for key, _ in selector.select(timeout=1.0):
            job = key.data
            line = job.worker.stdout.readline()
            if line:
                job.hear(line)
                continue
            selector.unregister(key.fileobj)
            status = job.worker.wait()
            if status != 0:
                again(selector, job, f"the process ended with status {status}")
        for key in [*selector.get_map().values()]:
            if time.monotonic() - key.data.heard > TRIAL_LIMIT_S:
                selector.unregister(key.fileobj)
                key.data.worker.kill()
                key.data.worker.wait()
                again(selector, key.data, "the process hung")
    return outcome


def watch(selector: selectors.BaseSelector, job: Job) -> None:
    job.begin()
    assert job.worker is not None and job.worker.stdout is not None
    selector.register(job.worker.stdout, selectors.EVENT_READ, job)


def again(selector: selectors.BaseSelector, job: Job, why: str) -> None:
    before = job.worker
    job.ended(why)
    if job.worker is not before and job.worker is not None and job.worker.stdout is not None:
        selector.register(job.worker.stdout, selectors.EVENT_READ, job)


def main() -> int:
    parser = argparse.ArgumentParser(description="Lets each system call on a store fail in turn.")
    parser.add_argument("--every", type=int, default=1, help="of the trials only each of these")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first trial")
    parser.add_argument("--jobs", type=int, default=4, help="workers at one time")
    parser.add_argument("--quick", action="store_true", help="a sample, at most some seconds")
    parser.add_argument("--only", default="", help="sweeps whose name contains this")
    parser.add_argument("--all", action="store_true", help="print each finding")
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        name, folder, begin, stride = options.work
        sweep = next(sweep for sweep in SWEEPS if sweep.name == name)
        work(sweep, Path(folder), int(begin), int(stride))
        return 0
    if options.quick:
        # Another sample each time.
        options.every = 60
        options.first = random.SystemRandom().randrange(1, options.every)
    verdicts = Verdicts()
    print(f"I/O errors: --every {options.every} --from {options.first}", flush=True)
    memory = Path("/dev/shm")
    # Syncs take no time there.
    place = memory if os.access(memory, os.W_OK) else None
    begin = time.monotonic()
    build_shim("faults")
    for sweep in [sweep for sweep in SWEEPS if options.only in sweep.name]:
        with tempfile.TemporaryDirectory(prefix="perdure-errors-", dir=place) as folder:
            outcome = run(sweep, Path(folder), options.jobs, options.every, options.first)
        if not outcome.was_clean:
            outcome.wrong.append("no trial without a failure")
        if not outcome.fired:
            outcome.wrong.append("nothing failed")
        fired = ", ".join(f"{count} {name}" for name, count in outcome.fired.most_common())
        seen = ", ".join(f"{count} {name}" for name, count in outcome.errors.most_common()) or "no errors"
        figures = f"{outcome.trials} trials: {fired}; seen: {seen}; slowest {outcome.slowest:.1f} s"
        verdicts.check(f"{sweep.name}: {figures}", outcome.wrong)
        if options.all:
            print("".join(f"    {wrong}\n" for wrong in outcome.wrong), end="")
    print(f"I/O errors: {time.monotonic() - begin:.0f} s")
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
