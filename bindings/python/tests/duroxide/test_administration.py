"""Counts, lists, histories, deletion and pruning."""

from __future__ import annotations

import json
import time
from typing import Any, Callable

import pytest

from perdure.duroxide import InstanceFilter, PruneOptions

from .world import World

Make = Callable[..., World]


def echo(ctx: Any, value: Any) -> Any:
    return value


def wait(ctx: Any, _: Any) -> Any:
    ctx.set_custom_status("waiting")
    return (yield ctx.wait_for_event("go"))


def fail(ctx: Any, _: Any) -> Any:
    raise ValueError("it broke")


def rounds(ctx: Any, left: Any) -> Any:
    yield ctx.schedule_activity("Echo", left)
    if left:
        yield ctx.continue_as_new(left - 1)
    return "last"


def family(ctx: Any, depth: Any) -> Any:
    if depth:
        yield ctx.all([ctx.schedule_sub_orchestration("Family", depth - 1) for _ in range(2)])


ALL = {"Echo": echo, "Wait": wait, "Fail": fail, "Rounds": rounds, "Family": family}


@pytest.fixture
def made(world: Make) -> World:
    return world(ALL, {"Echo": echo})


def ended_after(made: World, instance: str) -> int:
    """Waits until the clock is past the end of the instance. Returns that time."""
    ended = made.client._client.wait(instance, 20).ended_at
    assert ended is not None
    return int(made.until(lambda: time.time() * 1000 > ended + 1 and int(time.time() * 1000)))


# ---- Looking -------------------------------------------------------------------------------------


def test_the_status_of_each_kind_of_instance(made: World) -> None:
    assert made.client.get_status("nobody").status == "NotFound"
    done = made.client.get_status("nobody")
    assert (done.output, done.error, done.custom_status, done.custom_status_version) == (None, None, None, 0)
    running = made.start("Wait")
    made.status(running, "waiting")
    assert made.client.get_status(running).status == "Running"
    assert made.run("Fail").status == "Failed"
    completed = made.run("Echo", {"a": 1})
    assert (completed.status, completed.output, completed.error) == ("Completed", {"a": 1}, None)


def test_waiting_longer_than_the_time_is_a_runtime_error(made: World) -> None:
    with pytest.raises(RuntimeError, match=r"^Operation timed out$"):
        made.client.wait_for_orchestration(made.start("Wait"), 30)
    with pytest.raises(RuntimeError, match=r"^Operation timed out$"):
        made.client.wait_for_orchestration("nobody", 30)


def test_lists(made: World) -> None:
    done, failed, running = made.start("Echo"), made.start("Fail"), made.start("Wait")
    made.wait(done)
    made.wait(failed)
    made.status(running, "waiting")
    assert made.client.list_all_instances() == [running, failed, done]
    assert made.client.list_instances_by_status("Completed") == [done]
    assert made.client.list_instances_by_status("Failed") == [failed]
    assert made.client.list_instances_by_status("Running") == [running]
    assert made.client.list_instances_by_status("Terminated") == []


def test_the_info_of_an_instance(made: World) -> None:
    instance = made.start("Echo", "text")
    made.wait(instance)
    info = made.client.get_instance_info(instance)
    named = (info.instance_id, info.orchestration_name, info.orchestration_version, info.current_execution_id)
    assert named == (instance, "Echo", "1.0.0", 1)
    assert (info.status, info.output, info.parent_instance_id) == ("Completed", '"text"', None)
    assert 0 < info.created_at <= info.updated_at
    failed = made.start("Fail")
    made.wait(failed)
    assert "it broke" in (made.client.get_instance_info(failed).output or "")
    with pytest.raises(RuntimeError, match="Instance nobody not found"):
        made.client.get_instance_info("nobody")


def test_the_executions_of_an_instance(made: World) -> None:
    instance = made.start("Rounds", 2)
    assert made.wait(instance).output == "last"
    made.restart()
    assert made.client.list_executions(instance) == [1, 2, 3]
    assert made.client.list_executions("nobody") == []
    first, last = made.client.get_execution_info(instance, 1), made.client.get_execution_info(instance, 3)
    assert (first.execution_id, first.status, first.output) == (1, "ContinuedAsNew", "1")
    assert (last.execution_id, last.status, last.output) == (3, "Completed", '"last"')
    for each in (first, last):
        assert each.event_count > 0
        assert each.completed_at is not None
        assert 0 < each.started_at <= each.completed_at
    for unknown in (0, 4):
        with pytest.raises(RuntimeError, match="not found"):
            made.client.get_execution_info(instance, unknown)
    with pytest.raises(RuntimeError, match="not found"):
        made.client.get_execution_info("nobody", 1)


