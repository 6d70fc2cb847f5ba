"""`all` and `race`."""

from __future__ import annotations

import threading
from typing import Any, Callable

import pytest

from .world import World

Make = Callable[..., World]


def echo(ctx: Any, value: Any) -> Any:
    return value


def fail(ctx: Any, text: Any) -> Any:
    raise ValueError(text)


def child(ctx: Any, value: Any) -> Any:
    if value == "bad":
        raise ValueError("bad child")
    return value


def test_all_has_results_in_the_order_of_the_tasks(world: Make) -> None:
    def many(ctx: Any, _: Any) -> Any:
        ctx.set_custom_status("waiting")
        return (yield ctx.all([
            ctx.schedule_activity("Echo", 1),
            ctx.schedule_activity("Fail", "no"),
            ctx.schedule_timer(1),
            ctx.wait_for_event("e"),
            ctx.dequeue_event("q"),
            ctx.schedule_sub_orchestration("Child", "good"),
            ctx.schedule_sub_orchestration_with_id("Child", f"{ctx.instance_id}-kid", "bad"),
            ctx.get_kv_value_from_instance("nobody", "k"),
            ctx.utc_now(),
            ctx.new_guid(),
            ctx.continue_as_new(1),
            ctx.start_orchestration("Child", "never-started"),
        ]))  # fmt: skip

    made = world({"Many": many, "Child": child}, {"Echo": echo, "Fail": fail})
    instance = made.start("Many")
    made.status(instance, "waiting")
    made.restart()
    made.client.enqueue_event(instance, "q", "message")
    made.client.raise_event(instance, "e", {"n": 1})
    output = made.wait(instance).output
    assert output[:6] == [
        {"ok": 1}, {"err": "Activity 'Fail' call failed: ValueError: no"}, {"ok": None}, {"ok": {"n": 1}},
        {"ok": "message"}, {"ok": "good"},
    ]  # fmt: skip
    assert "bad child" in output[6]["err"]
    assert output[7:] == [{"ok": None}, *[{"err": "unsupported task in join"}] * 4]
    assert made.client.get_status("never-started").status == "NotFound"


def test_all_of_nothing_is_nothing(world: Make) -> None:
    def none(ctx: Any, _: Any) -> Any:
        return (yield ctx.all([]))

    assert world({"None": none}).output("None") == []


def test_all_typed_has_the_bare_values_and_leaves_errors(world: Make) -> None:
    def typed(ctx: Any, _: Any) -> Any:
        return (
            yield ctx.all_typed([ctx.schedule_activity("Echo", "x"), ctx.schedule_activity("Fail", "no")])
        )

    output = world({"Typed": typed}, {"Echo": echo, "Fail": fail}).output("Typed")
    assert output == ["x", {"err": "Activity 'Fail' call failed: ValueError: no"}]


def test_a_wide_all(world: Make) -> None:
    def wide(ctx: Any, count: Any) -> Any:
        results = yield ctx.all([ctx.schedule_activity("Echo", item) for item in range(count)])
        return sum(each["ok"] for each in results)

    assert world({"Wide": wide}, {"Echo": echo}).output("Wide", 300) == 300 * 299 // 2


def test_race_gives_the_index_and_the_value_of_the_winner(world: Make) -> None:
    def race(ctx: Any, first: Any) -> Any:
        timer, activity = ctx.schedule_timer(60_000), ctx.schedule_activity("Echo", "won")
        tasks = (timer, activity) if first else (activity, timer)
        return (yield ctx.race(*tasks))

    def timer(ctx: Any, _: Any) -> Any:
        return (yield ctx.race_typed(ctx.wait_for_event("never"), ctx.schedule_timer(1)))

    made = world({"Race": race, "Timer": timer}, {"Echo": echo})
    assert made.output("Race", True) == {"index": 1, "value": "won"}
    assert made.output("Race", False) == {"index": 0, "value": "won"}
    assert made.output("Timer") == {"index": 1, "value": None}


