"""Starting, messaging and completing inside of a transaction of the application's own, on PostgreSQL."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import perdure
import postgres
import psycopg
import pytest

WAIT = 30.0
Connection = psycopg.Connection[Any]


@perdure.orchestration
async def echo(ctx: perdure.OrchestrationContext, value: Any) -> Any:
    return value


@perdure.orchestration
async def gather(ctx: perdure.OrchestrationContext) -> Any:
    return [await ctx.wait_for_event("item"), await ctx.dequeue("items"), await ctx.dequeue("items")]


@perdure.orchestration
async def buys(ctx: perdure.OrchestrationContext, amount: int) -> Any:
    return await ctx.activity("pay", amount, retry=perdure.RetryPolicy(initial_interval=0.01))


class World:
    """A store in the schema "perdure" of a server of its own, an application's table beside it, and
    runtimes."""

    def __init__(self, server: postgres.Postgres, schema: str) -> None:
        self.schema = schema
        self.conninfo = f"host=127.0.0.1 port={server.port} user=perdure dbname=postgres"
        self.store = perdure.Store(server.url(schema))
        self.client = perdure.Client(self.store)
        self.database = self.connect()
        self.database.execute("CREATE TABLE IF NOT EXISTS public.orders(id TEXT PRIMARY KEY, amount INTEGER)")
        self.database.execute("TRUNCATE public.orders")
        self.runtimes: list[perdure.Runtime] = []

    def connect(self) -> Connection:
        return psycopg.connect(self.conninfo, autocommit=True)

    def serve(self, *definitions: Any) -> None:
        self.runtimes.append(perdure.Runtime(self.store, definitions).start())

    def call(self, database: Connection, function: str, *arguments: Any, **named: Any) -> Any:
        """SELECT schema.function(...)"""
        places = ["%s"] * len(arguments) + [f"{name} => %s" for name in named]
        statement = f"SELECT {self.schema}.{function}({', '.join(places)})"
        row = database.execute(statement, [*arguments, *named.values()]).fetchone()
        assert row is not None
        return row[0]

    def until(self, condition: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + WAIT
        while not (found := condition()):
            assert time.monotonic() < deadline, "it did not come true"
            time.sleep(0.005)
        return found

    def orders(self) -> list[tuple[str, int]]:
        return self.database.execute("SELECT id, amount FROM public.orders ORDER BY id").fetchall()

    def close(self) -> None:
        for runtime in self.runtimes:
            runtime.stop(0)
        self.client.close()
        self.store.close()
        self.database.close()


@pytest.fixture
def world(server: postgres.Postgres, request: pytest.FixtureRequest) -> Iterator[World]:
    world = World(server, f"t{abs(hash(request.node.name))}")
    yield world
    world.close()


VALUES: list[Any] = [None, 1.5, "ä\n\"\u0001 ' $body$ %", [], {"a": None, "b": [1, {"c": None}]}, 2**53]


def test_a_start_happens_with_its_transaction(world: World) -> None:
    world.serve(echo)
    for number, value in enumerate(VALUES):
        name = f"o-{number}'\"\\\u0001\u0002"
        with world.database.transaction():
            world.database.execute("INSERT INTO public.orders VALUES(%s, 1)", [name])
            assert world.call(world.database, "start", name, "echo", json.dumps(value)) == name
        assert world.client.result(name, WAIT) == value
    counts = world.client.management().statistics("echo").counts
    assert counts.by_status == {"Completed": len(VALUES)}
    made = world.call(world.database, "start", None, "echo")
    assert world.client.result(made, WAIT) is None


def test_what_is_rolled_back_never_was(world: World) -> None:
    world.serve(echo)
    with pytest.raises(ZeroDivisionError), world.database.transaction():
        world.call(world.database, "start", "gone", "echo", "1")
        raise ZeroDivisionError
    world.call(world.database, "start", "there", "echo", "1")
    assert world.client.result("there", WAIT) == 1
    with pytest.raises(perdure.NotFound):
        world.client.describe("gone")


def test_a_start_may_have_a_version_a_priority_and_a_time(world: World) -> None:
    world.call(
        world.database, "start", "later", "echo", "1", version="1.0.0", priority=7, start_at="2090-01-01"
    )
    found = world.client.describe("later")
    assert (found.status, found.version, found.priority) == ("Pending", "1.0.0", 7)
    world.serve(echo)
    world.client.cancel("later", "only that wakes it")
    assert world.client.result("later", WAIT) == 1


def test_messages_reach_an_instance_in_their_order(world: World) -> None:
    world.serve(gather)
    world.client.raise_event("g", "item", 1, keep=True)
    with world.database.transaction():
        world.call(world.database, "start", "g", "gather")
        world.call(world.database, "enqueue", "g", "items", '{"a": 1}')
    world.until(lambda: any(each["kind"] == "QueueMessageReceived" for each in world.client.history("g")))
    world.call(world.database, "enqueue", "g", "items")
    assert world.client.result("g", WAIT) == [1, {"a": 1}, None]
    world.client.start(gather, instance="h")
    world.until(lambda: len(world.client.history("h")) > 1)
    world.call(world.database, "raise_event", "h", "item", '"x"')
    world.call(world.database, "enqueue", "h", "items", "2")
    world.call(world.database, "enqueue", "h", "items", "3")
    assert world.client.result("h", WAIT) == ["x", 2, 3]


REFUSALS: dict[str, tuple[tuple[Any, ...], str]] = {
    "start": (("", "echo"), "instance must be a text of 1 to 512 bytes"),
    "start ": (("a", None), "orchestration must be a text"),
    "start  ": (("perdure.x", "echo"), "reserved"),
    "start   ": (("done", "echo"), "instance 'done' exists already"),
    "start    ": (("a", "echo", "1", "new"), "version 'new' must be"),
    "start     ": (("a", "echo", "1", None, 1001), "priority 1001"),
    "start      ": (("a", "echo", "{"), "invalid input syntax for type json"),
    "raise_event": (("nobody", "item"), "there is no instance 'nobody'"),
    "raise_event ": (("done", "item"), "instance 'done' has ended: it is Completed"),
    "raise_event  ": (("done", None), "name must be a text"),
    "enqueue": (("done", "perdure.q"), "reserved"),
    "complete_activity": (("1.1.1.done",), "the attempt is over"),
    "complete_activity ": (("x",), "the attempt is over"),
    "complete_activity  ": ((None,), "the attempt is over"),
    "complete_activity   ": ((f"{10**30}.1.1.done",), "the attempt is over"),
}


def test_what_makes_no_sense_is_refused_and_leaves_nothing(world: World) -> None:
    world.serve(echo)
    world.client.result(world.client.start(echo, 1, instance="done"), WAIT)
    tables = (
        f"SELECT (SELECT count(*) FROM {world.schema}.instances), (SELECT count(*) FROM {world.schema}.inbox)"
    )
    before = world.database.execute(tables).fetchone()
    for function, (arguments, why) in REFUSALS.items():
        with pytest.raises(psycopg.Error, match=why):
            world.call(world.database, function.strip(), *arguments)
    assert world.database.execute(tables).fetchone() == before


def test_an_activity_and_its_effect_are_one_transaction(world: World) -> None:
    lives = []

    @perdure.activity
    def pay(ctx: perdure.ActivityContext, amount: int) -> Any:
        lives.append(ctx.attempt)
        with world.connect() as database, database.transaction():
            database.execute("INSERT INTO public.orders VALUES(%s, %s)", [ctx.instance_id, amount])
            if ctx.attempt == 1:
                raise OSError("it died before the end of the transaction")
            world.call(database, "complete_activity", ctx.token, '"paid"')
        return ctx.defer()

    world.serve(buys, pay)
    assert world.client.result(world.client.start(buys, 30, instance="b"), WAIT) == "paid"
    assert lives == [1, 2]
    assert world.orders() == [("b", 30)]
    kinds = [event["kind"] for event in world.client.history("b")]
    assert kinds.count("ActivityCompleted") == 1


def test_an_attempt_that_another_has_overtaken_leaves_no_effect(world: World) -> None:
    tokens: list[str] = []

    @perdure.activity
    def pay(ctx: perdure.ActivityContext, amount: int) -> Any:
        tokens.append(ctx.token)
        return ctx.defer()

    world.serve(buys, pay)
    world.client.start(buys, 1, instance="b")
    management = world.client.management()
    world.until(lambda: tokens)
    world.until(lambda: management.inspect("b").activities[0].state == "deferred")
    management.retry_activity("b", 1)
    world.until(lambda: len(tokens) == 2)
    with pytest.raises(psycopg.Error, match="the attempt is over"), world.database.transaction():
        world.database.execute("INSERT INTO public.orders VALUES('late', 1)")
        world.call(world.database, "complete_activity", tokens[0], "1")
    with world.database.transaction():
        world.database.execute("INSERT INTO public.orders VALUES('right', 1)")
        world.call(world.database, "complete_activity", tokens[1], "2")
    assert world.client.result("b", WAIT) == 2
    assert world.orders() == [("right", 1)]


def test_runtimes_hear_of_it_at_once(world: World) -> None:
    world.serve(echo)
    world.client.result(world.client.start(echo, 1), WAIT)
    begin = time.monotonic()
    for number in range(5):
        world.call(world.database, "start", f"i-{number}", "echo", str(number))
        assert world.client.result(f"i-{number}", WAIT) == number
    assert time.monotonic() - begin < 2.5, "it waited for the slow look"
