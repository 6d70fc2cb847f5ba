"""Payloads: JSON, encoded once and decoded once, and the typed variants."""

from __future__ import annotations

import json
from typing import Any, Callable

import pytest

from perdure.duroxide import Client, SqliteProvider, parse_result

from .world import World

Make = Callable[..., World]

VALUES = [
    "text",
    "3",
    'with "quotes"',
    "ü€😀",
    7,
    1.5,
    {"a": [1, {"b": None}]},
    [1, "2", None],
    None,
    True,
    [],
]


def echo(ctx: Any, value: Any) -> Any:
    return value


def through_everything(ctx: Any, value: Any) -> Any:
    single = yield ctx.schedule_activity("Echo", value)
    both = yield ctx.all(
        [ctx.schedule_activity("Echo", value), ctx.schedule_sub_orchestration("Same", value)]
    )
    race = yield ctx.race(ctx.schedule_activity("Echo", value), ctx.wait_for_event("never"))
    assert race["index"] == 0
    return [single, both[0]["ok"], both[1]["ok"], race["value"]]


def test_values_survive_the_way_through_everything(world: Make) -> None:
    made = world({"Through": through_everything, "Same": lambda ctx, value: value}, {"Echo": echo})
    for value in VALUES:
        assert made.output("Through", value) == [value] * 4


def test_an_output_of_text_stays_text(world: Make) -> None:
    made = world({"Three": lambda ctx, _: "3", "Nothing": lambda ctx, _: None})
    assert made.output("Three") == "3"
    assert made.output("Nothing") is None


def test_a_missing_input_is_none(world: Make) -> None:
    made = world({"Given": lambda ctx, value: [value is None]})
    assert made.output("Given") == [True]


def test_messages_are_decoded_once(world: Make) -> None:
    def take(ctx: Any, _: Any) -> Any:
        text = yield ctx.dequeue_event("q")
        value = yield ctx.dequeue_event("q")
        event = yield ctx.wait_for_event("e")
        return [text, value, event]

    made = world({"Take": take})
    instance = made.start("Take")
    made.client.enqueue_event(instance, "q", json.dumps({"a": 1}))
    made.client.enqueue_event(instance, "q", {"a": 1})
    made.client.raise_event(instance, "e", "5")
    assert made.wait(instance).output == ['{"a": 1}', {"a": 1}, "5"]


def test_text_goes_raw_through_the_typed_calls_of_an_orchestration(world: Make) -> None:
    def typed(ctx: Any, value: Any) -> Any:
        doubled = yield ctx.schedule_activity_typed("Double", value, int)
        retried = yield ctx.schedule_activity_with_retry_typed("Double", value, {"max_attempts": 1})
        session = yield ctx.schedule_activity_on_session_typed("Double", value, "s")
        both = yield ctx.schedule_activity_with_retry_on_session_typed("Double", value, None, "s")
        child = yield ctx.schedule_sub_orchestration_typed("Same", value)
        other = yield ctx.schedule_sub_orchestration_with_id_typed("Same", f"{ctx.instance_id}-kid", value)
        return [doubled, retried, session, both, child, other]

    made = world({"Typed": typed, "Same": lambda ctx, value: value}, {"Double": lambda ctx, value: value * 2})
    assert made.output("Typed", "21") == [42, 42, 42, 42, 21, 21]
    assert made.output("Typed", 21) == [42, 42, 42, 42, 21, 21]
    assert made.output("Typed", "plain text")[0] == "plain textplain text"
    assert made.output("Typed", "NaN")[0] == "NaNNaN"


def test_detached_starts_and_continue_as_new_have_typed_forms_too(world: Make) -> None:
    def starts(ctx: Any, value: Any) -> Any:
        if value == "1":
            yield ctx.start_orchestration_typed("Same", "typed-1", "[1]")
            yield ctx.start_orchestration_versioned_typed("Same", "1.0.0", "typed-2", "[2]")
            yield ctx.continue_as_new_typed('{"next": true}')
        return value

    made = world({"Starts": starts, "Same": lambda ctx, value: value})
    assert made.output("Starts", "1") == {"next": True}
    assert made.wait("typed-1").output == [1]
    assert made.wait("typed-2").output == [2]


def test_text_is_encoded_by_the_typed_calls_of_a_client(world: Make) -> None:
    def take(ctx: Any, value: Any) -> Any:
        event = yield ctx.wait_for_event_typed("e")
        message = yield ctx.dequeue_event_typed("q")
        return [value, event, message]

    made = world({"Take": take})
    made.client.start_orchestration_typed("t", "Take", "21")
    made.client.raise_event_typed("t", "e", "22")
    made.client.enqueue_event_typed("t", "q", "23")
    assert made.client.wait_for_orchestration_typed("t", 20_000) == ["21", "22", "23"]
    made.client.start_orchestration_versioned_typed("v", "Take", "24", "1.0.0")
    made.client.raise_event("v", "e")
    made.client.enqueue_event("v", "q")
    assert made.client.wait_for_orchestration_typed("v", 20_000) == ["24", None, None]


def test_waiting_typed_raises_the_error_of_a_failed_instance(world: Make) -> None:
    def fail(ctx: Any, _: Any) -> Any:
        raise ValueError("no such order")

    made = world({"Fail": fail})
    with pytest.raises(Exception, match="no such order") as caught:
        made.client.wait_for_orchestration_typed(made.start("Fail"), 20_000)
    assert type(caught.value) is Exception


def test_what_json_cannot_hold_is_a_type_error_of_the_caller() -> None:
    client = Client(SqliteProvider.in_memory())
    for call in (
        lambda: client.start_orchestration("i", "Any", object()),
        lambda: client.raise_event("i", "e", {1, 2}),
        lambda: client.enqueue_event("i", "q", b"bytes"),
    ):
        with pytest.raises(TypeError):
            call()


def test_an_id_that_is_no_text_is_a_type_error() -> None:
    client = Client(SqliteProvider.in_memory())
    for call in (
        lambda: client.start_orchestration(7, "Any"),  # type: ignore[arg-type]
        lambda: client.get_status(None),  # type: ignore[arg-type]
        lambda: client.raise_event(1.5, "e"),  # type: ignore[arg-type]
        lambda: client.wait_for_orchestration(b"i"),  # type: ignore[arg-type]
        lambda: client.cancel_instance(["i"]),  # type: ignore[arg-type]
        lambda: client.get_instance_info(7),  # type: ignore[arg-type]
        lambda: client.list_executions(7),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError):
            call()


def test_results_that_json_cannot_hold_are_failures(world: Make) -> None:
    def bad(ctx: Any, _: Any) -> Any:
        try:
            yield ctx.schedule_activity("Bad")
        except Exception as error:
            return str(error)

    made = world({"Bad": bad, "Worse": lambda ctx, _: object()}, {"Bad": lambda ctx, _: object()})
    assert made.output("Bad").startswith("Activity 'Bad' call failed: ")
    result = made.run("Worse")
    assert (result.status, "cannot be encoded as JSON" in (result.error or "")) == ("Failed", True)


def test_parse_result() -> None:
    assert parse_result({"ok": 5}) == 5
    assert parse_result([{"ok": 1}, {"err": "no"}, 3]) == [1, {"err": "no"}, 3]
    assert parse_result("as it is") == "as it is"
    with pytest.raises(Exception, match="it broke"):
        parse_result({"err": "it broke"})