def test_the_tree_of_an_instance(made: World) -> None:
    instance = made.start("Family", 2)
    made.wait(instance)
    tree = made.client.get_instance_tree(instance)
    assert (tree.root_id, tree.size, len(set(tree.all_ids))) == (instance, 7, 7)
    assert tree.all_ids[0] == instance
    with pytest.raises(RuntimeError, match="not found"):
        made.client.get_instance_tree("nobody")


def test_counts_of_the_system(made: World) -> None:
    for name, input in (("Echo", 1), ("Fail", 1), ("Rounds", 2)):
        made.wait(made.start(name, input))
    made.status(made.start("Wait"), "waiting")
    metrics = made.client.get_system_metrics()
    counts = (metrics.total_instances, metrics.total_executions, metrics.running_instances)
    assert counts == (4, 6, 1)
    assert (metrics.completed_instances, metrics.failed_instances) == (2, 1)
    events = [
        len(made.client.read_execution_history(instance, execution))
        for instance in made.client.list_all_instances()
        for execution in made.client.list_executions(instance)
    ]
    assert metrics.total_events == sum(events)


def test_counts_of_an_instance(world: Make) -> None:
    def order(ctx: Any, _: Any) -> Any:
        yield ctx.schedule_activity("Echo", 1)
        ctx.set_kv_value("one", "ü")
        ctx.set_kv_value("two", "hello-world")
        yield ctx.wait_for_event("go")

    made = world({"Order": order}, {"Echo": echo})
    instance = made.start("Order")
    made.client.wait_for_kv_value(instance, "two", 20_000)
    stats = made.client.get_orchestration_stats(instance)
    assert stats is not None
    assert stats.history_event_count >= 4
    assert stats.history_size_bytes > 0
    assert (stats.queue_pending_count, stats.kv_user_key_count, stats.kv_total_value_bytes) == (0, 2, 13)
    for item in range(3):
        made.client.enqueue_event(instance, "q", item)
    made.until(lambda: made.client.get_orchestration_stats(instance).queue_pending_count == 3)  # type: ignore[union-attr]
    assert made.client.get_orchestration_stats("nobody") is None


def test_depths_of_queues(world: Make) -> None:
    def order(ctx: Any, _: Any) -> Any:
        yield ctx.schedule_activity("Nobody has it")

    made = world({"Order": order})
    assert made.client.get_queue_depths().worker_queue == 0
    made.start("Order")
    made.until(lambda: made.client.get_queue_depths().worker_queue == 1)
    assert made.client.get_queue_depths().timer_queue == 0
    made.runtime.shutdown()
    made.client.start_orchestration("waits", "Order")
    assert made.client.get_queue_depths().orchestrator_queue >= 1


# ---- Deleting ------------------------------------------------------------------------------------


def test_deleting_a_finished_instance_takes_its_children_along(made: World) -> None:
    instance = made.start("Family", 1)
    made.wait(instance)
    child = made.client.get_instance_tree(instance).all_ids[1]
    with pytest.raises(RuntimeError, match="delete its root"):
        made.client.delete_instance(child)
    deleted = made.client.delete_instance(instance)
    assert (deleted.instances_deleted, deleted.executions_deleted) == (3, 3)
    assert deleted.events_deleted >= 10
    assert made.client.get_status(instance).status == "NotFound"
    assert made.client.get_status(child).status == "NotFound"


def test_deleting_what_runs_needs_force(made: World) -> None:
    instance = made.start("Wait")
    made.status(instance, "waiting")
    text = f"Instance {instance} is still running. Use force=true or cancel first."
    with pytest.raises(RuntimeError) as caught:
        made.client.delete_instance(instance)
    assert str(caught.value) == text
    assert made.client.delete_instance(instance, True).instances_deleted == 1
    assert made.client.get_status(instance).status == "NotFound"
    with pytest.raises(RuntimeError, match=f"Instance {instance} not found"):
        made.client.delete_instance(instance)


def test_deleting_many_leaves_what_runs(made: World) -> None:
    done = [made.start("Rounds", 1) for _ in range(3)]
    parent, running = made.start("Family", 1), made.start("Wait")
    for each in [*done, parent]:
        made.wait(each)
    made.status(running, "waiting")
    child = made.client.get_instance_tree(parent).all_ids[1]
    nothing = made.client.delete_instance_bulk(InstanceFilter([running, child, "nobody"]))
    assert nothing.instances_deleted == 0
    assert made.client.delete_instance_bulk(InstanceFilter(completed_before=1)).instances_deleted == 0
    # Any of them may be the last, and the engine's clock is ahead of one that was set back.
    before = max(ended_after(made, each) for each in [*done, parent])
    one = made.client.delete_instance_bulk(InstanceFilter(instance_ids=done, limit=1))
    assert (one.instances_deleted, one.executions_deleted) == (1, 2)
    rest = made.client.delete_instance_bulk(InstanceFilter(completed_before=before))
    assert rest.instances_deleted == 5
    assert made.client.list_all_instances() == [running]
    assert made.client.delete_instance_bulk().instances_deleted == 0


