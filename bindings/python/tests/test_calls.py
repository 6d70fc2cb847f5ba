"""Calls, queries, topics and requests to other instances, on the turn host."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Callable, Dict, List

import pytest
from script import Script, kinds

import perdure

Context = perdure.OrchestrationContext

# ---- Calls ---------------------------------------------------------------------------------------


def test_code_takes_calls_one_by_one() -> None:
    async def code(ctx: Context) -> Any:
        first = await ctx.next_call("add")
        first.answer(first.input + 1)
        second = await ctx.next_call("add")
        second.reject("too much")
        third = await ctx.next_call("add")
        third.reject(perdure.Failure("Broken", "no", details=[1]))
        return [first.id, second.is_answered, third.name]

    script = Script(code)
    script.start()
    assert script.call("c-1", "add", 1)[0]["result"] == 2
    assert script.call("c-2", "add")[0]["failure"] == {
        "type": "perdure.CallRejected",
        "message": "too much",
    }
    assert script.call("c-3", "add")[0]["failure"] == {"type": "Broken", "message": "no", "details": [1]}
    assert script.output == ["c-1", True, "add"]


def test_a_call_has_one_answer() -> None:
    async def code(ctx: Context) -> Any:
        call = await ctx.next_call("x")
        with pytest.raises(perdure.InvalidArgument, match="is of type complex"):
            call.answer(1j)
        call.answer()
        with pytest.raises(perdure.WrongStatus, match="'c-1' was answered before"):
            call.reject("no")

    script = Script(code)
    script.start()
    assert kinds(script.call("c-1", "x")) == ["Answer:c-1"]
    assert script.output is None


def test_a_handler_serves_while_the_code_waits() -> None:
    async def code(ctx: Context) -> Any:
        items: List[Any] = []
        ctx.on_call("add", lambda item: items.append(item) or len(items))
        await ctx.wait_for_event("stop")
        return items

    script = Script(code)
    assert kinds(script.start()) == ["Call:add", "Event:stop"]
    assert kinds(script.call("c-1", "add", "a")) == ["Answer:c-1", "Call:add"]
    assert script.call("c-2", "add", "b")[0]["result"] == 2
    script.raise_event("stop")
    assert script.output == ["a", "b"]


def test_a_handler_wakes_the_code() -> None:
    async def code(ctx: Context) -> Any:
        done = asyncio.Event()
        ctx.on_call("finish", lambda _: done.set())
        await done.wait()
        return "finished"

    script = Script(code)
    script.start()
    # Its caller is answered, although the code has ended meanwhile.
    assert kinds(script.call("c-1", "finish"))[0] == "Answer:c-1"
    assert script.output == "finished"


def test_a_durable_handler_takes_one_call_after_the_other() -> None:
    async def code(ctx: Context) -> Any:
        async def work(value: int) -> Any:
            await asyncio.sleep(1)
            return await ctx.activity("work", value)

        ctx.on_call("work", work)
        await ctx.wait_for_event("stop")

    script = Script(code)
    script.start()
    assert kinds(script.call("c-1", "work", 1)) == ["Timer"]
    assert script.call("c-2", "work", 2) == []
    assert kinds(script.fire(3)) == ["Activity:work"]
    assert kinds(script.complete(4, "one")) == ["Answer:c-1", "Call:work", "Timer"]
    script.raise_event("stop")
    assert script.output is None


def test_what_a_handler_raises_is_the_failure_of_the_answer() -> None:
    class Odd(Exception):
        details = {"why": 1}  # noqa: RUF012

    async def code(ctx: Context) -> Any:
        async def handler(value: int) -> Any:
            if value == 1:
                raise Odd("one is odd")
            if value == 2:
                return await ctx.activity("a")
            if value == 3:
                return 1j
            return ctx.continue_as_new()

        ctx.on_call("x", handler)
        await ctx.wait_for_event("stop")

    script = Script(code)
    script.start()
    failure = script.call("c-1", "x", 1)[0]["failure"]
    assert (failure["type"], failure["message"], failure["details"]) == ("Odd", "one is odd", {"why": 1})
    script.call("c-2", "x", 2)
    assert script.fail(script.actions[-1]["id"], "Declined")[0]["failure"]["type"] == "Declined"
    assert script.call("c-3", "x", 3)[0]["failure"]["type"] == "InvalidArgument"
    assert "only its own task" in script.call("c-4", "x", 4)[0]["failure"]["message"]
    script.raise_event("stop")
    assert script.output is None


def test_a_validator_refuses_before_anything_happens() -> None:
    @dataclass
    class Rule(Exception):
        non_retryable = True
        limit: int

        def __str__(self) -> str:
            return f"at most {self.limit}"

    async def code(ctx: Context) -> Any:
        seen: List[int] = []

        def check(value: int) -> None:
            if value > 3:
                raise Rule(3)

        ctx.on_call("add", seen.append, validator=check)
        await ctx.wait_for_event("stop")
        return seen

    script = Script(code)
    script.start()
    script.call("c-1", "add", 3)
    failure = script.call("c-2", "add", 4)[0]["failure"]
    assert (failure["type"], failure["message"]) == ("perdure.CallRejected", "at most 3")
    script.raise_event("stop")
    assert script.output == [3]


@dataclass
class Item:
    name: str
    count: int = 1


def test_inputs_are_converted_by_type_hints() -> None:
    async def code(ctx: Context) -> Any:
        basket: List[Item] = []

        def add(item: Item) -> Item:
            basket.append(item)
            return Item(item.name, len(basket))

        def named(wanted: Item) -> List[Item]:
            return [item for item in basket if item.name == wanted.name]

        ctx.on_call("add", add, validator=lambda item: item.count / 1)
        ctx.on_query("named", named)
        await ctx.wait_for_event("stop")

    script = Script(code)
    script.start()
    assert script.call("c-1", "add", {"name": "pen"})[0]["result"] == {"name": "pen", "count": 1}
    failure = script.call("c-2", "add", {"count": 1})[0]["failure"]
    assert failure["type"] == "perdure.CallRejected"
    assert "item.name: Item needs it, and it is missing" in failure["message"]
    assert script.query("named", {"name": "pen"}) == {"result": [{"name": "pen", "count": 1}]}
    script.raise_event("stop")
    assert script.output is None


def test_calls_are_answered_while_a_cancelled_orchestration_cleans_up() -> None:
    async def code(ctx: Context) -> Any:
        state = "running"
        ctx.on_call("state", lambda _: state)
        ctx.on_call("work", lambda value: ctx.activity("work", value))
        try:
            await ctx.wait_for_event("never")
        finally:
            state = "cleaning up"
            await ctx.activity("undo")

    script = Script(code)
    script.start()
    script.call("c-1", "work", 1)
    assert kinds(script.cancel()) == ["Cancel:3", "Activity:undo"]
    assert script.call("c-2", "state")[0]["result"] == "cleaning up"
    assert script.complete(4, "worked")[0]["result"] == "worked"
    script.complete(6)
    assert script.end is not None
    assert script.end["kind"] == "Cancelled"
    script.check_replay()


# ---- Queries -------------------------------------------------------------------------------------


def test_a_query_looks_at_code_beside_the_live_one() -> None:
    built = 0

    async def code(ctx: Context) -> Any:
        nonlocal built
        built += 1
        seen: List[Any] = []
        ctx.on_query("seen", lambda count: seen[-count:] if count else seen)
        ctx.on_query("kv", lambda _: ctx.kv.all())
        while len(seen) < 3:
            seen.append(await ctx.wait_for_event("go"))
            ctx.kv.set("last", seen[-1])
        return seen

    script = Script(code)
    script.start()
    script.raise_event("go", 1)
    assert script.query("seen") == {"result": [1]}
    script.raise_event("go", 2)
    assert script.query("seen", 1) == {"result": [2]}
    assert script.query("kv") == {"result": {"last": 2}}
    script.raise_event("go", 3)
    assert built == 4, "the live code was not disturbed"
    assert script.query("seen") == {"result": [1, 2, 3]}, "also after the end"
    assert script.output == [1, 2, 3]


def test_what_is_wrong_with_a_query_is_its_failure() -> None:
    async def code(ctx: Context) -> Any:
        async def coroutine(_: Any) -> None: ...

        with pytest.raises(perdure.InvalidArgument, match="must be a plain function"):
            ctx.on_query("async", coroutine)
        ctx.on_query("hidden", lambda _: coroutine(_))
        ctx.on_query("durable", lambda _: ctx.activity("a"))
        ctx.on_query("sleeps", lambda _: asyncio.ensure_future(asyncio.sleep(1)))
        ctx.on_query("sets", lambda _: ctx.kv.set("a", 1))
        ctx.on_query("fails", lambda _: 1 / 0)
        ctx.on_query("set", lambda _: 1j)
        await ctx.wait_for_event("stop")

    script = Script(code)
    script.start()
    wrong: Dict[str, str] = {
        "durable": "cannot do durable work", "sleeps": "cannot do durable work", "fails": "division by zero",
        "sets": "cannot do durable work", "set": "of type complex", "hidden": "must be a plain function",
        "unknown": "has no handler for the query 'unknown'; it has 'durable', 'fails', 'hidden', 'set', ",
    }  # fmt: skip
    for name, message in wrong.items():
        assert message in script.query(name)["failure"]["message"]
    unknown = script.query("unknown")["failure"]
    assert (unknown["type"], unknown["nonRetryable"]) == ("perdure.NotRegistered", True)
    script.raise_event("stop")
    assert script.output is None


# ---- Topics and requests -------------------------------------------------------------------------


def test_topics() -> None:
    async def code(ctx: Context) -> Any:
        ctx.subscribe("news")
        first = await ctx.wait_for_topic("news")
        ctx.publish("echo", first)
        second = await ctx.wait_for_topic("news")
        ctx.unsubscribe("news")
        return [first, second]

    script = Script(code)
    assert kinds(script.start()) == ["SubscribeTopic:news", "Topic:news"]
    script.raise_event("news", "an event")
    script.publish("other", "another topic")
    assert kinds(script.publish("news", 1)) == ["Publish:echo", "Topic:news"]
    assert kinds(script.publish("news", 2)) == ["UnsubscribeTopic:news"]
    assert script.output == [1, 2]


@pytest.mark.parametrize(
    ("request_", "action", "result", "output"),
    [
        (
            lambda ctx: ctx.raise_event("o", "go", [1], keep=True),
            {"kind": "RaiseEvent", "instance": "o", "name": "go", "data": [1], "keep": True}, None, None,
        ),
        (
            lambda ctx: ctx.enqueue("o", "q", 1),
            {"kind": "Enqueue", "instance": "o", "name": "q", "data": 1}, None, None,
        ),
        (
            lambda ctx: ctx.cancel_instance("o", "why"),
            {"kind": "CancelInstance", "instance": "o", "reason": "why"}, None, None,
        ),
        (
            lambda ctx: ctx.read_kv("o", "k"),
            {"kind": "ReadKV", "instance": "o", "key": "k"}, {"value": {"a": 1}}, {"a": 1},
        ),
        (lambda ctx: ctx.read_kv("o", "k"), {"kind": "ReadKV", "instance": "o", "key": "k"}, {}, None),
    ],
)  # fmt: skip
def test_requests_to_other_instances(
    request_: Callable[..., Any], action: Dict[str, Any], result: Any, output: Any
) -> None:
    async def code(ctx: Context) -> Any:
        return await request_(ctx)

    script = Script(code)
    assert script.start() == [{"id": 1, "after": 1, **action}]
    script.deliver(script.event("RequestCompleted", action=1, result=result))
    assert script.output == output

    refused = Script(code)
    refused.start()
    failure = {"type": "perdure.NotFound", "message": "There is no instance 'o'."}
    refused.deliver(refused.event("RequestFailed", action=1, failure=failure))

    assert refused.failure["type"] == "perdure.NotFound"


def test_a_refused_message_can_be_caught() -> None:
    async def code(ctx: Context) -> Any:
        try:
            await ctx.raise_event("nobody", "go")
        except perdure.MessageRefused as error:
            return [error.type, str(error)]

    script = Script(code)
    script.start()
    failure = {"type": "perdure.NotFound", "message": "There is none."}
    script.deliver(script.event("RequestFailed", action=1, failure=failure))
    message = "Sending event 'go' to instance 'nobody' failed: perdure.NotFound: There is none."
    assert script.output == ["perdure.NotFound", message]


def test_a_request_need_not_be_awaited() -> None:
    async def code(ctx: Context) -> Any:
        ctx.raise_event("other", "go")
        return "sent"

    script = Script(code)
    assert kinds(script.start()) == ["RaiseEvent:go"]
    assert script.output == "sent"
