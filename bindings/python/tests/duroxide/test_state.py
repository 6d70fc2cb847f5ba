"""Custom status and key-value state."""

from __future__ import annotations

import threading
from typing import Any, Callable

import pytest

from .world import World

Make = Callable[..., World]


def wait(ctx: Any, _: Any) -> Any:
    yield ctx.wait_for_event("go")


# ---- Custom status -------------------------------------------------------------------------------


def test_the_getter_sees_what_was_set_also_after_a_replay(world: Make) -> None:
    def order(ctx: Any, _: Any) -> Any:
        seen = [ctx.get_custom_status()]
        ctx.set_custom_status("one")
        seen.append(ctx.get_custom_status())
        yield ctx.wait_for_event("go")
        seen.append(ctx.get_custom_status())
        ctx.reset_custom_status()
        seen.append(ctx.get_custom_status())
        ctx.set_custom_status(5)
        return seen

    made = world({"Order": order})
    instance = made.start("Order")
    made.status(instance, "one")
    made.restart()
    made.client.raise_event(instance, "go")
    result = made.wait(instance)
    assert result.output == [None, "one", "one", None]
    assert result.custom_status == "5"


def test_the_status_goes_along_with_continue_as_new(world: Make) -> None:
    def order(ctx: Any, round: Any) -> Any:
        status, keys = (
            ctx.get_custom_status(),
            [ctx.get_kv_length(), ctx.get_kv_all_keys(), ctx.get_kv_all_values()],
        )
        if round == 1:
            ctx.set_custom_status("carried")
            yield ctx.continue_as_new(2)
        if round == 2:
            ctx.set_kv_value("seen", [status, keys])
            ctx.reset_custom_status()
            yield ctx.continue_as_new(3)
        return [ctx.get_kv_value("seen"), status, keys[0]]

    made = world({"Order": order})
    instance = made.start("Order", 1)
    result = made.wait(instance)
    assert result.output == ["['carried', [0, [], {}]]", None, 1]
    assert result.custom_status is None
    stats = made.client.get_orchestration_stats(instance)
    assert stats is not None
    assert stats.kv_user_key_count == 1


def test_the_version_grows_by_one_with_each_turn_that_changed_the_status(world: Make) -> None:
    def order(ctx: Any, _: Any) -> Any:
        yield ctx.wait_for_event("go")
        ctx.set_custom_status("one")
        ctx.set_custom_status("two")
        yield ctx.wait_for_event("go")
        ctx.set_custom_status("three")
        yield ctx.wait_for_event("go")

    made = world({"Order": order})
    instance = made.start("Order")
    assert made.client.get_status(instance).custom_status_version == 0
    assert made.client.get_status(instance).custom_status is None
    made.client.raise_event(instance, "go")
    seen = made.client.wait_for_status_change(instance, 0, 50, 20_000)
    assert (seen.custom_status, seen.custom_status_version) == ("two", 1)
    made.client.raise_event(instance, "go")
    seen = made.client.wait_for_status_change(instance, 1)
    assert (seen.status, seen.custom_status, seen.custom_status_version) == ("Running", "three", 2)


def test_waiting_for_a_change_ends_with_the_instance_or_the_time(world: Make) -> None:
    made = world({"Quick": lambda ctx, _: [1], "Wait": wait})
    done = made.start("Quick")
    assert made.wait(done).output == [1]
    assert made.client.wait_for_status_change(done, 99).output == [1]
    with pytest.raises(RuntimeError, match="Operation timed out"):
        made.client.wait_for_status_change(made.start("Wait"), 0, 10, 50)
    with pytest.raises(RuntimeError, match="Operation timed out"):
        made.client.wait_for_status_change("nobody", timeout_ms=30)


def test_a_status_that_is_too_large_fails_the_orchestration(world: Make) -> None:
    def order(ctx: Any, size: Any) -> Any:
        ctx.set_custom_status("ü" * size)

    made = world({"Order": order})
    result = made.run("Order", 131_073)
    assert result.status == "Failed"
    assert "Custom status size (262146 bytes) exceeds limit (262144 bytes)" in (result.error or "")
    assert len(made.run("Order", 131_072).custom_status or "") == 131_072


# ---- Key-value state -----------------------------------------------------------------------------


def test_the_calls_of_an_orchestration(world: Make) -> None:
    def order(ctx: Any, _: Any) -> Any:
        ctx.set_kv_value("b", "2")
        ctx.set_kv_value("a", 1)
        seen = [ctx.get_kv_value("a"), ctx.get_kv_value("none"), ctx.get_kv_length(), ctx.get_kv_all_keys()]
        seen.append(ctx.get_kv_all_values())
        ctx.clear_kv_value("b")
        ctx.clear_kv_value("not there")
        seen.append(ctx.get_kv_all_values())
        ctx.clear_all_kv_values()
        seen.append(ctx.get_kv_length())
        ctx.set_kv_value("after", '{"n": 1}')
        yield ctx.schedule_timer(1)
        return seen

    made = world({"Order": order})
    instance = made.start("Order")
    expected = ["1", None, 2, ["a", "b"], {"a": "1", "b": "2"}, {"a": "1"}, 0]
    assert made.wait(instance).output == expected
    made.restart()
    assert made.client.get_kv_value(instance, "after") == '{"n": 1}'
    assert made.client.get_kv_value_typed(instance, "after") == {"n": 1}
    assert made.client.get_kv_value(instance, "a") is None
    assert made.client.get_kv_value_typed(instance, "a") is None
    assert made.client.get_kv_value("nobody", "a") is None


