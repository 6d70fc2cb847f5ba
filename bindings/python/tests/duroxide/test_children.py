"""Sub-orchestrations and detached starts."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from .world import World

Make = Callable[..., World]


def child(ctx: Any, value: Any) -> Any:
    if value == "fail":
        raise ValueError("the child broke")
    if value == "wait":
        return (yield ctx.wait_for_event("go"))
    return {"got": value, "id": ctx.instance_id}


def parent(ctx: Any, value: Any) -> Any:
    try:
        return (yield ctx.schedule_sub_orchestration("Child", value))
    except Exception as error:
        return f"caught: {error}"


def test_a_child_has_an_id_below_its_parent(world: Make) -> None:
    made = world({"Parent": parent, "Child": child})
    instance = made.start("Parent", 5)
    assert made.wait(instance).output == {"got": 5, "id": f"{instance}::sub::2"}
    info = made.client.get_instance_info(f"{instance}::sub::2")
    assert info.parent_instance_id == instance
    assert made.client.get_instance_info(instance).parent_instance_id is None


def test_children_of_later_executions_have_ids_of_their_own(world: Make) -> None:
    def rounds(ctx: Any, round: Any) -> Any:
        found = yield ctx.all_typed([ctx.schedule_sub_orchestration("Child", n) for n in range(2)])
        if round == 1:
            yield ctx.continue_as_new(2)
        return [each["id"] for each in found]

    made = world({"Rounds": rounds, "Child": child})
    instance = made.start("Rounds", 1)
    assert made.wait(instance).output == [f"{instance}::sub::2_2", f"{instance}::sub::2_3"]
    assert len(made.client.list_all_instances()) == 5


def test_an_id_of_ones_own(world: Make) -> None:
    def named(ctx: Any, instance: Any) -> Any:
        try:
            first = yield ctx.schedule_sub_orchestration_with_id("Child", instance, 1)
            second = yield ctx.schedule_sub_orchestration_with_id("Child", instance, 2)
            return [first, second]
        except Exception as error:
            return str(error)

    made = world({"Named": named, "Child": child})
    assert "exists already" in made.output("Named", "my-child")
    assert made.wait("my-child").output == {"got": 1, "id": "my-child"}
    assert "reserved" in made.output("Named", "sub::1")


def test_ids_that_children_have_are_refused_from_clients(world: Make) -> None:
    made = world({"Child": child})
    for instance in ("sub::1", "order::sub::2"):
        with pytest.raises(RuntimeError, match="Invalid input"):
            made.client.start_orchestration(instance, "Child")


def test_a_failed_child_can_be_caught_with_its_whole_error(world: Make) -> None:
    made = world({"Parent": parent, "Child": child})
    instance = made.start("Parent", "fail")
    output = made.wait(instance).output
    assert output == f"caught: {made.client.get_status(f'{instance}::sub::2').error}"
    assert "ValueError: the child broke" in output


def test_a_child_goes_on_after_a_restart(world: Make) -> None:
    made = world({"Parent": parent, "Child": child})
    instance = made.start("Parent", "wait")
    made.until(lambda: made.client.get_status(f"{instance}::sub::2").status == "Running")
    made.restart()
    made.client.raise_event(f"{instance}::sub::2", "go", "on")
    assert made.wait(instance).output == "on"


def test_a_detached_instance_is_independent(world: Make) -> None:
    def starter(ctx: Any, _: Any) -> Any:
        first = yield ctx.start_orchestration("Child", "loose", "wait")
        yield ctx.wait_for_event("never")
        return first

    made = world({"Starter": starter, "Child": child})
    instance = made.start("Starter")
    made.until(lambda: made.client.get_status("loose").status == "Running")
    made.client.cancel_instance(instance)
    assert made.wait(instance).status == "Failed"
    assert made.client.get_instance_info("loose").parent_instance_id is None
    made.client.raise_event("loose", "go", 1)
    assert made.wait("loose").output == 1


def test_waiting_for_an_instance_that_is_yet_to_be_started(world: Make) -> None:
    def starter(ctx: Any, _: Any) -> Any:
        yield ctx.schedule_timer(50)
        yield ctx.start_orchestration("Child", "later", 5)

    made = world({"Starter": starter, "Child": child})
    made.start("Starter")
    assert made.wait("later").output == {"got": 5, "id": "later"}


def test_what_a_turn_starts_before_it_continues_as_new_is_started(world: Make) -> None:
    def starter(ctx: Any, round: Any) -> Any:
        if round == 1:
            yield ctx.start_orchestration("Child", "of-the-first-round", 5)
            yield ctx.continue_as_new(2)
        return round

    made = world({"Starter": starter, "Child": child})
    assert made.output("Starter", 1) == 2
    assert made.wait("of-the-first-round").status == "Completed"
