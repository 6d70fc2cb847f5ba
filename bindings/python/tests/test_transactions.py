"""Starting, messaging and completing inside of a transaction of the application's own, on the same SQLite
file."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Callable, Iterator

import pytest
from rig import WAIT, Rig

import perdure

pytestmark = pytest.mark.library

Make = Callable[..., Rig]


@perdure.orchestration
async def echo(ctx: perdure.OrchestrationContext, value: Any) -> Any:
    return value


@perdure.orchestration
async def gather(ctx: perdure.OrchestrationContext) -> Any:
    return [await ctx.wait_for_event("item"), await ctx.dequeue("items"), await ctx.dequeue("items")]


@perdure.orchestration
async def buys(ctx: perdure.OrchestrationContext, amount: int) -> Any:
    return await ctx.activity("pay", amount, retry=perdure.RetryPolicy(initial_interval=0.01))


@pytest.fixture
def world(rig: Make) -> Iterator[Rig]:
    world = rig(echo, gather)
    world.database = connect(world)  # type: ignore[attr-defined]
    yield world
    world.database.close()  # type: ignore[attr-defined]


def connect(world: Rig) -> sqlite3.Connection:
    database = sqlite3.connect(world.url.removeprefix("sqlite:"), isolation_level=None)
    database.execute("CREATE TABLE IF NOT EXISTS orders(id TEXT PRIMARY KEY, amount INTEGER NOT NULL)")
    return database


def begin(database: sqlite3.Connection, instance: str, value: Any, **more: Any) -> None:
    columns = {"instance": instance, "orchestration": "echo", "input": json.dumps(value), **more}
    names = ", ".join(columns)
    marks = ", ".join("?" for _ in columns)
    database.execute(f"INSERT INTO perdure_start({names}) VALUES({marks})", [*columns.values()])


VALUES: list[Any] = [None, 1.5, 'ä\n"\u0001', [], {"a": None, "b": [1, {"c": None}]}, 2**53]


def test_a_start_happens_with_its_transaction(world: Any) -> None:
    for number, value in enumerate(VALUES):
        with world.database as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO orders VALUES(?, 1)", [f"o-{number}"])
            begin(database, f"o-{number}", value)
        assert world.client.result(f"o-{number}", WAIT) == value
    counts = world.client.management().statistics("echo").counts
    assert (counts.total, counts.by_status) == (len(VALUES), {"Completed": len(VALUES)})


def test_what_is_rolled_back_never_was(world: Any) -> None:
    world.database.execute("BEGIN IMMEDIATE")
    begin(world.database, "gone", 1)
    world.database.execute("ROLLBACK")
    begin(world.database, "there", 1)
    assert world.client.result("there", WAIT) == 1
    with pytest.raises(perdure.NotFound):
        world.client.describe("gone")
    assert world.client.management().statistics("echo").counts.total == 1


def test_a_start_may_have_a_version_a_priority_and_a_time(world: Any) -> None:
    world.runtime.stop(0)
    begin(world.database, "later", 1, version="1.0.0", priority=7, start_at=4_000_000_000_000)
    begin(world.database, "now", 2, start_at=1)
    found = world.client.describe("later")
    assert (found.status, found.version, found.priority) == ("Pending", "1.0.0", 7)
    world.restart()
    assert world.client.result("now", WAIT) == 2
    assert world.client.status("later") == "Pending"
    world.client.cancel("later", "only that wakes it")
    assert world.client.result("later", WAIT) == 1


def test_messages_that_were_kept_come_first(world: Any) -> None:
    world.client.raise_event("g", "item", 1, keep=True)
    world.client.enqueue("g", "items", 2, keep=True)
    with world.database as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO perdure_start(instance, orchestration) VALUES('g', 'gather')")
        database.execute("INSERT INTO perdure_enqueue(instance, queue, data) VALUES('g', 'items', '3')")
    assert world.client.result("g", WAIT) == [1, 2, 3]
    assert world.client.management().queues().kept_messages == 0


def test_messages_wake_an_instance_that_sleeps(world: Any) -> None:
    world.client.start(gather, instance="g")
    world.until_history("g", "EventSubscribed")
    with world.database as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO perdure_raise(instance, name, data) VALUES('g', 'item', '\"x\"')")
        database.execute("INSERT INTO perdure_enqueue(instance, queue) VALUES('g', 'items')")
        database.execute(
            "INSERT INTO perdure_enqueue(instance, queue, data) VALUES('g', 'items', '{\"a\":1}')"
        )
    assert world.client.result("g", WAIT) == ["x", None, {"a": 1}]


REFUSALS = {
    "perdure_start(orchestration) VALUES('echo')": "instance must be a text",
    "perdure_start(instance, orchestration) VALUES('', 'echo')": "instance must be a text",
    "perdure_start(instance, orchestration) VALUES(1, 'echo')": "instance must be a text",
    "perdure_start(instance) VALUES('a')": "orchestration must be a text",
    "perdure_start(instance, orchestration) VALUES('perdure.x', 'echo')": "reserved",
    "perdure_start(instance, orchestration) VALUES('done', 'echo')": "exists already",
    "perdure_start(instance, orchestration, input) VALUES('a', 'echo', '{')": "input is not JSON",
    "perdure_start(instance, orchestration, version) VALUES('a', 'echo', 'new')": "version must be",
    "perdure_start(instance, orchestration, priority) VALUES('a', 'echo', 1001)": "priority must be",
    "perdure_start(instance, orchestration, priority) VALUES('a', 'echo', 'x')": "priority must be",
    "perdure_start(instance, orchestration, start_at) VALUES('a', 'echo', -1)": "start_at must be",
    "perdure_raise(instance, name) VALUES('nobody', 'item')": "no such instance",
    "perdure_raise(name) VALUES('item')": "no such instance",
    "perdure_raise(instance, name) VALUES('done', 'item')": "has ended",
    "perdure_raise(instance) VALUES('done')": "name must be a text",
    "perdure_enqueue(instance, queue, data) VALUES('done', 'q', 'x')": "data is not JSON",
    "perdure_enqueue(instance, queue) VALUES('done', 'perdure.q')": "reserved",
    "perdure_complete(token) VALUES('1.1.1.done')": "the attempt is over",
    "perdure_complete(token) VALUES('x')": "the attempt is over",
    "perdure_complete DEFAULT VALUES": "the attempt is over",
}


@pytest.mark.parametrize("statement", REFUSALS)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(world: Any, statement: str) -> None:
    world.run(echo, 1, instance="done")
    before = list(world.database.iterdump())
    with pytest.raises(sqlite3.IntegrityError, match=REFUSALS[statement]):
        world.database.execute(f"INSERT INTO {statement}")
    assert list(world.database.iterdump()) == before


def test_an_activity_and_its_effect_are_one_transaction(rig: Make) -> None:
    lives = []

    @perdure.activity
    def pay(ctx: perdure.ActivityContext, amount: int) -> Any:
        lives.append(ctx.attempt)
        with connect(world) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO orders VALUES(?, ?)", [ctx.instance_id, amount])
            if ctx.attempt == 1:
                raise OSError("it died before the end of the transaction")
            database.execute("INSERT INTO perdure_complete VALUES(?, ?)", [ctx.token, json.dumps("paid")])
        return ctx.defer()

    world = rig(buys, pay)
    assert world.run(buys, 30, instance="b") == "paid"
    assert lives == [1, 2]
    database = connect(world)
    assert database.execute("SELECT id, amount FROM orders").fetchall() == [("b", 30)]
    assert world.kinds("b").count("ActivityCompleted") == 1
    database.close()


def test_an_attempt_that_another_has_overtaken_leaves_no_effect(rig: Make) -> None:
    tokens: list[str] = []

    @perdure.activity
    def pay(ctx: perdure.ActivityContext, amount: int) -> Any:
        tokens.append(ctx.token)
        return ctx.defer()

    world = rig(buys, pay)
    world.client.start(buys, 1, instance="b")
    world.until(lambda: tokens)
    management = world.client.management()
    world.until(lambda: management.inspect("b").activities[0].state == "deferred")
    management.retry_activity("b", 1)
    world.until(lambda: len(tokens) == 2)
    database = connect(world)
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO orders VALUES('late', 1)")
    with pytest.raises(sqlite3.IntegrityError, match="the attempt is over"):
        database.execute("INSERT INTO perdure_complete VALUES(?, '1')", [tokens[0]])
    database.execute("ROLLBACK")
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO orders VALUES('right', 1)")
    database.execute("INSERT INTO perdure_complete VALUES(?, '2')", [tokens[1]])
    database.execute("COMMIT")
    assert world.client.result("b", WAIT) == 2
    assert database.execute("SELECT id FROM orders").fetchall() == [("right",)]
    database.close()
