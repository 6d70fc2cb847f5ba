"""Several processes on one SQLite file: roles, rolling deploys, drains, and who waits how long."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest
from rig import WAIT

import perdure

pytestmark = pytest.mark.library

MEMBER = Path(__file__).parent / "fleet_member.py"
Member = subprocess.Popen


class Fleet:
    """A store, and processes that come and go."""

    def __init__(self, folder: Path, environment: Dict[str, str]) -> None:
        self.environment = environment
        self.url = f"sqlite:{folder / 'fleet.sqlite'}"
        self.trace = folder / "trace"
        self.gate = folder / "gate"
        self.members: List[Member] = []
        self.store = perdure.Store(self.url)
        self.client = perdure.Client(self.store)
        self.management = self.client.management()

    def join(self, **role: Any) -> int:
        """Starts a process; returns its id when it is there."""
        command = [sys.executable, str(MEMBER), self.url, json.dumps(role), str(self.trace)]
        member = Member(command, env=self.environment)
        self.members.append(member)
        self.until(lambda: self.node(member.pid))
        return member.pid

    def node(self, pid: int) -> Any:
        return next((each for each in self.management.nodes() if each.pid == pid), None)

    def service(self, pid: int) -> Dict[str, Any]:
        """What the row of a process says."""
        with contextlib.closing(sqlite3.connect(self.url.partition(":")[2], timeout=WAIT)) as file:
            row = file.execute("SELECT service FROM nodes WHERE pid = ?", [pid]).fetchone()
        said: Dict[str, Any] = json.loads(row[0])
        return said

    def say(self, pid: int, service: Dict[str, Any]) -> None:
        """As another release would."""
        with contextlib.closing(sqlite3.connect(self.url.partition(":")[2], timeout=WAIT)) as file, file:
            file.execute("UPDATE nodes SET service = ? WHERE pid = ?", [json.dumps(service), pid])

    def member(self, pid: int) -> Member:
        return next(each for each in self.members if each.pid == pid)

    def tell_to_end(self, pid: int) -> Member:
        self.member(pid).send_signal(signal.SIGTERM)
        return self.member(pid)

    def drain(self, pid: int) -> None:
        """As a deploy does: SIGTERM, and wait."""
        assert self.tell_to_end(pid).wait(WAIT) == 0

    def until(self, condition: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + WAIT
        while not (found := condition()):
            assert time.monotonic() < deadline, "it did not come true"
            time.sleep(0.01)
        return found

    def begun(self) -> List[Tuple[str, int, float]]:
        """Instance, process and moment of each run of `slow`, in the order of their moments."""
        lines = self.trace.read_text().splitlines() if self.trace.exists() else []
        found = [line.split() for line in lines]
        return sorted(((name, int(pid), float(at)) for name, pid, at in found), key=lambda each: each[2])

    def close(self) -> None:
        for member in self.members:
            if member.poll() is None:
                member.kill()
            member.wait()
        self.client.close()
        self.store.close()


@pytest.fixture
def fleet(tmp_path: Path, environment: Dict[str, str]) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path, environment)
    yield fleet
    fleet.close()


# ---- Roles ----------------------------------------------------------------------------------------------


def test_each_process_does_what_its_role_says(fleet: Fleet) -> None:
    turns = fleet.join(serves=["routed"])
    plain = fleet.join(serves=["where"])
    graphics = fleet.join(serves=["where"], tags=["gpu"], untagged=False)
    roles = {each.pid: each for each in fleet.management.nodes()}
    assert "routed" in roles[turns].orchestrations
    assert "where" not in roles[turns].activities
    assert (roles[plain].tags, roles[plain].untagged) == ([], True)
    assert (roles[graphics].tags, roles[graphics].untagged) == (["gpu"], False)
    ids = [fleet.client.start("routed", ["", "gpu", "", "gpu"]) for _ in range(20)]
    for each in ids:
        assert fleet.client.result(each, WAIT) == [plain, graphics, plain, graphics]


def test_a_name_waits_for_the_process_that_serves_it(fleet: Fleet) -> None:
    fleet.join(serves=["work", "slow"])
    orphan = fleet.client.start("routed", [""])
    assert fleet.client.result(fleet.client.start("work", 0.0), WAIT) == fleet.members[0].pid
    assert fleet.client.status(orphan) == "Pending"
    assert "a runtime that serves 'routed'" in fleet.management.why(orphan).summary
    other = fleet.join(serves=["routed", "where"])
    assert fleet.client.result(orphan, WAIT) == [other]


def test_nodes_tell_what_each_process_holds(fleet: Fleet) -> None:
    one, two = fleet.join(serves=["waits"]), fleet.join(serves=["work", "slow"], slots=3)
    waiting = [fleet.client.start("waits") for _ in range(5)]
    running = [fleet.client.start("work", str(fleet.gate)) for _ in range(3)]
    fleet.until(lambda: fleet.node(one).owned_instances == 5)
    fleet.until(lambda: fleet.node(two).held_activities == 3)
    assert (fleet.node(one).held_activities, fleet.node(two).owned_instances) == (0, 3)
    for each in waiting:
        fleet.client.raise_event(each, "go")
    assert {fleet.client.result(each, WAIT) for each in waiting} == {"went"}
    fleet.gate.touch()
    assert {fleet.client.result(each, WAIT) for each in running} == {two}


# ---- Rolling deploy -------------------------------------------------------------------------------------


class Load(threading.Thread):
    """Starts instances until it is told to end."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.ids: List[str] = []
        self.told = threading.Event()
        self.error: Any = None

    def run(self) -> None:
        try:
            with perdure.Store(self.url) as store, perdure.Client(store) as client:
                while not self.told.wait(0.004):
                    self.ids.append(client.start("flow", instance=f"flow-{len(self.ids)}"))
        except Exception as error:
            self.error = error

    def end(self) -> List[str]:
        self.told.set()
        self.join()
        assert self.error is None
        return self.ids


