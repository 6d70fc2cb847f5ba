"""Retry, tags and sessions."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable

import pytest

from perdure.duroxide import (
    MAX_TAG_NAME_BYTES,
    MAX_WORKER_TAGS,
    Runtime,
    RuntimeOptions,
    SqliteProvider,
    TagFilter,
)
from perdure.duroxide.context import OrchestrationContext, ScheduledTask

from .world import World

Make = Callable[..., World]


class Flaky:
    """Fails so many times, then says how often it was called."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls: list[float] = []

    def __call__(self, ctx: Any, value: Any) -> Any:
        self.calls.append(time.monotonic())
        if len(self.calls) <= self.failures:
            raise ValueError(f"failure {len(self.calls)}")
        return len(self.calls)

    @property
    def pauses(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.calls, self.calls[1:])]


def retrying(ctx: Any, retry: Any) -> Any:
    try:
        return (yield ctx.schedule_activity_with_retry("Flaky", None, retry))
    except Exception as error:
        return str(error)


# ---- Retry ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retry", "failures", "output"),
    [
        ({"max_attempts": 2}, 1, 2),
        ({"maxAttempts": 2}, 1, 2),
        ({}, 2, 3),
        ({}, 3, "Activity 'Flaky' call failed: ValueError: failure 3"),
        ({"max_attempts": 1}, 1, "Activity 'Flaky' call failed: ValueError: failure 1"),
        ({"max_attempts": 2, "unknown_key": 5}, 1, 2),
    ],
)
def test_attempts(world: Make, retry: Any, failures: int, output: Any) -> None:
    assert world({"Retrying": retrying}, {"Flaky": Flaky(failures)}).output("Retrying", retry) == output


@pytest.mark.parametrize(
    ("backoff", "pauses"),
    [
        (None, (0.1, 0.2)),
        ("exponential", (0.1, 0.2)),
        ("linear", (0.1, 0.2)),
        ("what", (0.1, 0.2)),
        ("fixed", (1.0,)),
    ],
)
def test_pauses(world: Make, backoff: Any, pauses: Any) -> None:
    flaky = Flaky(len(pauses))
    made = world({"Retrying": retrying}, {"Flaky": flaky})
    made.output("Retrying", {"max_attempts": 5, "backoff": backoff})
    for least, pause in zip(pauses, flaky.pauses):
        # The engine counts whole milliseconds, from the one in which the attempt ended.
        assert least - 0.001 <= pause < least + 0.7


@pytest.mark.parametrize("key", ["timeout_ms", "timeoutMs", "total_timeout_ms", "totalTimeoutMs"])
def test_a_time_limit_ends_the_call_at_once_and_is_not_retried(world: Make, key: str) -> None:
    may_end, calls = threading.Event(), []

    def slow(ctx: Any, _: Any) -> Any:
        calls.append(1)
        may_end.wait(10)

    made = world({"Retrying": retrying}, {"Flaky": slow})
    assert made.output("Retrying", {"max_attempts": 5, key: 50}) == "timeout: activity timed out"
    assert calls == [1]
    may_end.set()


def test_a_time_limit_holds_for_an_activity_that_nobody_takes(world: Make) -> None:
    made = world({"Retrying": retrying})
    assert made.output("Retrying", {"timeout_ms": 50}) == "timeout: activity timed out"


def test_no_attempts_are_an_error(world: Make) -> None:
    made = world({"Retrying": retrying}, {"Flaky": Flaky(0)})
    assert "max_attempts must be at least 1" in made.output("Retrying", {"max_attempts": 0})


def test_a_retry_goes_on_after_a_restart(world: Make) -> None:
    flaky = Flaky(1)
    made = world({"Retrying": retrying}, {"Flaky": flaky})
    instance = made.start("Retrying", {"max_attempts": 2, "backoff": "fixed"})
    management = made.client._client.management()
    made.until(lambda: [each.state for each in management.inspect(instance).activities] == ["backoff"])
    made.restart()
    assert made.wait(instance).output == 2
    assert flaky.pauses[0] >= 0.9


# ---- Tags ----------------------------------------------------------------------------------------


def test_descriptors_are_made_without_a_runtime() -> None:
    ctx = OrchestrationContext(
        {"instanceId": "test", "executionId": 1, "orchestrationName": "Test", "orchestrationVersion": ""}
    )
    task = ctx.schedule_activity("Work", "data")
    assert isinstance(task, ScheduledTask)
    assert isinstance(task, dict)
    assert "tag" not in task
    assert task.with_tag("gpu") is task
    assert task["tag"] == "gpu"
    assert isinstance(ctx.schedule_activity_with_retry("Work", 1, {}), ScheduledTask)
    assert isinstance(ctx.schedule_activity_on_session("Work", 1, "s"), ScheduledTask)
    assert isinstance(ctx.get_kv_value_from_instance("i", "k"), ScheduledTask)
    for plain in (
        ctx.schedule_timer(1),
        ctx.wait_for_event("e"),
        ctx.schedule_sub_orchestration("S"),
        ctx.all([]),
    ):
        assert type(plain) is dict
    ctx.trace_info("goes to the log")
    with pytest.raises(RuntimeError, match="made by hand"):
        ctx.set_kv_value("k", "v")


