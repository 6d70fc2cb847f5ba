"""What a store counts: exactly what the histories hold, over restarts and several handles and processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Callable, Dict, Iterable, List

import pytest
from prometheus_client.openmetrics import parser
from rig import WAIT, Rig

import perdure

pytestmark = pytest.mark.library

Make = Callable[..., Rig]
Context = perdure.OrchestrationContext


@perdure.activity
def work(ctx: perdure.ActivityContext, number: int) -> int:
    if number % 5 == 0 and ctx.attempt == 1:
        raise ValueError("the first attempt fails")
    if number % 7 == 0:
        raise KeyError("always")
    return number


@perdure.activity
def forever(ctx: perdure.ActivityContext) -> None:
    ctx.wait_cancelled(WAIT)


@perdure.orchestration
async def kid(ctx: Context, number: int) -> int:
    return await ctx.activity(work, 1)


@perdure.orchestration
async def mixed(ctx: Context, number: int) -> int:
    """A little of everything."""
    if ctx.execution_id == 1 and number % 4 == 0:
        ctx.continue_as_new(number)
    ctx.kv.set("number", number)
    ctx.set_custom_status({"number": number})
    ctx.patched("new")
    ctx.metric("mixed.steps", 1, attributes={"odd": str(number % 2)})
    retry = perdure.RetryPolicy(max_attempts=2, backoff="none")
    try:
        await ctx.activity(work, number, retry=retry)
    except perdure.ActivityFailed:
        pass
    loser = ctx.activity(forever)
    await asyncio.sleep(0.001)
    loser.cancel()
    await ctx.sub_orchestration(kid, number)
    ctx.start_detached(kid, number)
    return number + await ctx.dequeue("numbers")


@perdure.orchestration
async def waits(ctx: Context) -> None:
    await ctx.wait_for_event("never")


DEFINITIONS = [mixed, kid, waits, work, forever]


def load(client: perdure.Client, prefix: str, count: int) -> None:
    """Instances that end in all ways."""
    for number in range(count):
        client.start(mixed, number, instance=f"{prefix}-{number}")
        client.enqueue(f"{prefix}-{number}", "numbers", 1)
        client.start(waits, instance=f"{prefix}-wait-{number}")
    for number in range(count):
        assert client.result(f"{prefix}-{number}", WAIT) == number + 1
        if number % 3 == 0:
            client.terminate(f"{prefix}-wait-{number}")
        elif number % 3 == 1:
            client.cancel(f"{prefix}-wait-{number}")
            client.wait(f"{prefix}-wait-{number}", WAIT)
    for row in client.list(orchestration=kid):
        client.wait(row.instance, WAIT)


def held(client: perdure.Client) -> Counter[str]:
    """All events of all executions of all instances, by kind."""
    found: Counter[str] = Counter()
    for row in client.list():
        for execution in range(1, row.execution + 1):
            found.update(event["kind"] for event in client.history(row.instance, execution))
    return found


def counted(snapshots: Iterable[perdure.Metrics]) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in snapshots:
        found.update({kind: int(count) for kind, count in each.by("perdure_events", "kind").items()})
    return found


def until_equal(client: perdure.Client, snapshots: Callable[[], List[perdure.Metrics]]) -> Counter[str]:
    """What a client reads may be on disk a moment before the last turns are: looks until all stands still."""
    for _ in range(200):
        before, events = counted(snapshots()), held(client)
        if before == events == counted(snapshots()):
            break
        threading.Event().wait(0.05)
    assert before == events
    return events


@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_the_counts_are_those_of_the_histories(kind: str, tmp_path: Path) -> None:
    url = "memory:" if kind == "memory" else f"sqlite:{tmp_path / 'test.sqlite'}"
    with (
        perdure.Store(url) as store,
        perdure.Runtime(store, DEFINITIONS),
        perdure.Client(store) as client,
    ):
        load(client, "a", 12)
        events = until_equal(client, lambda: [store.metrics()])
        metrics = store.metrics()
        rows = list(client.list())
    # The load has what it was to have.
    for each in ("OrchestrationTerminated", "OrchestrationContinuedAsNew", "ActivityFailed", "TimerFired",
                 "ActivityCancelRequested", "OrchestrationCancelled", "QueueMessageReceived"):  # fmt: skip
        assert events[each] > 0, each
    assert metrics.by("perdure_instances_started", "orchestration") == Counter(
        row.orchestration for row in rows
    )
    status = Counter(row.status for row in rows)
    for each in ("Completed", "Cancelled", "Failed"):
        assert metrics.value("perdure_instances_ended", status=each) == status[each], each
    assert metrics.value("perdure_instances_terminated") == status["Terminated"] == 4
    for name, kind in (
        ("perdure_executions_continued", "OrchestrationContinuedAsNew"),
        ("perdure_activities_scheduled", "ActivityScheduled"),
        ("perdure_activities_completed", "ActivityCompleted"),
        ("perdure_activities_failed", "ActivityFailed"),
        ("perdure_activities_cancelled", "ActivityCancelRequested"),
        ("perdure_timers_fired", "TimerFired"),
    ):
        assert metrics.value(name) == events[kind], name
    assert metrics.value("perdure_activities_completed", activity="forever") == 0
    assert metrics.value("perdure_activity_attempts_retried") == 4
    assert metrics.value("perdure_messages", kind="queue") == 12
    ends = metrics["perdure_instance_duration_seconds"].series
    assert sum(each.count or 0 for each in ends) == status["Completed"] + status["Cancelled"]
    # One measurement for each execution that came so far, no more however often it was replayed.
    assert metrics["user_mixed_steps"].source == "mixed.steps"
    assert metrics.by("user_mixed_steps", "odd") == {"0": 6, "1": 6}


def test_counts_begin_anew_and_add_up_over_restarts(rig: Make) -> None:
    world = rig(*DEFINITIONS)
    load(world.client, "a", 4)
    until_equal(world.client, lambda: [world.store.metrics()])
    first = world.store
    world.client.start(waits, instance="survivor")
    world.until_history("survivor", "EventSubscribed")
    world.stop(keeps_store=True)
    before = first.metrics()
    world.stop()
    world.start(DEFINITIONS)
    assert world.store.metrics().value("perdure_turns") == 0
    load(world.client, "b", 4)
    world.client.terminate("survivor")
    until_equal(world.client, lambda: [before, world.store.metrics()])


def test_two_handles_count_what_each_has_committed(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'test.sqlite'}"
    with perdure.Store(url) as one, perdure.Store(url) as other, perdure.Client(one) as client:
        with perdure.Runtime(one, DEFINITIONS), perdure.Runtime(other, DEFINITIONS):
            load(client, "a", 8)
            until_equal(client, lambda: [one.metrics(), other.metrics()])
        assert other.metrics().value("perdure_instances_started", orchestration="mixed") == 0


PROCESS = """
import json, sys, perdure, test_metrics as program
with perdure.Store(sys.argv[1]) as store, perdure.Runtime(store, program.DEFINITIONS) as runtime:
    with perdure.Client(store) as client:
        program.load(client, "theirs", 6)
    runtime.stop(5)
    print(json.dumps(store.metrics().by("perdure_events", "kind")))