def test_a_rolling_deploy_loses_nothing_and_each_instance_ends_with_its_version(fleet: Fleet) -> None:
    client, load = fleet.client, Load(fleet.url)
    old = [fleet.join(flows=["1.0.0"], serves=["where"]) for _ in range(2)]
    load.start()
    fleet.until(lambda: len(load.ids) > 30)
    # One by one: first processes that know both versions...
    for pid in old:
        fleet.join(flows=["1.0.0", "2.0.0"], serves=["where"])
        fleet.drain(pid)
    middle = [each.pid for each in fleet.management.nodes()]
    known = len(load.ids)
    fleet.until(lambda: len(load.ids) > known + 30)
    # ...then one that knows the new one only, beside one of these until what began with the old one is done.
    new = fleet.join(flows=["2.0.0"], serves=["where"])
    fleet.drain(middle[0])
    ids = load.end()
    fleet.until(lambda: all(client.describe(each).version for each in ids))
    pinned = {each: client.describe(each).version for each in ids}
    assert min(Counter(pinned.values()).values()) > 10, "both versions were begun"
    for each in ids:
        client.raise_event(each, "go")

    def has_old() -> bool:
        counts = fleet.management.statistics("flow").orchestrations
        return any(each.open for each in counts if each.version == "1.0.0")

    fleet.until(lambda: not has_old())
    fleet.drain(middle[1])
    assert [each.pid for each in fleet.management.nodes()] == [new]
    results: Dict[str, Any] = {each: client.result(each, WAIT) for each in ids}
    assert {each: result["version"] for each, result in results.items()} == pinned
    assert len({pid for result in results.values() for pid in result["pids"]}) == 5, "all processes worked"
    repeated = [each for each in ids if len(kinds := _kinds(client, each)) != len(set(kinds))]
    assert not repeated


def _kinds(client: perdure.Client, instance: str) -> List[Tuple[str, int]]:
    """Each event with the action that it belongs to: none may be there twice."""
    return [(each["kind"], each.get("action", 0)) for each in client.history(instance)]


# ---- Upgrades -------------------------------------------------------------------------------------------


