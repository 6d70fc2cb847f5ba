"""The demo of order.py: kills the worker in the middle of the orders, then proves that nobody could tell.

This process is a client only. It knows orders by the name of their orchestration, sends messages, reads
histories. What really ran it learns from a log beside the store: each activity leaves a line there when it
begins. Histories against log: that is the proof.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import perdure
import timeline

#: Seconds that an order waits for its approval, and that an approver takes to think about it.
PATIENCE = 2.5
THINKING = 1.0
#: Seconds after which the demo has failed.
LIMIT = 30.0

UNDO_ALL = ("refund_card", "release_stock")


@dataclass(frozen=True)
class Fate:
    """What is to become of an order."""

    words: str
    item: str
    price: int
    #: The activities that its history must have, in this order, and its result.
    steps: tuple[str, ...]
    end: str
    card: str = "valid"
    #: When it is approved: "early" (before the order waits for it), "at once", "later" or never.
    approval: str | None = "at once"


BOUGHT = ("reserve_stock", "charge_card")
FATES = (
    Fate("approved at once", "book", 20, (*BOUGHT, "ship"), "shipped: parcel with book"),
    Fate("approved later", "lamp", 45, (*BOUGHT, "ship"), "shipped: parcel with lamp", approval="later"),
    Fate(
        "nobody approves", "piano", 900, (*BOUGHT, *UNDO_ALL), "compensated: nobody approved in time",
        approval=None,
    ),
    Fate(
        "card declined", "chair", 120, (*BOUGHT, "release_stock"), "compensated: the card is expired",
        card="expired", approval=None,
    ),
    Fate(
        "shipping fails", "anvil", 80, (*BOUGHT, "ship", *UNDO_ALL), "compensated: too heavy for any carrier",
    ),
    Fate(
        "approved before it waits", "globe", 70, (*BOUGHT, "ship"), "shipped: parcel with globe",
        approval="early",
    ),
)  # fmt: skip


class DemoFailed(Exception):
    """The promise that was broken, in a sentence."""


@dataclass
class Demo:
    client: perdure.Client
    store: str
    log: timeline.SideLog
    seed: int
    orders: dict[str, Fate]
    begin: float = field(default_factory=time.time)
    worker: subprocess.Popen[bytes] | None = None
    #: Process ids, in the order of their start.
    workers: list[int] = field(default_factory=list)
    killed_at: float | None = None
    #: What the kill may have cut off: keys of activities that had begun and had no result.
    cut: set[str] = field(default_factory=set)
    waiting_since: dict[str, float] = field(default_factory=dict)
    approved: set[str] = field(default_factory=set)

    def say(self, words: str) -> None:
        print(timeline.progress(time.time() - self.begin, words), flush=True)

    # ---- The worker --------------------------------------------------------------------------------

    def start_worker(self) -> None:
        script = Path(__file__).with_name("order.py")
        command = [sys.executable, str(script), "worker", "--store", self.store, "--attached"]
        command += ["--log", str(self.log.path), "--seed", str(self.seed)]
        self.worker = subprocess.Popen(command, stdin=subprocess.PIPE)
        self.workers.append(self.worker.pid)
        self.say(f"worker #{len(self.workers)} started, process {self.worker.pid}")

    def kill_worker(self) -> None:
        assert self.worker is not None
        self.worker.kill()
        self.killed_at = time.time()
        if self.worker.wait() != -signal.SIGKILL:
            raise DemoFailed("Worker #1 ended by itself before it could be killed.")
        runs = self.log.runs()
        finished = {key for one in self.orders for key in timeline.results(one, self.client.history(one))}
        self.cut = {run.key for run in runs} - finished
        if not self.cut:
            raise DemoFailed(
                "The kill came when no activity was running: this machine is too slow for the demo."
            )
        self.say(timeline.killed(f"worker #1 killed with SIGKILL: {len(runs)} steps had begun, "
                                 f"{len(self.cut)} had no result yet"))  # fmt: skip

    def stop_worker(self) -> None:
        """Whatever happened before, no process is left behind."""
        if self.worker is None:
            return
        if self.worker.stdin is not None:
            self.worker.stdin.close()
        try:
            self.worker.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.worker.kill()
            self.worker.wait()

    # ---- The story ---------------------------------------------------------------------------------

    def place_orders(self) -> None:
        for one, fate in self.orders.items():
            order = {"item": fate.item, "price": fate.price, "card": fate.card, "patience": PATIENCE}
            self.client.start("order", order, instance=one)
        self.say(f"{len(self.orders)} orders placed; each is on disk, nobody works on them yet")
        for one, fate in self.orders.items():
            if fate.approval == "early":
                self.approve(one, "before it waits for that")

    def approve(self, one: str, when: str) -> None:
        self.client.raise_event(one, "approved", {"by": "Ada"})
        self.approved.add(one)
        self.say(f"{one} approved {when}")

    def approve_who_waits(self) -> None:
        for one, fate in self.orders.items():
            if fate.approval is None or one in self.approved:
                continue
            if one not in self.waiting_since:
                if self.client.describe(one).custom_status != "waiting for approval":
                    continue
                self.waiting_since[one] = time.monotonic()
            thinking = THINKING if fate.approval == "later" else 0.0
            if time.monotonic() - self.waiting_since[one] >= thinking:
                self.approve(one, "at once" if thinking == 0.0 else f"after {thinking:.0f} second")

    def run(self) -> None:
        self.place_orders()
        self.start_worker()
        deadline = time.monotonic() + LIMIT + len(self.orders)
        # Later than all reservations: some orders are being charged then, some wait, some are shipped.
        kill_after = 2 * len(self.orders) + len(self.orders) // 2
        while open_ones := [one for one in map(self.client.describe, self.orders) if not one.is_ended]:
            if self.worker is not None and self.worker.poll() is not None:
                status = self.worker.returncode
                raise DemoFailed(f"Worker #{len(self.workers)} ended by itself, with status {status}.")
            if time.monotonic() > deadline:
                names = ", ".join(f"{one.instance} ({one.pending_reason or one.status})" for one in open_ones)
                raise DemoFailed(f"The time is over, and these orders have not ended: {names}.")
            if self.killed_at is None and len(self.log.runs()) >= kill_after:
                self.kill_worker()
                self.start_worker()
            self.approve_who_waits()
            time.sleep(0.005)
        if self.killed_at is None:
            raise DemoFailed("All orders ended before the worker could be killed.")
        self.say("all orders have ended")

    # ---- The proof ---------------------------------------------------------------------------------

    def judge(self) -> tuple[str, list[str]]:
        """The sums in words, and what is wrong."""
        wrong: list[str] = []
        runs: dict[str, list[timeline.Run]] = {}
        for run in self.log.runs():
            runs.setdefault(run.key, []).append(run)
        lost = twice_recorded = shipped = 0
        for one, fate in self.orders.items():
            description, history = self.client.describe(one), self.client.history(one)
            if description.status != "Completed" or description.output != fate.end:
                outcome = description.output or description.failure
                wrong.append(f"{one} is {description.status} ({outcome}), expected was '{fate.end}'.")
            shipped += str(description.output).startswith("shipped")
            steps = tuple(event["name"] for event in history if event["kind"] == "ActivityScheduled")
            if steps != fate.steps:
                wrong.append(f"{one} went through {', '.join(steps)}; expected were {', '.join(fate.steps)}.")
            scheduled = timeline.scheduled(one, history)
            results = timeline.results(one, history)
            lost += sum(key not in results or key not in runs for key in scheduled)
            twice_recorded += sum(len(recorded) > 1 for recorded in results.values())
            for key in scheduled:
                again = len(runs.get(key, [])) - 1
                if again > (key in self.cut):
                    wrong.append(f"Activity {key} ran {again + 1} times, though no kill asked for it.")
        if lost:
            wrong.append(f"{lost} steps are lost: there is no run, or no result on disk.")
        if twice_recorded:
            wrong.append(f"{twice_recorded} steps have their result twice in the history.")
        again = sum(len(each) > 1 for each in runs.values())
        sums = (
            f"{len(self.orders)} orders finished: "
            f"{shipped} shipped, {len(self.orders) - shipped} compensated;\n"
            f"{len(runs)} steps ran, {again} of them twice because their process died before their result "
            f"was on disk;\n{lost} lost, {twice_recorded} recorded twice"
        )
        return sums, wrong

    def show(self) -> None:
        log = self.log.runs()
        for one, fate in self.orders.items():
            print()
            for line in timeline.of_order(
                one, f"{fate.item}, {fate.price} EUR", fate.words, self.client.history(one), log,
                workers=self.workers, begin=self.begin, killed_at=self.killed_at,
            ):  # fmt: skip
                print(line)


def run(options: argparse.Namespace) -> int:
    """The command `demo`: 0 if all went as promised."""
    if not options.store.startswith("sqlite:") or not 1 <= options.orders <= 60:
        print("order: The demo needs a store in a file (sqlite:PATH) and 1 to 60 orders.", file=sys.stderr)
        return 2
    log = timeline.SideLog(Path(options.store.removeprefix("sqlite:")).with_suffix(".log"))
    log.path.unlink(missing_ok=True)
    orders = {f"order-{number + 1}": FATES[number % len(FATES)] for number in range(options.orders)}
    with perdure.Store(options.store) as store, perdure.Client(store) as client:
        demo = Demo(client, options.store, log, options.seed, orders)
        try:
            demo.run()
            demo.show()
            sums, wrong = demo.judge()
        except perdure.AlreadyExists:
            sums, wrong = "", [f"{options.store} has orders already: give the demo a store of its own."]
        except DemoFailed as broken:
            sums, wrong = "", [str(broken)]
        finally:
            demo.stop_worker()
    if sums:
        print(f"\n{timeline.emphasis(sums, bool(wrong))}")
    for sentence in wrong:
        print(f"order: {sentence}", file=sys.stderr)
    return 1 if wrong else 0
