"""What every instance is promised, on SQLite with the real library, with ends, breaks and restarts."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from rig import WAIT, Rig

import perdure

pytestmark = pytest.mark.library

Context = perdure.OrchestrationContext
Make = Callable[..., Rig]


@perdure.activity
def step(ctx: perdure.ActivityContext, value: Any) -> Any:
    return value


@perdure.orchestration
async def waits(ctx: Context, value: Any) -> Any:
    return [value, await ctx.wait_for_event("go")]


@perdure.orchestration
async def counter(ctx: Context) -> int:
    """Adds what it is called with, and says after each call how much it has."""
    total = 0

    def add(number: int) -> int:
        nonlocal total
        total += number
        return total

    ctx.on_call("add", add)
    await ctx.wait_for_event("stop")
    return total


def test_an_end_is_final(rig: Make) -> None:
    world = rig(waits)
    world.client.start(waits, 1, instance="i")
    world.client.raise_event("i", "go", 2)
    assert world.client.result("i", WAIT) == [1, 2]
    before, history = world.client.describe("i"), world.client.history("i")
    for _ in range(2):
        client = world.client
        for change in (
            lambda client=client: client.raise_event("i", "go", 3),
            lambda client=client: client.enqueue("i", "q", 3),
            lambda client=client: client.cancel("i"),
            lambda client=client: client.terminate("i"),
            lambda client=client: client.suspend("i"),
            lambda client=client: client.retry("i"),
        ):
            with pytest.raises(perdure.WrongStatus):
                change()
        assert client.describe("i") == before
        assert client.history("i") == history
        world.restart()


def test_an_attempt_that_its_process_did_not_end_is_made_again(rig: Make) -> None:
    seen: List[Any] = []
    release = threading.Event()

    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> str:
        seen.append((ctx.attempt, ctx.idempotency_key))
        if len(seen) == 1:
            release.wait(WAIT)
            return "too late"
        return "done"

    @perdure.orchestration
    async def calls(ctx: Context) -> Any:
        return await ctx.activity(work)

    world = rig(work, calls)
    world.client.start(calls, instance="i")
    world.until(lambda: seen)
    world.restart()
    assert world.client.result("i", WAIT) == "done"
    release.set()
    assert seen == [(1, "i/1/1"), (2, "i/1/1")]
    assert world.kinds("i").count("ActivityCompleted") == 1


def test_turns_of_two_runtimes_on_one_file_follow_each_other(rig: Make) -> None:
    world = rig(counter)
    with perdure.Store(world.url) as store, perdure.Runtime(store, [counter]), perdure.Client(store) as other:
        for item in range(4):
            world.client.start(counter, instance=f"i-{item}")

        def ask(number: int) -> Any:
            client = (world.client, other)[number % 2]
            return client.call(f"i-{number % 4}", "add", 1, WAIT)

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(ask, range(80)))
        assert sorted(answers) == sorted([*range(1, 21)] * 4), "no two calls saw the same total"
        world.restart()
        for item in range(4):
            world.client.raise_event(f"i-{item}", "stop")
            assert world.client.result(f"i-{item}", WAIT) == 20
            events = world.client.history(f"i-{item}")
            assert [event["id"] for event in events] == list(range(1, len(events) + 1))


def test_a_store_that_is_busy_only_delays(rig: Make) -> None:
    world = rig(step, counter)
    world.stop()
    with perdure.Store(world.url, busy_timeout=0.05) as store, perdure.Runtime(store, [counter]):
        client = perdure.Client(store)
        client.start(counter, instance="i")
        assert client.call("i", "add", 1, WAIT) == 1
        other = sqlite3.connect(world.url[len("sqlite:") :], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(perdure.StoreBusy):
            client.raise_event("i", "x")
        other.execute("ROLLBACK")
        other.close()
        assert client.call("i", "add", 1, WAIT) == 2
        client.raise_event("i", "stop")
        assert client.result("i", WAIT) == 2
    world.start([step, counter])


def test_a_quarantined_instance_stops_no_other(rig: Make) -> None:
    @perdure.orchestration(name="waits")
    async def other_code(ctx: Context, value: Any) -> Any:
        if value == "sick":
            return await ctx.activity(step, value)
        return [value, await ctx.wait_for_event("go")]

    world = rig(waits)
    for item in ("sick", "sound"):
        world.client.start(waits, item, instance=item)
        world.until_history(item, "EventSubscribed")
    world.restart(other_code, step)
    for item in ("sick", "sound"):
        world.client.raise_event(item, "go", 1)
    assert world.client.result("sound", WAIT) == ["sound", 1]
    world.until(lambda: world.client.status("sick") == "Quarantined")
    assert world.run(other_code, "sick", instance="new") == "sick"
    failure = world.client.describe("sick").failure
    assert failure is not None
    for part in (
        "'sick'",
        "execution 1",
        "event 2",
        "expected a wait for event 'go'",
        "found activity 'step'",
    ):
        assert part in failure.message, failure.message


def test_a_history_that_cannot_be_read_stops_no_other(rig: Make) -> None:
    world = rig(waits)
    for item in ("damaged", "sound"):
        world.client.start(waits, 1, instance=item)
        world.until_history(item, "EventSubscribed")
    world.stop()
    with sqlite3.connect(world.url[len("sqlite:") :]) as file:
        file.execute(
            "UPDATE history SET json = 'no event' "
            "WHERE instance = (SELECT pk FROM instances WHERE id = 'damaged') AND event = 2"
        )
    file.close()
    world.start([waits])
    for item in ("damaged", "sound"):
        world.client.raise_event(item, "go", 2)
    assert world.client.result("sound", WAIT) == [1, 2]
    world.until(lambda: world.client.status("damaged") == "Quarantined")
    failure = world.client.describe("damaged").failure
    assert failure is not None
    assert failure.type == "perdure.CorruptHistory"


DEADLY = """
    import os, sys
    import perdure

    @perdure.activity
    def deadly(ctx: perdure.ActivityContext) -> None:
        with open(sys.argv[2], "a") as log:
            log.write(f"{ctx.attempt}\\n")
        os._exit(9)

    @perdure.orchestration
    async def careful(ctx: perdure.OrchestrationContext) -> list:
        try:
            return await ctx.activity(deadly)
        except perdure.ActivityFailed as error:
            return error.type

    with perdure.Store(sys.argv[1]) as store, perdure.Runtime(store, [deadly, careful]):
        print(perdure.Client(store).result("i", 60))
