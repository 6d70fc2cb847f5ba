"""The package with the real library, on SQLite."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, List

import pytest

import perdure

pytestmark = pytest.mark.library
WAIT = 20


@dataclass
class Item:
    name: str
    count: int


@dataclass
class Basket:
    items: List[Item]


class Declined(Exception):
    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.details = {"code": code}


@perdure.activity
def double(ctx: perdure.ActivityContext, value: int) -> int:
    return value * 2


@perdure.activity(name="async-double")
async def async_double(ctx: perdure.ActivityContext, value: int) -> int:
    await asyncio.sleep(0.001)
    return value * 2


@perdure.activity
def about_me(ctx: perdure.ActivityContext) -> List[Any]:
    return [ctx.instance_id, ctx.execution_id, ctx.orchestration, ctx.name, ctx.attempt, ctx.idempotency_key]


@perdure.activity
def decline(ctx: perdure.ActivityContext) -> None:
    try:
        raise KeyError("card")
    except KeyError as error:
        raise Declined("the card was declined", 51) from error


@perdure.activity
def bad_result(ctx: perdure.ActivityContext) -> Any:
    return {"when": object()}


@perdure.activity
def grow(ctx: perdure.ActivityContext, basket: Basket) -> Basket:
    return Basket([Item(item.name, item.count + 1) for item in basket.items])


@perdure.orchestration
async def numbers(ctx: perdure.OrchestrationContext, count: int) -> int:
    work = [ctx.activity(double if item % 2 else async_double, item) for item in range(count)]
    return sum(await asyncio.gather(*work))


@perdure.orchestration
async def call(ctx: perdure.OrchestrationContext, name: str) -> Any:
    return await ctx.activity(name)


@perdure.orchestration
async def baskets(ctx: perdure.OrchestrationContext, basket: Basket) -> List[int]:
    grown = await ctx.activity(grow, basket)
    return [item.count for item in grown.items]


@perdure.orchestration
async def approval(ctx: perdure.OrchestrationContext) -> Any:
    ctx.set_custom_status("waiting")
    try:
        decision = await asyncio.wait_for(ctx.wait_for_event("decision"), 60)
    except asyncio.CancelledError:
        await ctx.activity(double, 1)
        raise
    ctx.set_custom_status(None)
    return [decision, await ctx.dequeue("notes"), await ctx.dequeue("notes")]


@perdure.orchestration
async def counter(ctx: perdure.OrchestrationContext, n: int) -> List[int]:
    if n < 5:
        ctx.continue_as_new(n + 1)
    return [n, ctx.execution_id]


@perdure.orchestration
async def family(ctx: perdure.OrchestrationContext) -> Any:
    detached = [ctx.start_detached(counter, 5, instance="detached"), ctx.start_detached(counter, 5)]
    try:
        await ctx.sub_orchestration(call, "decline")
    except perdure.SubOrchestrationFailed as error:
        return [error.type, await ctx.sub_orchestration(counter, 0, instance="child"), detached]


@perdure.orchestration
async def naps(ctx: perdure.OrchestrationContext) -> float:
    begin = ctx.now()
    await asyncio.sleep(0.05)
    return (ctx.now() - begin).total_seconds()


ACTIVITIES = [double, async_double, about_me, decline, bad_result, grow]
ORCHESTRATIONS = [numbers, call, baskets, approval, counter, family, naps]


@pytest.fixture
def client(store: perdure.Store) -> Iterator[perdure.Client]:
    with perdure.Runtime(store, [*ACTIVITIES, *ORCHESTRATIONS]), perdure.Client(store) as client:
        yield client


def test_plain_and_async_activities(client: perdure.Client) -> None:
    assert client.result(client.start(numbers, 50), WAIT) == 50 * 49


def test_an_activity_knows_its_attempt(client: perdure.Client) -> None:
    instance = client.start(call, "about_me", instance="me")
    assert client.result(instance, WAIT) == ["me", 1, "call", "about_me", 1, "me/1/1"]


def test_a_failure_comes_through_whole(client: perdure.Client) -> None:
    with pytest.raises(perdure.OrchestrationFailed) as caught:
        client.result(client.start(call, "decline"), WAIT)
    failure = caught.value.failure
    assert (failure.type, failure.message) == ("Declined", "the card was declined")
    assert failure.details == {"code": 51}
    assert "test_end_to_end.py" in (failure.stack or "")
    assert failure.cause is not None
    assert failure.cause.type == "KeyError"


def test_a_result_that_is_not_json_fails_the_activity(client: perdure.Client) -> None:
    with pytest.raises(perdure.OrchestrationFailed, match="at when is of type object"):
        client.result(client.start(call, "bad_result"), WAIT)


def test_dataclasses_by_type_hints(client: perdure.Client) -> None:
    assert client.result(client.start(baskets, Basket([Item("pen", 1), Item("ink", 2)])), WAIT) == [2, 3]


def test_an_input_that_does_not_fit_fails_the_orchestration(client: perdure.Client) -> None:
    with pytest.raises(perdure.OrchestrationFailed, match="Basket"):
        client.result(client.start("baskets", {"wrong": 1}), WAIT)


def test_events_queues_and_status(client: perdure.Client) -> None:
    instance = client.start(approval)
    client.enqueue(instance, "notes", "first")
    client.enqueue(instance, "notes", "zweite ü 🦄")
    while client.describe(instance).custom_status != "waiting":
        time.sleep(0.01)
    client.raise_event(instance, "decision", {"ok": True})
    assert client.result(instance, WAIT) == [{"ok": True}, "first", "zweite ü 🦄"]
    assert client.describe(instance).custom_status is None
    with pytest.raises(perdure.WrongStatus):
        client.raise_event(instance, "decision")


def test_cancel_lets_the_code_clean_up(client: perdure.Client) -> None:
    instance = client.start(approval)
    while client.describe(instance).custom_status != "waiting":
        time.sleep(0.01)
    client.cancel(instance, "changed my mind")
    with pytest.raises(perdure.OrchestrationCancelled):
        client.result(instance, WAIT)
    kinds = [event["kind"] for event in client.history(instance)]
    assert kinds[-1] == "OrchestrationCancelled"
    assert "ActivityCompleted" in kinds


def test_continue_as_new_children_and_detached(client: perdure.Client) -> None:
    instance = client.start(family, instance="parent")
    assert client.result(instance, WAIT) == ["Declined", [5, 6], ["detached", "parent.1.2"]]
    assert client.result("detached", WAIT) == client.result("parent.1.2", WAIT) == [5, 1]
    assert client.describe("child").parent is not None


def test_a_timer_is_not_early(client: perdure.Client) -> None:
    begin = time.monotonic()
    assert client.result(client.start(naps), WAIT) >= 0.05
    assert time.monotonic() - begin >= 0.05


def test_start_many_tells_each_one_apart(client: perdure.Client) -> None:
    started = client.start_many(
        [
            perdure.StartRequest(numbers, 1, instance="one"),
            perdure.StartRequest("numbers", 2, instance="one"),
            perdure.StartRequest(numbers, 3),
        ]
    )
    assert started[0] == "one"
    assert isinstance(started[1], perdure.AlreadyExists)
    assert client.result(str(started[2]), WAIT) == 6
    with pytest.raises(perdure.AlreadyExists):
        client.start(numbers, 1, instance="one")


def test_list_history_and_delete(client: perdure.Client) -> None:
    ids = [client.start(numbers, item, instance=f"n-{item:02}") for item in range(25)]
    for each in ids:
        client.result(each, WAIT)
    listed = [each.instance for each in client.list(orchestration=numbers, prefix="n-", page_size=10)]
    assert sorted(listed) == ids
    assert {each.status for each in client.list(status="Completed", prefix="n-")} == {"Completed"}
    history = client.history("n-03")
    assert [event["id"] for event in history] == list(range(1, len(history) + 1))
    assert client.delete("n-03") == ["n-03"]
    with pytest.raises(perdure.NotFound):
        client.describe("n-03")


def test_waiting_ends_at_the_timeout(client: perdure.Client) -> None:
    instance = client.start(approval)
    with pytest.raises(perdure.TimedOut):
        client.wait(instance, 0.05)
    with pytest.raises(perdure.NotFound):
        client.wait("nobody", 1)


def test_closing_a_client_ends_its_waits(store: perdure.Store) -> None:
    with perdure.Runtime(store, [double, approval]):
        client = perdure.Client(store)
        instance = client.start(approval)
        threading.Timer(0.1, client.close).start()
        with pytest.raises(perdure.Closed):
            client.wait(instance)
        with pytest.raises(perdure.InvalidHandle, match="client is closed"):
            client.describe(instance)


def test_the_async_client(store: perdure.Store) -> None:
    async def use() -> None:
        async with perdure.AsyncClient(store) as client:
            ids = await asyncio.gather(*(client.start(numbers, item) for item in range(20)))
            results = await asyncio.gather(*(client.result(each, WAIT) for each in ids))
            assert results == [item * (item - 1) for item in range(20)]
            waiting = await client.start(approval)
            with pytest.raises(perdure.TimedOut):
                await client.wait(waiting, 0.02)
            await client.cancel(waiting)
            assert (await client.wait(waiting, WAIT)).status == "Cancelled"
            assert (await client.status(ids[0])) == "Completed"
            assert len(await client.list(orchestration=numbers)) == 20
            assert (await client.history(ids[0]))[-1]["kind"] == "OrchestrationCompleted"
            assert await client.delete(ids[0]) == [ids[0]]
            with pytest.raises(perdure.NotFound):
                await client.describe(ids[0])

    with perdure.Runtime(store, [*ACTIVITIES, *ORCHESTRATIONS]):
        asyncio.run(use())


@pytest.mark.parametrize("options", [{"cache": False}, {"cached_instances": 1}, {"activity_slots": 1}])
def test_every_setting_gives_the_same_results(store: perdure.Store, options: Any) -> None:
    with perdure.Runtime(store, [*ACTIVITIES, *ORCHESTRATIONS], **options), perdure.Client(store) as client:
        ids = [client.start(numbers, item) for item in range(10)]
        assert [client.result(each, WAIT) for each in ids] == [item * (item - 1) for item in range(10)]


def test_slots_bound_the_activities_that_run_at_once(store: perdure.Store) -> None:
    running, most, lock = 0, 0, threading.Lock()

    @perdure.activity
    def work(ctx: perdure.ActivityContext) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1

    @perdure.orchestration
    async def many(ctx: perdure.OrchestrationContext) -> None:
        await asyncio.gather(*(ctx.activity(work) for _ in range(12)))

    with perdure.Runtime(store, [work, many], activity_slots=3), perdure.Client(store) as client:
        client.result(client.start(many), WAIT)
    assert most == 3


def test_a_slow_activity_holds_up_nobody_else(store: perdure.Store) -> None:
    release = threading.Event()

    @perdure.activity
    def slow(ctx: perdure.ActivityContext) -> str:
        release.wait(WAIT)
        return "slow"

    @perdure.orchestration
    async def two(ctx: perdure.OrchestrationContext) -> Any:
        waiting = ctx.activity(slow)
        quick = [await ctx.activity(double, item) for item in range(3)]
        release.set()
        return [quick, await waiting]

    with perdure.Runtime(store, [slow, double, two], activity_slots=2), perdure.Client(store) as client:
        assert client.result(client.start(two), WAIT) == [[0, 2, 4], "slow"]


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_cancelled_activity_is_told(store: perdure.Store, kind: str) -> None:
    told = threading.Event()

    @perdure.activity(name="work")
    def plain(ctx: perdure.ActivityContext) -> None:
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            if ctx.is_cancelled():
                told.set()
                return
            time.sleep(0.01)

    @perdure.activity(name="work")
    async def task(ctx: perdure.ActivityContext) -> None:
        try:
            await asyncio.sleep(WAIT)
        except asyncio.CancelledError:
            told.set()
            raise

    @perdure.orchestration
    async def impatient(ctx: perdure.OrchestrationContext) -> str:
        try:
            await asyncio.wait_for(ctx.activity("work"), 0.2)
        except asyncio.TimeoutError:
            await asyncio.sleep(1)
            return "gave up"
        return "done"

    definitions = [plain if kind == "plain" else task, impatient]
    with perdure.Runtime(store, definitions), perdure.Client(store) as client:
        assert client.result(client.start(impatient), WAIT) == "gave up"
        assert told.wait(5)


def test_stopping_waits_for_running_activities(store: perdure.Store) -> None:
    began, ended = threading.Event(), []

    @perdure.activity
    def slow(ctx: perdure.ActivityContext) -> str:
        began.set()
        time.sleep(0.3)
        ended.append(True)
        return "done"

    @perdure.orchestration
    async def one(ctx: perdure.OrchestrationContext) -> str:
        return await ctx.activity(slow)

    with perdure.Client(store) as client:
        with perdure.Runtime(store, [slow, one]):
            instance = client.start(one)
            assert began.wait(WAIT)
        assert ended == [True]
        with perdure.Runtime(store, [slow, one]):
            assert client.result(instance, WAIT) == "done"
        assert ended == [True], "the result was on disk: it need not run again"


def test_a_runtime_that_is_gone_stays_quiet(store: perdure.Store) -> None:
    runtime = perdure.Runtime(store, [double, numbers]).start()
    runtime.stop()
    runtime.stop()
    with pytest.raises(perdure.WrongStatus, match="before the runtime is started"):
        runtime.register(call)
    with pytest.raises(perdure.WrongStatus):
        runtime.start()


def test_names_are_registered_once(store: perdure.Store) -> None:
    @perdure.activity(name="double")
    def other(ctx: perdure.ActivityContext) -> None: ...

    with perdure.Runtime(store, [double]) as runtime:
        assert runtime is not None
    with pytest.raises(perdure.InvalidArgument, match="'double' is registered already"):
        perdure.Runtime(store, [double, other])
    with pytest.raises(perdure.InvalidArgument, match="not decorated"):
        perdure.Runtime(store, [len])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("call_", "named"),
    [
        (lambda client: client.start("x\0y"), "NUL character at position 1"),
        (lambda client: client.start("x", "\ud800"), "surrogate"),
        (lambda client: client.start("x", float("inf")), "inf"),
        (lambda client: client.start(5), "must be a str, not int"),
        (lambda client: client.raise_event("i", "n", {1, 2}), "of type set"),
        (lambda client: client.describe("\0"), "NUL"),
        (lambda client: client.cancel("i", "\udfff"), "surrogate"),
    ],
)
def test_arguments_are_checked_before_they_reach_the_library(
    client: perdure.Client, call_: Any, named: str
) -> None:
    with pytest.raises(perdure.InvalidArgument, match=named):
        call_(client)


def test_a_store_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(perdure.StoreError, match="no-such-folder"):
        perdure.Store(f"sqlite:{tmp_path}/no-such-folder/x.sqlite")
    with pytest.raises(perdure.PerdureError, match="oracle"):
        perdure.Store("oracle:x")
    foreign = tmp_path / "foreign.sqlite"
    foreign.write_bytes(b"not a database at all" * 100)
    with pytest.raises(perdure.StoreError):
        perdure.Store(f"sqlite:{foreign}")
    assert foreign.read_bytes() == b"not a database at all" * 100


def test_nondeterminism_sets_the_instance_aside(store: perdure.Store) -> None:
    @perdure.orchestration(name="fickle")
    async def after(ctx: perdure.OrchestrationContext) -> Any:
        return await ctx.activity(double, 1)

    @perdure.orchestration(name="fickle")
    async def before(ctx: perdure.OrchestrationContext) -> Any:
        await ctx.wait_for_event("go")

    with perdure.Client(store) as client:
        with perdure.Runtime(store, [before]):
            instance = client.start("fickle")
            while len(client.history(instance)) < 2:
                time.sleep(0.01)
        with perdure.Runtime(store, [after, *ACTIVITIES]):
            client.raise_event(instance, "go")
            deadline = time.monotonic() + WAIT
            while client.status(instance) != "Quarantined" and time.monotonic() < deadline:
                time.sleep(0.01)
            description = client.describe(instance)
    assert description.status == "Quarantined"
    assert description.failure is not None
    assert description.failure.type == "perdure.Nondeterminism"


def test_the_log_of_orchestrations_goes_where_it_is_sent(
    store: perdure.Store, caplog: pytest.LogCaptureFixture
) -> None:
    @perdure.orchestration
    async def talks(ctx: perdure.OrchestrationContext) -> None:
        ctx.log.info("before")
        await ctx.activity(double, 1)
        ctx.log.warning("after %d", 1)

    with caplog.at_level("INFO", "perdure"):
        perdure.log_to()
        with perdure.Runtime(store, [double, talks], cache=False), perdure.Client(store) as client:
            client.result(client.start(talks, instance="talker"), WAIT)
        # Log records travel by themselves: the result may be faster.
        lines: List[str] = []
        deadline = time.monotonic() + WAIT
        while len(lines) < 2 and time.monotonic() < deadline:
            lines = [record.message for record in caplog.records if "talker" in record.message]
            time.sleep(0.01)
    assert lines == ["talker: before", "talker: after 1"]


def test_memory_stores() -> None:
    definitions = [double, async_double, numbers]
    with (
        perdure.Store("memory:") as store,
        perdure.Runtime(store, definitions),
        perdure.Client(store) as client,
    ):
        assert client.result(client.start(numbers, 10), WAIT) == 90
