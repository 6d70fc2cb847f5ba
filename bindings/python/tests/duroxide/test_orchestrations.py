"""Orchestrations and activities: how they run, fail, and are versioned."""

from __future__ import annotations

import threading
from typing import Any, Callable

import pytest

from perdure.duroxide import Runtime, SqliteProvider

from .world import WAIT, World

Make = Callable[..., World]


def add(ctx: Any, pair: Any) -> Any:
    return pair[0] + pair[1]


def fail(ctx: Any, text: Any) -> Any:
    raise ValueError(text)


def test_a_failure_is_thrown_into_the_generator_as_a_plain_exception(world: Make) -> None:
    def order(ctx: Any, _: Any) -> Any:
        try:
            yield ctx.schedule_activity("Fail", "card declined")
        except Exception as error:
            return [type(error) is Exception, str(error)]

    made = world({"Order": order}, {"Fail": fail})
    assert made.output("Order") == [True, "Activity 'Fail' call failed: ValueError: card declined"]


def test_a_failed_orchestration_has_its_traceback_as_error(world: Make) -> None:
    def order(ctx: Any, _: Any) -> Any:
        yield ctx.schedule_activity("Add", [1, 2])
        raise RuntimeError("Processing failed")

    def uncaught(ctx: Any, _: Any) -> Any:
        yield ctx.schedule_activity("Fail", "deep inside")

    def asserts(ctx: Any, _: Any) -> Any:
        assert (yield ctx.schedule_activity("Add", [1, 2])) == 4, "it is three"

    made = world({"Order": order, "Uncaught": uncaught, "Asserts": asserts}, {"Add": add, "Fail": fail})
    result = made.run("Order")
    assert (result.status, result.output) == ("Failed", None)
    assert result.error is not None
    assert result.error.startswith("Traceback")
    assert "in order" in result.error
    assert result.error.endswith("RuntimeError: Processing failed")
    assert "deep inside" in (made.run("Uncaught").error or "")
    assert "it is three" in (made.run("Asserts").error or "")


def test_a_descriptor_schedules_each_time_it_is_yielded_and_not_before(world: Make) -> None:
    ran: list[int] = []

    def order(ctx: Any, _: Any) -> Any:
        ctx.schedule_activity("Count", 1)
        twice = ctx.schedule_activity("Count", 2)
        yield twice
        yield twice

    made = world({"Order": order}, {"Count": lambda ctx, value: ran.append(value)})
    made.output("Order")
    assert ran == [2, 2]


def test_plain_functions_return_their_output_and_generators_may_be_nested(world: Make) -> None:
    def part(ctx: Any, value: Any) -> Any:
        return (yield ctx.schedule_activity("Add", [value, 1]))

    def whole(ctx: Any, value: Any) -> Any:
        first = yield from part(ctx, value)
        return (yield from part(ctx, first))

    made = world({"Plain": lambda ctx, value: {"got": value}, "Whole": whole}, {"Add": add})
    assert made.output("Plain", 3) == {"got": 3}
    assert made.output("Whole", 3) == 5


def test_an_async_orchestration_fails_and_says_where_it_belongs(world: Make) -> None:
    async def modern(ctx: Any, _: Any) -> Any:
        return 1

    assert "@perdure.orchestration" in (world({"Modern": modern}).run("Modern").error or "")


def test_yielding_something_else_is_an_error_that_says_so(world: Make) -> None:
    def wrong(ctx: Any, _: Any) -> Any:
        try:
            yield 5
        except TypeError as error:
            return str(error)

    assert "not 5" in world({"Wrong": wrong}).output("Wrong")


def test_an_activity_may_be_async(world: Make) -> None:
    async def add_async(ctx: Any, pair: Any) -> Any:
        return pair[0] + pair[1]

    def order(ctx: Any, _: Any) -> Any:
        return (yield ctx.schedule_activity("Add", [2, 3]))

    assert world({"Order": order}, {"Add": add_async}).output("Order") == 5


def test_the_context_knows_its_instance(world: Make) -> None:
    def order(ctx: Any, _: Any) -> Any:
        return [ctx.instance_id, ctx.execution_id, ctx.orchestration_name, ctx.orchestration_version]

    made = world({"Order": order})
    instance = made.start("Order")
    assert made.wait(instance).output == [instance, 1, "Order", "1.0.0"]


def test_an_activity_context_knows_its_attempt(world: Make) -> None:
    def look(ctx: Any, _: Any) -> Any:
        client_knows = ctx.get_client().get_status(ctx.instance_id).status
        named = [ctx.instance_id, ctx.execution_id, ctx.orchestration_name, ctx.orchestration_version]
        ctx.trace_info("looked")
        return [*named, ctx.activity_name, ctx.session_id, ctx.tag(), ctx.is_cancelled(), client_knows]

    def order(ctx: Any, _: Any) -> Any:
        return (yield ctx.schedule_activity("Look"))

    made = world({"Order@2.1.0": order}, {"Look": look})
    instance = made.start("Order")
    expected = [instance, 1, "Order", "2.1.0", "Look", None, None, False, "Running"]
    assert made.wait(instance).output == expected