"""


def test_an_activity_that_kills_its_process_is_poison(tmp_path: Path, environment: Dict[str, str]) -> None:
    program, log, url = tmp_path / "deadly.py", tmp_path / "log", f"sqlite:{tmp_path / 'test.sqlite'}"
    program.write_text(textwrap.dedent(DEADLY))
    with perdure.Store(url) as store:
        perdure.Client(store).start("careful", instance="i")
    command = [sys.executable, str(program), url, str(log)]
    codes = []
    for _ in range(11):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        codes.append(done.returncode)
    assert codes == [9] * 10 + [0], done.stderr
    assert done.stdout == "perdure.Poison\n"
    assert log.read_text().split() == [str(number) for number in range(1, 11)]


UNCAUGHT = """
import os, signal, sys, time
import perdure

cure = sys.argv[2]

@perdure.activity
def deadly(ctx: perdure.ActivityContext) -> str:
    if not os.path.exists(cure):
        os.kill(os.getpid(), signal.SIGKILL)
    return f"attempt {ctx.attempt}"

@perdure.orchestration
async def careless(ctx: perdure.OrchestrationContext) -> str:
    return await ctx.activity(deadly)

with perdure.Store(sys.argv[1]) as store, perdure.Runtime(store, [careless, deadly]):
    client = perdure.Client(store)
    while client.status("i") != ("Completed" if os.path.exists(cure) else "Quarantined"):
        time.sleep(0.002)