"""


def test_another_process_counts_its_own(tmp_path: Path, environment: Dict[str, str]) -> None:
    url = f"sqlite:{tmp_path / 'test.sqlite'}"
    command = [sys.executable, "-c", PROCESS, url]
    with (
        perdure.Store(url) as store,
        perdure.Client(store) as client,
        perdure.Runtime(store, DEFINITIONS),
    ):
        with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE) as process:
            load(client, "ours", 6)
            output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        theirs = Counter({kind: int(count) for kind, count in json.loads(output).items()})
        for _ in range(200):
            if counted([store.metrics()]) + theirs == held(client):
                break
            threading.Event().wait(0.05)
        assert counted([store.metrics()]) + theirs == held(client)


@perdure.orchestration
async def measures(ctx: Context) -> None:
    ctx.metric("orders.placed", 2)
    ctx.metric("orders.placed", 0.5, attributes={"shop": 'a "b"\\\n', "1st": "x", "__r": "y"})
    ctx.metric("orders.placed", -1)  # A counter does not go down.
    ctx.metric("orders.placed", 7, "gauge")
    ctx.metric("orders_placed", 1)
    ctx.metric("größe", 3.5, "histogram", {"le": "z"})
    ctx.metric("größe", 1e9, "histogram", {"le": "z"})
    ctx.metric("depth", 4, "gauge")
    ctx.metric("depth", 3, "gauge")
    for number in range(300):
        ctx.metric("many", 1, attributes={"id": str(number)})


def test_user_metrics_fit_whatever_they_are_called(rig: Make) -> None:
    world = rig(measures)
    world.run(measures)
    world.until(lambda: world.store.metrics().value("user_many") == 300)
    metrics = world.store.metrics()
    labels = {"shop": 'a "b"\\\n', "label_1st": "x", "label___r": "y"}
    # "orders.placed" and "orders_placed" come to the same.
    assert metrics.value("user_orders_placed") == 3.5
    assert {tuple(sorted(each.labels)) for each in metrics["user_orders_placed"].series} == {
        (), tuple(sorted(labels)),
    }  # fmt: skip
    assert metrics.value("user_orders_placed_gauge") == 7
    assert metrics.value("user_depth") == 3
    (size,) = metrics["user_gr__e"].series
    assert (size.labels, size.count, size.sum) == ({"label_le": "z"}, 2, 1e9 + 3.5)
    assert len(metrics["user_many"].series) == 201
    assert metrics.value("user_many", overflow="true") == 100
    assert metrics.value("perdure_user_metrics_dropped") == 1
    text = world.store.open_metrics()
    read = {family.name: family for family in parser.text_string_to_metric_families(text)}
    assert {
        tuple(sorted(sample.labels.items())): sample.value for sample in read["user_orders_placed"].samples
    } == {(): 3.0, tuple(sorted(labels.items())): 0.5}


def test_the_text_is_open_metrics_and_says_what_the_snapshot_says(rig: Make) -> None:
    world = rig(*DEFINITIONS)
    load(world.client, "a", 3)
    until_equal(world.client, lambda: [world.store.metrics()])
    text = world.store.open_metrics()
    assert text.endswith("# EOF\n")
    metrics = world.store.metrics()
    read = {family.name: family for family in parser.text_string_to_metric_families(text)}
    assert set(read) == {name for name in metrics if metrics[name].series}
    for name, family in read.items():
        ours = metrics[name]
        assert (family.type, family.unit, family.documentation) == (ours.type, ours.unit or "", ours.help)
        if ours.type == "counter" and name not in ("perdure_commits", "perdure_commit_entries"):
            assert {tuple(sorted(each.labels.items())): each.value for each in family.samples} == {
                tuple(sorted(each.labels.items())): each.value for each in ours.series
            }
        if ours.type == "histogram" and ours.unit == "seconds" and "commit" not in name:
            counts = {tuple(each.labels.items()): each.count for each in ours.series}
            for sample in family.samples:
                if sample.name.endswith("_count"):
                    assert counts[tuple(sample.labels.items())] == sample.value


def test_what_runtimes_hold_shows(rig: Make) -> None:
    world = rig(*DEFINITIONS)

    @perdure.orchestration
    async def busy(ctx: Context) -> None:
        await ctx.activity(forever)

    world.restart(*DEFINITIONS, busy)
    world.client.start(busy, instance="b")
    world.until(lambda: world.store.metrics().value("perdure_activities_running") == 1)
    metrics = world.store.metrics()
    assert metrics.value("perdure_instances_in_memory") == 1
    assert metrics.value("perdure_activity_attempts_started", activity="forever") == 1
    (waited,) = metrics["perdure_activity_start_latency_seconds"].series
    assert waited.count == 1
    world.client.cancel("b")
    world.client.wait("b", WAIT)
    world.until(lambda: world.store.metrics().value("perdure_activities_running") == 0)
    assert metrics.at >= metrics.since


def test_refusals_and_quarantines_are_counted(rig: Make) -> None:
    world = rig(waits)
    world.client.start(waits, instance="a")
    with pytest.raises(perdure.AlreadyExists):
        world.client.start(waits, instance="a")
    metrics = world.store.metrics()
    assert metrics.value("perdure_store_refusals", reason="alreadyExists") == 1
    assert metrics.value("perdure_instances_started") == 1
    world.until_history("a", "EventSubscribed")

    @perdure.orchestration(name="waits")
    async def changed(ctx: Context) -> None:
        await ctx.dequeue("other")

    world.restart(changed)
    world.client.raise_event("a", "never")
    world.until(lambda: world.client.status("a") == "Quarantined")
    assert world.store.metrics().value("perdure_instances_quarantined") == 1
    world.client.terminate("a")
    world.client.delete("a")
    assert world.store.metrics().value("perdure_instances_deleted") == 1


def test_a_closed_store_is_no_store() -> None:
    store = perdure.Store("memory:")
    store.close()
    with pytest.raises(perdure.InvalidHandle):
        store.metrics()