# ---- Pruning -------------------------------------------------------------------------------------


def test_pruning_keeps_the_last_executions(made: World) -> None:
    one, other = made.start("Rounds", 3), made.start("Rounds", 3)
    longer = f"{one}-and-longer"
    made.client.start_orchestration(longer, "Rounds", 3)
    for each in (one, other, longer):
        made.wait(each)
    pruned = made.client.prune_executions(one, PruneOptions(keep_last=2))
    assert (pruned.instances_processed, pruned.executions_deleted) == (1, 2)
    assert pruned.events_deleted >= 8
    assert made.client.list_executions(one) == [3, 4]
    assert made.client.prune_executions(one, PruneOptions(keep_last=0)).executions_deleted == 1
    assert made.client.list_executions(one) == [4]
    assert made.client.list_executions(other) == [1, 2, 3, 4]
    assert made.client.list_executions(longer) == [1, 2, 3, 4]
    assert made.client.prune_executions(other).executions_deleted == 3
    assert made.client.get_status(other).output == "last"
    with pytest.raises(RuntimeError, match="not found"):
        made.client.prune_executions("nobody")


def test_pruning_by_time_and_number_needs_both(made: World) -> None:
    instance = made.start("Rounds", 3)
    made.wait(instance)
    early = made.client.prune_executions(instance, PruneOptions(keep_last=1, completed_before=1))
    assert early.executions_deleted == 0
    third = made.client.get_execution_info(instance, 3).completed_at
    assert third is not None
    ended_after(made, instance)
    both = made.client.prune_executions(instance, PruneOptions(keep_last=3, completed_before=third + 1))
    assert both.executions_deleted == 1
    later = made.client.prune_executions(instance, PruneOptions(completed_before=third + 1))
    assert later.executions_deleted == 2


def test_pruning_many(made: World) -> None:
    instances = [made.start("Rounds", 2) for _ in range(3)]
    for each in instances:
        made.wait(each)
    some = made.client.prune_executions_bulk(InstanceFilter(instances[:1]), PruneOptions(keep_last=1))
    assert (some.instances_processed, some.executions_deleted) == (1, 2)
    rest = made.client.prune_executions_bulk()
    assert (rest.instances_processed, rest.executions_deleted) == (3, 4)


def test_an_activity_prunes_its_own_instance(world: Make) -> None:
    def prune(ctx: Any, _: Any) -> Any:
        pruned = ctx.get_client().prune_executions(ctx.instance_id, PruneOptions(keep_last=1))
        return pruned.executions_deleted

    def eternal(ctx: Any, left: Any) -> Any:
        yield ctx.schedule_timer(1)
        if left:
            yield ctx.continue_as_new(left - 1)
        return (yield ctx.schedule_activity("Prune"))

    made = world({"Eternal": eternal}, {"Prune": prune})
    instance = made.start("Eternal", 3)
    assert made.wait(instance).output == 3
    assert made.client.list_executions(instance) == [4]


# ---- History -------------------------------------------------------------------------------------


