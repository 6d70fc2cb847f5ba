"""Cuts the power of a worker again and again, and looks whether anything that somebody was told is gone.

    Tests/chaos/power_loss.py [--cuts 300] [--seed N]

A worker on shim/power.c runs orchestrations, starts them, sends them events and waits for them; whatever
it is told goes into the journal of the shim, between the operations on the files. It ends in the middle
of an operation. power_image.py then says what the disk may hold, for four policies, after that operation
or an earlier one; this process opens that without the shim, compares it with what was told until then,
and goes on to the end with it. Some stores are new, so that they are cut while they are being made; some
have a log of 16 MiB, so that they are cut in the middle of a checkpoint. A self-test comes first: plain
SQLite must lose commits without synchronous=FULL, else the shim sees nothing.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import perdure
import power_image
from judge import Verdicts
from power_image import NOTE, POLICIES, Folder, Operation
from shims import build_shim, preloaded, remove

STORE = "store.sqlite"
CLIENTS = 4
LETTERS = 3
IMAGES_PER_RUN = 4
OPEN_LIMIT_S = 2.0
SETTLE_LIMIT_S = 30.0


# ---- What runs -----------------------------------------------------------------------------------------


@perdure.activity
def stamp(context: perdure.ActivityContext, letter: str) -> str:
    return f"{letter} of {context.instance_id}"


@perdure.orchestration
async def mailbox(context: perdure.OrchestrationContext, padding: str) -> list[str]:
    """The letters that came, each stamped, until the last one."""
    stamped: list[str] = []
    while (letter := await context.wait_for_event("letter")) != "last":
        stamped.append(await context.activity(stamp, letter))
    return stamped


def digest(client: perdure.Client, instance: str) -> str:
    """What must not change any more of an instance that has ended."""
    row = client.describe(instance)
    whole = json.dumps([row.status, row.output, client.history(instance)], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


# ---- The worker: what is cut ---------------------------------------------------------------------------


def work(url: str, run: str, seconds: float, padding: int, closing: int) -> None:
    """Ends by the shim; or closes after some time, with `closing` armed: cut at that operation from then."""
    library = ctypes.CDLL(str(build_shim("power")))
    stopped = threading.Event()

    def told(what: str) -> None:
        library.power_note(what.encode())

    def act(client: perdure.Client, number: int) -> None:
        count = 0
        while not stopped.is_set():
            count += 1
            instance = f"{run}-{number}-{count}"
            client.start(mailbox, "x" * padding, instance=instance)
            told(f"started {instance}")
            for letter in [*map(str, range(LETTERS)), "last"]:
                client.raise_event(instance, "letter", letter)
                told(f"sent {instance} {letter}")
            client.result(instance, timeout=60)
            told(f"completed {instance} {digest(client, instance)}")

    with (
        perdure.Store(url) as store,
        perdure.Runtime(store, [stamp, mailbox]),
        perdure.Client(store) as client,
    ):
        threads = [
            threading.Thread(target=act, args=(client, number), daemon=True) for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        stopped.set()
        for thread in threads:
            thread.join()
        if closing:
            library.power_arm(closing)


# ---- The other side: cuts, opens what is left, judges --------------------------------------------------


@dataclass
class Told:
    """What the worker was told until a moment."""

    started: set[str] = field(default_factory=set)
    sent: dict[str, list[str]] = field(default_factory=dict)
    completed: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Told:
        sent = {instance: list(letters) for instance, letters in self.sent.items()}
        return Told(set(self.started), sent, dict(self.completed))

    def add(self, note: str) -> None:
        what, instance, *rest = note.split()
        if what == "started":
            self.started.add(instance)
            self.sent[instance] = []
        elif what == "sent":
            self.sent[instance].append(rest[0])
        else:
            self.completed[instance] = rest[0]


@dataclass
class Findings:
    """Over all cuts, by what is wrong."""

    unopened: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    starts: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    completions: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    slowest_open: float = 0.0


@dataclass
class Plan:
    """One run of a worker."""

    kind: str
    environment: Mapping[str, str | int]
    seconds: float = 60.0
    padding: int = 10
    closing: int = 0


def plan(kind: str, chance: random.Random) -> Plan:
    pause: dict[str, str | int] = {"POWER_SYNC_US": chance.choice((0, 300, 2_000))}
    if kind == "creation":
        return Plan(kind, {"POWER_CUT": chance.randint(1, 90)} | pause)
    if kind == "checkpoint":
        # The database itself is written by checkpoints only, after the operations that make it.
        cut: dict[str, str | int] = {
            "POWER_CUT": chance.randint(12, 1_500),
            "POWER_MATCH": STORE,
            "POWER_SYNC_US": 0,
        }
        return Plan(kind, cut, padding=100_000)
    if kind == "closing":
        return Plan(kind, {} | pause, seconds=0.3, closing=chance.randint(1, 60))
    return Plan(kind, {"POWER_CUT": int(2 ** chance.uniform(7.5, 10.5))} | pause)


KINDS = ("work", "creation", "checkpoint", "work", "closing", "work")


class Cuts:
    def __init__(self, folder: Path, cuts: int, chance: random.Random, verdicts: Verdicts) -> None:
        self.folder = folder
        self.cuts = cuts
        self.chance = chance
        self.verdicts = verdicts
        self.findings = Findings()
        self.done: Counter[str] = Counter()
        self.runs = 0

    def run(self) -> None:
        # Goes from cut to cut.
        live = self.folder / "live"
        live.mkdir()
        told = Told()
        while self.done.total() < self.cuts:
            kind = KINDS[self.runs % len(KINDS)]
            self.runs += 1
            if kind == "creation":
                remove(live)
                live.mkdir()
                told = Told()
            base = Folder.of(live)
            operations = self.cut_worker(live, plan(kind, self.chance))
            left = min(IMAGES_PER_RUN, self.cuts - self.done.total())
            # One at the very end; of a worker that was told nothing yet the others are as good.
            early = min(left - 1, len(operations))
            points = [*sorted(self.chance.sample(range(len(operations) + 1), early)), len(operations)]
            image, at = base, 0
            for index, point in enumerate(points):
                for operation in operations[at:point]:
                    image.add(operation)
                    if operation.kind == NOTE:
                        told.add(operation.data.decode())
                at = point
                policy = POLICIES[(self.runs + index) % len(POLICIES)]
                self.done[f"{kind} {policy}"] += 1
                lost = self.folder / f"image-{self.runs}-{index}"
                lay_out(image.cut(policy, self.chance), lost, self.chance)
                whole = f"{kind} cut {self.runs}.{index} after {point} operations, {policy}"
                after = judge(lost, whole, told.copy(), self.findings)
            # The next worker goes on with what the last cut left.
            remove(live)
            lost.rename(live)
            told = after
            for other in self.folder.glob("image-*"):
                remove(other)

    def cut_worker(self, live: Path, plan: Plan) -> list[Operation]:
        journal = self.folder / "journal"
        journal.unlink(missing_ok=True)
        settings = {**plan.environment} | {"POWER_ROOT": live.resolve().as_posix(), "POWER_LOG": str(journal)}
        arguments = [f"run{self.runs}", str(plan.seconds), str(plan.padding), str(plan.closing)]
        command = [sys.executable, __file__, "--work", f"sqlite:{live.resolve() / STORE}", *arguments]
        worker = subprocess.run(command, env=preloaded("power", settings), timeout=90)
        operations = power_image.journal(journal)
        # A worker that closes in peace is cut after its last operation.
        if worker.returncode != 99 and not (plan.closing and worker.returncode == 0):
            self.verdicts.check(f"a worker ({plan.kind}) ran until its cut", [f"status {worker.returncode}"])
        return operations


def lay_out(files: dict[str, bytes], folder: Path, chance: random.Random) -> None:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    # Nobody syncs the index of the log: nothing, or anything, is left of it.
    if f"{STORE}-wal" in files and chance.random() < 0.5:
        (folder / f"{STORE}-shm").write_bytes(chance.choice((bytes(32_768), chance.randbytes(32_768), b"")))


def judge(folder: Path, which: str, told: Told, findings: Findings) -> Told:
    """Opens what is left, and goes on to the end with it. Returns what holds of it from now on."""
    path = folder / STORE
    findings.told.update(starts=len(told.started), events=sum(map(len, told.sent.values())))
    findings.told.update(completions=len(told.completed))
    begin = time.monotonic()
    try:
        store = perdure.Store(f"sqlite:{path}")
    except perdure.StoreError as error:
        findings.unopened.append(f"{which}: {error}")
        return Told()
    took = time.monotonic() - begin
    findings.slowest_open = max(findings.slowest_open, took)
    if took > OPEN_LIMIT_S:
        findings.slow.append(f"{which}: {took:.1f} s")
    with store, perdure.Client(store) as client:
        compare(client, which, told, findings)
        with sqlite3.connect(path) as database:
            answer = database.execute("PRAGMA integrity_check").fetchone()[0]
        database.close()
        if answer != "ok":
            findings.damaged.append(f"{which}: {answer}")
        with perdure.Runtime(store, [stamp, mailbox]):
            return finish(client, which, told, findings)


def compare(client: perdure.Client, which: str, told: Told, findings: Findings) -> None:
    """Before anybody works on it."""
    for instance in told.started:
        try:
            client.describe(instance)
        except perdure.NotFound:
            findings.starts.append(f"{which}: {instance}")
    for instance, was in told.completed.items():
        try:
            if digest(client, instance) != was:
                findings.completions.append(f"{which}: {instance} is another")
        except perdure.NotFound:
            findings.completions.append(f"{which}: {instance} is gone")


def finish(client: perdure.Client, which: str, told: Told, findings: Findings) -> Told:
    rows = [*client.list(page_size=1_000)]
    for row in rows:
        try:
            if not row.is_ended:
                client.raise_event(row.instance, "letter", "last")
        except perdure.WrongStatus:
            # The last letter of the worker had come.
            continue
    settled = Told()
    for row in rows:
        instance = row.instance
        letters = [letter for letter in told.sent.get(instance, []) if letter != "last"]
        try:
            output: Any = client.result(instance, timeout=SETTLE_LIMIT_S)
        except perdure.PerdureError as error:
            findings.stuck.append(f"{which}: {instance}: {error}")
            continue
        # The one that was being sent may have come, too.
        expected = [f"{number} of {instance}" for number in range(LETTERS)]
        if output != expected[: len(output)] or not len(letters) <= len(output) <= len(letters) + 1:
            findings.events.append(f"{which}: {instance} got {output}, told of {letters}")
        if (wrong := wrong_history(client.history(instance))) is not None:
            findings.completions.append(f"{which}: {instance} {wrong}")
        settled.started.add(instance)
        settled.sent[instance] = [str(number) for number in range(len(output))] + ["last"]
        settled.completed[instance] = digest(client, instance)
    return settled


def wrong_history(events: list[dict[str, Any]]) -> str | None:
    results = Counter(event["action"] for event in events if event["kind"] == "ActivityCompleted")
    ends = [event["id"] for event in events if event["kind"].startswith("OrchestrationCompleted")]
    if any(count > 1 for count in results.values()):
        return f"has two results of one activity: {dict(results)}"
    if ends != [len(events)] or [event["id"] for event in events] != [*range(1, len(events) + 1)]:
        return f"ends at {ends} of {len(events)} events"
    return None


# ---- The self-test: plain SQLite on the shim -----------------------------------------------------------


def commit_plainly(path: str, mode: str) -> None:
    library = ctypes.CDLL(str(build_shim("power")))
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute(f"PRAGMA synchronous={mode}")
    database.execute("CREATE TABLE numbers(n INTEGER)")
    for number in range(100_000):
        database.execute("INSERT INTO numbers VALUES(?)", (number,))
        library.power_note(str(number).encode())


def self_test(folder: Path, chance: random.Random, verdicts: Verdicts) -> None:
    for mode, loses in (("OFF", True), ("NORMAL", True), ("FULL", False)):
        live = folder / f"plain-{mode}"
        live.mkdir()
        journal = folder / f"journal-{mode}"
        settings = {"POWER_ROOT": str(live.resolve()), "POWER_LOG": str(journal), "POWER_CUT": 400}
        command = [sys.executable, __file__, "--plain", mode, str(live.resolve() / STORE)]
        subprocess.run(command, env=preloaded("power", settings), timeout=60)
        operations = power_image.journal(journal)
        told = lost = 0
        wrong: list[str] = []
        for policy in POLICIES:
            for _ in range(3):
                point = chance.randint(len(operations) // 2, len(operations))
                image = Folder()
                for operation in operations[:point]:
                    image.add(operation)
                numbers = sum(operation.kind == NOTE for operation in operations[:point])
                target = folder / "plain-image"
                lay_out(image.cut(policy, chance), target, chance)
                found = plain_count(target / STORE)
                remove(target)
                told += numbers
                lost += max(0, numbers - found)
                if not loses and found < numbers:
                    wrong.append(f"{numbers - found} of {numbers} with {policy}")
        if loses and lost == 0:
            wrong.append("the shim sees no loss")
        if told < 100:
            wrong.append(f"only {told} commits")
        verb = "loses" if loses else "keeps"
        verdicts.check(f"self-test: plain SQLite, synchronous={mode}, {verb} ({lost} of {told} lost)", wrong)


def self_test_judge(cuts: Cuts, verdicts: Verdicts) -> None:
    """A disk that keeps nothing although it was told to must show as loss."""
    live = cuts.folder / "forgetful"
    live.mkdir()
    operations = cuts.cut_worker(live, Plan("forgetful", {"POWER_CUT": 900}))
    image, told, findings = Folder(), Told(), Findings()
    half = next(index for index, operation in enumerate(operations) if operation.kind == NOTE) + 1
    for index, operation in enumerate(operations):
        if index < half or operation.kind not in (power_image.SYNC_BEGIN, power_image.SYNC_END):
            image.add(operation)
        if operation.kind == NOTE:
            told.add(operation.data.decode())
    target = cuts.folder / "forgotten"
    lay_out(image.cut("none", cuts.chance), target, cuts.chance)
    judge(target, "forgetful", told, findings)
    blind = [what for what in ("starts", "completions") if not getattr(findings, what)]
    verdicts.check(
        f"self-test: without syncs the engine loses {len(findings.starts)} starts, and that is seen",
        [f"no loss of {what} was seen" for what in blind],
    )


def plain_count(path: Path) -> int:
    database = sqlite3.connect(path)
    try:
        return int(database.execute("SELECT count(*) FROM numbers").fetchone()[0])
    except sqlite3.DatabaseError:
        # Without syncs the database itself may be in pieces.
        return 0
    finally:
        database.close()


def make_stores(cuts: Cuts, verdicts: Verdicts, every: int) -> None:
    """Cuts a new store after each of its first operations; each image is torn in its own way."""
    live = cuts.folder / "new"
    live.mkdir()
    operations = cuts.cut_worker(live, Plan("new", {"POWER_CUT": 110}))
    image, told, findings = Folder(), Told(), Findings()
    count = 0
    for point, operation in enumerate(operations, 1):
        image.add(operation)
        if operation.kind == NOTE:
            told.add(operation.data.decode())
        for _ in range(4 if point % every == 0 and image.pending else 0):
            count += 1
            target = cuts.folder / "new-image"
            lay_out(image.cut("torn", cuts.chance), target, cuts.chance)
            judge(target, f"new store cut after {point} operations", told.copy(), findings)
            remove(target)
    wrong = [findings.unopened, findings.damaged, findings.starts, findings.events, findings.completions]
    verdicts.check(
        f"new stores, torn at each moment ({count} images), open again and go on",
        [each for kind in [*wrong, findings.stuck] for each in kind],
    )


def report(cuts: Cuts) -> None:
    found, total = cuts.findings, cuts.done.total()
    told = ", ".join(f"{found.told[what]} {what}" for what in ("starts", "events", "completions"))
    check = cuts.verdicts.check
    check(f"{total} cuts in {cuts.runs} runs: each store opens again", found.unopened)
    check(f"within {OPEN_LIMIT_S} s (slowest {found.slowest_open:.2f} s)", found.slow)
    check(f"integrity_check is ok {total - len(found.unopened)} times", found.damaged)
    check("no start that was acknowledged is lost", found.starts)
    check("no event that was acknowledged is lost, doubled or moved", found.events)
    check("no completion that was seen is lost or changed", found.completions)
    check("everything runs on to its end", found.stuck)
    check(f"enough was told: {told}", [] if all(found.told.values()) and found.told else ["nothing was told"])


def main() -> int:
    parser = argparse.ArgumentParser(description="Cuts the power and looks what is left.")
    parser.add_argument("--cuts", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", metavar="FOLDER", help="work there, and leave it")
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--plain", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        url, run, seconds, padding, closing = options.work
        work(url, run, float(seconds), int(padding), int(closing))
        return 0
    if options.plain:
        commit_plainly(options.plain[1], options.plain[0])
        return 0
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"power loss: {options.cuts} cuts, --seed {seed}", flush=True)
    chance = random.Random(seed)
    verdicts = Verdicts()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="perdure-power-") as temporary:
        folder = Path(options.keep or temporary)
        self_test(folder, chance, verdicts)
        cuts = Cuts(folder, options.cuts, chance, verdicts)
        self_test_judge(cuts, verdicts)
        make_stores(cuts, verdicts, every=1 if options.cuts >= 100 else 11)
        cuts.run()
        report(cuts)
    print(f"power loss: {time.monotonic() - begin:.0f} s")
    return verdicts.end()


if __name__ == "__main__":
    sys.exit(main())