"""


def test_an_instance_under_which_processes_died_goes_on_after_a_retry(
    tmp_path: Path, environment: Dict[str, str]
) -> None:
    program, cure, url = tmp_path / "deadly.py", tmp_path / "cure", f"sqlite:{tmp_path / 'test.sqlite'}"
    program.write_text(textwrap.dedent(UNCAUGHT))
    command = [sys.executable, str(program), url, str(cure)]
    with perdure.Store(url) as store, perdure.Client(store) as client:
        client.start("careless", instance="i")
        codes = [subprocess.run(command, env=environment, timeout=60).returncode for _ in range(11)]
        assert codes == [-9] * 10 + [0]
        failure = client.describe("i").failure
        assert failure is not None
        assert failure.type == "perdure.Poison"
        assert client.retry("i") == "Running"
        cure.touch()
        assert subprocess.run(command, env=environment, timeout=60).returncode == 0
        assert client.describe("i").output == "attempt 1"


# ---- The same on every store ---------------------------------------------------------------------


@perdure.activity(retry=perdure.RetryPolicy(max_attempts=3, initial_interval=0.001))
def flaky(ctx: perdure.ActivityContext, number: int) -> int:
    if ctx.attempt < 2:
        raise OSError("not yet")
    return number * number


@perdure.activity
def declines(ctx: perdure.ActivityContext) -> None:
    raise ValueError("no")


@perdure.orchestration
async def child(ctx: Context, number: int) -> int:
    ctx.kv.set("number", number)
    squared = await ctx.activity(flaky, number)
    ctx.publish("ready", number)
    return squared + await ctx.wait_for_event("add")


@perdure.orchestration
async def mixed(ctx: Context, round_: int) -> Any:
    """A bit of everything, one thing after the other: what happens does not depend on who is faster."""
    guids = [str(ctx.new_guid()), ctx.random()]
    ctx.set_custom_status({"round": round_})
    ctx.kv.set("round", round_)
    for topic in ("news", "ready"):
        ctx.subscribe(topic)
    seen = [await ctx.activity(flaky, 3), await ctx.dequeue("q"), await ctx.dequeue("q")]
    kid = ctx.sub_orchestration(child, 4)
    seen.append(await ctx.wait_for_topic("ready"))
    await ctx.raise_event(f"{ctx.instance_id}.{ctx.execution_id}.{CHILD}", "add", 5)
    seen.append(await kid)
    for failing in (ctx.activity(declines), ctx.raise_event("nobody", "x"), ctx.read_kv("nobody", "k")):
        try:
            await failing
        except perdure.PerdureError as error:
            seen.append(getattr(error, "type", ""))
    try:
        await asyncio.wait_for(asyncio.gather(ctx.wait_for_event("never"), ctx.timer(3600)), 0.01)
    except asyncio.TimeoutError:
        seen.append("timeout")
    ctx.publish("news", "extra")
    seen.append(await ctx.wait_for_topic("news"))
    ctx.kv.prune_before(ctx.now() - timedelta(hours=1))
    if round_ == 1:
        ctx.kv.clear("round")
        ctx.continue_as_new(2)
    return [seen, guids, ctx.kv.all(), ctx.start_detached(child, 1)]


#: The number of the action that starts the child.
CHILD = 8


def play(store: perdure.Store, restart: Callable[[perdure.Store], perdure.Store]) -> Any:
    """Runs `mixed`; its result, description and histories, without times."""
    definitions = [mixed, child, flaky, declines]
    with perdure.Client(store) as client:
        client.start(mixed, 1, instance="m", attributes={"a": "b"}, memo=[1], priority=3)
        for number in range(4):
            client.enqueue("m", "q", number)
    store = restart(store)
    with perdure.Runtime(store, definitions), perdure.Client(store) as client:
        result = client.result("m", WAIT)
        row = client.describe("m")
        histories = [client.history("m", execution=number) for number in (1, 2)]
        histories.append(client.history(f"m.1.{CHILD}"))
        seen = (result, row.status, row.execution, row.custom_status, row.custom_status_version,
                row.attributes, row.memo, row.priority, client.kv("m"))  # fmt: skip
        with pytest.raises(perdure.WrongStatus) as late:
            client.raise_event("m", "late")
    store.close()
    text = json.dumps([[without_times(event) for event in history] for history in histories], indent=1)
    return seen, str(late.value), text


def without_times(event: Dict[str, Any]) -> Dict[str, Any]:
    left = {name: value for name, value in event.items() if name not in ("at", "fireAt")}
    if "failure" in left:
        left["failure"] = {**left["failure"], "stack": ""}
    return left


def test_a_program_is_the_same_on_every_store(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'test.sqlite'}"

    def reopen(store: perdure.Store) -> perdure.Store:
        store.close()
        return perdure.Store(url)

    memory = play(perdure.Store("memory:"), lambda store: store)
    assert play(perdure.Store(url), reopen) == memory
    assert memory[0][0][0] == [
        9,
        2,
        3,
        4,
        21,
        "ValueError",
        "perdure.NotFound",
        "perdure.NotFound",
        "timeout",
        "extra",
    ]
