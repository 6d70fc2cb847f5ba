"""Fills the disk under a worker, looks how that shows, makes room again, and looks whether all goes on.

    Tests/chaos/full_disk.py [--runs 10] [--seed N]

Half of the runs are on a small file system of their own; the others, and all where mounting is not
permitted, on shim/faults.c with a limit of bytes. The worker starts orchestrations, sends them events and
waits for them on several threads, and goes on trying while the disk is full.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import queue
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import mounts
import perdure
from judge import Verdicts
from shims import build_shim, preloaded

STORE = "store.sqlite"
CLIENTS = 4
CALL_LIMIT_S = 5.0
LOCK_LIMIT_S = 1.0
WAIT_LIMIT_S = 60.0
# Several times what the log may grow to before it is moved into the database: else it fills the disk itself.
DISK_BYTES = 64_000_000
Answer = TypeVar("Answer")


# ---- The worker ----------------------------------------------------------------------------------------


@perdure.activity
def measure(context: perdure.ActivityContext, text: str) -> int:
    return len(text)


@perdure.orchestration
async def letter(context: perdure.OrchestrationContext, padding: str) -> list[int]:
    before = await context.activity(measure, padding)
    return [before, await context.activity(measure, await context.wait_for_event("text"))]


def say(**what: Any) -> None:
    os.write(1, (json.dumps(what) + "\n").encode())


def work(url: str) -> None:
    """Says what it is told and which errors it sees. Hears from its input: "limit BYTES", "finish"."""
    finishing = threading.Event()

    def tried(what: str, body: Callable[[], Answer]) -> Answer | None:
        """Again and again, until it goes through."""
        while True:
            begin = time.monotonic()
            try:
                return body()
            except perdure.StoreError as error:
                say(error=type(error).__name__, text=str(error), took=time.monotonic() - begin, call=what)
                time.sleep(0.02)
            except (perdure.AlreadyExists, perdure.WrongStatus):
                # An attempt that failed had landed.
                return None

    def act(client: perdure.Client, number: int) -> None:
        count = 0
        while not finishing.is_set():
            count += 1
            exchange(client, number, f"{number}-{count}")
        for instance in [f"{number}-{each + 1}" for each in range(count)]:
            tried("result", lambda instance=instance: client.result(instance, timeout=WAIT_LIMIT_S))

    def exchange(client: perdure.Client, number: int, instance: str) -> None:
        tried("start", lambda: client.start(letter, "x" * 3_000, instance=instance))
        say(started=instance)
        tried("event", lambda: client.raise_event(instance, "text", "y" * 2_000))
        if number == 0:
            # Those who wait all wait for turns that cannot be stored; this one goes on.
            time.sleep(0.02)
        else:
            tried("result", lambda: client.result(instance, timeout=WAIT_LIMIT_S))
            say(completed=instance)

    def read(client: perdure.Client) -> None:
        while not finishing.wait(0.05):
            begin = time.monotonic()
            try:
                client.list(page_size=1).__next__()
            except StopIteration:
                pass
            except perdure.StoreError as error:
                say(unread=str(error), took=time.monotonic() - begin)

    with (
        perdure.Store(url) as store,
        perdure.Runtime(store, [measure, letter]),
        perdure.Client(store) as client,
    ):
        threads = [threading.Thread(target=act, args=(client, number)) for number in range(CLIENTS)]
        threads.append(threading.Thread(target=read, args=(client,)))
        for thread in threads:
            thread.start()
        for line in sys.stdin:
            command, *rest = line.split()
            if command == "finish":
                break
            faults = ctypes.CDLL(str(build_shim("faults")))
            faults.faults_limit(ctypes.c_longlong(int(rest[0])))
        finishing.set()
        for thread in threads:
            thread.join()


# ---- The other side ------------------------------------------------------------------------------------


@dataclass
class Findings:
    slow: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    opening: list[str] = field(default_factory=list)
    errors: int = 0
    started: int = 0
    slowest_call: float = 0.0
    slowest_lock: float = 0.0
    slowest_return: float = 0.0


class Disk:
    """Has a store on it, and can be filled."""

    def __init__(self, folder: Path, is_mounted: bool, chance: random.Random) -> None:
        self.folder = folder.resolve()
        self.is_mounted = is_mounted
        self.slack = chance.choice((0, 1_000, 5_000, 20_000, 60_000))
        if is_mounted:
            mounts.mount("-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(self.folder))

    @property
    def filler(self) -> Path:
        return self.folder / "filler"

    def environment(self) -> dict[str, str]:
        if self.is_mounted:
            return dict(os.environ)
        return preloaded("faults", {"FAULTS_ROOT": str(self.folder)})

    def sizes(self) -> str:
        return ", ".join(f"{path.name} {path.stat().st_size}" for path in self.folder.iterdir())

    def fill(self, worker: Worker) -> None:
        if not self.is_mounted:
            taken = sum(path.stat().st_size for path in self.folder.iterdir())
            return worker.tell(f"limit {taken + self.slack}")
        with self.filler.open("wb", buffering=0) as file:
            size = 0
            try:
                while True:
                    size += file.write(bytes(4_096))
            except OSError:
                file.truncate(max(0, size - self.slack))

    def free(self, worker: Worker) -> None:
        if self.is_mounted:
            self.filler.unlink()
        else:
            worker.tell("limit -1")

    def close(self) -> None:
        if self.is_mounted:
            mounts.unmount(self.folder)


class Worker:
    def __init__(self, disk: Disk) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--work", f"sqlite:{disk.folder / STORE}"],
            env=disk.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.said: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.put(json.loads(line))

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


class Run:
    def __init__(self, disk: Disk, which: str, findings: Findings) -> None:
        self.disk = disk
        self.which = which
        self.findings = findings
        self.started: set[str] = set()
        self.completed: set[str] = set()
        self.last_error = ""

    def hear(self, worker: Worker, enough: Callable[[dict[str, Any]], bool]) -> bool:
        """Until it said enough; False if it does not come to that."""
        deadline = time.monotonic() + WAIT_LIMIT_S
        while time.monotonic() < deadline:
            try:
                said = worker.said.get(timeout=1.0)
            except queue.Empty:
                if worker.process.poll() is not None:
                    return False
                continue
            self.note(said)
            if enough(said):
                return True
        return False

    def note(self, said: dict[str, Any]) -> None:
        found = self.findings
        if "started" in said:
            self.started.add(said["started"])
        elif "completed" in said:
            self.completed.add(said["completed"])
        elif "unread" in said:
            found.unread.append(f"{self.which}: {said['unread']}")
        else:
            found.errors += 1
            self.last_error = said["text"]
            if said["call"] != "result":
                found.slowest_call = max(found.slowest_call, said["took"])
                if said["took"] > CALL_LIMIT_S:
                    found.slow.append(f"{self.which}: {said['call']} took {said['took']:.1f} s")
            text = said["text"]
            if said["error"] != "StoreFull" or "full" not in text or str(self.disk.folder) not in text:
                found.unnamed.append(f"{self.which}: {said['call']}: {said['error']}: {text}")

    def run(self) -> None:
        worker = Worker(self.disk)
        try:
            self.go(worker)
        finally:
            if worker.process.poll() is None:
                worker.process.kill()
            worker.process.wait()

    def go(self, worker: Worker) -> None:
        found = self.findings
        if not self.hear(worker, lambda said: len(self.completed) >= 12):
            return found.stuck.append(f"{self.which}: nothing went on before the disk was full")
        self.disk.fill(worker)
        count = 0

        def is_enough(said: dict[str, Any]) -> bool:
            nonlocal count
            count += "error" in said
            return count >= 12

        if not self.hear(worker, is_enough):
            return found.stuck.append(f"{self.which}: no call failed although the disk was full")
        self.look_at_lock()
        self.open_full()
        self.disk.free(worker)
        begin = time.monotonic()
        before = len(self.completed)
        if not self.hear(worker, lambda said: len(self.completed) >= before + 3 * CLIENTS):
            disk = os.statvfs(self.disk.folder)
            room = f"{disk.f_bavail * disk.f_bsize} bytes; {self.disk.sizes()}"
            return found.stuck.append(
                f"{self.which}: nothing goes on although there is room "
                f"({room}; last error: {self.last_error})"
            )
        found.slowest_return = max(found.slowest_return, time.monotonic() - begin)
        worker.tell("finish")
        try:
            status = worker.process.wait(timeout=WAIT_LIMIT_S)
        except subprocess.TimeoutExpired:
            return found.stuck.append(f"{self.which}: the worker does not end")
        while not worker.said.empty():
            self.note(worker.said.get())
        if status != 0:
            found.stuck.append(f"{self.which}: the worker ended with status {status}")
        self.look_afterwards()

    def look_at_lock(self) -> None:
        """From outside, while the worker goes on trying."""
        for _ in range(5):
            begin = time.monotonic()
            database = sqlite3.connect(self.disk.folder / STORE, timeout=LOCK_LIMIT_S, isolation_level=None)
            try:
                database.execute("BEGIN IMMEDIATE")
                database.execute("ROLLBACK")
            except sqlite3.OperationalError as error:
                self.findings.locked.append(f"{self.which}: {error}")
            finally:
                database.close()
            self.findings.slowest_lock = max(self.findings.slowest_lock, time.monotonic() - begin)

    def open_full(self) -> None:
        """Another process may find room enough or not; it is told so, and is not kept waiting."""
        if not self.disk.is_mounted:
            return
        self.disk.filler.open("ab").write(bytes(0))
        for name in (STORE, "another.sqlite"):
            begin = time.monotonic()
            try:
                perdure.Store(f"sqlite:{self.disk.folder / name}").close()
            except perdure.StoreFull:
                pass
            except perdure.PerdureError as error:
                self.findings.opening.append(f"{self.which}: {type(error).__name__}: {error}")
            if (took := time.monotonic() - begin) > CALL_LIMIT_S:
                self.findings.opening.append(f"{self.which}: opening {name} took {took:.1f} s")

    def look_afterwards(self) -> None:
        found = self.findings
        found.started += len(self.started)
        with perdure.Store(f"sqlite:{self.disk.folder / STORE}") as store, perdure.Client(store) as client:
            rows = {row.instance: row for row in client.list(page_size=1_000)}
            found.lost += [f"{self.which}: {one}" for one in self.started if one not in rows]
            for instance, row in rows.items():
                if row.status != "Completed" or row.output != [3_000, 2_000]:
                    found.stuck.append(f"{self.which}: {instance} is {row.status} with {row.output}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Fills the disk, makes room again.")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--work", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return 0
    may_mount = mounts.enter()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    how = "a file system of its own and" if may_mount else "mounting is not permitted:"
    print(f"full disk: {options.runs} runs, --seed {seed}, {how} a limit of bytes", flush=True)
    chance = random.Random(seed)
    findings = Findings()
    begin = time.monotonic()
    build_shim("faults")
    for number in range(options.runs):
        with tempfile.TemporaryDirectory(prefix="perdure-full-") as folder:
            is_mounted = may_mount and number % 2 == 0
            disk = Disk(Path(folder), is_mounted, chance)
            try:
                Run(disk, f"run {number}, {'mounted' if is_mounted else 'limited'}", findings).run()
            finally:
                disk.close()
    verdicts = Verdicts()
    runs = f"{options.runs} runs"
    verdicts.check(
        f"{runs}: {findings.errors} calls failed, within {CALL_LIMIT_S:.0f} s "
        f"(slowest {findings.slowest_call:.2f} s)", findings.slow,
    )  # fmt: skip
    verdicts.check(
        "each error is StoreFull, names the store and says that the disk is full", findings.unnamed
    )
    verdicts.check("reading goes on meanwhile", findings.unread)
    verdicts.check(f"the write lock is free (slowest {findings.slowest_lock:.2f} s)", findings.locked)
    verdicts.check("opening on a full disk answers at once", findings.opening)
    verdicts.check(f"no start of {findings.started} that was acknowledged is lost", findings.lost)
    verdicts.check(
        f"the same process finishes everything (goes on after at most {findings.slowest_return:.1f} s)",
        findings.stuck,
    )
    print(f"full disk: {time.monotonic() - begin:.0f} s")
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
