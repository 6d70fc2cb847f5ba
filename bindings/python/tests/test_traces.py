"""Trace context: from the start through executions, activities and children, and over restarts."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from rig import WAIT, Rig

import perdure

pytestmark = pytest.mark.library

Make = Callable[..., Rig]
Context = perdure.OrchestrationContext

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def span(parent: str, *name: object) -> str:
    """As docs/wire-format.md has it."""
    mask = 2**64 - 1
    value = 0xCBF29CE484222325
    for byte in "/".join([parent, *map(str, name)]).encode():
        value = ((value ^ byte) * 0x100000001B3) & mask
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & mask
    value ^= value >> 31
    return f"{parent[:36]}{value or 1:016x}{parent[52:]}"


@perdure.activity
def seen(ctx: perdure.ActivityContext) -> Any:
    if ctx.attempt == 1:
        raise ValueError("once more")
    return [ctx.traceparent, ctx.tracestate]


@perdure.orchestration
async def child(ctx: Context) -> Any:
    return [ctx.traceparent, ctx.tracestate]


@perdure.orchestration
async def parent(ctx: Context, number: int = 0) -> Any:
    if number == 0:
        ctx.continue_as_new(1)
    retry = perdure.RetryPolicy(max_attempts=2, backoff="none")
    activity = await ctx.activity(seen, retry=retry)
    await ctx.wait_for_event("go")
    ctx.start_detached(child, instance=f"{ctx.instance_id}-detached")
    below = await ctx.sub_orchestration(child)
    return {"execution": ctx.traceparent, "activity": activity, "child": below}


DEFINITIONS = [parent, child, seen]


def test_a_trace_goes_through_everything_and_over_a_restart(rig: Make) -> None:
    world = rig(*DEFINITIONS)
    world.client.start(parent, 0, instance="a", traceparent=PARENT, tracestate="vendor=1")
    world.until_history("a", "EventSubscribed")
    world.restart()
    world.client.raise_event("a", "go")
    result = world.client.result("a", WAIT)
    first = span(PARENT, "a", 1)
    second = span(first, "a", 2)
    assert result == {
        "execution": second,
        "activity": [span(second, "a", 2, 1, 2), "vendor=1"],
        "child": [span(second, "a.2.4", 1), "vendor=1"],
    }
    assert world.client.result("a-detached", WAIT) == [span(second, "a-detached", 1), "vendor=1"]
    started = [world.client.history("a", execution)[0] for execution in (1, 2)]
    assert [event["traceparent"] for event in started] == [PARENT, first]
    assert started[0]["tracestate"] == "vendor=1"
    assert len({first, second, *(each[0] for each in (result["activity"], result["child"]))}) == 4


def test_in_memory_and_with_start_many(tmp_path: Path) -> None:
    with (
        perdure.Store("memory:") as store,
        perdure.Runtime(store, DEFINITIONS, cache=False),
        perdure.Client(store) as client,
    ):
        client.start_many([perdure.StartRequest(child, instance="b", traceparent=PARENT)])
        assert client.result("b", WAIT) == [span(PARENT, "b", 1), None]


def test_without_a_trace_there_is_none(rig: Make) -> None:
    world = rig(*DEFINITIONS)
    assert world.run(child, instance="a") == [None, None]
    assert "traceparent" not in world.client.history("a")[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"traceparent": ""},
        {"traceparent": PARENT.upper()},
        {"traceparent": PARENT.replace("00-", "01-", 1)},
        {"traceparent": PARENT + "-00"},
        {"traceparent": PARENT[:-1]},
        {"traceparent": PARENT.replace(TRACE, "0" * 32)},
        {"traceparent": PARENT.replace("00f067aa0ba902b7", "0" * 16)},
        {"traceparent": PARENT, "tracestate": ""},
        {"traceparent": PARENT, "tracestate": "a=1\r\nX: 1"},
        {"traceparent": PARENT, "tracestate": "a" * 513},
        {"tracestate": "a=1"},
    ],
)
def test_what_is_no_trace_is_refused_before_anything_is_stored(wrong: Dict[str, str], rig: Make) -> None:
    world = rig(*DEFINITIONS)
    with pytest.raises(perdure.InvalidArgument, match="trace"):
        world.client.start(child, instance="a", **wrong)
    with pytest.raises(perdure.NotFound):
        world.client.describe("a")


@perdure.activity
def fails(ctx: perdure.ActivityContext) -> int:
    if ctx.attempt == 1:
        raise ValueError("the first time")
    return 1


@perdure.orchestration
async def talks(ctx: Context) -> None:
    ctx.log.info("hello")
    await ctx.activity(fails, retry=perdure.RetryPolicy(max_attempts=2, backoff="none"))


def records_of(
    rig: Make, caplog: pytest.LogCaptureFixture, level: str, least: int
) -> List[logging.LogRecord]:
    """Until there are so many of the instance."""
    world = rig(talks, fails)
    with caplog.at_level("DEBUG", "perdure"):
        perdure.log_to(level=level)
        try:
            world.client.start(talks, instance="talker", traceparent=PARENT)
            world.client.result("talker", WAIT)
            found: List[logging.LogRecord] = []
            deadline = time.monotonic() + WAIT
            while len(found) < least and time.monotonic() < deadline:
                time.sleep(0.01)
                found = [each for each in caplog.records if getattr(each, "perdure_instance", "") == "talker"]
            return found
        finally:
            perdure.log_to(level="error")


def test_records_say_where_they_come_from(rig: Make, caplog: pytest.LogCaptureFixture) -> None:
    hello, failed = records_of(rig, caplog, "info", 2)
    own = span(PARENT, "talker", 1)
    for record in (hello, failed):
        assert record.perdure_orchestration == "talks"  # type: ignore[attr-defined]
        assert record.perdure_execution == 1  # type: ignore[attr-defined]
        assert record.perdure_node > 0  # type: ignore[attr-defined]
    assert hello.message == "talker: hello"
    assert hello.perdure_traceparent == own  # type: ignore[attr-defined]
    assert hello.perdure_activity is None  # type: ignore[attr-defined]
    assert failed.levelno == logging.WARNING
    assert "attempt 1 of activity 'fails' failed" in failed.message
    assert failed.perdure_activity == "fails"  # type: ignore[attr-defined]
    assert failed.perdure_attempt == 1  # type: ignore[attr-defined]
    assert failed.perdure_traceparent == span(own, "talker", 1, 1, 1)  # type: ignore[attr-defined]


def test_debug_shows_turns_and_attempts(rig: Make, caplog: pytest.LogCaptureFixture) -> None:
    lines = [record.message for record in records_of(rig, caplog, "debug", 8)]
    for number in (1, 2):
        for what in ("started", "ended"):
            assert f"talker: attempt {number} of activity 'fails' {what}" in lines
    assert sum("a turn is on disk" in line for line in lines) == 2