def test_counting_over_turns_replays_and_goes_along_with_continue_as_new(world: Make) -> None:
    def count(ctx: Any, round: Any) -> Any:
        for _ in range(3):
            number = int(ctx.get_kv_value("c") or 0)
            yield ctx.schedule_activity("Noop")
            ctx.set_kv_value("c", number + 1)
        if round == 1:
            yield ctx.wait_for_event("go")
            yield ctx.continue_as_new(2)
        return ctx.get_kv_value("c")

    made = world({"Count": count}, {"Noop": lambda ctx, _: None})
    instance = made.start("Count", 1)
    made.until(lambda: made.client.get_kv_value(instance, "c") == "3")
    made.restart()
    made.client.raise_event(instance, "go")
    assert made.wait(instance).output == "6"


def test_pruning_takes_what_was_set_before(world: Make) -> None:
    def prune(ctx: Any, state: Any) -> Any:
        if state is None:
            ctx.set_custom_status("carried")
            ctx.set_kv_value("old", "1")
            ctx.set_kv_value("older", "1")
            yield ctx.schedule_timer(5)
            yield ctx.continue_as_new("next")
        none = ctx.prune_kv_values_updated_before(0)
        yield ctx.schedule_timer(5)
        cutoff = yield ctx.utc_now()
        ctx.set_kv_value("new", "1")
        pruned = ctx.prune_kv_values_updated_before(cutoff)
        return [none, pruned, ctx.get_kv_all_keys(), ctx.prune_kv_values_updated_before(10**15)]

    assert world({"Prune": prune}).output("Prune") == [0, 2, ["new"], 1]


def test_reading_another_instance(world: Make) -> None:
    def keep(ctx: Any, _: Any) -> Any:
        ctx.set_kv_value("k", "5")

    def read(ctx: Any, other: Any) -> Any:
        task = ctx.get_kv_value_from_instance(other, "k")
        found = yield task.with_tag("ignored")
        no_key = yield ctx.get_kv_value_from_instance(other, "none")
        nobody = yield ctx.get_kv_value_from_instance("nobody", "k")
        return [found, no_key, nobody]

    made = world({"Keep": keep, "Read": read})
    other = made.start("Keep")
    assert made.wait(other).status == "Completed"
    assert made.output("Read", other) == ["5", None, None]


def test_waiting_for_a_value(world: Make) -> None:
    def later(ctx: Any, _: Any) -> Any:
        yield ctx.wait_for_event("go")
        ctx.set_kv_value("k", "[1]")
        yield ctx.wait_for_event("go")

    made = world({"Later": later})
    instance = made.start("Later")
    with pytest.raises(TimeoutError, match=f"Timed out waiting for value 'k' on instance '{instance}'"):
        made.client.wait_for_kv_value(instance, "k", 30)
    thread = threading.Timer(0.05, made.client.raise_event, (instance, "go"))
    thread.start()
    assert made.client.wait_for_kv_value(instance, "k", 20_000) == "[1]"
    assert made.client.wait_for_kv_value_typed(instance, "k", 20_000) == [1]
    thread.join()


def test_a_value_that_a_client_sees_stands_with_the_waits_of_its_turn(world: Make) -> None:
    def order(ctx: Any, _: Any) -> Any:
        ctx.set_kv_value("status", "ready")
        return (yield ctx.wait_for_event("go"))

    made = world({"Order": order})
    for round in range(5):
        instance = made.start("Order")
        made.client.wait_for_kv_value(instance, "status", 20_000)
        made.client.raise_event(instance, "go", round)
        assert made.wait(instance).output == round


def test_limits_fail_the_orchestration_and_can_be_caught(world: Make) -> None:
    def keys(ctx: Any, count: Any) -> Any:
        for number in range(count):
            ctx.set_kv_value(f"k{number}", number)
        ctx.set_kv_value("k0", "again")
        return ctx.get_kv_length()

    def large(ctx: Any, size: Any) -> Any:
        ctx.set_kv_value("K", "\x01" * size)

    def careful(ctx: Any, _: Any) -> Any:
        try:
            ctx.set_kv_value("K", "x" * 65_537)
        except Exception as error:
            return [str(error), ctx.get_kv_value("K")]

    made = world({"Keys": keys, "Large": large, "Careful": careful})
    assert made.output("Keys", 150) == 150
    assert "KV key count (151) exceeds limit (150)" in (made.run("Keys", 151).error or "")
    assert made.run("Large", 65_536).status == "Completed"
    text = "KV value for key 'K' (65537 bytes) exceeds limit (65536 bytes)"
    assert text in (made.run("Large", 65_537).error or "")
    assert made.output("Careful") == [text, None]