def test_generators_go_on_where_they_were_after_a_restart(world: Make) -> None:
    ran: list[str] = []

    def order(ctx: Any, _: Any) -> Any:
        first = yield ctx.schedule_activity("Step", "one")
        ctx.set_custom_status("waiting")
        event = yield ctx.wait_for_event("go")
        second = yield ctx.schedule_activity("Step", "two")
        return [first, event, second]

    def step(ctx: Any, name: Any) -> Any:
        ran.append(name)
        return name

    made = world({"Order": order}, {"Step": step})
    instance = made.start("Order")
    made.status(instance, "waiting")
    made.restart()
    made.client.raise_event(instance, "go", 7)
    assert made.wait(instance).output == ["one", 7, "two"]
    assert ran == ["one", "two"]


def test_finally_runs_once_though_there_are_many_turns(world: Make) -> None:
    ran: list[str] = []

    def order(ctx: Any, _: Any) -> Any:
        try:
            for _ in range(4):
                yield ctx.schedule_activity("Add", [1, 1])
        finally:
            ran.append("finally")

    world({"Order": order}, {"Add": add}).output("Order")
    assert ran == ["finally"]


# ---- Versions ------------------------------------------------------------------------------------


def test_a_start_without_version_takes_the_highest(world: Make) -> None:
    def tell(ctx: Any, _: Any) -> Any:
        return ctx.orchestration_version

    def parent(ctx: Any, _: Any) -> Any:
        highest = yield ctx.schedule_sub_orchestration("Tell")
        pinned = yield ctx.schedule_sub_orchestration_versioned("Tell", "1.2.0")
        free = yield ctx.schedule_sub_orchestration_versioned("Tell", None, "x")
        named = yield ctx.schedule_sub_orchestration_versioned_with_id("Tell", "1.0.0", "named")
        yield ctx.start_orchestration_versioned("Tell", "1.2.0", "loose")
        return [highest, pinned, free, named]

    made = world({"Tell": tell, "Tell@1.2.0": tell, "Tell@1.10.0": tell, "Parent": parent})
    assert made.output("Tell") == "1.10.0"
    assert made.output("Parent") == ["1.10.0", "1.2.0", "1.10.0", "1.0.0"]
    assert made.wait("loose").output == "1.2.0"
    made.client.start_orchestration_versioned("pinned", "Tell", None, "1.2.0")
    assert made.wait("pinned").output == "1.2.0"


def test_continue_as_new_takes_the_highest_or_the_one_it_names(world: Make) -> None:
    def go(ctx: Any, seen: Any) -> Any:
        seen = [*(seen or []), ctx.orchestration_version]
        if len(seen) == 1:
            yield ctx.continue_as_new_versioned(seen, "1.0.0")
        if len(seen) == 2:
            yield ctx.continue_as_new(seen)
        return seen

    assert world({"Go": go, "Go@2.0.0": go}).output("Go") == ["2.0.0", "1.0.0", "2.0.0"]


def test_a_running_instance_keeps_its_version_through_a_restart_with_newer_code(world: Make) -> None:
    def old(ctx: Any, _: Any) -> Any:
        ctx.set_custom_status("waiting")
        yield ctx.wait_for_event("go")
        return "old"

    made = world({"Order": old})
    instance = made.start("Order")
    made.status(instance, "waiting")
    made.restart(orchestrations={"Order": old, "Order@2.0.0": lambda ctx, _: "new"})
    made.client.raise_event(instance, "go")
    assert made.wait(instance).output == "old"
    assert made.output("Order") == "new"


def test_an_unknown_name_waits_until_some_runtime_knows_it(world: Make) -> None:
    made = world({"Known": lambda ctx, _: "known"})
    instance = made.start("Unknown")
    with pytest.raises(RuntimeError, match="Operation timed out"):
        made.client.wait_for_orchestration(instance, 100)
    assert made.client.get_status(instance).status == "Running"
    assert made.output("Known") == "known"
    made.restart(orchestrations={"Unknown": lambda ctx, _: "found"})
    assert made.wait(instance).output == "found"


# ---- Registration --------------------------------------------------------------------------------


def test_registering_returns_the_function_or_a_decorator(world: Make) -> None:
    made = world(start=False)
    runtime = made.runtime

    @runtime.register_activity("Add")
    def decorated_add(ctx: Any, pair: Any) -> Any:
        return pair[0] + pair[1]

    @runtime.register_orchestration("Sum")
    def decorated_sum(ctx: Any, pair: Any) -> Any:
        return (yield ctx.schedule_activity("Add", pair))

    @runtime.register_orchestration_versioned("Sum", "1.1.0")
    def newer(ctx: Any, pair: Any) -> Any:
        return {"sum": (yield ctx.schedule_activity("Add", pair))}

    assert runtime.register_activity("Also", add) is add
    assert runtime.register_activity_typed("AlsoTyped", add) is add
    assert runtime.register_orchestration_typed("Typed", newer) is newer
    assert runtime.register_orchestration_versioned_typed("Typed", "3.0.0", newer) is newer
    assert runtime.register_orchestration_versioned("V", "1.0.0", newer) is newer
    runtime.start()
    assert made.output("Sum", [1, 2]) == {"sum": 3}
    assert made.output("Typed", [2, 2]) == {"sum": 4}
    assert decorated_add(None, [1, 1]) == 2
    with pytest.raises(RuntimeError, match="before"):
        runtime.register_activity("Late", add)


