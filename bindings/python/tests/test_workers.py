"""The threads that run activities, with a runtime of which the test is the engine."""

from __future__ import annotations

import json
import threading
import time
from queue import SimpleQueue
from typing import Any, Dict, Iterator, List, Optional, Set

import pytest

import perdure
from perdure._limits import Limits
from perdure._workers import ActivityWorkers, Attempts, WorkSource

SLOTS = 4
WAIT = 10


class Engine(WorkSource):
    """Gives out what the test puts in, and keeps what comes back."""

    def __init__(self) -> None:
        self.work: SimpleQueue[Optional[List[Any]]] = SimpleQueue()
        self.answers: SimpleQueue[Any] = SimpleQueue()
        self._polling = threading.Lock()

    def poll_activities(self, answers: List[str], most: int, wait: bool) -> Dict[str, Any]:
        for answer in answers:
            self.answers.put(json.loads(answer))
        work: Optional[List[Any]] = []
        if most and wait:
            assert self._polling.acquire(blocking=False), "two threads wait for work"
            work = self.work.get()
            self._polling.release()
        return {"stopped": work is None, "activities": work or [], "refused": [], "cancelled": []}

    def is_cancelled(self, token: int) -> bool:
        return False

    def give(self, *names: str) -> None:
        """All in one poll; the token of each is its place."""
        self.work.put(
            [
                {
                    "token": token,
                    "task": {
                        "instance": "i", "execution": 1, "orchestration": "o", "name": name, "attempt": 1,
                        "key": str(token),
                    },
                }
                for token, name in enumerate(names)
            ]
        )  # fmt: skip

    def answered(self, count: int) -> Set[int]:
        """The tokens of the next answers."""
        return {self.answers.get(timeout=WAIT)["token"] for _ in range(count)}


class World:
    def __init__(self) -> None:
        self.engine = Engine()
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.threads: Set[int] = set()
        self.is_slow = False

        @perdure.activity
        def quick(ctx: perdure.ActivityContext) -> None:
            self.threads.add(threading.get_ident())

        @perdure.activity
        def blocked(ctx: perdure.ActivityContext) -> None:
            self.threads.add(threading.get_ident())
            self.begun.release()
            assert self.go_on.wait(WAIT)

        @perdure.activity
        def moody(ctx: perdure.ActivityContext) -> None:
            if self.is_slow:
                self.begun.release()
                assert self.go_on.wait(WAIT)

        @perdure.activity
        def busy(ctx: perdure.ActivityContext) -> None:
            while not self.go_on.is_set():
                pass

        definitions = {"quick": quick, "blocked": blocked, "busy": busy, "moody": moody}
        self.workers = ActivityWorkers(Attempts(self.engine, definitions, Limits()), SLOTS)
        self.workers.start()


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.go_on.set()
    world.engine.work.put(None)
    world.workers.stop(WAIT)
    assert [thread.name for thread in world.workers._threads if thread.is_alive()] == []


@pytest.mark.parametrize("names", [
    ("blocked", "quick", "quick", "quick"),
    ("quick", "blocked", "quick", "quick"),
    ("quick", "quick", "quick", "blocked"),
    ("blocked", "quick", "blocked", "quick"),
    ("quick", "blocked", "blocked", "blocked"),
    ("quick", "busy", "quick", "busy"),
])  # fmt: skip
def test_no_result_and_no_activity_waits_for_one_that_takes_long(world: World, names: Any) -> None:
    world.engine.give(*names)
    quick = {token for token, name in enumerate(names) if name == "quick"}
    assert world.engine.answered(len(quick)) == quick
    world.go_on.set()
    assert world.engine.answered(len(names) - len(quick)) == set(range(len(names))) - quick


def test_there_is_work_taken_while_activities_block(world: World) -> None:
    world.engine.give(*["blocked"] * (SLOTS - 1))
    world.engine.give("quick")
    assert world.engine.answered(1) == {0}
    world.engine.give("quick")
    assert world.engine.answered(1) == {0}


def test_all_slots_may_block_and_one_more_thread_listens(world: World) -> None:
    world.engine.give(*["blocked"] * SLOTS)
    for _ in range(SLOTS):
        assert world.begun.acquire(timeout=WAIT)
    assert len(world.threads) == SLOTS
    world.engine.give("quick")
    assert world.engine.answered(1) == {0}
    assert len(world.threads) == len(world.workers._threads) == SLOTS + 1


def test_each_activity_is_answered_once(world: World) -> None:
    for _ in range(500):
        world.engine.give(*["quick"] * SLOTS)
    tokens = [world.engine.answers.get(timeout=WAIT)["token"] for _ in range(500 * SLOTS)]
    assert sorted(tokens) == sorted([*range(SLOTS)] * 500)
    assert world.engine.answers.empty()
    assert len(world.workers._threads) <= SLOTS + 1


def test_short_activities_are_run_by_few_threads(world: World) -> None:
    for _ in range(50):
        world.engine.give(*["quick"] * SLOTS)
        world.engine.answered(SLOTS)
    assert len(world.threads) <= 3


def run_alone(world: World) -> None:
    """Has the activity `moody` block that was short before, on a thread that has called no other."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        for _ in range(50):
            world.engine.give("moody")
            world.engine.answered(1)
        world.is_slow = True
        world.engine.give("moody")
        assert world.begun.acquire(timeout=WAIT)
        if world.workers._alone:
            return
        world.go_on.set()
        world.engine.answered(1)
        world.go_on.clear()
        world.is_slow = False
    raise AssertionError("none runs alone")


def test_nothing_waits_for_an_activity_that_is_suddenly_long(world: World) -> None:
    run_alone(world)
    for _ in range(3):
        world.engine.give("quick", "quick")
        assert world.engine.answered(2) == {0, 1}
    world.go_on.set()
    assert world.engine.answered(1) == {0}
    world.engine.give("quick")
    assert world.engine.answered(1) == {0}


def test_a_stop_ends_all_threads_while_one_runs_alone(world: World) -> None:
    run_alone(world)
    world.engine.work.put(None)
    world.go_on.set()
    world.workers.stop(WAIT)
    assert [thread.name for thread in world.workers._threads if thread.is_alive()] == []
