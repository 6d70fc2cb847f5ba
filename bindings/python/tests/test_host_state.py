"""What the host keeps for the code: key-value state, patches, lateness, metrics; limits at the call."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, List

import pytest
from script import START, Script, kinds

import perdure

Context = perdure.OrchestrationContext

# ---- Key-value state -----------------------------------------------------------------------------


def test_code_reads_what_it_has_set() -> None:
    async def code(ctx: Context) -> Any:
        ctx.kv.set("list", [1])
        ctx.kv.get("list").append(2)
        ctx.kv.set("none", None)
        seen = [ctx.kv.get("list"), ctx.kv.get("none", "default"), ctx.kv.get("missing", "default")]
        ctx.kv.clear("none")
        return [seen, ctx.kv.all(), "list" in ctx.kv, len(ctx.kv)]

    script = Script(code)
    assert kinds(script.start()) == ["SetKV:list", "SetKV:none", "ClearKV:none"]
    assert script.output == [[[1], None, "default"], {"list": [1]}, True, 1]


def test_keys_are_in_the_order_of_their_bytes() -> None:
    async def code(ctx: Context) -> Any:
        for key in ("ü", "b", "🦄", "a", "B"):
            ctx.kv.set(key, key)
        return [ctx.kv.keys(), list(ctx.kv.all())]

    script = Script(code)
    script.start()
    assert script.output == [["B", "a", "b", "ü", "🦄"]] * 2


def test_the_state_of_the_last_execution_is_there() -> None:
    async def code(ctx: Context) -> Any:
        before = ctx.kv.all()
        ctx.kv.clear_all()
        ctx.kv.set("n", ctx.execution_id)
        return [before, ctx.kv.all()]

    script = Script(code, kv=[{"key": "n", "value": {"x": [None]}, "at": 5}])
    assert kinds(script.start()) == ["ClearAllKV", "SetKV:n"]
    assert script.output == [{"n": {"x": [None]}}, {"n": 1}]


def test_pruning_goes_by_the_time_of_the_events_not_by_a_wall_clock() -> None:
    async def code(ctx: Context) -> Any:
        ctx.kv.set("b", 1)
        ctx.kv.set("a", 1)
        await asyncio.sleep(1)
        ctx.kv.set("a", 2)
        exactly = ctx.kv.prune_before(datetime.fromtimestamp(START / 1000, timezone.utc))
        return [exactly, ctx.kv.prune_before(ctx.now()), ctx.kv.keys()]

    script = Script(code, kv=[{"key": key, "value": 0, "at": START - 1} for key in ("old", "older")])
    script.start()
    assert kinds(script.fire(3)) == ["SetKV:a", "ClearKV:old", "ClearKV:older", "ClearKV:b"]
    assert script.output == [2, 1, ["a"]]


# ---- Patches -------------------------------------------------------------------------------------


async def before(ctx: Context) -> Any:
    return await ctx.activity("old")


async def after(ctx: Context) -> Any:
    if ctx.patched("change"):
        return [await ctx.activity("new"), ctx.patched("change")]
    return [await ctx.activity("old"), ctx.patched("change")]


async def deprecated(ctx: Context) -> Any:
    ctx.deprecate_patch("change")
    ctx.deprecate_patch("change")
    return [await ctx.activity("new"), True]


def replayed_by(script: Script, code: Callable[..., Any]) -> List[str]:
    """The actions of other code over the same history, up to where the script is."""
    other = Script(code)
    other.actions, other.events = script.actions, script.events
    return kinds(other.cold()["actions"])


def test_a_new_instance_takes_the_new_path() -> None:
    script = Script(after)
    assert kinds(script.start()) == ["Patch:change", "Activity:new"]
    script.complete(2, "n")
    assert script.output == ["n", True]


def test_an_instance_from_before_the_change_goes_on_the_old_way() -> None:
    script = Script(before)
    script.start()
    assert replayed_by(script, after) == ["Activity:old"]


def test_a_patch_is_deprecated_when_the_old_way_is_gone() -> None:
    script = Script(after)
    script.start()
    assert replayed_by(script, deprecated) == ["Patch:change", "Activity:new"]
    fresh = Script(deprecated)
    assert kinds(fresh.start()) == ["Activity:new"]
    assert replayed_by(fresh, deprecated) == ["Activity:new"]


def test_a_patch_first_met_by_a_new_event_of_an_old_instance_is_taken() -> None:
    async def code(ctx: Context) -> Any:
        await ctx.activity("a")
        return ctx.patched("later")

    script = Script(code)
    script.start()
    script.host.close()
    script.host = script.new_host()
    completed = script.event("ActivityCompleted", action=1, result=None)
    answer = json.loads(script.host.run(script.request([*script.events, completed], 0, 1)))
    assert kinds(answer["actions"]) == ["Activity:a", "Patch:later"]
    assert answer["end"]["output"] is True


# ---- Lateness and metrics ------------------------------------------------------------------------


def test_code_is_told_when_the_history_grows_long() -> None:
    async def code(ctx: Context) -> Any:
        count = 0
        while not ctx.should_continue_as_new:
            await ctx.dequeue("q")
            count += 1
        ctx.continue_as_new(count)

    script = Script(code)
    script.start()
    script.enqueue("q")
    script.deliver({**script.event("EventRaised", name="other"), "late": True})
    assert script.end is None
    script.enqueue("q")
    assert script.end == {"after": 7, "kind": "ContinuedAsNew", "input": 2}
    script.check_replay()


def test_metrics_are_emitted_once() -> None:
    async def code(ctx: Context) -> Any:
        ctx.metric("orders", 1)
        await ctx.activity("a")
        ctx.metric("price", 12.5, "histogram", {"currency": "EUR"})

    script = Script(code)
    script.start()
    script.complete(1)
    assert script.metrics == [
        {"name": "orders", "kind": "counter", "value": 1},
        {"name": "price", "kind": "histogram", "value": 12.5, "attributes": {"currency": "EUR"}},
    ]
    script.check_replay()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (lambda ctx: ctx.metric("m", float("nan")), "finite number"),
        (lambda ctx: ctx.metric("m", True), "finite number"),
        (lambda ctx: ctx.metric("m", 1, "meter"), "'meter'"),
        (lambda ctx: ctx.metric("m", 1, attributes={"a": 1}), "must be a str"),
        (lambda ctx: ctx.kv.prune_before(datetime(2024, 1, 1)), "time zone"),
        (lambda ctx: ctx.sub_orchestration("c", close_policy="orphan"), "'orphan'"),
        (lambda ctx: ctx.on_call("c", 5), "must be functions"),
    ],
)
def test_wrong_arguments_are_named(wrong: Callable[[Context], Any], named: str) -> None:
    async def code(ctx: Context) -> Any:
        with pytest.raises(perdure.InvalidArgument) as caught:
            wrong(ctx)
        return str(caught.value)

    script = Script(code)
    assert script.start() == []
    assert named in script.output


def test_a_close_policy_travels_with_the_child() -> None:
    async def code(ctx: Context) -> Any:
        ctx.sub_orchestration("kid", close_policy="abandon")

    assert Script(code).start()[0]["closePolicy"] == "abandon"


# ---- Limits --------------------------------------------------------------------------------------

SMALL = perdure.Limits(
    payload_bytes=100, custom_status_bytes=50, kv_keys=2, kv_value_bytes=20, pending_actions=3
)


@pytest.mark.parametrize(
    ("breach", "message"),
    [
        (lambda ctx: ctx.activity(""), "The name of the activity is empty"),
        (lambda ctx: ctx.activity("x" * 257), "name of the activity has 257 bytes; the limit is 256"),
        (lambda ctx: ctx.activity("ü" * 129), "has 258 bytes"),
        (lambda ctx: ctx.activity("a", "x" * 99), "input of activity 'a' has 101 bytes; the limit is 100"),
        (lambda ctx: ctx.activity("a", tag=""), "The tag is empty"),
        (lambda ctx: ctx.activity("a", session="s" * 257), "The session has 257 bytes"),
        (lambda ctx: ctx.sub_orchestration("c", instance="i" * 513), "instance id has 513 bytes"),
        (lambda ctx: ctx.sub_orchestration("c", "x" * 99), "input of orchestration 'c' has 101 bytes"),
        (lambda ctx: ctx.start_detached("", 1), "The name of the orchestration is empty"),
        (lambda ctx: ctx.wait_for_event(""), "The name of the event is empty"),
        (lambda ctx: ctx.dequeue("q" * 300), "The name of the queue has 300 bytes"),
        (lambda ctx: ctx.wait_for_topic(""), "The name of the topic is empty"),
        (lambda ctx: ctx.subscribe(""), "The name of the topic is empty"),
        (lambda ctx: ctx.publish("t", "x" * 99), "The data of topic 't' has 101 bytes"),
        (lambda ctx: ctx.next_call(""), "The name of the call is empty"),
        (lambda ctx: ctx.raise_event("", "e"), "The instance id is empty"),
        (lambda ctx: ctx.raise_event("i", "e", "x" * 99), "The data of event 'e' has 101 bytes"),
        (lambda ctx: ctx.cancel_instance("i", "r" * 16_385), "The reason has 16385 bytes"),
        (lambda ctx: ctx.read_kv("i", "k" * 257), "The key has 257 bytes"),
        (lambda ctx: ctx.set_custom_status("x" * 49), "The custom status has 51 bytes; the limit is 50"),
        (lambda ctx: ctx.kv.set("k", "x" * 19), "The value of key 'k' has 21 bytes; the limit is 20"),
        (lambda ctx: ctx.kv.set("", 1), "The key is empty"),
        (lambda ctx: ctx.patched("p" * 257), "The id of the patch has 257 bytes"),
        (lambda ctx: ctx.continue_as_new("x" * 99), "The input of continue_as_new has 101 bytes"),
        (lambda ctx: ctx.metric("", 1), "The name of the metric is empty"),
    ],
)
def test_a_breach_is_raised_at_the_call_and_emits_nothing(
    breach: Callable[[Context], Any], message: str
) -> None:
    async def code(ctx: Context) -> Any:
        try:
            breach(ctx)
        except perdure.LimitExceeded as error:
            return [error.code, str(error)[-90:]]

    script = Script(code, limits=SMALL)
    assert script.start() == []
    assert script.output[0] == 7
    assert message in script.output[1]


@pytest.mark.parametrize(
    ("fits", "count"),
    [
        (lambda ctx: ctx.activity("x" * 256, "x" * 98), 1),
        (lambda ctx: ctx.set_custom_status("x" * 48), 1),
        (lambda ctx: [ctx.kv.set(key, "x" * 18) for key in "ab" * 5], 10),
        (lambda ctx: [ctx.timer(1) for _ in range(3)], 3),
    ],
)
def test_what_just_fits_is_taken(fits: Callable[[Context], Any], count: int) -> None:
    async def code(ctx: Context) -> None:
        fits(ctx)

    script = Script(code, limits=SMALL)
    assert len(script.start()) == count
    assert script.output is None


def test_a_key_too_many_leaves_the_others() -> None:
    async def code(ctx: Context) -> Any:
        ctx.kv.set("b", 1)
        with pytest.raises(perdure.LimitExceeded, match="2 keys are set; the limit is 2 per instance"):
            ctx.kv.set("c", 1)
        ctx.kv.clear("a")
        ctx.kv.set("c", 1)
        return ctx.kv.all()

    script = Script(code, limits=SMALL, kv=[{"key": "a", "value": 1, "at": 0}])
    script.start()
    assert script.output == {"b": 1, "c": 1}


def test_pending_actions_count_until_they_are_answered() -> None:
    async def code(ctx: Context) -> Any:
        work = [ctx.activity("a") for _ in range(3)]
        with pytest.raises(perdure.LimitExceeded, match="3 actions are pending; the limit is 3"):
            await asyncio.sleep(1)
        await work[1]
        work[2].cancel()
        ctx.wait_for_event("e")
        await asyncio.sleep(1)

    script = Script(code, limits=SMALL)
    script.start()
    assert kinds(script.complete(2)) == ["Cancel:3", "Event:e", "Timer"]
    script.fire(6)
    assert script.output is None


@pytest.mark.parametrize("let_pass", [lambda ctx: ctx.activity("a", "x" * 99), lambda ctx: "x" * 99])
def test_a_breach_that_is_let_pass_is_the_failure_of_the_orchestration(
    let_pass: Callable[[Context], Any],
) -> None:
    async def code(ctx: Context) -> Any:
        return let_pass(ctx)

    script = Script(code, limits=SMALL)
    script.start()
    assert script.failure["type"] == "perdure.LimitExceeded"
    assert script.failure["nonRetryable"] is True


def test_a_failure_that_is_too_large_says_so() -> None:
    async def code(ctx: Context) -> Any:
        error = ValueError("no")
        error.details = "x" * 5000  # type: ignore[attr-defined]
        raise error

    script = Script(code, limits=perdure.Limits(payload_bytes=4000))
    script.start()
    assert script.failure["type"] == "perdure.LimitExceeded"


def test_five_hundred_messages_of_one_turn_are_no_reason_to_fail() -> None:
    async def code(ctx: Context) -> Any:
        return [await ctx.dequeue("q") for _ in range(500)]

    script = Script(code)
    script.start()
    script.deliver(*(script.event("QueueMessageReceived", 0, name="q", data=item) for item in range(500)))
    assert script.output == list(range(500))


def test_races_nest_and_hold_guids_and_times() -> None:
    async def code(ctx: Context) -> Any:
        async def inner(name: str) -> Any:
            work = [ctx.activity(name), ctx.wait_for_event(name), asyncio.create_task(asyncio.sleep(5))]
            done, pending = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for each in pending:
                each.cancel()
            return [name, [each.result() for each in done], str(ctx.new_guid()), ctx.now().isoformat()]

        race = [asyncio.create_task(inner(name)) for name in "abc"]
        done, pending = await asyncio.wait(race, return_when=asyncio.FIRST_COMPLETED)
        for each in pending:
            each.cancel()
        return [each.result() for each in done]

    script = Script(code)
    opened = kinds(script.start())
    assert opened == [
        "Activity:a",
        "Event:a",
        "Activity:b",
        "Event:b",
        "Activity:c",
        "Event:c",
        *["Timer"] * 3,
    ]
    assert sorted(kinds(script.raise_event("b", "go"))) == ["Cancel:3", "Cancel:8"]
    assert script.output[0][:2] == ["b", ["go"]]


def test_durations_are_seconds_or_timedeltas() -> None:
    async def code(ctx: Context) -> None:
        ctx.timer(timedelta(minutes=1))
        ctx.activity("a", start_to_close=timedelta(microseconds=1), heartbeat=0.0005, schedule_to_close=2)

    script = Script(code)
    timer, activity = script.start()
    assert timer["fireAt"] == START + 60_000
    assert activity["options"] == {"startToCloseMS": 1, "heartbeatMS": 1, "scheduleToCloseMS": 2000}