def tagged(ctx: Any, tag: Any) -> Any:
    task = ctx.schedule_activity_with_retry("Work", None, {"max_attempts": 1, "timeout_ms": 600})
    try:
        return (yield task.with_tag(tag) if tag else task)
    except Exception as error:
        return str(error)


NOBODY = "timeout: activity timed out"


@pytest.mark.parametrize(
    ("filter", "served"),
    [
        (None, [None]),
        (TagFilter.DEFAULT_ONLY, [None]),
        (TagFilter.ANY, [None, "gpu", "cpu"]),
        (TagFilter.NONE, []),
        (TagFilter.tags(["gpu"]), ["gpu"]),
        (TagFilter.default_and(["gpu"]), [None, "gpu"]),
        ("what is that", [None]),
    ],
)
def test_a_worker_takes_what_its_filter_takes(world: Make, filter: Any, served: Any) -> None:
    options = RuntimeOptions(worker_tag_filter=filter)
    made = world({"Tagged": tagged}, {"Work": lambda ctx, _: [ctx.tag()]}, options=options)
    started = {tag: made.start("Tagged", tag) for tag in (None, "gpu", "cpu")}
    outputs = {tag: made.wait(instance).output for tag, instance in started.items()}
    assert outputs == {tag: [tag] if tag in served else NOBODY for tag in outputs}


def test_a_tagged_task_waits_until_a_worker_comes(world: Make) -> None:
    def order(ctx: Any, _: Any) -> Any:
        return (yield ctx.schedule_activity("Work").with_tag("gpu"))

    work = {"Work": lambda ctx, _: [ctx.tag(), ctx.worker_id]}
    made = world({"Order": order}, work)
    instance = made.start("Order")
    with pytest.raises(RuntimeError, match="timed out"):
        made.client.wait_for_orchestration(instance, 50)
    options = RuntimeOptions(
        worker_tag_filter=TagFilter.tags(["gpu"]), orchestration_concurrency=0, worker_node_id="gpu-node"
    )
    worker = made.make_runtime({}, work, options)
    worker.start()
    tag, worker_id = made.wait(instance).output
    worker.shutdown()
    assert tag == "gpu"
    assert worker_id.endswith("gpu-node")


def test_limits_of_tags(world: Make) -> None:
    made = world(
        {"Tagged": tagged}, {"Work": lambda ctx, _: 1}, options=RuntimeOptions(worker_tag_filter="any")
    )
    assert made.output("Tagged", "t" * MAX_TAG_NAME_BYTES) == 1
    assert (
        made.output("Tagged", "t" * 257) == "Activity 'Work' tag size (257 bytes) exceeds limit (256 bytes)"
    )
    for count in (0, MAX_WORKER_TAGS + 1):
        options = RuntimeOptions(worker_tag_filter=TagFilter.tags([f"t{n}" for n in range(count)]))
        with pytest.raises(RuntimeError, match="1 to 5 tags"):
            Runtime(SqliteProvider.in_memory(), options)


# ---- Sessions ------------------------------------------------------------------------------------


def test_activities_of_a_session_run_at_one_worker(world: Make) -> None:
    def order(ctx: Any, seen: Any) -> Any:
        seen = seen or []
        seen.append((yield ctx.schedule_activity("Where", None, "s1")))
        seen.append((yield ctx.schedule_activity_on_session("Where", None, "s1")))
        retry = {"max_attempts": 2}
        seen.append((yield ctx.schedule_activity_with_retry_on_session("Where", None, retry, "s1")))
        if len(seen) == 3:
            yield ctx.continue_as_new(seen)
        seen.append((yield ctx.schedule_activity("Where")))
        return seen

    def where(ctx: Any, _: Any) -> Any:
        return [ctx.session_id, ctx.worker_id if ctx.session_id else None]

    made = world({"Order": order}, {"Where": where}, options=RuntimeOptions(max_sessions_per_runtime=2))
    other = made.make_runtime({}, {"Where": where})
    other.start()
    *pinned, free = made.output("Order")
    other.shutdown()
    assert free == [None, None]
    assert {session for session, _ in pinned} == {"s1"}
    assert len({worker for _, worker in pinned}) == 1