def test_the_events_of_a_history(world: Make) -> None:
    def order(ctx: Any, _: Any) -> Any:
        yield ctx.schedule_activity("Echo", {"n": 1})
        try:
            yield ctx.schedule_activity("Fail", None)
        except Exception:
            pass
        yield ctx.schedule_timer(1)
        event = yield ctx.wait_for_event("e")
        message = yield ctx.dequeue_event("q")
        yield ctx.schedule_sub_orchestration("Same", "kid")
        try:
            yield ctx.schedule_sub_orchestration("Fail")
        except Exception:
            pass
        yield ctx.start_orchestration("Same", "loose")
        ctx.set_custom_status("s")
        ctx.set_kv_value("k", "v")
        ctx.clear_kv_value("k")
        ctx.clear_all_kv_values()
        yield ctx.get_kv_value_from_instance("loose", "k")
        yield ctx.race(ctx.wait_for_event("x"), ctx.schedule_timer(1))
        yield ctx.race(ctx.dequeue_event("x"), ctx.schedule_timer(1))
        return [event, message]

    made = world({"Order": order, "Same": echo, "Fail": fail}, {"Echo": echo, "Fail": fail})
    instance = made.start("Order", 1)
    made.client.raise_event(instance, "e", [1])
    made.client.enqueue_event(instance, "q", "m")
    assert made.wait(instance).status == "Completed"
    made.restart()
    events = made.client.read_execution_history(instance, 1)
    assert [each.event_id for each in events] == list(range(1, len(events) + 1))
    assert all(each.timestamp_ms > 0 for each in events)
    data: dict[str, list[Any]] = {}
    for each in events:
        data.setdefault(each.kind, []).append(None if each.data is None else json.loads(each.data))
    assert data["OrchestrationStarted"] == [{"name": "Order", "version": "1.0.0", "input": 1}]
    assert data["OrchestrationCompleted"] == [[[1], "m"]]
    kv_read = {"name": "__duroxide_syscall:get_kv_value", "input": {"instance": "loose", "key": "k"}}
    calls = [{"name": "Echo", "input": {"n": 1}}, {"name": "Fail", "input": None}, kv_read]
    assert data["ActivityScheduled"] == calls
    assert data["ActivityCompleted"] == [{"n": 1}, None]
    failed = {"kind": "ActivityFailed", "message": "ValueError: it broke", "retryable": False}
    assert data["ActivityFailed"] == [{"Application": failed}]
    assert data["TimerCreated"][0] == data["TimerFired"][0]
    assert data["TimerCreated"][0]["fireAtMs"] > 0
    assert data["ExternalSubscribed"] == [{"name": "e"}, {"name": "x"}]
    assert data["ExternalEvent"] == [{"name": "e", "data": [1]}]
    assert data["QueueSubscribed"] == [{"name": "q"}, {"name": "x"}]
    assert data["QueueEventDelivered"] == [{"name": "q", "data": "m"}]
    scheduled = data["SubOrchestrationScheduled"]
    assert [(each["name"], each["input"]) for each in scheduled] == [("Same", "kid"), ("Fail", None)]
    assert scheduled[0]["instance"].startswith(f"{instance}::sub::")
    assert data["SubOrchestrationCompleted"] == ["kid"]
    assert "it broke" in data["SubOrchestrationFailed"][0]["Application"]["message"]
    for kind in (
        "OrchestrationChained", "CustomStatusUpdated", "KeyValueSet", "KeyValueCleared", "KeyValuesCleared",
        "ExternalSubscribedCancelled", "QueueSubscriptionCancelled",
    ):  # fmt: skip
        assert data[kind] == [None], kind


def test_answers_name_the_event_that_asked(world: Make) -> None:
    def order(ctx: Any, _: Any) -> Any:
        yield ctx.all([ctx.schedule_activity("Echo", item) for item in range(3)])
        yield ctx.schedule_timer(1)

    made = world({"Order": order}, {"Echo": echo})
    instance = made.start("Order")
    made.wait(instance)
    events = made.client.read_execution_history(instance, 1)
    by_id = {each.event_id: each for each in events}
    for each in events:
        if each.kind in ("ActivityCompleted", "TimerFired"):
            assert each.source_event_id is not None
            asked = {"ActivityCompleted": "ActivityScheduled", "TimerFired": "TimerCreated"}[each.kind]
            assert by_id[each.source_event_id].kind == asked
        else:
            assert each.source_event_id is None
    results = {
        by_id[each.source_event_id or 0].data: each.data
        for each in events
        if each.kind == "ActivityCompleted"
    }
    assert results == {f'{{"name":"Echo","input":{item}}}': str(item) for item in range(3)}


def test_how_ends_stand_in_a_history(made: World) -> None:
    failed, cancelled, continued = made.start("Fail"), made.start("Wait"), made.start("Rounds", 1)
    made.wait(failed)
    made.status(cancelled, "waiting")
    made.client.cancel_instance(cancelled, "why")
    made.wait(cancelled)
    made.wait(continued)
    last = made.client.read_execution_history(failed, 1)[-1]
    assert last.kind == "OrchestrationFailed"
    error = json.loads(last.data or "")["Application"]
    assert (error["kind"], error["retryable"]) == ("OrchestrationFailed", False)
    assert "it broke" in error["message"]
    assert "OrchestrationCancelRequested" in made.kinds(cancelled)
    last = made.client.read_execution_history(cancelled, 1)[-1]
    assert last.kind == "OrchestrationFailed"
    assert json.loads(last.data or "")["Application"]["kind"] == {"Cancelled": {"reason": "why"}}
    assert made.kinds(continued)[-1] == "OrchestrationContinuedAsNew"
    assert made.kinds(continued, 2)[-1] == "OrchestrationCompleted"
    assert made.client.read_execution_history("nobody", 1) == []
    assert made.client.read_execution_history(continued, 9) == []
