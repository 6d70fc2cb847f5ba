"""Messages, cancellation, ends, and what the context offers."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from script import START, Script, kinds

import perdure

Context = perdure.OrchestrationContext

# ---- Messages ------------------------------------------------------------------------------------


def test_an_event_that_came_early_is_kept() -> None:
    async def code(ctx: Context) -> Any:
        await asyncio.sleep(1)
        return [await ctx.wait_for_event("go"), await ctx.wait_for_event("go"), await ctx.dequeue("go")]

    script = Script(code)
    script.start()
    assert script.raise_event("go", 1) == []
    script.enqueue("go", "q")
    script.raise_event("go", 2)
    assert kinds(script.fire(1)) == ["Event:go", "Event:go", "Dequeue:go"]
    assert script.output == [1, 2, "q"]


def test_a_cancelled_wait_takes_nothing() -> None:
    async def code(ctx: Context) -> Any:
        first, second = ctx.wait_for_event("go"), ctx.wait_for_event("go")
        await ctx.activity("a")
        first.cancel()
        return [await second, first.cancelled()]

    script = Script(code)
    script.start()
    assert kinds(script.complete(3)) == ["Cancel:1"]
    script.raise_event("go", "data")
    assert script.output == ["data", True]


def test_a_result_after_a_cancel_is_ignored() -> None:
    async def code(ctx: Context) -> Any:
        handle = ctx.activity("a")
        await ctx.timer(1)
        handle.cancel()
        return await ctx.wait_for_event("go")

    script = Script(code)
    script.start()
    script.fire(2)
    assert script.complete(1, "too late") == []
    assert script.complete(99, "unknown") == []
    script.raise_event("go", 1)
    assert script.output == 1


# ---- Cancellation --------------------------------------------------------------------------------


def test_a_cancellation_gives_up_what_is_awaited_and_may_clean_up() -> None:
    async def code(ctx: Context) -> Any:
        try:
            await asyncio.gather(ctx.activity("a"), ctx.wait_for_event("never"))
        except asyncio.CancelledError:
            await ctx.activity("undo")
            raise

    script = Script(code)
    script.start()
    assert kinds(script.cancel()) == ["Cancel:1", "Cancel:2", "Activity:undo"]
    assert script.end is None
    script.complete(5)
    assert script.end == {"after": 5, "kind": "Cancelled"}
    script.check_replay()


def test_a_second_cancellation_changes_nothing() -> None:
    async def code(ctx: Context) -> Any:
        try:
            await ctx.wait_for_event("never")
        except asyncio.CancelledError as error:
            return [str(error), await ctx.activity("undo")]

    script = Script(code)
    script.start()
    script.cancel("first")
    assert script.cancel("second") == []
    script.complete(3, "ok")
    assert script.output == ["first", "ok"]


def test_a_cancellation_of_ones_own_work_is_a_failure() -> None:
    async def code(ctx: Context) -> Any:
        handle = ctx.activity("a")
        handle.cancel()
        await handle

    script = Script(code)
    script.start()
    assert script.failure["type"] == "CancelledError"


# ---- Ends ----------------------------------------------------------------------------------------


def test_code_stops_where_it_ends_and_later_events_are_not_delivered() -> None:
    async def code(ctx: Context) -> Any:
        async def forever() -> None:
            while True:
                await ctx.activity("again")

        asyncio.create_task(forever())  # noqa: RUF006
        return await ctx.wait_for_event("go")

    script = Script(code)
    script.start()
    go = script.event("EventRaised", name="go", data=1)
    script.deliver(go, script.event("ActivityCompleted", action=2, result=None))
    assert script.end == {"after": 3, "kind": "Completed", "output": 1}
    assert kinds(script.actions) == ["Event:go", "Activity:again"]
    script.check_replay()


def test_continue_as_new_never_returns() -> None:
    async def code(ctx: Context, value: int) -> Any:
        try:
            ctx.continue_as_new(value + 1, version="2.0.0")
        except Exception:
            return "caught"
        finally:
            ctx.set_custom_status("moving on")

    script = Script(code)
    assert kinds(script.start(1)) == ["SetCustomStatus"]
    assert script.end == {"after": 1, "kind": "ContinuedAsNew", "version": "2.0.0", "input": 2}


def test_continue_as_new_from_another_task_is_refused() -> None:
    async def code(ctx: Context) -> Any:
        async def inner() -> None:
            ctx.continue_as_new()

        await asyncio.create_task(inner())

    script = Script(code)
    script.start()
    assert "only its own task" in script.failure["message"]


def test_a_failure_has_type_message_details_stack_and_cause() -> None:
    class OutOfStock(Exception):
        non_retryable = True

        def __init__(self, message: str) -> None:
            super().__init__(message)
            self.details = {"item": 7}

    async def code(ctx: Context) -> Any:
        try:
            raise KeyError("shelf")
        except KeyError as error:
            raise OutOfStock("none left") from error

    script = Script(code)
    script.start()
    failure = script.failure
    assert (failure["type"], failure["message"], failure["details"]) == (
        "OutOfStock",
        "none left",
        {"item": 7},
    )
    assert failure["nonRetryable"] is True
    assert "test_orchestration.py" in failure["stack"]
    assert failure["cause"]["type"] == "KeyError"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_errors_that_end_processes_end_only_the_orchestration(error: BaseException) -> None:
    async def code(ctx: Context) -> Any:
        raise error

    script = Script(code)
    script.start()
    assert script.failure["type"] == type(error).__name__


# ---- Context -------------------------------------------------------------------------------------


def test_time_comes_from_the_events() -> None:
    async def code(ctx: Context) -> Any:
        before = ctx.now()
        await ctx.sleep_until(before + timedelta(minutes=1))
        return [before.isoformat(), (ctx.now() - before).total_seconds()]

    script = Script(code)
    assert script.start()[0]["fireAt"] == START + 60_000
    script.fire(1)
    expected = datetime.fromtimestamp(START / 1000, timezone.utc).isoformat()
    assert script.output == [expected, 60.0]


def test_guids_and_random_numbers_are_derived() -> None:
    async def code(ctx: Context) -> Any:
        return [str(ctx.new_guid()), str(ctx.new_guid()), ctx.random()]

    script = Script(code)
    script.start()
    first, second, number = script.output
    assert first != second
    assert first[14] == "4"
    assert first[19] in "89ab"
    assert 0 <= number < 1


def test_logs_are_written_once() -> None:
    async def code(ctx: Context) -> Any:
        ctx.log.info("began with %s", 1)
        await ctx.activity("a")
        ctx.log.warning("ended")

    script = Script(code)
    script.start()
    script.complete(1)
    assert script.logs == [
        {"level": "info", "message": "began with 1"},
        {"level": "warn", "message": "ended"},
    ]
    script.check_replay()


def test_an_exception_that_nobody_awaits_is_logged() -> None:
    async def code(ctx: Context) -> Any:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await ctx.activity("a")

    script = Script(code)
    script.start()
    script.complete(1)
    assert "ZeroDivisionError" in script.logs[0]["message"]


def test_sub_orchestrations_and_detached_ones() -> None:
    async def code(ctx: Context) -> Any:
        ctx.start_detached("audit", 1, version="2.0.0", instance="audit-1")
        try:
            await ctx.sub_orchestration("kid", {"n": 1})
        except perdure.SubOrchestrationFailed as error:
            return [error.name, error.type, error.failure.message]

    script = Script(code)
    assert script.start() == [
        {
            "id": 1, "after": 1, "kind": "StartDetached", "name": "audit", "version": "2.0.0",
            "instance": "audit-1", "input": 1,
        },
        {"id": 2, "after": 1, "kind": "ScheduleSubOrchestration", "name": "kid", "input": {"n": 1}},
    ]  # fmt: skip
    failure = {"type": "perdure.Cancelled", "message": "stopped"}
    script.deliver(script.event("SubOrchestrationFailed", action=2, failure=failure))
    assert script.output == ["kid", "perdure.Cancelled", "stopped"]