def test_what_cannot_be_registered_is_refused_at_once() -> None:
    runtime = Runtime(SqliteProvider.in_memory())
    runtime.register_orchestration("Twice", add)
    with pytest.raises(RuntimeError, match="registered already"):
        runtime.register_orchestration("Twice", fail)
    with pytest.raises(RuntimeError, match="version"):
        runtime.register_orchestration_versioned("Versioned", "not a version", add)
    with pytest.raises(TypeError):
        runtime.register_activity("No", 5)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        Runtime("memory:")  # type: ignore[arg-type]


def test_runtimes_of_one_process_have_names_of_their_own(world: Make) -> None:
    first, second = world({"Who": lambda ctx, _: "first"}), world({"Who": lambda ctx, _: "second"})
    assert first.output("Who") == "first"
    assert second.output("Who") == "second"


# ---- Cancellation --------------------------------------------------------------------------------


def test_a_cancelled_instance_has_failed_with_its_reason(world: Make) -> None:
    def wait(ctx: Any, _: Any) -> Any:
        try:
            yield ctx.wait_for_event("never")
        except Exception:
            return "an Exception came"

    made = world({"Wait": wait})
    for reason, text in (
        ("changed my mind", "canceled: changed my mind"),
        (None, "canceled: "),
        ("", "canceled: "),
    ):
        instance = made.start("Wait")
        made.client.cancel_instance(instance, reason)
        result = made.wait(instance)
        assert (result.status, result.error, result.output) == ("Failed", text, None)


def test_a_cancellation_reaches_children_and_running_activities(world: Make) -> None:
    heard, began = threading.Event(), threading.Event()

    def slow(ctx: Any, _: Any) -> Any:
        began.set()
        while not ctx.is_cancelled():
            heard.wait(0.01)
        heard.set()

    def child(ctx: Any, _: Any) -> Any:
        yield ctx.schedule_activity("Slow")

    def parent(ctx: Any, _: Any) -> Any:
        yield ctx.schedule_sub_orchestration_with_id("Child", "the-child")

    made = world({"Parent": parent, "Child": child}, {"Slow": slow})
    instance = made.start("Parent")
    assert began.wait(10)
    made.client.cancel_instance(instance, "stop")
    assert made.wait(instance).error == "canceled: stop"
    child_result = made.wait("the-child")
    assert (child_result.status, (child_result.error or "").startswith("canceled: ")) == ("Failed", True)
    assert heard.wait(10)


def test_a_cancellation_gives_up_all_of_a_group_before_the_code_cleans_up(world: Make) -> None:
    heard, began = threading.Event(), threading.Event()

    def slow(ctx: Any, _: Any) -> Any:
        began.set()
        while not ctx.is_cancelled():
            heard.wait(0.01)
        heard.set()

    def order(ctx: Any, _: Any) -> Any:
        try:
            yield ctx.all([ctx.wait_for_event("never"), ctx.schedule_activity("Slow")])
        finally:
            yield ctx.wait_for_event("cleaned")

    made = world({"Order": order}, {"Slow": slow})
    instance = made.start("Order")
    assert began.wait(10)
    made.client.cancel_instance(instance, "stop")
    assert heard.wait(10)
    assert made.client.get_status(instance).status == "Running"
    made.client.raise_event(instance, "cleaned")
    assert made.wait(instance).error == "canceled: stop"


def test_finally_of_a_cancelled_instance_may_do_durable_work(world: Make) -> None:
    cleaned: list[str] = []

    def order(ctx: Any, _: Any) -> Any:
        ctx.set_custom_status("waiting")
        try:
            yield ctx.wait_for_event("never")
        finally:
            yield ctx.schedule_activity("CleanUp", ctx.instance_id)

    made = world({"Order": order}, {"CleanUp": lambda ctx, name: cleaned.append(name)})
    instance = made.start("Order")
    made.status(instance, "waiting")
    made.restart()
    made.client.cancel_instance(instance, "stop")
    assert made.wait(instance).status == "Failed"
    assert cleaned == [instance]


def test_code_that_differs_from_its_history_fails(world: Make) -> None:
    def before(ctx: Any, _: Any) -> Any:
        yield ctx.schedule_activity("Add", [1, 1])
        ctx.set_custom_status("waiting")
        yield ctx.wait_for_event("go")

    def after(ctx: Any, _: Any) -> Any:
        yield ctx.schedule_timer(60_000)

    made = world({"Order": before}, {"Add": add})
    instance = made.start("Order")
    made.status(instance, "waiting")
    made.restart(orchestrations={"Order": after})
    made.client.raise_event(instance, "go")
    result = made.client.wait_for_orchestration(instance, WAIT)
    assert result.status == "Failed"
    assert (result.error or "").startswith("nondeterministic: ")
