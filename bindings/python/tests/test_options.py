"""Options of activities and starts: what goes on the wire, what is refused."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any, Dict

import pytest
from script import Script

import perdure
from perdure import _failures

Context = perdure.OrchestrationContext


def scheduled(call: Any) -> Dict[str, Any]:
    async def code(ctx: Context) -> None:
        call(ctx)

    action = Script(code).start()[0]
    options: Dict[str, Any] = action.get("options", {})
    return options


class Declined(Exception):
    pass


@perdure.activity(
    retry=perdure.RetryPolicy(max_attempts=0, non_retryable=[Declined, "Gone"]), start_to_close=5, tag="gpu",
    concurrency=2, rate=(10, timedelta(seconds=2)),
)  # fmt: skip
def charge(ctx: perdure.ActivityContext, value: int) -> int:
    return value


CHARGE = {
    "retry": {"maxAttempts": 0, "nonRetryableTypes": ["Declined", "Gone"]},
    "startToCloseMS": 5000,
    "tag": "gpu",
}


def test_the_options_of_the_definition_are_used_with_the_function_only() -> None:
    assert scheduled(lambda ctx: ctx.activity(charge, 1)) == CHARGE
    assert scheduled(lambda ctx: ctx.activity("charge", 1)) == {}


def test_options_of_the_call_go_before_those_of_the_definition() -> None:
    given = scheduled(lambda ctx: ctx.activity(charge, 1, tag="cpu", priority=-1, session="s"))
    assert given == {**CHARGE, "tag": "cpu", "priority": -1, "session": "s"}


def test_a_default_retry_policy_is_three_attempts() -> None:
    assert scheduled(lambda ctx: ctx.activity("a", retry=perdure.RetryPolicy())) == {"retry": {}}


def test_limits_of_an_activity() -> None:
    assert json.loads(charge.limits or "") == {"concurrency": 2, "rate": 10, "ratePeriodMS": 2000}
    assert perdure.activity(lambda ctx: None).limits is None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"retry": perdure.RetryPolicy(backoff="random")}, "'random'"),
        ({"retry": perdure.RetryPolicy(max_attempts=-1)}, "max_attempts"),
        ({"retry": perdure.RetryPolicy(coefficient=0.5)}, "coefficient"),
        ({"retry": perdure.RetryPolicy(jitter=1.5)}, "jitter"),
        ({"retry": perdure.RetryPolicy(initial_interval=0)}, "initial_interval"),
        ({"start_to_close": 0}, "start_to_close must be between"),
        ({"schedule_to_close": -5}, "schedule_to_close"),
        ({"heartbeat": float("inf")}, "inf seconds"),
        ({"schedule_to_start": "5s"}, "not str"),
        ({"priority": 1001}, "priority"),
        ({"priority": 1.5}, "priority"),
        ({"concurrency": 0}, "concurrency"),
        ({"rate": 5}, "rate is"),
        ({"rate": (0, 1)}, "count of rate"),
    ],
)
def test_wrong_options_are_named_at_the_definition(options: Dict[str, Any], named: str) -> None:
    with pytest.raises(perdure.InvalidArgument, match=named):
        perdure.activity(**options)(lambda ctx: None)


def test_start_requests() -> None:
    when = datetime(2030, 1, 1, tzinfo=timezone.utc)
    request = perdure.StartRequest(
        "o", [1], "i", "2.0.0", policy="restart_if_finished", start_at=when, priority=5,
        attributes={"team": "ü"}, memo={"a": 1}, dedup_key="d",
    )  # fmt: skip
    assert json.loads(request.to_json()) == {
        "orchestration": "o", "instance": "i", "version": "2.0.0", "dedupKey": "d", "input": [1],
        "policy": "restartIfFinished", "startAt": 1893456000000, "priority": 5, "attributes": {"team": "ü"},
        "memo": {"a": 1},
    }  # fmt: skip
    assert json.loads(perdure.StartRequest("o", delay=0.5).to_json())["delayMS"] == 500


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"policy": "replace"}, "'replace'"),
        ({"start_at": datetime(2030, 1, 1)}, "time zone"),
        ({"start_at": datetime(2030, 1, 1, tzinfo=timezone.utc), "delay": 1}, "not both"),
        ({"delay": -1}, "delay"),
        ({"attributes": {"a": 1}}, "attribute 'a'"),
        ({"memo": object()}, "memo is of type object"),
        ({"dedup_key": 5}, "dedup_key must be a str"),
    ],
)
def test_wrong_start_options_are_named(options: Dict[str, Any], named: str) -> None:
    with pytest.raises(perdure.InvalidArgument, match=named):
        perdure.StartRequest("o", **options).to_json()


@pytest.mark.parametrize(
    ("pause", "milliseconds"),
    [
        (1.5, 1500),
        (timedelta(seconds=2), 2000),
        (0, 0),
        (-1, 0),
        (1e30, 1 << 40),
        ("soon", None),
        (True, None),
    ],
)
def test_an_exception_may_say_when_to_try_again(pause: Any, milliseconds: Any) -> None:
    error = ValueError("busy")
    error.retry_after = pause  # type: ignore[attr-defined]
    wire = _failures.of_exception(error)
    assert wire.get("retryAfterMS") == milliseconds
    if milliseconds is not None:
        failure = _failures.from_wire(wire)
        assert failure.retry_after == milliseconds / 1000
        assert _failures.to_wire(failure)["retryAfterMS"] == milliseconds


def test_limits_have_the_names_of_the_wire() -> None:
    limits = perdure.Limits(kv_keys=5)
    wire = limits.to_wire()
    assert wire["kvKeys"] == 5
    assert perdure.Limits.of_wire(wire) == limits
    assert perdure.Limits.of_wire({"kvKeys": 5, "payloadBytes": None}) == limits
