"""What operators look at, on both stores and after a restart."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Iterator, List

import pytest
from rig import WAIT, Rig

import perdure

pytestmark = pytest.mark.library

Make = Callable[..., Rig]
GO = {"open": False}


@perdure.activity
def pay(ctx: perdure.ActivityContext, amount: int) -> int:
    if amount < 0:
        raise ValueError("declined")
    while amount == 99 and not GO["open"] and not ctx.is_cancelled():
        ctx.heartbeat({"at": amount})
        time.sleep(0.005)
    return amount


@perdure.activity
def later(ctx: perdure.ActivityContext) -> Any:
    return ctx.defer()


@perdure.orchestration
async def order(ctx: perdure.OrchestrationContext, amount: int) -> int:
    paid = await ctx.activity(pay, amount)
    await ctx.wait_for_event("go")
    return paid


RETRY = perdure.RetryPolicy(max_attempts=5, backoff="fixed", initial_interval=300, max_interval=300)


@perdure.orchestration
async def much(ctx: perdure.OrchestrationContext) -> None:
    """Opens one of everything."""
    ctx.kv.set("key", "value")
    ctx.subscribe("news")
    await asyncio.gather(
        ctx.activity(pay, -1, retry=RETRY),
        ctx.activity(pay, 99),
        ctx.activity("nobody", None),
        ctx.activity(pay, 1, tag="gpu"),
        ctx.activity(later),
        ctx.timer(3600),
        ctx.wait_for_event("go"),
        ctx.dequeue("q"),
        ctx.wait_for_topic("news"),
        ctx.sub_orchestration(waiting, instance="kid"),
    )


@perdure.orchestration
async def waiting(ctx: perdure.OrchestrationContext) -> Any:
    return await ctx.wait_for_event("go")


@perdure.orchestration
async def rounds(ctx: perdure.OrchestrationContext, left: int) -> int:
    await ctx.wait_for_event("next")
    if left > 1:
        ctx.continue_as_new(left - 1)
    return left


@perdure.orchestration
async def family(ctx: perdure.OrchestrationContext, depth: int) -> None:
    if depth > 0:
        await asyncio.gather(*(ctx.sub_orchestration(family, depth - 1) for _ in range(2)))
    await ctx.wait_for_event("end")


ALL = [pay, later, order, much, waiting, rounds, family]


@pytest.fixture(params=["sqlite", "memory"])
def world(request: Any, rig: Make) -> Iterator[Rig]:
    GO["open"] = False
    yield rig(*ALL, memory=request.param == "memory")
    GO["open"] = True


def until_state(world: Rig, instance: str, *states: str) -> perdure.Inspection:
    def find() -> Any:
        inspection = world.client.management().inspect(instance)
        found = [each.state for each in inspection.activities]
        return inspection if sorted(found) == sorted(states) else None

    inspection: perdure.Inspection = world.until(find)
    return inspection


def is_running(world: Rig, instance: str) -> bool:
    found = list(world.client.list(prefix=instance))
    return bool(found) and found[0].status == "Running"


def test_inspect_shows_all_that_is_open(world: Rig) -> None:
    world.client.start(much, instance="m")
    states = ("backoff", "running", "waiting", "waiting", "deferred")
    for _ in range(2):
        world.until(lambda: is_running(world, "kid"))
        found = until_state(world, "m", *states)
        assert found.description.status == "Running"
        assert "nobody" in (found.description.pending_reason or "")
        (node,) = world.client.management().nodes()
        assert found.owner in (node.id, None)
        failing = found.activities[0]
        assert (failing.name, failing.attempt, failing.failures) == ("pay", 1, 1)
        assert failing.last_failure is not None
        assert failing.last_failure.message == "declined"
        assert failing.next_attempt_at is not None
        assert failing.started_at is not None
        assert failing.next_attempt_at - failing.scheduled_at >= 300_000
        assert found.activities[1].node == node.id
        assert found.activities[3].tag == "gpu"
        assert found.activities[3].started_at is None
        assert [(each.kind, each.name) for each in found.waits] == [
            ("event", "go"), ("queue", "q"), ("topic", "news"),
        ]  # fmt: skip
        assert len(found.timers) == 1
        assert found.timers[0].fire_at >= found.timers[0].since + 3_590_000
        assert [(each.instance, each.status) for each in found.children] == [("kid", "Running")]
        assert found.subscriptions == ["news"]
        assert (found.sizes.kv_keys, found.sizes.kv_bytes) == (1, len("key") + len('"value"'))
        assert found.sizes.history_events == found.description.event_count
        assert found.sizes.history_bytes > 500
        world.restart()
    assert world.client.terminate("m") == "Terminated"
    ended = world.client.management().inspect("m")
    assert (ended.activities, ended.waits, ended.children, ended.timers) == ([], [], [], [])


def test_why_names_each_cause_and_what_to_do(world: Rig) -> None:
    world.client.start(much, instance="m")
    until_state(world, "m", "backoff", "running", "waiting", "waiting", "deferred")
    world.until(lambda: is_running(world, "kid"))
    (node,) = world.client.management().nodes()

    def settled() -> Any:
        why = world.client.management().why("m")
        return why if "turn" not in [each.kind for each in why.waiting_for] else None

    why: perdure.Why = world.until(settled)
    causes = {each.kind: each for each in why.waiting_for}
    assert set(causes) == {
        "activityBackoff", "activityRunning", "activityUnserved", "activityDeferred", "timer", "event",
        "queue", "topic", "child",
    }  # fmt: skip
    assert why.summary.startswith("Instance 'm' waits for ")
    assert why.summary.endswith("and 7 more.")
    assert "declined" in causes["activityBackoff"].released_by
    assert causes["activityRunning"].served_by == [node.id]
    assert causes["event"].name == "go"
    assert "Raise event 'go'" in causes["event"].advice
    assert causes["timer"].until is not None
    unserved = [each.name for each in why.waiting_for if each.kind == "activityUnserved"]
    assert unserved == ["nobody", "pay"]
    inner = causes["child"].why
    assert inner is not None
    assert inner.summary == "Instance 'kid' waits for event 'go'."
    world.client.terminate("m")
    assert world.client.management().why("m").waiting_for == []
    with pytest.raises(perdure.NotFound):
        world.client.management().why("unknown")


def test_why_of_what_cannot_go_on(world: Rig) -> None:
    client, ask = world.client, world.client.management().why
    client.start("unknown", instance="u")
    client.start(waiting, instance="v", version="9.0.0")
    client.start(waiting, instance="d", delay=3600)
    client.start(waiting, instance="s")
    client.suspend("s", "audit")
    kinds = {name: [each.kind for each in ask(name).waiting_for] for name in "uvds"}
    assert kinds["u"][0] == "noRuntime"
    assert kinds["v"][0] == "noRuntime"
    assert kinds["d"] == ["startsLater"]
    assert kinds["s"][0] == "suspended"
    assert "registers 'unknown'" in ask("u").waiting_for[0].advice
    assert "serves 1.0.0 only" in ask("v").waiting_for[0].advice
    assert "audit" in ask("s").summary
    assert client.describe("u").pending_reason == (
        "no living runtime serves 'unknown'; it goes on when one does"
    )


def test_executions_tree_and_ancestors(world: Rig) -> None:
    client, management = world.client, world.client.management()
    client.start(rounds, 3, instance="r")
    for turn in range(2):
        client.raise_event("r", "next")
        world.until(lambda turn=turn: client.describe("r").execution == turn + 2)
    found = management.executions("r")
    assert [each.execution for each in found] == [1, 2, 3]
    assert [each.status for each in found[:2]] == ["ContinuedAsNew", "ContinuedAsNew"]
    assert found[0].started_at is not None
    assert found[0].ended_at is not None
    assert found[2].ended_at is None
    assert [each.execution for each in management.executions("r", after=1, limit=1)] == [2]

    client.start(family, 2, instance="f")
    world.until(lambda: len(management.tree("f").root.children) == 2)
    world.until(lambda: all(len(each.children) == 2 for each in management.tree("f").root.children))
    tree = management.tree("f")
    assert not tree.truncated
    leaf = tree.root.children[0].children[1]
    assert [each.instance for each in management.ancestors(leaf.instance)] == [
        tree.root.children[0].instance, "f",
    ]  # fmt: skip
    assert management.tree("f", depth=1).truncated
    assert management.tree("f", limit=3).truncated
    assert management.tree(leaf.instance).root.children == []
    assert client.management().instance_statistics("f").children_by_status["Running"] == 2


def test_statistics_count_every_change(world: Rig) -> None:
    client = world.client
    ids = [client.start(waiting, instance=f"w{number}") for number in range(6)]
    world.until(lambda: all(client.status(each) == "Running" for each in ids))
    client.raise_event("w0", "go")
    client.wait("w0", WAIT)
    client.terminate("w1")
    client.suspend("w2")
    client.start("unknown", instance="u")
    for _ in range(2):
        found = client.management().statistics()
        assert found.counts.by_status == {
            "Pending": 1, "Running": 3, "Suspended": 1, "Completed": 1, "Terminated": 1,
        }  # fmt: skip
        assert (found.counts.total, found.counts.open, found.counts.ended) == (7, 5, 2)
        assert found.counts.durations is not None
        assert found.counts.durations.count == 2
        by_name = {(each.name, each.version): each.total for each in found.orchestrations if each.total}
        assert by_name == {("unknown", None): 1, ("waiting", "1.0.0"): 6}
        assert client.management().statistics(waiting).counts.total == 6
        world.restart()
        client = world.client
    client.delete("w0")
    client.delete("w3", force=True)
    assert client.management().statistics().counts.total == 5


def test_queues_and_nodes_say_what_waits_and_who_works(world: Rig) -> None:
    client = world.client
    client.start(order, 99, instance="o")
    client.start(much, instance="m")
    until_state(world, "m", "backoff", "running", "waiting", "waiting", "deferred")
    client.start("unknown", instance="u")
    client.raise_event("nobody-yet", "go", keep=True)
    queues = client.management().queues()
    rows = {(each.name, each.tag): each for each in queues.activities}
    assert (rows["pay", None].running, rows["pay", None].backoff) == (2, 1)
    assert rows["pay", None].claimable
    assert not rows["nobody", None].claimable
    assert rows["nobody", None].waiting == 1
    assert rows["nobody", None].oldest_waiting is not None
    assert rows["pay", "gpu"].waiting == 1
    assert not rows["pay", "gpu"].claimable
    assert rows["later", None].deferred == 1
    assert queues.ready_instances == 1
    assert queues.oldest_ready is not None
    assert queues.kept_messages == 1
    (node,) = client.management().nodes()
    assert node.held_activities == 2
    assert (node.pid is None) == (world.url == "memory:")


def test_list_finds_by_what_instances_are(world: Rig) -> None:
    client = world.client
    before = int(time.time() * 1000)
    for number in range(5):
        labels = {"city": "Bern" if number % 2 else "Köln", "n": str(number)}
        client.start(waiting, instance=f"i{number}", attributes=labels)
    client.start("unknown", instance="u", attributes={"city": "Bern"})
    world.until(lambda: all(client.status(f"i{number}") == "Running" for number in range(5)))
    client.terminate("i4")
    ended = client.describe("i4").ended_at
    assert ended is not None

    def ids(**filters: Any) -> List[str]:
        return [each.instance for each in client.list(page_size=2, **filters)]

    for _ in range(2):
        assert ids(attributes={"city": "Bern"}) == ["i1", "i3", "u"]
        assert ids(attributes={"city": "Bern"}, order="newest") == ["u", "i3", "i1"]
        assert ids(attributes={"city": "Bern", "n": "3"}) == ["i3"]
        assert ids(attributes={"city": "bern"}) == []
        assert ids(status=["Pending", "Terminated"]) == ["i4", "u"]
        assert ids(status=["Pending", "Running"], order="newest") == ["u", "i3", "i2", "i1", "i0"]
        assert ids(version="1.0.0", status="Running") == ["i0", "i1", "i2", "i3"]
        assert ids(ended_from=ended, ended_to=ended + 1) == ["i4"]
        assert ids(ended_to=ended) == []
        assert ids(created_from=before, roots_only=True, prefix="i") == [f"i{n}" for n in range(5)]
        tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
        assert ids(created_from=tomorrow) == []
        assert ids(updated_to=tomorrow, parent="i0") == []
        world.restart()
        client = world.client
    client.delete("i1", force=True)
    assert ids(attributes={"city": "Bern"}) == ["i3", "u"]
    with pytest.raises(perdure.InvalidArgument, match="order"):
        ids(order="sideways")


def test_a_followed_history_comes_over_all_executions(world: Rig) -> None:
    client = world.client
    client.start(rounds, 3, instance="r")
    seen = []
    for event in client.follow("r", timeout=WAIT):
        seen.append((event["execution"], event["kind"]))
        if event["kind"] == "EventSubscribed":
            client.raise_event("r", "next")
    assert [execution for execution, _ in seen] == sorted(execution for execution, _ in seen)
    assert seen[-1] == (3, "OrchestrationCompleted")
    assert [kind for _, kind in seen].count("OrchestrationContinuedAsNew") == 2
    whole = [
        (number, event["kind"]) for number in (1, 2, 3) for event in client.history("r", execution=number)
    ]
    assert seen == whole
    assert [event["id"] for event in client.follow("r", execution=3, after=1)] == [
        event["id"] for event in client.history("r", execution=3)[1:]
    ]


def test_following_waits_and_times_out(world: Rig) -> None:
    world.client.start(waiting, instance="w")
    world.until_history("w", "EventSubscribed")
    feed = world.client.follow("w", timeout=0.05)
    with pytest.raises(perdure.TimedOut):
        for _ in feed:
            pass
    with pytest.raises(perdure.NotFound):
        next(iter(world.client.follow("unknown")))

    async def main() -> List[str]:
        client = perdure.AsyncClient(world.client)
        kinds = []
        async for event in client.follow("w", timeout=WAIT):
            kinds.append(event["kind"])
            if event["kind"] == "EventSubscribed":
                await client.raise_event("w", "go", 7)
        return kinds

    assert asyncio.run(main())[-1] == "OrchestrationCompleted"
