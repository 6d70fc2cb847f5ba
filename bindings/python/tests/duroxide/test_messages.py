"""Events, queues, timers, time and identity."""

from __future__ import annotations

import time
import uuid
from typing import Any, Callable

from .world import World

Make = Callable[..., World]


def test_messages_that_came_before_any_runtime_are_delivered_in_order(world: Make) -> None:
    def drain(ctx: Any, count: Any) -> Any:
        taken = []
        for _ in range(count):
            taken.append((yield ctx.dequeue_event("q")))
        return taken

    made = world({"Drain": drain}, start=False)
    made.client.start_orchestration("d", "Drain", 150)
    for item in range(150):
        made.client.enqueue_event("d", "q", item)
    made.runtime.start()
    assert made.wait("d").output == list(range(150))


def test_events_that_came_early_are_kept(world: Make) -> None:
    def take(ctx: Any, _: Any) -> Any:
        first = yield ctx.wait_for_event("e")
        yield ctx.schedule_timer(1)
        second = yield ctx.wait_for_event("e")
        return [first, second]

    made = world({"Take": take}, start=False)
    made.client.raise_event("t", "e", "before the start")
    made.client.start_orchestration("t", "Take")
    made.client.raise_event("t", "e", "before the wait")
    made.runtime.start()
    assert made.wait("t").output == ["before the start", "before the wait"]


def test_queues_are_independent_and_survive_continue_as_new(world: Make) -> None:
    def take(ctx: Any, seen: Any) -> Any:
        seen = seen or []
        if len(seen) < 3:
            seen.append((yield ctx.dequeue_event("q")))
            yield ctx.continue_as_new(seen)
        other = yield ctx.dequeue_event("other")
        return [seen, other, ctx.execution_id]

    made = world({"Take": take})
    instance = made.start("Take")
    made.client.enqueue_event(instance, "other", "o")
    for item in range(3):
        made.client.enqueue_event(instance, "q", item)
    assert made.wait(instance).output == [[0, 1, 2], "o", 4]


def test_two_waits_take_two_events_in_order(world: Make) -> None:
    def take(ctx: Any, _: Any) -> Any:
        ctx.set_custom_status("waiting")
        return (yield ctx.all_typed([ctx.wait_for_event("e"), ctx.wait_for_event("e")]))

    made = world({"Take": take})
    instance = made.start("Take")
    made.status(instance, "waiting")
    made.client.raise_event(instance, "e", 1)
    made.restart()
    made.client.raise_event(instance, "e", 2)
    assert made.wait(instance).output == [1, 2]


def test_messages_to_nobody_and_to_the_finished_are_no_errors_and_stall_nobody(world: Make) -> None:
    made = world({"Quick": lambda ctx, _: 1})
    done = made.start("Quick")
    assert made.wait(done).output == 1
    for instance in ("ghost", done):
        made.client.raise_event(instance, "e", 1)
        made.client.enqueue_event(instance, "q", 1)
        made.client.cancel_instance(instance, "why")
    assert made.output("Quick") == 1
    assert made.wait(done).status == "Completed"
    assert made.client.get_status("ghost").status == "NotFound"


def test_a_start_of_an_id_that_exists_is_ignored(world: Make) -> None:
    def wait(ctx: Any, value: Any) -> Any:
        yield ctx.wait_for_event("go")
        return value

    def detached(ctx: Any, _: Any) -> Any:
        return (yield ctx.start_orchestration("Wait", "w", "third"))

    made = world({"Wait": wait, "Detached": detached})
    made.client.start_orchestration("w", "Wait", "first")
    made.client.start_orchestration("w", "Wait", "second")
    assert made.output("Detached") is None
    made.client.raise_event("w", "go")
    assert made.wait("w").output == "first"
    made.client.start_orchestration("w", "Wait", "fourth")
    assert made.output("Detached") is None
    assert made.client.get_status("w").output == "first"


def test_a_timer_is_not_early_and_survives_a_restart(world: Make) -> None:
    def nap(ctx: Any, _: Any) -> Any:
        before = yield ctx.utc_now()
        ctx.set_custom_status("napping")
        nothing = yield ctx.schedule_timer(150)
        after = yield ctx.utc_now()
        return [nothing, after - before]

    made = world({"Nap": nap})
    begin = time.monotonic()
    instance = made.start("Nap")
    made.status(instance, "napping")
    made.restart()
    nothing, slept = made.wait(instance).output
    assert nothing is None
    assert slept >= 150
    assert time.monotonic() - begin >= 0.15


def test_time_and_guids_are_the_same_in_each_run(world: Make) -> None:
    seen: list[Any] = []

    def order(ctx: Any, _: Any) -> Any:
        now = yield ctx.utc_now()
        one, two = (yield ctx.new_guid()), (yield ctx.new_guid())
        seen.append([now, one, two])
        ctx.set_custom_status("waiting")
        yield ctx.wait_for_event("go")

    made = world({"Order": order})
    instance = made.start("Order")
    made.status(instance, "waiting")
    made.restart()
    made.client.raise_event(instance, "go")
    assert made.wait(instance).status == "Completed"
    assert len(seen) == 2
    assert seen[0] == seen[1]
    now, one, two = seen[0]
    assert abs(now - time.time() * 1000) < 60_000
    assert isinstance(now, int)
    assert len({one, two, str(uuid.UUID(one)), str(uuid.UUID(two))}) == 2