def test_releases_that_do_not_read_each_other_do_not_work_on_one_store(fleet: Fleet) -> None:
    pid = fleet.join(serves=["where"])
    said = fleet.service(pid)
    assert (said["writes"], said["readsFrom"], said["readsTo"]) == (1, 1, 1)
    assert said["release"] == perdure.library_version()
    other = perdure.Store(fleet.url)

    def refused(call: Callable[[], object], *, what: str) -> None:
        with pytest.raises(perdure.StoreForeign, match=f"process {pid} .*Stop it first") as caught:
            call()
        assert what in str(caught.value)

    for change, what in (
        ({"release": "9.0.0", "writes": 2, "readsTo": 2}, "release 9.0.0 and writes format 2"),
        ({"release": "9.1.0", "readsFrom": 2, "readsTo": 2, "writes": 2}, "release 9.1.0 and writes"),
        ({"release": "8.0.0", "writes": 1, "readsFrom": 2, "readsTo": 2}, "does not read format 1"),
    ):
        fleet.say(pid, {**said, **change})
        refused(lambda: perdure.Store(fleet.url), what=what)
        runtime = perdure.Runtime(other, [])
        refused(runtime.start, what=what)
        assert [each.pid for each in fleet.management.nodes()] == [pid], "it left again"
    old = {key: said[key] for key in ("orchestrations", "activities", "untagged")}
    for change in ({**said, "release": "1.5.0", "readsTo": 7}, old):
        fleet.say(pid, change)
        perdure.Store(fleet.url).close()
        perdure.Runtime(other, []).start().stop()
    other.close()


# ---- Drain ----------------------------------------------------------------------------------------------


def test_a_process_that_drains_ends_what_runs_and_leaves_the_rest_to_others_at_once(fleet: Fleet) -> None:
    client = fleet.client
    leaving = fleet.join(serves=["waits", "work", "slow"], slots=2)
    long = client.start("work", str(fleet.gate), instance="long")
    idle = [client.start("waits", instance=f"idle-{number}") for number in range(3)]
    fleet.until(lambda: fleet.node(leaving).held_activities == 1)
    fleet.until(lambda: all(len(client.history(each)) > 1 for each in idle))
    staying = fleet.join(serves=["waits", "work", "slow"])
    member = fleet.tell_to_end(leaving)
    fleet.until(lambda: fleet.node(leaving) is None or fleet.node(leaving).owned_instances == 0)
    for each in idle:
        client.raise_event(each, "go")
    assert {client.result(each, WAIT) for each in idle} == {"went"}
    new = client.start("work", 0.0)
    assert client.result(new, WAIT) == staying
    assert member.poll() is None, "nobody waited for the activity that still runs"
    fleet.gate.touch()
    assert client.result(long, WAIT) == leaving, "its result counts"
    assert member.wait(WAIT) == 0
    assert Counter(name for name, _, _ in fleet.begun())["long"] == 1


# ---- Under overload -------------------------------------------------------------------------------------


def test_under_overload_who_came_first_is_served_first_and_nobody_starves(fleet: Fleet) -> None:
    """Twice as much comes as two processes can do."""
    count, slots, seconds = 600, 2, 0.01
    for _ in range(2):
        fleet.join(serves=["work", "slow"], slots=slots)
    oldest: List[float] = []
    begin = time.monotonic()
    for number in range(count):
        fleet.client.start("work", seconds, instance=f"work-{number}")
        if number % 50 == 0:
            queues = fleet.management.queues()
            oldest += [each.oldest_waiting or 0.0 for each in queues.activities]
            oldest.append(queues.oldest_ready or 0.0)
    for number in range(count):
        fleet.client.result(f"work-{number}", WAIT)
    took = time.monotonic() - begin
    begun = fleet.begun()
    assert len(begun) == count
    numbers = [int(name.split("-")[1]) for name, _, _ in begun]
    ahead = max(abs(place - number) for place, number in enumerate(numbers))
    shares = Counter(pid for _, pid, _ in begun)
    print(f"{took:.2f} s, at most {ahead} of {count} places off, oldest {max(oldest):.2f} s, {shares}")
    assert ahead <= count // 4
    assert min(shares.values()) >= count // 5, "both did their part"
    assert max(oldest) <= took


def test_a_write_wakes_each_process_once_and_not_a_herd(fleet: Fleet, tmp_path: Path) -> None:
    """Four idle processes hear of each start; one does the work, and the others look once or twice."""
    starts, counts = 20, tmp_path / "counts"
    pids = [fleet.join(serves=["work", "slow"], counts=str(counts)) for _ in range(4)]
    for number in range(starts):
        fleet.client.result(fleet.client.start("work", 0.0, instance=f"work-{number}"), WAIT)
    for pid in pids:
        fleet.drain(pid)
    found = [json.loads(line) for line in counts.read_text().splitlines()]
    assert len(found) == 4
    # The start, the two turns and the end of the activity: four writes of others at most, each asks for
    # instances, for activities and for what ran out of time.
    for each in found:
        assert each["commits"] <= 6 * starts, each
        assert each["commit_entries"] <= 16 * starts, each