def test_a_winner_that_failed_raises(world: Make) -> None:
    def race(ctx: Any, _: Any) -> Any:
        try:
            yield ctx.race(ctx.schedule_activity("Fail", "lost anyway"), ctx.schedule_timer(60_000))
        except Exception as error:
            return str(error)

    assert "lost anyway" in world({"Race": race}, {"Fail": fail}).output("Race")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_race_takes_two_tasks(world: Make, count: int) -> None:
    def race(ctx: Any, _: Any) -> Any:
        yield ctx.race(*[ctx.schedule_timer(1)] * count)

    result = world({"Race": race}).run("Race")
    assert result.status == "Failed"
    assert "select currently supports exactly 2 tasks" in (result.error or "")


def test_groups_do_not_nest(world: Make) -> None:
    def nest(ctx: Any, _: Any) -> Any:
        errors = []
        inner = [ctx.all([]), ctx.race(ctx.schedule_timer(1), ctx.schedule_timer(1))]
        for group in [ctx.all([each]) for each in inner] + [ctx.race(each, each) for each in inner]:
            try:
                yield group
            except Exception as error:
                errors.append(str(error))
        return errors

    assert world({"Nest": nest}).output("Nest") == [
        *["nested join/select inside join is not supported"] * 2,
        *["nested join/select inside select is not supported"] * 2,
    ]


def test_a_losing_activity_hears_of_it_and_nobody_waits_for_it(world: Make) -> None:
    began, may_end, heard = threading.Event(), threading.Event(), threading.Event()

    def slow(ctx: Any, _: Any) -> Any:
        began.set()
        while not ctx.is_cancelled():
            may_end.wait(0.01)
        heard.set()
        may_end.wait(10)

    def race(ctx: Any, _: Any) -> Any:
        return (yield ctx.race(ctx.schedule_activity("Slow"), ctx.wait_for_event("stop")))["index"]

    made = world({"Race": race}, {"Slow": slow})
    instance = made.start("Race")
    assert began.wait(10)
    made.client.raise_event(instance, "stop")
    assert made.wait(instance).output == 1
    assert heard.wait(10)
    may_end.set()


def test_a_losing_child_is_cancelled(world: Make) -> None:
    def wait(ctx: Any, _: Any) -> Any:
        yield ctx.wait_for_event("never")

    def race(ctx: Any, _: Any) -> Any:
        return (yield ctx.race(
            ctx.schedule_sub_orchestration_with_id("Wait", "loser"), ctx.schedule_timer(20)
        ))["index"]  # fmt: skip

    made = world({"Race": race, "Wait": wait})
    assert made.output("Race") == 1
    result = made.wait("loser")
    assert (result.status, (result.error or "").startswith("canceled: ")) == ("Failed", True)


def test_a_losing_wait_gives_its_claim_to_the_next(world: Make) -> None:
    def race(ctx: Any, _: Any) -> Any:
        first = yield ctx.race(ctx.dequeue_event("q"), ctx.schedule_timer(1))
        second = yield ctx.race(ctx.wait_for_event("e"), ctx.schedule_timer(1))
        ctx.set_custom_status("waiting")
        message = yield ctx.dequeue_event("q")
        event = yield ctx.wait_for_event("e")
        return [first["index"], second["index"], message, event]

    made = world({"Race": race})
    instance = made.start("Race")
    made.status(instance, "waiting")
    made.restart()
    made.client.enqueue_event(instance, "q", "first")
    made.client.raise_event(instance, "e", "second")
    assert made.wait(instance).output == [1, 1, "first", "second"]


def test_what_cannot_race_says_so(world: Make) -> None:
    def race(ctx: Any, _: Any) -> Any:
        try:
            yield ctx.race(ctx.utc_now(), ctx.schedule_timer(1))
        except Exception as error:
            return str(error)

    assert world({"Race": race}).output("Race") == "unsupported task in select"
